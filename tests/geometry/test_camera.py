import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine, compose_affine, invert_affine
from knuckle.geometry.projection import root_depth_from_bone, weak_to_translation

RNG = np.random.default_rng(0)
CAMERA = Camera(500.0, 510.0, 300.0, 220.0, 640, 480)


def hand_points() -> np.ndarray:
    return RNG.normal((0.05, -0.02, 0.6), 0.05, size=(21, 3))


def test_projection_and_backprojection_are_inverse():
    points = hand_points()
    uv = CAMERA.project(points)
    assert np.allclose(CAMERA.backproject(uv, points[:, 2]), points, atol=1e-12)
    assert np.allclose(uv, (points @ CAMERA.matrix.T)[:, :2] / points[:, 2:])


def test_mirrored_camera_sees_the_mirrored_hand():
    points = hand_points()
    mirrored = CAMERA.mirrored().project(points * [-1, 1, 1])
    expected = CAMERA.project(points) * [-1, 1] + [CAMERA.width - 1, 0]
    assert np.allclose(mirrored, expected)


def test_assumed_camera_has_the_diagonal_as_focal_length():
    camera = Camera.from_size(640, 480)
    assert camera.assumed and camera.fx == camera.fy == 800.0
    assert (camera.cx, camera.cy) == (319.5, 239.5)


@pytest.mark.parametrize("values", [(-1, 1, 0, 0), (0, 1, 0, 0), (np.nan, 1, 0, 0), (1, 1, np.inf, 0)])
def test_impossible_intrinsics_are_refused(values):
    with pytest.raises(KnuckleError, match="camera: expected finite"):
        Camera(*values, 10, 10)


@given(
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    w=st.floats(1, 900),
    h=st.floats(1, 900),
    expand=st.floats(1, 2),
)
def test_crop_affine_round_trip(x, y, w, h, expand):
    crop = Crop.from_box(np.array([x, y, w, h]), 128, expand=expand)
    points = np.array([[0.0, 0.0], [127.0, 127.0], [63.5, 63.5]])
    frame = apply_affine(crop.frame_from_patch, points)
    assert np.allclose(apply_affine(crop.patch_from_frame, frame), points, atol=1e-6)
    assert np.allclose(frame[2], [x + w / 2, y + h / 2], atol=1e-6)
    identity = compose_affine(crop.patch_from_frame, invert_affine(crop.patch_from_frame))
    assert np.allclose(identity, [[1, 0, 0], [0, 1, 0]], atol=1e-6)


def test_a_crop_comes_back_from_its_vector_and_from_its_affine_map():
    crop = Crop((210.3, 99.0), 77.7, 128)
    assert Crop.from_vector(crop.vector, 128) == crop
    assert np.allclose(Crop.from_affine(crop.patch_from_frame, 128).vector, crop.vector, rtol=1e-14)
    with pytest.raises(KnuckleError, match="expected an upright square crop"):
        Crop.from_affine(Crop((210.3, 99.0), 77.7, 128, roll_rad=0.1).patch_from_frame, 128)


def test_crop_warp_puts_a_marked_pixel_where_the_affine_says():
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:83, 120:123] = 255
    crop = Crop((140.0, 90.0), 64.0, 128)
    patch = crop.warp(image)[..., 0].astype(float)
    ys, xs = np.nonzero(patch > 127)
    expected = apply_affine(crop.patch_from_frame, np.array([[121.0, 81.0]]))[0]
    assert np.allclose([xs.mean(), ys.mean()], expected, atol=0.5)


def test_strongly_reduced_crop_keeps_position_and_averages():
    image = np.zeros((3000, 3000, 3), np.uint8)
    image[1500:1700, 1000:1200] = 255
    crop = Crop((1500.0, 1500.0), 2900.0, 128)
    patch = crop.warp(image)[..., 0].astype(float)
    weights = patch / patch.sum()
    centre = [(weights.sum(0) * np.arange(128)).sum(), (weights.sum(1) * np.arange(128)).sum()]
    expected = apply_affine(crop.patch_from_frame, np.array([[1099.5, 1599.5]]))[0]
    assert np.allclose(centre, expected, atol=0.1)
    checker = np.indices((3000, 3000)).sum(0) % 2 * 255
    grey = crop.warp(np.repeat(checker[..., None], 3, 2).astype(np.uint8))
    assert abs(float(grey.mean()) - 127.5) < 2 and float(grey.std()) < 3


