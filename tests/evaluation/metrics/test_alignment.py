"""Silhouettes compared: mIoU and Hausdorff distance on cases worked out by hand."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics import silhouettes
from knuckle.evaluation.metrics.alignment import confusion, hausdorff_px, mean_iou
from knuckle.evaluation.metrics.silhouettes import REGIONS, LabelledFaces, labelled_faces, region_map
from knuckle.evaluation.protocols.alignment import SIZE, add_alignment
from knuckle.evaluation.report import Report
from knuckle.raster import numpy_raster
from knuckle.rig import load_rig

CAMERA = np.array([300.0, 300.0, 111.5, 111.5])
CROP = np.array([111.5, 111.5, 224.0])


def disc(x: float, y: float, radius: float, size: int = 60) -> np.ndarray:
    v, u = np.mgrid[:size, :size]
    return (u - x) ** 2 + (v - y) ** 2 <= radius**2


def brute_force(a: np.ndarray, b: np.ndarray) -> float:
    first, second = np.argwhere(a), np.argwhere(b)
    table = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return max(table.min(axis=1).max(), table.min(axis=0).max())


def test_hausdorff_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = (
            disc(*rng.uniform(15, 45, 2), rng.uniform(3, 14)) & (rng.random((60, 60)) < 0.7) for _ in range(2)
        )
        assert hausdorff_px(a, b) == pytest.approx(brute_force(a, b), abs=1e-4)
        assert hausdorff_px(a, b) == hausdorff_px(b, a)


def test_hausdorff_of_a_shift_is_the_shift():
    mask = disc(25, 30, 12)
    for shift in (0, 1, 7):
        assert hausdorff_px(mask, np.roll(mask, shift, axis=1)) == pytest.approx(shift)


def test_hausdorff_of_nothing():
    empty = np.zeros((60, 60), bool)
    assert math.isnan(hausdorff_px(empty, disc(20, 20, 4)))
    with pytest.raises(KnuckleError, match="two of one size"):
        hausdorff_px(empty, empty[:30])


def test_mean_iou_by_hand():
    truth, predicted = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 1, 1]], np.uint8)
    # Background 1 of 2, hand 2 of 3; a third class that nobody has does not count.
    assert mean_iou(confusion(truth, predicted, 3)) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert math.isnan(mean_iou(np.zeros((2, 2), int)))
    with pytest.raises(KnuckleError, match="classes below 1"):
        confusion(truth, predicted, 1)
    with pytest.raises(KnuckleError, match="one size"):
        confusion(truth, predicted[:, :2], 2)


@pytest.fixture(scope="module")
def mesh() -> LabelledFaces:
    return labelled_faces(load_rig("open"))


def hand(seed: int = 1) -> np.ndarray:
    """A hand that faces the camera with its fingers spread."""
    rig = load_rig("open")
    pose = np.random.default_rng(seed).normal(0, 0.05, (16, 3))
    vertices = rig.posed(pose).vertices
    along = np.linalg.svd(vertices - vertices.mean(0), full_matrices=False)[2]
    turned = (vertices - vertices.mean(0)) @ along.T
    return turned + np.array([0, 0, 0.5])


def test_every_part_of_a_spread_hand_is_seen(mesh):
    seen = region_map(hand(), mesh, CROP, CAMERA, size=SIZE)
    assert set(np.unique(seen)) == set(range(len(REGIONS)))
    counts = np.bincount(seen.reshape(-1))
    assert counts[0] > counts[1] > counts[2:].max()


def test_regions_are_those_of_the_tips(mesh):
    rig = load_rig("open")
    near_tip = [mesh.regions[(mesh.faces == tip).any(axis=1)] for tip in rig.tip_vertices]
    assert [set(r) for r in near_tip] == [{2}, {3}, {4}, {5}, {6}]


def test_crop_and_frame_agree(mesh):
    seen = region_map(hand(), mesh, CROP, CAMERA, size=SIZE)
    # Half the window shows the middle of the picture twice as large.
    closer = region_map(hand(), mesh, np.array([111.5, 111.5, 112.0]), CAMERA, size=SIZE)
    assert (closer[::2, ::2] == seen[56:168, 56:168]).mean() > 0.95
    # 3 px to the right of the frame is 6 px of such a window.
    moved = region_map(hand(), mesh, np.array([108.5, 111.5, 112.0]), CAMERA, size=SIZE)
    assert np.array_equal(moved[:, 6:], closer[:, :-6])


def test_hand_behind_the_camera_is_not_seen(mesh):
    assert not region_map(hand() * [1, 1, -1], mesh, CROP, CAMERA, size=SIZE).any()
    with pytest.raises(KnuckleError, match="expected 1610 vertices, got 5"):
        region_map(hand()[:5], mesh, CROP, CAMERA, size=SIZE)


def test_plain_rasteriser_sees_the_same(mesh, monkeypatch):
    fast = region_map(hand(), mesh, CROP, CAMERA, size=SIZE)
    calls = []

    def counted(*args):
        calls.append(args)
        return numpy_raster.rasterise(*args)

    monkeypatch.setitem(sys.modules, "knuckle.raster.numba_raster", None)
    monkeypatch.delattr("knuckle.raster.numba_raster")
    monkeypatch.setattr(silhouettes, "numpy_raster", SimpleNamespace(rasterise=counted))
    assert np.array_equal(region_map(hand(), mesh, CROP, CAMERA, size=SIZE), fast) and len(calls) == 1


def align(predicted: np.ndarray, mesh: LabelledFaces, *, rough: np.ndarray | None = None) -> Report:
    true = np.stack([hand(1), hand(2)])
    joints = np.tile(true[:, :1], (1, 21, 1))
    uv = joints[..., :2] / joints[..., 2:]
    truth = Truth(uv, joints, np.tile(CAMERA, (2, 1)), true, crop=np.tile(CROP, (2, 1)))
    predictions = Predictions(uv, joints, vertices_m=predicted, rough_vertices_m=rough)
    return add_alignment(Report("b", "p", "m", 2, ()), truth, predictions, [mesh])


HANDS = np.stack([hand(1), hand(2)])
NAMES = ("mIoU hand", "mIoU fingers", "Hausdorff hand", "Hausdorff fingers")


def test_identical_meshes_align(mesh):
    report = align(HANDS, mesh)
    assert [report[name] for name in NAMES] == [100, 100, 0, 0]
    assert not any("Hausdorff" in note for note in report.notes)


def test_shifted_mesh_is_off_by_the_shift(mesh):
    # Moved along the picture by its depth over the focal length, each vertex shifts by one px: five are asked.
    shifted = HANDS + HANDS[..., 2:] * [5 / 300, 0, 0]
    report = align(shifted, mesh)
    assert report["Hausdorff hand"] == pytest.approx(5) and report["Hausdorff fingers"] == pytest.approx(5)
    assert report["mIoU fingers"] < report["mIoU hand"] < 99


def test_other_fingers_count_at_finger_level_alone(mesh):
    seen = region_map(hand(), mesh, CROP, CAMERA, size=SIZE)
    permuted = np.array([0, 1, 3, 4, 5, 6, 2], np.uint8)[seen]
    classes = confusion(seen, permuted, 7)
    assert mean_iou(confusion((seen > 0).astype(np.uint8), (permuted > 0).astype(np.uint8), 2)) == 1
    assert mean_iou(classes) == pytest.approx(2 / 7)


def test_refinement_is_told_by_the_rough_mesh(mesh):
    report = align(HANDS, mesh, rough=HANDS + HANDS[..., 2:] * [0, 3 / 300, 0])
    assert report["Hausdorff hand"] == 0 and report["rough mesh: Hausdorff hand"] == pytest.approx(3)
    assert report["rough mesh: mIoU hand"] < 100 == report["mIoU hand"]


def test_hand_out_of_sight_is_counted(mesh):
    gone = HANDS.copy()
    gone[1] *= [1, 1, -1]
    report = align(gone, mesh)
    assert report["Hausdorff hand"] == 0
    # Pixels are pooled over the hands, not hands averaged.
    first, second = ((region_map(h, mesh, CROP, CAMERA, size=SIZE) > 0).sum() for h in HANDS)
    background = 2 * SIZE**2 - first
    pooled = (first / (first + second) + (background - second) / background) / 2
    assert report["mIoU hand"] == pytest.approx(100 * pooled)
    assert any("1 of 2 hands and 6 of 12 palms and fingers" in note for note in report.notes)
    nothing = align(HANDS * [1, 1, -1], mesh)
    assert math.isnan(nothing["Hausdorff hand"]) and nothing["mIoU hand"] < 50


def test_mesh_of_unknown_triangles_is_refused(mesh):
    with pytest.raises(KnuckleError, match=r"expected meshes of 1610 vertices, .* got 778"):
        align(HANDS[:, :778], mesh)
