import numpy as np
import torch

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, compose_affine, crop_to_affine
from knuckle.models.dahyf.direction_map import global_direction_map, local_direction_map

CAMERA = Camera(480.0, 480.0, 135.0, 103.0, 256, 200)
CROP = Crop((100.0, 120.0), 90.0, 128)


def direction_map(frame_from_patch: np.ndarray, camera: Camera) -> np.ndarray:
    affine = torch.from_numpy(frame_from_patch)[None]
    return global_direction_map(affine, torch.from_numpy(camera.vector)[None], 16, 128)[0].numpy()


def test_every_cell_holds_the_ray_through_its_centre():
    directions = direction_map(CROP.frame_from_patch, CAMERA)
    cell_px = 128 / 16
    for row, column in ((0, 0), (3, 11), (15, 15)):
        patch = np.array([(column + 0.5) * cell_px - 0.5, (row + 0.5) * cell_px - 0.5, 1.0])
        ray = CAMERA.backproject(CROP.frame_from_patch @ patch, np.array(1.0))
        assert np.allclose(directions[:, row, column], ray[:2])


def test_equations_one_to_five_for_an_axis_aligned_crop():
    upper_left = np.array(CROP.centre_px) - CROP.side_px / 2
    index = np.arange(16)
    local = index * 8 + 4
    x = (local * CROP.side_px / 128 + upper_left[0] - CAMERA.cx) / CAMERA.fx
    assert np.allclose(direction_map(CROP.frame_from_patch, CAMERA)[0, 5], x)


def test_flipped_crop_looks_along_mirrored_rays():
    directions = direction_map(CROP.frame_from_patch, CAMERA)
    flipped = direction_map(CROP.mirrored(CAMERA.width).frame_from_patch, CAMERA.mirrored())
    assert np.allclose(flipped[0], -directions[0][:, ::-1])
    assert np.allclose(flipped[1], directions[1][:, ::-1])


def test_rotated_crop_looks_along_rotated_cells():
    quarter = np.array([[0.0, -1.0, 127.0], [1.0, 0.0, 0.0]])
    directions = direction_map(CROP.frame_from_patch, CAMERA)
    rotated = direction_map(compose_affine(CROP.frame_from_patch, quarter), CAMERA)
    assert np.allclose(rotated, np.rot90(directions, k=1, axes=(1, 2)))


def test_crop_vector_gives_the_crops_own_affine():
    affine = crop_to_affine(torch.from_numpy(CROP.vector)[None], 128)[0].numpy()
    assert np.allclose(affine, CROP.frame_from_patch)


def test_local_map_is_the_same_everywhere():
    maps = local_direction_map(2, 4, torch.zeros(1))
    assert torch.equal(maps[0], maps[1])
    assert maps[0, 0, 2].tolist() == maps[0, 1, :, 1].tolist() == torch.linspace(0, 1, 4).tolist()
    in_cells = local_direction_map(1, 4, torch.zeros(1), largest=4.0)
    assert in_cells[0, 0, 2].tolist() == torch.linspace(0, 4, 4).tolist()