def test_mirrored_crop_of_mirrored_image_is_the_mirrored_patch():
    image = RNG.integers(0, 255, (120, 161, 3), dtype=np.uint8)
    crop = Crop((70.25, 60.5), 90.0, 64)
    mirrored = crop.mirrored(161).warp(np.ascontiguousarray(image[:, ::-1]))
    assert np.abs(mirrored[:, ::-1].astype(int) - crop.warp(image).astype(int)).max() <= 2


@pytest.mark.parametrize("centre", [(150.0, 110.0), (4.0, 216.5)], ids=["inside", "at the edge"])
@pytest.mark.parametrize("reduction", [1.6, 2.0, 2.02, 3.3, 5.0, 7.9, 8.1])
def test_a_reduced_crop_is_near_the_mean_of_many_samples(reduction, centre):
    noise = RNG.integers(0, 256, (14, 20, 3), dtype=np.uint8)
    image = cv2.resize(noise, (300, 220), interpolation=cv2.INTER_LINEAR)
    crop = Crop(centre, 32 * reduction, 32, roll_rad=0.4)
    many = Crop(centre, 32 * reduction, 32 * 24, roll_rad=0.4).warp(image).astype(float)
    mean = many.reshape(32, 24, 32, 24, 3).mean((1, 3))
    difference = crop.warp(image) - mean
    assert np.abs(difference).max() < 8 and abs(difference.mean()) < 0.5
    mirrored = crop.mirrored(300).warp(np.ascontiguousarray(image[:, ::-1]))
    assert np.abs(mirrored[:, ::-1].astype(int) - crop.warp(image).astype(int)).max() <= 2


def test_a_reduced_crop_far_outside_the_frame_is_its_edge():
    image = np.full((40, 60, 3), 90, np.uint8)
    image[0, 0] = 200
    for reduction in (2, 4, 9):
        assert (Crop((-900.0, 900.0), 32.0 * reduction, 32).warp(image) == 90).all()


@given(z=st.floats(0.2, 3), x=st.floats(-0.5, 0.5), y=st.floats(-0.5, 0.5), side=st.floats(20, 900))
def test_weak_camera_round_trip(z, x, y, side):
    crop = np.array([210.0, 333.0, side])
    scale = 2 * CAMERA.fx / (side * z)
    tx, ty = np.array([x, y]) - (crop[:2] - [CAMERA.cx, CAMERA.cy]) * z / [CAMERA.fx, CAMERA.fy]
    weak = np.array([scale, tx, ty])
    assert np.allclose(weak_to_translation(weak, crop, CAMERA.vector), [x, y, z], atol=1e-9)


def test_weak_camera_projects_the_root_where_the_full_camera_does():
    crop, weak = np.array([210.0, 333.0, 150.0]), np.array([7.0, 0.02, -0.03])
    full = CAMERA.project(np.array(weak_to_translation(weak, crop, CAMERA.vector)))
    u = crop[0] + crop[2] / 2 * weak[0] * weak[1]
    v = crop[1] + crop[2] / 2 * weak[0] * weak[2] * CAMERA.fy / CAMERA.fx
    assert np.allclose(full, [u, v])


def test_root_depth_comes_back_from_a_known_bone():
    for _ in range(20):
        points = hand_points()
        length = float(np.linalg.norm(points[9] - points[10]))
        depth = root_depth_from_bone(
            CAMERA.project(points), points[:, 2] - points[0, 2], CAMERA.vector, bone=(9, 10), length_m=length
        )
        assert depth == pytest.approx(points[0, 2], abs=1e-9) or depth > points[0, 2]


def test_bone_along_the_view_has_no_depth():
    points = np.tile([0.0, 0.0, 0.5], (21, 1))
    points[10] = [0, 0, 0.53]
    with pytest.raises(KnuckleError, match="no depth"):
        root_depth_from_bone(CAMERA.project(points), points[:, 2] - 0.5, CAMERA.vector, length_m=0.2)
