"""The light behaves: corners are dark, blocked lights are shadowed, skin is not cloth."""

import numpy as np
import pytest

from knuckle.synth.look import ambient_kernels, light_kernels
from knuckle.synth.look.lighting import load_environments, sample_light, srgb_curve, srgb_to_linear
from knuckle.synth.look.mesh_kernels import vertex_normals
from knuckle.synth.look.render import OCCLUSION_AXES, spread_axes


def plate(*, height: float, half: float, cells: int = 24):
    """A horizontal square facing up (+z) at a height, and its faces."""
    axis = np.linspace(-half, half, cells + 1)
    x, y = np.meshgrid(axis, axis)
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], -1)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + cells + 2], -1),
            np.stack([corner, corner + cells + 2, corner + cells + 1], -1),
        ]
    )
    return vertices, faces.astype(np.int32)


def open_share(vertices, faces):
    """Unoccluded share of an even environment at every vertex."""
    count = len(vertices)
    normals = np.zeros((count, 3))
    vertex_normals(vertices, faces, normals)
    sh = np.zeros((9, 3))
    sh[0] = 1 / 0.282095
    share, light = np.zeros((count, 3)), np.zeros((count, 3))
    low = np.zeros((ambient_kernels.MAP_CELLS,) * 2, np.float32)
    ambient_kernels.ambient(
        vertices, normals, faces, np.zeros(3), 0.15, spread_axes(OCCLUSION_AXES), sh, np.eye(3), low,
        low.copy(), np.zeros((len(faces), 3)), share, light,
    )  # fmt: skip
    return share[:, 0], light[:, 0]


def test_an_even_environment_lights_a_free_surface_fully():
    vertices, faces = plate(height=0.0, half=0.05)
    share, light = open_share(vertices, faces)
    np.testing.assert_allclose(share, 1, atol=0.02)
    np.testing.assert_allclose(light, 1, atol=1e-6)


def test_a_roof_darkens_what_lies_under_it_the_more_the_lower_it_is():
    ground, faces = plate(height=0.0, half=0.05)
    middle = np.linalg.norm(ground[:, :2], axis=1) < 0.01
    shares = []
    for height in (0.012, 0.04, 0.1):
        roof, roof_faces = plate(height=height, half=0.05)
        vertices = np.concatenate([ground, roof])
        share, _ = open_share(vertices, np.concatenate([faces, roof_faces + len(ground)]).astype(np.int32))
        shares.append(share[: len(ground)][middle].mean())
    assert shares[0] < 0.35 < 0.9 > shares[1]
    assert shares[0] < shares[1] < shares[2]


def test_the_shadow_map_keeps_the_surface_nearest_the_light():
    ground, faces = plate(height=0.0, half=0.05)
    roof, roof_faces = plate(height=0.05, half=0.02)
    vertices = np.concatenate([ground, roof])
    faces = np.concatenate([faces, roof_faces + len(ground)]).astype(np.int32)
    coordinates = np.zeros((len(vertices), 3))
    light_kernels.light_space(vertices, np.array([0.0, 0.0, 1.0]), np.zeros(3), 0.06, 60, coordinates)
    heights = np.zeros((60, 60), np.float32)
    light_kernels.shadow_map(coordinates, faces, heights)
    assert heights[30, 30] == pytest.approx(0.05, abs=1e-6)
    assert heights[30, 8] == pytest.approx(0.0, abs=1e-6)
    assert heights[1, 1] < -1


def test_made_up_light_has_unit_mean_luminance_and_unit_directions():
    _, none = load_environments(None)
    for seed in range(20):
        light = sample_light(np.random.default_rng(seed), none)
        luminance = light.sh[0] @ [0.2126, 0.7152, 0.0722] * 0.282095
        assert 0.8 < luminance < 1.2
        np.testing.assert_allclose(np.linalg.norm(light.directions, axis=1), 1)
        np.testing.assert_allclose(light.env_from_camera @ light.env_from_camera.T, np.eye(3), atol=1e-12)
        assert (light.colours >= 0).all()


def test_the_tone_curve_is_srgb_below_its_shoulder_and_rises_throughout():
    curve = srgb_curve()
    linear = np.linspace(0, 4, len(curve))
    low = linear < 0.55
    np.testing.assert_allclose(srgb_to_linear(curve[low]), linear[low], atol=1e-4)
    assert (np.diff(curve) >= 0).all() and curve[-1] <= 255
