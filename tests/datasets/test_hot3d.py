"""HOT3D-Clips: the known truth comes back through fisheye lenses, by MANO and by UmeTrack, and damage is named."""

import io
import json
import shutil
import tarfile

import cv2
import numpy as np
import pytest

from knuckle.datasets import hot3d
from knuckle.datasets.hot3d_training import Hot3dTraining
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.rig.mano import load_mano
from knuckle.sets.reader import SynthSet

from .hot3d_miniature import BOTH, FRAMES, Made, in_camera, read_tar, write_tar
from .rendered import GREY

TOLERANCE_M = 1e-4
ARIA = "train_aria/clip-000001.tar"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("hot3d"))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Two clips of three frames."""
    monkeypatch.setattr(hot3d, "FRAMES", FRAMES)
    monkeypatch.setattr(hot3d, "CLIPS", 2)


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made.folder, tmp_path / "hot3d")


def truth_of(made, hand, of_world):
    """Points of the world in the frame of a hand's pinhole camera."""
    clip, frame, stream = hand.name.split(" ")[0].split("/")
    return (
        in_camera(of_world[clip, frame, hand.side], made.cameras[clip, frame, stream]) @ hand.lens_from_camera
    )


@pytest.mark.parametrize("part", ["aria", "aria-grey", "quest3"])
@pytest.mark.parametrize("by", ["mano", "umetrack"])
def test_the_truth_comes_back(made, part, by):
    source = Hot3dTraining(made.folder, made.mano if by == "mano" else None, part=part)
    of_world = made.mano_m if by == "mano" else made.umetrack_m
    shown = (by == "mano") == part.startswith("aria")
    on_hand, names = [], set()
    for hand in source.hands(range(source.count)):
        names.add(hand.name)
        truth = truth_of(made, hand, of_world)
        known = np.isfinite(truth).all(-1)
        assert known.sum() == (21 if by == "mano" else 20)
        assert np.array_equal(np.isfinite(hand.joints_m).all(-1), known)
        assert np.abs(hand.joints_m - truth)[known].max() < TOLERANCE_M
        assert np.abs(hand.camera.project(truth[known]) - hand.joints_px[known]).max() < 0.05
        picture = hand.read()[..., 0]
        inside = known & hand.visible & ~np.isin(np.arange(21), [4, 8, 12, 16, 20])
        u, v = hand.joints_px[inside].round().astype(int).T
        on_hand.append((picture[v, u] > GREY + 25).mean())
    if shown:
        assert np.mean(on_hand) > 0.93
    else:
        # The picture shows the other form of hand, in another pose.
        assert np.mean(on_hand) < 0.93
    # Hardly any of the left hand is seen by the third camera, and MANO is missing of one frame.
    assert not any("1201-2 left" in name for name in names)
    if part == "aria":
        assert len(names) == 2 * FRAMES - (by == "mano")


def test_a_hand_is_seen_upright_and_in_the_middle(made):
    """What is to the right in the picture as stored is down: the headset's cameras lie on their side."""
    source = Hot3dTraining(made.folder, made.mano)
    hand = source.hands(range(1))[0]
    right_in_lens = hand.lens_from_camera.T @ [1.0, 0, 0]
    assert right_in_lens[1] > 0.8
    middle = hand.box_px[:2] + hand.box_px[2:] / 2
    assert np.abs(middle - np.array([hand.camera.width, hand.camera.height]) / 2).max() < 2


def test_sets_have_manos_pose_of_both_sides(made, tmp_path):
    index = convert_set("hot3d", made.folder, tmp_path / "set", size=48, rig=made.mano, tips="smplx")
    assert index["dataset"] == "hot3d aria" and index["residual_mm"] < 0.05
    source, labels = Hot3dTraining(made.folder, made.mano), SynthSet(tmp_path / "set").labels
    rig = load_mano(made.mano, "right", tips="smplx")
    pose, shape, translation = (np.asarray(labels[key], float) for key in ("pose", "shape", "translation"))
    posed = rig.posed(pose - rig.pose_mean, shape, translation)
    sides = set()
    for row, hand in enumerate(source.hands(range(source.count))):
        mirror = [-1, 1, 1] if hand.side == "left" else [1, 1, 1]
        assert (
            np.abs(posed.vertices[row] - truth_of(made, hand, made.mano_mesh_m) * mirror).max() < TOLERANCE_M
        )
        assert np.abs(labels["joints_m"][row] - hand.joints_m * mirror).max() < TOLERANCE_M
        sides.add(hand.side)
    assert sides == set(BOTH) and labels["valid_joints_3d"].all()


def test_negatives_show_neither_hand(made, tmp_path):
    index = convert_set("hot3d", made.folder, tmp_path / "set", size=48, rig=made.mano, negatives=0.6)
    images, hands = SynthSet(tmp_path / "set").images, index["count"] - index["hand_free"]
    assert index["hand_free"] >= 7
    # Grey as the background, or black where the lens saw nothing.
    assert np.max(images[hands:]) < GREY + 15


def test_without_mano_umetracks_joints_train_and_the_rig_is_fitted(made, tmp_path):
    index = convert_set("hot3d", made.folder, tmp_path / "set", size=48, variant="quest3")
    labels = SynthSet(tmp_path / "set").labels
    assert index["rig_name"] == "open" and index["residual_mm"] < 8
    told = labels["valid_joints_3d"]
    assert not told[:, 1].any() and told[:, [0, *range(2, 21)]].all() and labels["valid_pose"].all()
    assert np.isfinite(labels["joints_m"][:, 2:]).all() and np.isfinite(labels["pose"]).all()


def edited(folder, member, edit):
    files = read_tar(folder / ARIA)
    data = json.loads(files[member])
    edit(data)
    write_tar(folder / ARIA, files | {member: json.dumps(data).encode()})


