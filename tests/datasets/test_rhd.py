"""RHD in its true layout, written from rendered hands: the known truth comes back, and what is wrong is named."""

import pickle
import shutil

import cv2
import numpy as np
import pytest

from knuckle.datasets import rhd
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.raster.numpy_raster import rasterise
from knuckle.rig.load import load_rig
from knuckle.rig.safe_pickle import load_whitelisted_pickle
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import JOINT_NAMES

from .conftest import poses, project

K = np.array([[282.9, 0, 160.0], [0, 282.9, 160.0], [0, 0, 1]])
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
# Written out by the description, not by the reader's table: wrist, then each finger from its tip.
ORDER = ["wrist"] + [
    f"{finger}_{part}"
    for finger in FINGERS
    for part in (("tip", "ip", "mcp", "cmc") if finger == "thumb" else ("tip", "dip", "pip", "mcp"))
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two training pictures: both hands, and a right hand whose partner is out of sight; one to evaluate on."""
    top = tmp_path_factory.mktemp("rhd") / "RHD_published_v2"
    right = load_rig("open")
    left = right.mirrored()
    pose, shape = poses(4, seed=4)
    truth = {}
    for split, numbers in (("training", (0, 1)), ("evaluation", (0,))):
        entries = {}
        for kind in ("color", "mask"):
            (top / split / kind).mkdir(parents=True)
        for number in numbers:
            row = number + 2 * (split == "evaluation")
            colour = np.full((320, 320, 3), 70, np.uint8)
            mask = np.zeros((320, 320), np.uint8)
            joints = np.zeros((42, 3))
            seen = np.ones(42)
            for rig, first, palm, shift in ((left, 0, 17, -0.1), (right, 21, 33, 0.1)):
                away = shift if number == 0 or first else -1.5
                posed = rig.posed(pose[[row]], shape[[row]], np.array([[away, 0.0, 0.6]]))
                joints[first : first + 21] = posed.joints[0, [JOINT_NAMES.index(name) for name in ORDER]]
                truth[split, number, "right" if first else "left"] = posed.joints[0]
                vertices = posed.vertices[0]
                in_px = np.column_stack([project(vertices, K), vertices[:, 2]])
                face, depth, _ = rasterise(in_px, rig.faces, 320, 320)
                mask[face >= 0] = palm
                near = np.nan_to_num(1.5 - depth[face >= 0], posinf=0)
                colour[face >= 0] = (200 * near.clip(0, 1))[:, None]
                if away == -1.5:
                    seen[:21] = 0
            seen[23] = 0
            uv = project(joints, K)
            entries[number] = {"uv_vis": np.column_stack([uv, seen]), "xyz": joints, "K": K}
            cv2.imwrite(str(top / split / "color" / f"{number:05d}.png"), colour)
            cv2.imwrite(str(top / split / "mask" / f"{number:05d}.png"), mask)
        (top / split / f"anno_{split}.pickle").write_bytes(pickle.dumps(entries, protocol=2))
    return top, truth


@pytest.fixture
def copy(made, tmp_path, monkeypatch):
    monkeypatch.setattr(rhd, "COUNTS", {"training": 2, "evaluation": 1})
    return shutil.copytree(made[0], tmp_path / "RHD_published_v2")


def test_the_known_truth_comes_back(made, tmp_path):
    top, truth = made
    source = rhd.RhdTraining(top.parent, None)
    assert [hand.name for hand in source.kept] == [
        "training/00000 left",
        "training/00000 right",
        "training/00001 right",
    ]
    for hand in source.kept:
        number = int(hand.image.stem)
        joints = truth["training", number, hand.side]
        assert np.abs(hand.joints_m - joints).max() < 1e-4
        assert np.abs(hand.joints_px - project(joints, K)).max() < 1e-3
        hidden = [JOINT_NAMES.index("thumb_ip")] if hand.side == "right" else []
        assert np.flatnonzero(~hand.visible).tolist() == hidden
        # The mask is that side's: most joints lie in it, and none of the other hand's.
        mask = rhd.side_mask(hand)
        u, v = hand.joints_px.round().astype(int).T
        assert mask[v, u].mean() > 0.7
        other = next((h for h in source.kept if h.image == hand.image and h is not hand), None)
        if other is not None:
            u, v = other.joints_px.round().astype(int).T
            assert not mask[v, u].any()
    index = convert_set("rhd", top, tmp_path / "set", size=64, negatives=0.25)
    made_set = SynthSet(tmp_path / "set")
    assert index["residual_mm"] < 1 and index["hand_free"] == 1
    assert (~made_set.labels["visible"][:3]).sum(1).tolist() == [0, 1, 1]
    # Grey background alone, though a crop without a hand may lie beside either hand.
    assert np.ptp(made_set.images[3]) == 0


def damage_entry(folder, **changes):
    path = folder / "training/anno_training.pickle"
    entries = load_whitelisted_pickle(path)
    entries[1] |= changes
    path.write_bytes(pickle.dumps(entries, protocol=2))


def shifted(folder):
    damage_entry(folder, K=K + np.array([[0, 0, 9], [0, 0, 0], [0, 0, 0]]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "training/color/00001.png").unlink(), "1 entries of training without a picture: 00001"),
        (
            lambda f: (f / "training/color/00001.png").write_bytes(b"\x89PNG"),
            "1 damaged training/color pictures: training/color/00001.png",
        ),
        (lambda f: damage_entry(f, xyz=np.zeros((21, 3))), "xyz: expected 42 x 3 finite numbers, got shape (21, 3)"),
        (lambda f: damage_entry(f, xyz=np.full((42, 3), np.nan)), "xyz: expected 42 x 3 finite numbers, got NaN"),
        (shifted, "uv_vis: expected the projection of xyz, got 9.0 px"),
        (
            lambda f: (f / "evaluation/anno_evaluation.pickle").write_bytes(b"cos\nsystem\n(S'true'\ntR."),
            "refused: the file asks for os.system",
        ),
        (lambda f: (f / "training/anno_training.pickle").write_bytes(b"\x80\x02}q"), "truncated or corrupt"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    report = find_data_set("rhd").check(copy)
    assert len(report.faults) == 1 and message in report.faults[0], report.faults


def test_check_of_whole_half_and_empty(copy, tmp_path):
    entry = find_data_set("rhd")
    report = entry.check(copy.parent, decode=True)
    assert report.whole and "3 hands of training with 11 joints seen or more" in report.notes
    shutil.rmtree(copy / "evaluation")
    report = entry.check(copy)
    assert not report.whole and not report.faults
    states = {part.name: part.state for part in report.parts}
    assert states["evaluation/color/*.png"] == "missing" and states["training/color/*.png"] == "ok"
    assert states["evaluation/anno_evaluation.pickle"] == "missing"
    (tmp_path / "empty").mkdir()
    empty = entry.check(tmp_path / "empty")
    assert {part.state for part in empty.parts} == {"missing", "absent"}


def test_an_entry_that_cannot_be_used_is_named_and_left_out_where_asked(copy, tmp_path):
    damage_entry(copy, xyz=np.full((42, 3), np.nan))
    with pytest.raises(
        KnuckleError, match=r"xyz: expected 42 x 3 finite numbers, .*; 1 of the annotations cannot"
    ):
        convert_set("rhd", copy, tmp_path / "set", size=32)
    index = convert_set("rhd", copy, tmp_path / "set", size=32, skip_damaged=True)
    assert index["count"] == 2 and "xyz" in index["left_out_damaged"][0]


def test_the_preview(copy, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "rhd", str(copy), "--out", str(sheet)) == 0
    assert cv2.imread(str(sheet)) is not None
