"""A file's hands in any order, with the pictures that they were found in."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.export.json import hands_to_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.rig import load_rig
from knuckle.tracks.lines import Header, LinesWriter
from knuckle.viewers.footage import PICTURE_PX, name_of, open_footage

CAMERA = Camera(600.0, 600.0, 319.5, 179.5, 640, 360)


def hands_at(depth_m: float, *, identities: tuple[int, ...] = (3,), time_s: float | None = 0.0) -> Hands:
    """Right hands of the open rig, side by side, that far away."""
    count, rig = len(identities), load_rig("open")
    posed = [
        rig.posed(np.zeros((16, 3)), np.zeros(10), np.array([0.1 * place, 0.0, depth_m]))
        for place in range(count)
    ]
    joints = np.array([hand.joints for hand in posed]).reshape(count, 21, 3)
    px = CAMERA.project(joints)
    low = px.min(1)
    return Hands(
        camera=CAMERA,
        sides=("right",) * count,
        confidence=np.full(count, 0.9),
        boxes_px=np.concatenate([low, px.max(1) - low], axis=1),
        joints_px=px,
        joints_m=joints,
        vertices_m=np.array([hand.vertices for hand in posed]).reshape(count, len(rig.vertices), 3),
        pose_rad=np.zeros((count, 16, 3)),
        shape=np.zeros((count, 10)),
        faces=rig.faces,
        model="dahyf-photo",
        identities=identities,
        time_s=time_s,
    )


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """Three frames of a video of five, the second without hands, and the video beside them."""
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (1280, 720))
    for shade in range(5):
        writer.write(np.full((720, 1280, 3), 40 * shade, np.uint8))
    writer.release()
    size = (tmp_path / "clip.mp4").stat().st_size
    path = tmp_path / "clip.hands.jsonl"
    header = Header("clip.mp4", "clip.mp4", size, 10.0, CAMERA, "open", {}, {}, "0")
    with LinesWriter(path) as lines:
        lines.write_header(header)
        for frame, hands in ((0, hands_at(0.4)), (2, hands_at(0.4, identities=())), (4, hands_at(0.6))):
            lines.write(frame, hands.changed(time_s=frame / 10), CAMERA, mesh=False)
    return path


def test_frames_are_read_in_any_order_with_their_meshes(track):
    footage = open_footage(track)
    assert len(footage) == 3
    np.testing.assert_array_equal(footage.frames, [0, 2, 4])
    np.testing.assert_allclose(footage.times_s, [0, 0.2, 0.4])
    last, first = footage.hands(2), footage.hands(0)
    assert len(footage.hands(1)) == 0
    for hands, depth_m in ((last, 0.6), (first, 0.4)):
        wanted = hands_at(depth_m)
        np.testing.assert_allclose(hands.joints_m, wanted.joints_m, atol=1e-6)
        np.testing.assert_allclose(hands.vertices_m, wanted.vertices_m, atol=2e-5)
        assert name_of(hands[0], 0) == "right_hand_3"


def test_pictures_are_those_of_the_rows(track):
    shades = {}
    for row, coded in open_footage(track).pictures():
        picture = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[:2] == (PICTURE_PX * 720 // 1280, PICTURE_PX)
        shades[row] = picture.mean()
    assert shades.keys() == {0, 1, 2}
    np.testing.assert_allclose([shades[row] for row in range(3)], [0, 80, 160], atol=6)
    assert len(list(open_footage(track).pictures(most=2))) == 2


def test_a_video_that_is_gone_leaves_the_hands(track):
    (track.parent / "clip.mp4").unlink()
    footage = open_footage(track)
    assert footage.source is None and list(footage.pictures()) == []
    assert len(footage.hands(0)) == 1


def test_a_photos_hands_and_picture(tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((360, 640, 3), 90, np.uint8))
    hands = hands_at(0.4, identities=(0,), time_s=None).changed(identities=())
    text = hands_to_json(hands, image="photo.png", photo="photo.png")
    (tmp_path / "photo.json").write_text(json.dumps(text))
    footage = open_footage(tmp_path / "photo.json")
    assert len(footage) == 1 and name_of(footage.hands(0)[0], 0) == "right_hand_0"
    assert [row for row, _ in footage.pictures()] == [0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected JSON"),
        (b'{"format": "other"}\n', "hands"),
        (b'{"format": "knuckle hand tracks", "version": 99}\n', "version"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(tmp_path, content, said):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(KnuckleError, match=said) as caught:
        open_footage(path)
    assert "x.jsonl" in str(caught.value)


def test_a_track_without_frames_and_a_missing_file_are_refused(track):
    lines = track.read_bytes().splitlines(keepends=True)
    track.write_bytes(lines[0])
    with pytest.raises(KnuckleError, match="at least one frame"):
        open_footage(track)
    with pytest.raises(KnuckleError, match=r"gone\.json: cannot be read"):
        open_footage(track.parent / "gone.json")


def test_a_damaged_frame_is_named(track):
    lines = track.read_bytes().splitlines(keepends=True)
    frame = json.loads(lines[3])
    del frame["hands"][0]["pose_rad"]
    track.write_bytes(b"".join(lines[:3]) + json.dumps(frame).encode() + b"\n")
    with pytest.raises(KnuckleError, match=r"clip\.hands\.jsonl, frame 4"):
        open_footage(track).hands(2)


def test_without_the_extra_the_command_names_it(track, run, capsys, monkeypatch):
    import sys

    for module in ("viser", "rerun"):
        monkeypatch.setitem(sys.modules, module, None)
    for arguments in ((), ("--rerun", str(track.parent / "clip.rrd"))):
        assert run("view", str(track), *arguments) == 2
        assert 'pip install "knuckle[view]"' in capsys.readouterr().err
    assert not list(track.parent.glob("*.rrd"))
    assert run("view", str(track), "--rerun", "clip.txt") == 2


def test_a_rerun_file_is_whole_and_readable(track, run, monkeypatch, tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk (extra view) is not installed")
    import subprocess
    import sys

    out = tmp_path / "out" / "clip.rrd"
    assert run("view", str(track), "--rerun", str(out)) == 0
    # Its own reader, with a home of its own: it would write settings there.
    done = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "print", str(out)],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path)},
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0
    for part in ("/hands/right_hand_3/mesh", "/hands/right_hand_3/joints", "/camera/picture", "confidence"):
        assert part in printed
    assert shutil.which("rerun") is None or out.stat().st_size > 10_000


def test_the_page_shows_the_frame_that_is_asked_for(track):
    pytest.importorskip("viser", reason="viser (extra view) is not installed")
    from knuckle.viewers.page import HandsPage

    page = HandsPage(open_footage(track), port=8971)
    try:
        (drawn,) = page._drawn.values()
        page.show(2)
        np.testing.assert_allclose(drawn.joints.points, hands_at(0.6).joints_m[0], atol=1e-5)
        assert drawn.mesh.visible
        page.show(1)
        assert not drawn.mesh.visible
    finally:
        page.close()


@pytest.mark.parametrize("change", [{"frame": [1]}, {"time_s": None}, {"frame": None}, {"hands": [True]}])
def test_frames_of_other_types_are_one_error(tmp_path, change):
    path = tmp_path / "a.hands.jsonl"
    header = Header("a.mp4", "a.mp4", None, None, CAMERA, "open", {}, {}, "0")
    with LinesWriter(path) as writer:
        writer.write_header(header)
        writer.write(0, hands_at(0.5), CAMERA, mesh=False)
    first, line = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps(json.loads(line) | change)}\n")
    with pytest.raises(KnuckleError, match="expected"):
        open_footage(path).hands(0)