def drop(folder, member):
    write_tar(folder / ARIA, {name: data for name, data in read_tar(folder / ARIA).items() if name != member})


def cut(path, part):
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])


CAMERAS, HANDS, IMAGE = "000001.cameras.json", "000001.hands.json", "000001.image_1201-1.jpg"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: cut(f / ARIA, 0.3), "expected a tar file, whole and not compressed, got unexpected end of data"),
        (lambda f: (f / ARIA).write_bytes(b"no tar" * 999), "expected a tar file, whole and not compressed"),
        (lambda f: drop(f, IMAGE), f"clip-000001.tar: expected {IMAGE} in it, got no such file"),
        (lambda f: drop(f, HANDS), f"clip-000001.tar: expected {HANDS} in it, got no such file"),
        (lambda f: drop(f, "000002.info.json"), f"1 clips with another number of frames: {ARIA} (2 of 3)"),
        (lambda f: drop(f, "__hand_shapes.json__"), "expected __hand_shapes.json__ with mano and umetrack, got none"),
        (lambda f: write_tar(f / ARIA, read_tar(f / ARIA) | {IMAGE: b"\xff\xd8"}),
         f"1 damaged pictures: {ARIA}: {IMAGE}"),
        (lambda f: write_tar(f / ARIA, read_tar(f / ARIA) | {CAMERAS: b"{"}), f"{CAMERAS}: expected JSON, got"),
        (lambda f: edited(f, CAMERAS, lambda d: d["214-1"]["calibration"].update(projection_model_type="Pinhole")),
         "214-1: projection_model_type: expected FISHEYE624, got Pinhole"),
        (lambda f: edited(f, CAMERAS, lambda d: d["214-1"]["calibration"].update(projection_params=[1, 2])),
         "214-1: fisheye lens: expected 15 or 16 parameters, got 2"),
        (lambda f: edited(f, CAMERAS, lambda d: d["214-1"].pop("T_world_from_camera")), "expected quaternion_wxyz (4)"),
        (lambda f: edited(f, HANDS, lambda d: d["right"]["mano_pose"].update(thetas=[0.0] * 45)),
         "right: thetas: expected 15 finite numbers, got shape (45,)"),
        (lambda f: edited(f, HANDS, lambda d: d["right"]["mano_pose"].update(wrist_xform=[float("nan")] * 6)),
         "right: wrist_xform: expected 6 finite numbers, got NaN"),
        (lambda f: edited(f, "__hand_shapes.json__", lambda d: d["umetrack"].pop("joint_rotation_axes")),
         "__hand_shapes.json__: expected joint_rotation_axes"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    faults = find_data_set("hot3d").check(copy).faults
    assert len(faults) == 1 and message in faults[0], faults


def test_nothing_in_a_tar_leads_out_of_it(made, copy, tmp_path):
    """Links and names that climb are neither followed nor written."""
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    files = read_tar(copy / ARIA)
    with tarfile.open(copy / ARIA, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            if name == HANDS:
                member.type, member.linkname = tarfile.SYMTYPE, str(secret)
                tar.addfile(member)
                continue
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        member = tarfile.TarInfo("../../escaped.txt")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"free"))
    (fault,) = find_data_set("hot3d").check(copy).faults
    assert f"expected {HANDS} in it, got no such file" in fault
    assert not list(tmp_path.rglob("escaped.txt"))


def test_check_of_whole_half_and_empty(made, copy, tmp_path):
    entry = find_data_set("hot3d")
    report = entry.check(copy, decode=True)
    assert report.whole
    assert report.notes == [
        "12 labelled hands, 1 of them without MANO's parameters",
        "1 test clips: their hands are not published",
    ]
    (copy / ARIA).unlink()
    half = entry.check(copy)
    assert [(part.state, part.found) for part in half.parts] == [("partly", 1)] and not half.faults
    with pytest.raises(KnuckleError, match=r"expected train_aria/clip-\*.tar of HOT3D"):
        Hot3dTraining(copy, None)
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing"}


def test_one_clip_that_is_damaged_is_named_and_left_out_where_asked(made, copy, tmp_path):
    other = copy / "train_aria" / "clip-000002.tar"
    other.write_bytes(b"")
    with pytest.raises(KnuckleError, match=r"clip-000002.tar: expected a tar file"):
        Hot3dTraining(copy, None)
    source = Hot3dTraining(copy, None, complete=False)
    assert source.count == 2 * FRAMES and len(source.damaged) == 1
    assert f"{other}: expected a tar file" in source.damaged[0]
    for limit in (None, 2):
        with pytest.raises(KnuckleError, match=r"clip-000002.tar: expected a tar file.*--skip-damaged"):
            convert_set("hot3d", copy, tmp_path / "set", size=32, limit=limit)
    index = convert_set("hot3d", copy, tmp_path / "set", size=32, limit=2, skip_damaged=True)
    assert index["count"] == 2 and index["left_out_damaged"] == source.damaged


def test_left_hands_need_the_left_file(made, tmp_path):
    right = shutil.copy(made.mano, tmp_path / "MANO_RIGHT.pkl")
    with pytest.raises(KnuckleError, match=r"MANO_LEFT.pkl: expected a MANO file"):
        find_data_set("hot3d").open_source(
            made.folder, tmp_path / "MANO_RIGHT.pkl", complete=True, variant="aria"
        )
    assert right.is_file()


def test_the_preview_takes_either_form(made, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    words = ("data", "preview", "hot3d", str(made.folder), "--out", str(sheet), "--count", "4")
    for more in ((), ("--rig", str(made.mano))):
        assert run(*words, *more) == 0
        assert np.ptp(cv2.imread(str(sheet)).astype(int), axis=2).max() > 60
