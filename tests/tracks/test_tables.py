"""Arrays and table of a video: every hand in its place, nothing in the others."""

import json

import numpy as np
import pytest

from knuckle.tracks.lines import read_tracks
from knuckle.tracks.results import Video, choose_results
from knuckle.tracks.run import track_video
from knuckle.tracks.settings import Settings
from knuckle.tracks.tables import Span, Summary


@pytest.fixture
def done(clip, tmp_path, counting):
    video = Video(str(clip))
    results, _ = choose_results(video, tmp_path)
    return track_video(video, results, Settings(overlay=False), note=print)


def test_identities_keep_a_column_that_nobody_else_has_meanwhile():
    spans = {0: Span(0, 9), 4: Span(2, 3), 1: Span(3, 5), 2: Span(4, 9), 3: Span(6, 6)}
    assert Summary(spans=spans).columns() == {0: 0, 4: 1, 1: 2, 2: 1, 3: 2}


def test_arrays_have_every_hand_and_nothing_where_there_is_none(done):
    frames = list(read_tracks(done.results.lines))
    with np.load(done.results.npz, allow_pickle=False) as arrays:
        identity = arrays["identity"]
        np.testing.assert_array_equal(identity[:, 0], 0)
        np.testing.assert_array_equal(identity[:, 1], [-1] * 3 + [1] * 5 + [2] * 4)
        for number, hands in enumerate(frames):
            count = len(hands)
            for name in ("joints_m", "joints_px", "pose_rad", "shape", "joint_error_m", "confidence"):
                ours = arrays[name][number]
                np.testing.assert_allclose(ours[:count], getattr(hands, name), rtol=1e-6, err_msg=name)
                assert np.isnan(ours[count:]).all()
            assert [arrays["sides"][code] for code in arrays["side"][number, :count]] == list(hands.sides)
            assert [arrays["states"][code] for code in arrays["state"][number, :count]] == list(hands.states)
        assert (arrays["side"][:3, 1] == -1).all() and np.isnan(arrays["root_covariance_m2"]).all()
        np.testing.assert_allclose(arrays["time_s"], [hands.time_s for hands in frames])
        np.testing.assert_allclose(arrays["camera"][0], frames[0].camera.vector, rtol=1e-6)
        assert json.loads(str(arrays["header"]))["format"] == "knuckle hand tracks"


def test_the_table_has_a_row_a_hand_a_frame(done):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow (extra parquet) is not installed")
    table = parquet.read_table(done.results.parquet)
    assert table.num_rows == 3 + 2 * 9
    assert table["identity"].to_pylist()[-2:] == [0, 2]
    assert table["side"].to_pylist()[:5] == ["right"] * 4 + ["left"]
    hands = list(read_tracks(done.results.lines))[-1]
    np.testing.assert_allclose(table["joints_m"][-1].as_py(), hands.joints_m[1].ravel(), rtol=1e-6)
    assert table["joint_error_m"][0].as_py()[3] is None
    assert table["root_covariance_m2"].null_count == table.num_rows
    assert json.loads(table.schema.metadata[b"knuckle"])["video"] == "clip.avi"
