"""The three rasterisers give the same faces, depths and barycentrics, and keep what the rule promises."""

import numpy as np
import pytest
import torch
from meshes import grid, sphere, triangle_soup

from knuckle.errors import KnuckleError
from knuckle.raster import numba_raster, numpy_raster, torch_raster


def torch_rasterise(vertices_px, faces, height, width):
    vertices = torch.as_tensor(np.asarray(vertices_px))[None]
    outputs = torch_raster.rasterise(vertices, torch.as_tensor(faces), height, width)
    return tuple(o[0].numpy() for o in outputs)


BACKENDS = {
    "numpy": numpy_raster.rasterise,
    "numba": numba_raster.rasterise,
    "torch": torch_rasterise,
}
EACH = pytest.mark.parametrize("rasterise", BACKENDS.values(), ids=BACKENDS.keys())


def assert_agree(vertices, faces, height, width):
    expected = numpy_raster.rasterise(vertices, faces, height, width)
    for name in ("numba", "torch"):
        face_id, depth, bary = BACKENDS[name](vertices, faces, height, width)
        np.testing.assert_array_equal(face_id, expected[0], err_msg=name)
        np.testing.assert_allclose(depth, expected[1], rtol=3e-7, err_msg=name)
        np.testing.assert_allclose(bary, expected[2], atol=2e-5, err_msg=name)
    return expected


def brute_force(vertices, faces, height, width):
    """Every face tried at every pixel, in exact rational-free float64, closest first; no tie rule."""
    depth = np.full((height, width), np.inf)
    face_id = np.full((height, width), -1)
    v, u = np.mgrid[:height, :width]
    for index, face in enumerate(faces):
        (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = vertices[face]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0 or min(z0, z1, z2) <= 0:
            continue
        w0 = ((x1 - u) * (y2 - v) - (x2 - u) * (y1 - v)) / area
        w1 = ((x2 - u) * (y0 - v) - (x0 - u) * (y2 - v)) / area
        w2 = 1 - w0 - w1
        z = 1 / np.where((w := np.stack([w0, w1, w2])).min(0) > 0, w0 / z0 + w1 / z1 + w2 / z2, 1)
        wins = (w.min(0) > 0) & (z < depth)
        depth[wins], face_id[wins] = z[wins], index
    return face_id, depth


@pytest.mark.parametrize("seed", range(6))
def test_random_triangles_agree_with_each_other_and_with_brute_force(seed):
    vertices, faces = triangle_soup(np.random.default_rng(seed))
    face_id, depth, _ = assert_agree(vertices, faces, 40, 48)
    slow_id, slow_depth = brute_force(vertices, faces, 40, 48)
    np.testing.assert_array_equal(face_id, slow_id)
    np.testing.assert_allclose(depth, slow_depth, rtol=1e-6)
    assert (face_id >= 0).mean() > 0.3


def test_float32_input_gives_the_same_faces():
    vertices, faces = sphere()
    assert_agree(vertices.astype(np.float32), faces.astype(np.int32), 48, 48)


@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.0, 0.3), (1.05, 0.98), (0.5, -0.2)])
def test_closed_mesh_across_the_edge_of_the_picture(centre):
    vertices, faces = sphere(centre=centre)
    face_id, _, _ = assert_agree(vertices, faces, 40, 56)
    # The near half hides the far half: every seen face looks at the camera.
    seen = vertices[faces[np.unique(face_id[face_id >= 0])]]
    a, b = seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 0]
    turns = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    assert len(np.unique(np.sign(turns))) == 1


@EACH
def test_shared_edges_through_pixel_centres_leave_no_holes_and_no_doubles(rasterise):
    vertices, faces = grid()
    together = rasterise(vertices, faces, 50, 50)[0] >= 0
    alone = sum((rasterise(vertices, f[None], 50, 50)[0] >= 0).astype(int) for f in faces)
    assert together.sum() == 42 * 42
    np.testing.assert_array_equal(alone, together.astype(int))


def test_shared_edges_through_pixel_centres_agree():
    assert_agree(*grid(), 50, 50)
    assert_agree(*grid(step=3.5, offset=0.5), 32, 32)


@EACH
@pytest.mark.parametrize("seed", range(3))
def test_jittered_grid_covers_every_inner_pixel_once(rasterise, seed):
    vertices, faces = grid(jitter=2.0, rng=np.random.default_rng(seed))
    alone = sum((rasterise(vertices, f[None], 50, 50)[0] >= 0).astype(int) for f in faces)
    assert alone.max() == 1
    assert alone[6:42, 6:42].min() == 1


def test_degenerate_triangles_are_not_drawn_and_hide_nothing():
    vertices, faces = sphere()
    extra = np.array([[5, 5, 0.1], [5, 5, 0.1], [9, 9, 0.1], [30, 30, 0.1], [7, 30, 0.1], [7, 9, 0.1]])
    n = len(vertices)
    flat = np.array([[n, n, n], [n, n + 1, n + 2], [n, n + 2, n + 3], [0, 0, 1]])
    clean = assert_agree(vertices, faces, 48, 48)
    mixed = assert_agree(np.concatenate([vertices, extra]), np.concatenate([faces, flat]), 48, 48)
    np.testing.assert_array_equal(mixed[0], clean[0])


