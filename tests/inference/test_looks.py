"""Two looks at the same pairs as one answer."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.geometry.camera import Camera
from knuckle.inference.merge import CONTRADICT, join_looks
from knuckle.inference.pairing import PairEstimate
from knuckle.rig.load import load_rig

CAMERA = Camera(600.0, 620.0, 320.0, 240.0, 640, 480)
SIDE = 120.0


def look_at(seed: int, *, near: PairEstimate | None = None) -> PairEstimate:
    """Three pairs of open hands half a metre away, or the same ones seen a little elsewhere."""
    rng = np.random.default_rng(seed)
    rest = load_rig("open").joints_rest_m
    places = np.array([[0.05, 0, 0.5], [-0.08, 0, 0.5]])[:, None]
    joints = np.stack([rest, rest * [-1, 1, 1]]) + places + rng.normal(0, 0.01, (3, 2, 1, 3))
    if near is not None:
        joints = near.joints_m + rng.normal(0, 0.003, near.joints_m.shape)
    return PairEstimate(CAMERA.project(joints), joints, rng.uniform(0.6, 1, (3, 2)))


def boxes_round(look: PairEstimate) -> np.ndarray:
    px = look.joints_px
    middle = (px.min(2) + px.max(2)) / 2
    return np.concatenate([middle - SIDE / 2, np.full_like(middle, SIDE)], axis=-1)


def shifted(look: PairEstimate, pair: int, hand: int, px: float) -> PairEstimate:
    """One hand of one pair seen farther right."""
    moved = look.joints_px.copy()
    moved[pair, hand, :, 0] += px
    return replace(look, joints_px=moved, joints_m=CAMERA.backproject(moved, look.joints_m[..., 2]))


@pytest.fixture
def first() -> PairEstimate:
    return look_at(0)


@pytest.fixture
def second(first) -> PairEstimate:
    return look_at(1, near=first)


@pytest.fixture
def boxes(first) -> np.ndarray:
    return boxes_round(first)


def test_looks_that_agree_are_averaged(first, second, boxes):
    joined = join_looks(first, second, boxes, CAMERA)
    for name in ("joints_px", "confidence"):
        np.testing.assert_allclose(
            getattr(joined, name), (getattr(first, name) + getattr(second, name)) / 2, atol=1e-9
        )
    depth = (first.joints_m[..., 2] + second.joints_m[..., 2]) / 2
    np.testing.assert_allclose(joined.joints_m[..., 2], depth, atol=1e-12)
    np.testing.assert_allclose(CAMERA.project(joined.joints_m), joined.joints_px, atol=1e-9)


def test_the_order_of_looks_that_agree_does_not_matter(first, second, boxes):
    one, other = join_looks(first, second, boxes, CAMERA), join_looks(second, first, boxes, CAMERA)
    for name, value in one.arrays().items():
        np.testing.assert_allclose(getattr(other, name), value, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("hand", [0, 1])
def test_a_pair_that_looks_contradict_is_the_one_nearer_to_its_boxes(first, second, boxes, hand):
    away = shifted(second, 1, hand, 1.2 * CONTRADICT * SIDE)
    for looks in ((first, away), (away, first)):
        joined = join_looks(*looks, boxes, CAMERA)
        for name in ("joints_px", "joints_m", "confidence"):
            value = getattr(joined, name)
            np.testing.assert_allclose(value[1], getattr(first, name)[1], atol=1e-9, err_msg=name)
            np.testing.assert_allclose(
                value[[0, 2]], getattr(join_looks(first, second, boxes, CAMERA), name)[[0, 2]], atol=1e-9
            )


def test_a_small_difference_is_no_contradiction(first, boxes):
    near = shifted(first, 1, 0, 0.9 * CONTRADICT * SIDE)
    joined = join_looks(first, near, boxes, CAMERA)
    np.testing.assert_allclose(joined.joints_px, (first.joints_px + near.joints_px) / 2, atol=1e-9)
    chosen = join_looks(first, near, boxes, CAMERA, contradict=0.8 * CONTRADICT)
    np.testing.assert_allclose(chosen.joints_px, first.joints_px, atol=1e-9)


def test_a_hand_that_is_not_asked_for_is_ignored(first, second, boxes):
    asked = boxes.copy()
    asked[1, 0] = np.nan
    joined = join_looks(first, shifted(second, 1, 0, 500.0), asked, CAMERA)
    np.testing.assert_allclose(
        joined.joints_px[1, 1], (first.joints_px + second.joints_px)[1, 1] / 2, atol=1e-9
    )
    nobody = join_looks(first, second, np.full_like(boxes, np.nan), CAMERA)
    np.testing.assert_allclose(nobody.joints_px, (first.joints_px + second.joints_px) / 2, atol=1e-9)
