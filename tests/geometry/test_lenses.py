"""Lenses there and back, against finite differences, against OpenCV, and by a formula of their own."""

import cv2
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry import lenses
from knuckle.geometry.camera import Camera
from knuckle.geometry.lenses import Fisheye624, RationalLens, looking_at, seen_by_pinhole

# A colour camera of Aria, by the numbers of a public recording.
ARIA = (
    1217.85, 1456.02, 1445.73, 0.387709, -0.315613, -0.343498, 1.856587, -2.179937, 0.771383,
    -0.000274702, 0.000522897, 0.000134884, -8.4822e-05, -0.000942001, -0.000127684,
)  # fmt: skip
DIST8 = (0.42, -0.31, 0.0011, -0.0007, 0.05, 0.7, -0.2, -0.02)


def fisheye() -> Fisheye624:
    return Fisheye624.from_parameters(np.array(ARIA), 2880, 2880)


def rational() -> RationalLens:
    return RationalLens(Camera(1200.0, 1190.0, 640.0, 480.0, 1280, 960), DIST8)


def seen(lens, count=2000) -> np.ndarray:
    """Points all over what a lens sees, up to 55 degrees off."""
    rng = np.random.default_rng(0)
    angle, turn = np.radians(55) * np.sqrt(rng.uniform(0, 1, count)), rng.uniform(0, 2 * np.pi, count)
    if isinstance(lens, RationalLens):
        angle *= 0.5
    across = np.sin(angle)
    points = np.stack([across * np.cos(turn), across * np.sin(turn), np.cos(angle)], axis=-1)
    return points * rng.uniform(0.1, 3, (count, 1))


@pytest.mark.parametrize("lens", [fisheye(), rational()], ids=["fisheye", "rational"])
def test_there_and_back(lens):
    points = seen(lens)
    back = lens.rays(lens.project(points))
    assert np.abs(back - points / np.linalg.norm(points, axis=-1, keepdims=True)).max() < 1e-9
    u, v = np.meshgrid(np.linspace(0, lens.width - 1, 41), np.linspace(0, lens.height - 1, 31))
    px = np.stack([u, v], axis=-1)
    rays = lens.rays(px)
    found = np.isfinite(rays).all(-1)
    assert found[10:20, 10:30].all()
    assert np.abs(lens.project(rays[found]) - px[found]).max() < 1e-6


@pytest.mark.parametrize("lens", [fisheye(), rational()], ids=["fisheye", "rational"])
def test_derivatives_are_those_of_finite_differences(lens):
    at = np.random.default_rng(1).uniform(-0.5, 0.5, (50, 2))
    _, slope = lens.bend(at)
    step = 1e-6
    for axis in range(2):
        move = step * np.eye(2)[axis]
        numeric = (lens.bend(at + move)[0] - lens.bend(at - move)[0]) / (2 * step)
        assert np.abs(slope[..., axis] - numeric).max() < 1e-8
    if isinstance(lens, Fisheye624):
        angle = np.linspace(0, 1.2, 50)
        numeric = (lens._radius(angle + step)[0] - lens._radius(angle - step)[0]) / (2 * step)
        assert np.abs(lens._radius(angle)[1] - numeric).max() < 1e-8


def test_the_fisheye_is_the_published_formula():
    """Written out once more, number by number, for one point."""
    f, cx, cy, *k = ARIA
    x, y, z = 0.3, -0.5, 0.8
    theta = np.arccos(z / np.sqrt(x * x + y * y + z * z))
    r = theta + sum(k[i] * theta ** (2 * i + 3) for i in range(6))
    a, b = r * x / np.hypot(x, y), r * y / np.hypot(x, y)
    p0, p1, s0, s1, s2, s3 = k[6:]
    u = a + (2 * a * a + r * r) * p0 + 2 * a * b * p1 + s0 * r**2 + s1 * r**4
    v = b + (2 * b * b + r * r) * p1 + 2 * a * b * p0 + s2 * r**2 + s3 * r**4
    np.testing.assert_allclose(fisheye().project(np.array([x, y, z])), [f * u + cx, f * v + cy], atol=1e-9)
    # Quest 3 has two focal lengths.
    two = Fisheye624.from_parameters(np.array([f, 1000.0, *ARIA[1:]]), 2880, 2880)
    np.testing.assert_allclose(two.project(np.array([x, y, z])), [f * u + cx, 1000 * v + cy], atol=1e-9)


def test_without_tangential_and_prism_it_is_opencvs_fisheye():
    k = (0.03, -0.01, 0.004, -0.002)
    lens = Fisheye624(
        (500.0, 510.0, 320.0, 240.0), (*k, 0.0, 0.0), (0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 640, 480
    )
    points = seen(lens, 100)
    matrix = np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])
    theirs, _ = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), matrix, np.array(k))
    assert np.abs(lens.project(points) - theirs[:, 0]).max() < 1e-6


def test_the_rational_lens_is_opencvs():
    lens = rational()
    points = seen(lens, 100)
    theirs, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens.camera.matrix, np.array(DIST8))
    assert np.abs(lens.project(points) - theirs[:, 0]).max() < 1e-6


