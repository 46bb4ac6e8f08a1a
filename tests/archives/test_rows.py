"""Rows of a table: daft-physical-ai's columns, and all that tracks say under the one schema."""

import numpy as np
import pytest
from counting_tracker import made_hands

from knuckle.archives.read import hands_of_row
from knuckle.archives.rows import hand_type, parquet_options, row_of, row_of_error, table_of
from knuckle.archives.segments import Segment
from knuckle.export.json import hands_to_json
from knuckle.export.schema import HAND_FIELDS
from knuckle.geometry.camera import Camera
from knuckle.tracks import tables
from knuckle.tracks.lines import frame_to_json

arrow = pytest.importorskip("pyarrow", reason="pyarrow (extra parquet) is not installed")

CAMERA = Camera(300.0, 310.0, 150.0, 160.0, 320, 330)


def segment(count=3):
    hands = [made_hands(CAMERA, (0, 3), 0.3 * n, 0.1 * n) for n in range(count)]
    return hands, Segment(7, CAMERA, [frame_to_json(n, h, CAMERA, mesh=False) for n, h in enumerate(hands)])


def test_one_schema_says_what_photos_tracks_and_archives_have():
    hands = made_hands(CAMERA, (0, 3), 0.0, 0.0)
    covered = hands.changed(root_covariance_m2=np.tile(np.eye(3) * 1e-4, (2, 1, 1)))
    photo = hands_to_json(covered, image="a.jpg")["hands"][0]
    for name, field in HAND_FIELDS.items():
        assert np.shape(photo[name]) == field.shape, name
    assert photo.keys() - HAND_FIELDS.keys() == {"side", "model", "state", "identity", "vertices_m"}
    assert {name: field.shape for name, field in HAND_FIELDS.items()} == tables.TAILS
    renamed = {"side": "handedness", "joints_px": "kp2d", "joints_m": "kp3d"}
    told = {renamed.get(name, name) for name in photo.keys() - {"vertices_m"}} | {"root_m"}
    assert {field.name for field in hand_type()} == told


def test_the_first_columns_are_those_of_daft_physical_ai_in_its_types():
    points = arrow.list_(arrow.list_(arrow.float32()))
    theirs = [
        ("handedness", arrow.string()),
        ("confidence", arrow.float32()),
        ("kp2d", points),
        ("kp3d", points),
    ]
    assert [(field.name, field.type) for field in list(hand_type())[:4]] == theirs


def test_a_row_gives_its_hands_back_with_their_meshes():
    hands, made = segment()
    row = table_of([row_of(made, clip="/a.mp4", rate=10.0, rig="open")]).to_pylist()[0]
    assert (row["clip"], row["segment"], row["start_s"], row["end_s"], row["error"]) == (
        "/a.mp4",
        7,
        0,
        0.2,
        None,
    )
    back = list(hands_of_row(row, mesh=True))
    for one, other in zip(back, hands, strict=True):
        assert one.camera == other.camera and one.time_s == pytest.approx(other.time_s)
        assert (one.sides, one.states, one.identities, one.models) == (
            other.sides, other.states, other.identities, other.models
        )  # fmt: skip
        for name in ("joints_m", "joints_px", "pose_rad", "shape", "confidence", "boxes_px", "joint_error_m"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=6e-4, err_msg=name)
        assert np.abs(one.vertices_m - other.vertices_m).max() < 1e-5
    roots = [hand["root_m"] for hand in row["frames"][1]["hands"]]
    np.testing.assert_allclose(roots, hands[1].joints_m[:, 0], atol=1e-6)


def test_a_clip_that_failed_is_a_row_without_frames():
    row = table_of([row_of_error("/a.mp4", "/a.mp4: expected a video")]).to_pylist()[0]
    assert row["error"] == "/a.mp4: expected a video" and row["frames"] == []


def test_files_are_packed_by_columns_that_are_there(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow (extra parquet) is not installed")
    _, made = segment()
    row = row_of(made, clip="/a.mp4", rate=10.0, rig="open")
    path = tmp_path / "a.parquet"
    parquet.write_table(table_of([row]), path, **parquet_options())
    group = parquet.read_metadata(path).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    options = parquet_options()
    for name in options["use_byte_stream_split"]:
        assert "BYTE_STREAM_SPLIT" in columns.pop(name)
    for name in options["use_dictionary"]:
        assert "BYTE_STREAM_SPLIT" not in columns[name]
    assert parquet.read_table(path).to_pylist() == table_of([row]).to_pylist()
