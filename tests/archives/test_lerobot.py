"""A table as a LeRobot data set, read back by pyarrow and av."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_clips import write_clip
from moved import moved_frames

from knuckle.archives.lerobot import write_lerobot
from knuckle.archives.lerobot_frames import Joined, Statistics, arrays_of, longest_of_sides
from knuckle.archives.read import read_table
from knuckle.archives.table import Asked, Table
from knuckle.archives.worker import annotate_clip
from knuckle.errors import KnuckleError
from knuckle.tracks.settings import Settings

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow (extra parquet) is not installed")
av = pytest.importorskip("av", reason="av (extra video) is not installed")

ASKED = Asked(Settings(overlay=False), 1.0)
KEY = "observation.images.camera"


def table_of(folder: Path, *clips: Path) -> Table:
    table = Table(folder)
    table.prepare(ASKED, overwrite=False)
    for clip in clips:
        assert annotate_clip(table, str(clip), clip.stat().st_size, ASKED).error is None
    return table


def read(folder: Path, name: str):
    return json.loads((folder / "meta" / f"{name}.json").read_text())


def frames_of(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(float(f.pts * f.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


@pytest.fixture(scope="module")
def written(clips, tmp_path_factory, counting_all_along):
    folder = tmp_path_factory.mktemp("written")
    table = table_of(folder / "table", clips / "long.avi", clips / "below" / "short.avi")
    told = write_lerobot(table, folder / "set", task="shake")
    assert (told.episodes, told.frames, told.left_out) == (2, 36, {})
    return table, folder / "set"


def test_the_layout_is_that_of_version_3(written):
    _, folder = written
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/knuckle.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        f"videos/{KEY}/chunk-000/file-000.mp4",
        f"videos/{KEY}/chunk-000/file-001.mp4",
    }
    info = read(folder, "info")
    assert (info["codebase_version"], info["fps"], info["total_frames"]) == ("v3.0", 10, 36)
    assert info["splits"] == {"train": "0:2"}
    data = parquet.read_table(folder / "data/chunk-000/file-000.parquet")
    described = {name: feature for name, feature in info["features"].items() if feature["dtype"] != "video"}
    assert data.column_names == list(described)
    for name, feature in described.items():
        (size,) = feature["shape"]
        kind = data.schema.field(name).type
        words = {"float": "float32", "double": "float64", "int64": "int64"}
        assert words[str(kind.value_type if size > 1 else kind)] == feature["dtype"]
        assert size == 1 or kind.list_size == size
    assert len(info["features"]["observation.state"]["names"]) == 104
    assert info["features"][KEY]["shape"] == [320, 320, 3]
    tasks = parquet.read_table(folder / "meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0], "__index_level_0__": ["shake"]}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["__index_level_0__"]


def test_frames_and_episodes_are_counted_through(written):
    _, folder = written
    data = parquet.read_table(folder / "data/chunk-000/file-000.parquet").to_pydict()
    episodes = parquet.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert data["index"] == list(range(36))
    places = [(e["dataset_from_index"], e["dataset_to_index"], e["length"]) for e in episodes]
    assert places in ([(0, 24, 24), (24, 36, 12)], [(0, 12, 12), (12, 36, 24)])
    for episode in episodes:
        rows = slice(episode["dataset_from_index"], episode["dataset_to_index"])
        assert data["frame_index"][rows] == list(range(episode["length"]))
        assert set(data["episode_index"][rows]) == {episode["episode_index"]}
        np.testing.assert_allclose(data["timestamp"][rows], np.arange(episode["length"]) / 10, atol=1e-6)
        assert episode[f"videos/{KEY}/to_timestamp"] == episode["length"] / 10
        assert episode["tasks"] == ["shake"]


def test_both_hands_are_those_of_the_table(written):
    table, folder = written
    data = parquet.read_table(folder / "data/chunk-000/file-000.parquet").to_pydict()
    frames = [frame for row in read_table(table.folder) for frame in row["frames"]]
    state = np.array(data["observation.state"])
    for number, frame in enumerate(frames):
        # Hand 0 is there longer than the other right hand, 2.
        own = {hand["handedness"]: hand for hand in reversed(frame["hands"])}
        for side, at in (("left", 0), ("right", 52)):
            hand = own.get(side)
            assert state[number, at] == (hand is not None)
            if hand is None:
                assert (
                    not state[number, at : at + 52].any()
                    and data[f"observation.{side}.identity"][number] == -1
                )
                assert not np.any(data[f"observation.{side}.kp3d"][number])
                continue
            np.testing.assert_allclose(state[number, at + 1 : at + 4], hand["kp3d"][0], atol=1e-7)
            np.testing.assert_allclose(state[number, at + 4 : at + 52], hand["pose_rad"], atol=1e-7)
            np.testing.assert_allclose(data[f"observation.{side}.kp2d"][number], np.ravel(hand["kp2d"]))
            errors = [-1 if each is None else each for each in hand["joint_error_m"]]
            np.testing.assert_allclose(data[f"observation.{side}.joint_error_m"][number], errors)


def test_videos_have_every_frame_on_the_grid(written):
    table, folder = written
    clips = [row["clip"] for row in read_table(table.folder) if row["segment"] == 0]
    for number, clip in enumerate(clips):
        frames = frames_of(folder / f"videos/{KEY}/chunk-000/file-00{number}.mp4")
        source = frames_of(Path(clip))
        assert [round(time * 1e6) for time, _ in frames] == [100_000 * n for n in range(len(source))]
        for (_, one), (_, other) in zip(frames, source, strict=True):
            # Encoded again, as MP4 has no motion JPEG: the same picture, not the same bytes.
            assert np.abs(one.astype(float) - other).mean() < 6


def test_frames_at_an_even_rate_are_copied(tmp_path, counting):
    clip = tmp_path / "even.mp4"
    with av.open(str(clip), "w") as target:
        stream = target.add_stream("libvpx-vp9", rate=10, options={"lag-in-frames": "0"})
        stream.width = stream.height = 320
        stream.pix_fmt = "yuv420p"
        for picture in moved_frames(6):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))
    write_lerobot(table_of(tmp_path / "table", clip), tmp_path / "set", task="hands")
    frames, source = frames_of(tmp_path / f"set/videos/{KEY}/chunk-000/file-000.mp4"), frames_of(clip)
    assert [round(time * 1e6) for time, _ in frames] == [100_000 * n for n in range(6)]
    assert all((one == other).all() for (_, one), (_, other) in zip(frames, source, strict=True))


def test_statistics_are_those_of_numpy_and_join():
    rng = np.random.default_rng(0)
    parts = [rng.normal(3, 2, (70, 4)).astype(np.float32), rng.normal(0, 1, (30, 4)).astype(np.float32)]
    joined, whole = Joined(), np.concatenate(parts).astype(float)
    for part in parts:
        own = Statistics()
        own.see(part[:40])
        own.see(part[40:]) if len(part) > 40 else None
        told = own.to_dict()
        np.testing.assert_allclose(told["mean"], part.astype(float).mean(0))
        np.testing.assert_allclose(told["std"], part.astype(float).std(0))
        np.testing.assert_allclose(told["q50"], np.median(part, 0), atol=1e-6)
        joined.add(told)
    told = joined.to_dict()
    assert told["count"] == [100]
    np.testing.assert_allclose(told["mean"], whole.mean(0))
    np.testing.assert_allclose(told["std"], whole.std(0))
    np.testing.assert_allclose((told["min"], told["max"]), (whole.min(0), whole.max(0)))


def test_of_two_hands_of_a_side_the_one_seen_longest_is_taken(written):
    table, _ = written
    row = next(iter(read_table(table.folder)))
    hand = row["frames"][5]["hands"][0]
    other = {**hand, "identity": 9, "root_m": [1.0, 2.0, 3.0]}
    frames = [{"time_s": 0.1 * n, "hands": [other, hand] if n else [other]} for n in range(3)]
    frames.append({"time_s": 0.4, "hands": [hand]})
    for extra, chosen in ((1, 0), (0, 9)):
        counts = longest_of_sides([{"frames": frames}])
        counts[hand["handedness"], 0] += extra
        counts[hand["handedness"], 9] += 1 - extra
        identities = arrays_of(frames, counts)[f"observation.{hand['handedness']}.identity"]
        assert identities.tolist() == [9, chosen, chosen, 0]


def test_clips_of_another_rate_are_named_and_left_out(clips, tmp_path, counting):
    slow = write_clip(tmp_path / "slow.avi", moved_frames(5), rate=5.0)
    table = table_of(tmp_path / "table", clips / "long.avi", slow)
    told = write_lerobot(table, tmp_path / "set", task="hands", video=False)
    assert told.episodes == 1 and list(told.left_out) == [str(slow)]
    assert told.left_out[str(slow)] == (
        f"{slow}: expected 320x320 px at 10 frames/s as most of the archive, got 320x320 px at 5 frames/s"
    )
    assert read(tmp_path / "set", "info")["video_path"] is None


def test_a_clip_that_is_gone_is_named_and_left_out(clips, tmp_path, counting):
    gone = tmp_path / "gone.avi"
    gone.write_bytes((clips / "long.avi").read_bytes())
    table = table_of(tmp_path / "table", gone, clips / "below/short.avi")
    gone.unlink()
    told = write_lerobot(table, tmp_path / "set", task="hands")
    assert told.episodes == 1 and "gone.avi" in told.left_out[str(gone)]
    data = parquet.read_table(tmp_path / "set/data/chunk-000/file-000.parquet").to_pydict()
    assert data["index"] == list(range(12)) and set(data["episode_index"]) == {0}
    assert len(list((tmp_path / "set").rglob("*.mp4"))) == 1


def test_other_folders_are_refused_and_our_own_replaced(written, tmp_path):
    table, _ = written
    folder = tmp_path / "set"
    for task in ("one", "another"):
        write_lerobot(table, folder, task=task, video=False)
        tasks = parquet.read_table(folder / "meta/tasks.parquet").to_pydict()
        assert tasks["__index_level_0__"] == [task]
    with pytest.raises(KnuckleError, match="table: expected a new folder"):
        write_lerobot(table, table.folder, task="hands")
    assert table.parts() and [path.name for path in tmp_path.iterdir()] == ["set"]
