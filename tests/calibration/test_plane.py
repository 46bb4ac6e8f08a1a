"""Focal lengths from a rectangle's corners."""

import cv2
import numpy as np
import pytest

from knuckle.calibration.plane import View, checked_focal, focal_from_views, misfit
from knuckle.errors import KnuckleError

CARD = 0.0856, 0.05398
CORNERS = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * np.array([*CARD, 0]) / 2
SIZE = 1600, 1200
TILTS = [(40, 0, 10), (-35, 15, 80), (0, 45, -20), (25, -40, 0), (-20, -30, 200), (30, 30, 120)]


def seen(
    tilt, focal_px: float = 1500, *, size=SIZE, noise_px: float = 0.0, seed: int = 0, start: int = 0
) -> View:
    """The card, tilted by degrees about x, y and the axis, 25 cm away."""
    x, y, z = (np.eye(3)[axis] * np.deg2rad(angle) for axis, angle in enumerate(tilt))
    turn = cv2.Rodrigues(z)[0] @ cv2.Rodrigues(x)[0] @ cv2.Rodrigues(y)[0]
    points = CORNERS @ turn.T + [0.01, -0.008, 0.25]
    middle = (np.array(size) - 1) / 2
    px = points[:, :2] / points[:, 2:] * focal_px + middle
    px += np.random.default_rng(seed).normal(0, noise_px, px.shape)
    return View(np.roll(px, start, axis=0), *size)


@pytest.mark.parametrize("focal_px", [700, 1500, 6000])
def test_corners_without_noise_give_the_focal_length(focal_px):
    views = [seen(tilt, focal_px, start=k % 4) for k, tilt in enumerate(TILTS[:3])]
    focal = checked_focal(focal_from_views(views, CARD))
    assert focal.camera(*SIZE).fx == pytest.approx(focal_px, rel=1e-3)
    assert focal.camera(*SIZE).source == "calibrated"


def test_turned_smaller_and_mirrored_pictures_agree():
    whole = [seen(tilt) for tilt in TILTS[:3]]
    odd = [
        View(whole[0].corners_px[:, ::-1] * [-1, 1] + [1199, 0], 1200, 1600),
        View((whole[1].corners_px + 0.5) / 2 - 0.5, 800, 600),
        View(whole[2].corners_px[::-1], *SIZE),
    ]
    assert focal_from_views(odd, CARD).camera(800, 600).fx == pytest.approx(750, rel=1e-3)


def test_the_deviation_is_about_the_error():
    off = []
    for seed in range(12):
        views = [seen(tilt, noise_px=0.6, seed=10 * seed + k) for k, tilt in enumerate(TILTS)]
        focal = focal_from_views(views, CARD)
        off.append(np.log(focal.camera(*SIZE).fx / 1500) / focal.relative_sd)
    assert 0.4 < np.sqrt(np.mean(np.square(off))) < 1.9


def test_a_card_that_faces_the_camera_tells_nothing():
    views = [seen((0, 0, angle), noise_px=0.3, seed=angle) for angle in (0, 20, 90)]
    with pytest.raises(KnuckleError, match="calibrate: expected pictures that show the card tilted"):
        checked_focal(focal_from_views(views, CARD))


def test_something_else_is_left_out():
    views = [seen(tilt, noise_px=0.2, seed=k) for k, tilt in enumerate(TILTS)]
    views[2] = View(views[2].corners_px * [1, 1.25], *SIZE)
    focal = focal_from_views(views, CARD)
    assert 2 not in focal.used and len(focal.used) >= 4
    assert focal.camera(*SIZE).fx == pytest.approx(1500, rel=0.02)


def test_what_is_no_card_is_told_apart():
    assert misfit(seen((40, 20, 30)), CARD) < 3e-3
    kite = seen((40, 20, 30)).corners_px.copy()
    kite[0] += [90, -60]
    assert misfit(View(kite, *SIZE), CARD) > 0.006


def test_too_little_is_refused():
    with pytest.raises(KnuckleError, match=r"at least two pictures .* got 1"):
        focal_from_views([seen(TILTS[0])], CARD)
    with pytest.raises(KnuckleError, match=r"one shape, .* got 1600x1200, 1920x1080"):
        focal_from_views([seen(TILTS[0]), seen(TILTS[1], size=(1920, 1080))], CARD)
