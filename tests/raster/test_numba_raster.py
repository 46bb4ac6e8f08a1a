"""What the numba rasteriser does beyond the rule shared by all three: scaled grids and culling."""

import numpy as np
import pytest
from meshes import sphere

from knuckle.errors import KnuckleError
from knuckle.raster.numba_raster import fill_buffers, rasterise


def buffers(height, width):
    return np.full((height, width), -1, np.int32), np.full((height, width), np.inf, np.float32)


def test_a_scaled_grid_equals_scaled_vertices():
    vertices, faces = sphere()
    vertices, faces = np.ascontiguousarray(vertices, float), np.ascontiguousarray(faces, np.int32)
    face_id, depth = buffers(96, 96)
    fill_buffers(vertices, faces, 2.0, 0.5, 0, face_id, depth)
    expected = rasterise(vertices * [2, 2, 1] + [0.5, 0.5, 0], faces, 96, 96)
    np.testing.assert_array_equal(face_id, expected[0])
    np.testing.assert_array_equal(depth, expected[1])
    assert (face_id >= 0).sum() > 200


def test_culling_the_back_of_a_closed_mesh_changes_nothing_seen():
    vertices, faces = sphere()
    vertices, faces = np.ascontiguousarray(vertices, float), np.ascontiguousarray(faces, np.int32)
    face_id, depth, _ = rasterise(vertices, faces, 64, 64)
    sides = {}
    for cull in (-1, 1):
        sides[cull] = buffers(64, 64)
        fill_buffers(vertices, faces, 1.0, 0.0, cull, *sides[cull])
    same = [np.array_equal(sides[cull][0], face_id) for cull in (-1, 1)]
    assert sorted(same) == [False, True]
    far = sides[(-1, 1)[same.index(False)]][1]
    seen = np.isfinite(depth) & np.isfinite(far)
    assert (far[seen] >= depth[seen]).all()
    assert (far[seen] > depth[seen]).mean() > 0.9


@pytest.mark.parametrize(
    ("vertices", "faces", "height", "message"),
    [
        (np.zeros((4, 2)), np.zeros((1, 3), int), 8, "vertices_px"),
        (np.zeros((4, 3)), np.zeros((1, 4), int), 8, "faces"),
        (np.ones((4, 3)), np.full((1, 3), 4), 8, "below 4"),
        (np.ones((4, 3)), np.zeros((1, 3), int), 0, "1x1"),
    ],
)
def test_wrong_input_is_named(vertices, faces, height, message):
    with pytest.raises(KnuckleError, match=message):
        rasterise(vertices, faces, height, 8)