def test_slivers_agree():
    rng = np.random.default_rng(3)
    start = rng.uniform(0, 40, (200, 2))
    along = rng.normal(scale=15, size=(200, 2))
    thin = rng.normal(scale=1e-3, size=(200, 2))
    corners = np.stack([start, start + along, start + along + thin], 1)
    vertices = np.concatenate([corners, rng.uniform(0.3, 1, (200, 3, 1))], -1).reshape(-1, 3)
    assert_agree(vertices, np.arange(600).reshape(-1, 3), 40, 40)


def test_triangles_behind_or_reaching_behind_the_camera_are_not_drawn():
    vertices = np.array([[2, 2, 0.5], [30, 3, 0.5], [4, 30, 0.5], [2, 2, -0.5], [30, 3, 0.0], [4, 30, -1e-3]])
    faces = np.array([[3, 4, 5], [0, 1, 5], [0, 1, 2], [0, 4, 2]])
    face_id, _, _ = assert_agree(vertices, faces, 32, 32)
    assert set(np.unique(face_id)) == {-1, 2}


def test_equal_depth_goes_to_the_lower_face():
    vertices = np.array([[2, 2, 0.5], [30, 3, 0.5], [4, 30, 0.5]])
    face_id, _, _ = assert_agree(vertices, np.array([[0, 1, 2]] * 3), 32, 32)
    assert set(np.unique(face_id)) == {-1, 0}


def test_a_triangle_larger_than_the_picture_fills_it():
    vertices = np.array([[-9e4, -9e4, 0.4], [9e4, -9e4, 0.5], [0, 2e5, 0.9]])
    face_id, _, bary = assert_agree(vertices, np.array([[0, 1, 2]]), 9, 17)
    assert (face_id == 0).all()
    np.testing.assert_allclose(bary.sum(-1), 1, atol=1e-6)


@EACH
def test_barycentrics_are_perspective_correct(rasterise):
    vertices, faces = triangle_soup(np.random.default_rng(8))
    face_id, depth, bary = rasterise(vertices, faces, 40, 48)
    v, u = np.nonzero(face_id >= 0)
    corners = vertices[faces[face_id[v, u]]]
    # The point in space: x = u z, y = v z for a unit camera.
    space = np.concatenate([corners[..., :2] * corners[..., 2:], corners[..., 2:]], -1)
    point = (bary[v, u][..., None] * space).sum(1)
    np.testing.assert_allclose(point[:, :2] / point[:, 2:], np.stack([u, v], -1), atol=2e-3)
    np.testing.assert_allclose(point[:, 2], depth[v, u], rtol=1e-5)


@EACH
def test_empty_mesh_gives_an_empty_picture(rasterise):
    face_id, depth, bary = rasterise(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64), 5, 7)
    assert face_id.shape == (5, 7) and bary.shape == (5, 7, 3)
    assert (face_id == -1).all() and np.isinf(depth).all() and (bary == 0).all()


@EACH
def test_wrong_input_is_named(rasterise):
    vertices, faces = sphere()
    with pytest.raises(KnuckleError, match="vertices_px"):
        rasterise(vertices[:, :2], faces, 8, 8)
    with pytest.raises(KnuckleError, match="faces"):
        rasterise(vertices, faces[:, :2], 8, 8)
    with pytest.raises(KnuckleError, match="1x1"):
        rasterise(vertices, faces, 0, 8)


@pytest.mark.parametrize("module", ["numpy", "torch"])
def test_vertices_that_are_not_finite_take_only_their_faces_away(module):
    vertices, faces = sphere()
    broken = vertices.copy()
    broken[3], broken[9, 2], broken[20, 0] = np.nan, np.inf, -np.inf
    kept = ~np.isin(faces, [3, 9, 20]).any(1)
    left = BACKENDS[module](broken, faces, 48, 48)[1]
    right = BACKENDS[module](vertices, faces[kept], 48, 48)[1]
    np.testing.assert_array_equal(left, right)


def test_small_pieces_give_the_same_picture(monkeypatch):
    vertices, faces = triangle_soup(np.random.default_rng(1))
    whole = assert_agree(vertices, faces, 40, 48)
    monkeypatch.setattr(numpy_raster, "_SPANS_AT_ONCE", 7)
    monkeypatch.setattr(numpy_raster, "_FRAGMENTS_AT_ONCE", 11)
    monkeypatch.setattr("knuckle.raster.torch_visibility._SPANS_AT_ONCE", 7)
    monkeypatch.setattr("knuckle.raster.torch_visibility._FRAGMENTS_AT_ONCE", 11)
    for a, b in zip(whole, assert_agree(vertices, faces, 40, 48), strict=True):
        np.testing.assert_array_equal(a, b)