def test_the_axis_and_what_is_not_seen():
    for lens, middle in ((fisheye(), ARIA[1:3]), (rational(), (640.0, 480.0))):
        np.testing.assert_allclose(lens.project(np.array([0.0, 0.0, 2.0])), middle, atol=1e-9)
        np.testing.assert_allclose(lens.rays(np.array(middle)), [0, 0, 1], atol=1e-9)
        # Next to the axis the picture goes on smoothly.
        assert np.abs(lens.project(np.array([1e-9, 0.0, 1.0])) - middle).max() < 1e-5
        assert np.isnan(lens.project(np.array([0.0, 0.0, 0.0]))).all()
        assert np.isnan(lens.project(np.array([0.0, 0.1, -1.0]))).all()
    # It folds back at an angle, and no px have rays beyond it.
    folds = Fisheye624(
        (500.0, 500.0, 320.0, 240.0), (-0.4, 0, 0, 0, 0, 0), (0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 640, 480
    )
    assert folds.limit_rad == pytest.approx(np.sqrt(1 / 1.2), abs=2e-3)
    far = np.array([np.sin(1.2), 0, np.cos(1.2)])
    assert np.isnan(folds.project(far)).all() and np.isnan(folds.rays(np.array([1000.0, 240.0]))).all()


@pytest.mark.parametrize("lens", [fisheye(), rational()], ids=["fisheye", "rational"])
def test_a_pinhole_sees_lines_straight(lens):
    """Spots where points of a line fall are found on that line in the pinhole camera's picture."""
    camera = Camera(300.0, 300.0, 149.5, 149.5, 300, 300)
    turn = looking_at(np.array([0.1, -0.12, 1.0]))
    points = np.array([[x, 0.1, 1.0] for x in np.linspace(-0.3, 0.3, 5)])
    picture = np.zeros((lens.height, lens.width, 3), np.uint8)
    for u, v in lens.project(points @ turn.T):
        cv2.circle(picture, (round(u * 16), round(v * 16)), 8 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    view = seen_by_pinhole(picture, lens, camera, turn)
    for u, v in camera.project(points):
        part = view[round(v) - 6 : round(v) + 7, round(u) - 6 : round(u) + 7, 0].astype(float)
        rows, columns = np.mgrid[-6:7, -6:7]
        assert part.sum() > 0
        assert abs((part * columns).sum() / part.sum() - (u - round(u))) < 0.3
        assert abs((part * rows).sum() / part.sum() - (v - round(v))) < 0.3


@pytest.mark.parametrize("lens", [fisheye(), rational()], ids=["fisheye", "rational"])
def test_between_nodes_the_map_is_exact_to_a_hundredth_px(lens):
    """A picture whose values are its own columns tells where each pixel was taken from."""
    columns = np.tile(np.arange(lens.width) / lens.width * 255, (lens.height, 1))
    camera, turn = Camera(700.0, 700.0, 130.0, 121.0, 203, 181), looking_at(np.array([0.3, 0.2, 1.0]))
    v, u = np.mgrid[:181, :203].astype(float)
    exact = lens.project(camera.backproject(np.stack([u, v], -1), np.ones(u.shape)) @ turn.T)
    assert np.abs(lenses._map(lens, camera, turn) - exact).max() < 0.02
    seen = seen_by_pinhole(columns.astype(np.uint8)[..., None].repeat(3, 2), lens, camera, turn)
    assert np.abs(seen[..., 0] - exact[..., 0] / lens.width * 255).max() < 2


def test_looking_at_turns_the_axis_there():
    point = np.array([0.4, -0.2, 0.6])
    turn = looking_at(point)
    np.testing.assert_allclose(turn @ [0, 0, 1], point / np.linalg.norm(point), atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) > 0
    np.testing.assert_allclose(looking_at(np.array([0, 0, 2.0])), np.eye(3), atol=1e-12)
    for none in ([0.0, 0, 0], [0.0, 0, -1]):
        with pytest.raises(KnuckleError, match="expected a point before the lens"):
            looking_at(np.array(none))


def test_numbers_that_are_no_lens_are_refused():
    with pytest.raises(KnuckleError, match="expected 15 or 16 parameters, got 3"):
        Fisheye624.from_parameters(np.ones(3), 10, 10)
    with pytest.raises(KnuckleError, match="fx, fy > 0"):
        Fisheye624.from_parameters(np.array([-1.0, *ARIA[1:]]), 10, 10)
    with pytest.raises(KnuckleError, match="expected 6 radial"):
        Fisheye624.from_parameters(np.array([*ARIA[:-1], np.nan]), 10, 10)
    with pytest.raises(KnuckleError, match="expected 8 finite numbers"):
        RationalLens(Camera(1.0, 1.0, 0.0, 0.0, 2, 2), (0.0,) * 5)
    with pytest.raises(KnuckleError, match="expected 2880x2880 px, got 4x3"):
        seen_by_pinhole(np.zeros((3, 4, 3), np.uint8), fisheye(), Camera(1.0, 1.0, 0.0, 0.0, 2, 2), np.eye(3))
