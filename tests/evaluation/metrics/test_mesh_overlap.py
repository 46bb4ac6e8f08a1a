"""The volume inside two meshes, against solids whose common volume is known."""

import numpy as np
import pytest
import trimesh

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.meshes import overlap_volumes
from knuckle.rig import load_rig


def volume(first: trimesh.Trimesh, second: trimesh.Trimesh, **options: float) -> float:
    meshes = [np.asarray(m.vertices)[None] for m in (first, second)]
    return float(overlap_volumes(*meshes, np.asarray(first.faces), np.asarray(second.faces), **options)[0])


def sphere(x: float, y: float, z: float, *, radius: float = 0.03) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    mesh.apply_translation((x, y, z))
    return mesh


def test_boxes():
    first, second = (trimesh.creation.box((0.04, 0.05, 0.06)) for _ in range(2))
    second.apply_translation((0.01, 0.02, 0.03))
    assert volume(first, second) == pytest.approx(3 * 3 * 3)
    second.apply_translation((0.031, 0, 0))
    assert volume(first, second) == 0


@pytest.mark.parametrize("offset", [(0.02, 0.025, 0.0), (0.0, 0.02, 0.025), (0.025, 0.0, 0.02)])
def test_spheres_share_a_lens(offset):
    radius, distance = 0.03, float(np.linalg.norm(offset))
    lens = np.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12 * 1e6
    assert volume(sphere(0, 0, 0), sphere(*offset)) == pytest.approx(lens, rel=0.01)
    assert volume(sphere(*offset), sphere(0, 0, 0)) == pytest.approx(lens, rel=0.01)


def test_a_solid_within_another_counts_whole():
    inner = sphere(0.01, 0, 0, radius=0.01)
    assert volume(inner, sphere(0, 0, 0)) == pytest.approx(inner.volume * 1e6, rel=0.02)
    assert volume(inner, sphere(0, 0, 0), step_m=0.0005) == pytest.approx(inner.volume * 1e6, rel=0.003)


def test_overlap_that_is_hollow_does_not_count():
    """A ball in the hole of a ring: boxes and hulls overlap, the solids do not."""
    ring = trimesh.creation.torus(major_radius=0.03, minor_radius=0.01)
    assert volume(sphere(0, 0, 0, radius=0.015), ring) == 0
    assert volume(sphere(0, 0, 0, radius=0.025), ring) > 1


def test_a_mesh_that_runs_through_itself_counts_once_and_either_way_round():
    one, two = sphere(0, 0, 0), sphere(0.02, 0, 0)
    both = trimesh.util.concatenate([one, two])
    around = trimesh.creation.box((0.2, 0.2, 0.2))
    lens = np.pi * (4 * 0.03 + 0.02) * (2 * 0.03 - 0.02) ** 2 / 12
    assert volume(both, around) == pytest.approx((one.volume + two.volume - lens) * 1e6, rel=0.01)
    turned = trimesh.Trimesh(both.vertices, both.faces[:, ::-1], process=False)
    assert volume(turned, around) == pytest.approx(volume(both, around))


def test_hands_of_the_open_rig():
    right, left = load_rig("open"), load_rig("open", side="left")
    meshes = np.stack([right.vertices, right.vertices + np.array([1, 0, 0])]).astype(float)
    onto = np.array([2 * right.vertices[:, 0].mean(), 0, 0])
    mirror = np.stack([left.vertices + onto] * 2).astype(float)
    found = overlap_volumes(meshes, mirror, right.faces, left.faces)
    whole = abs(trimesh.Trimesh(right.vertices, right.faces, process=False).volume) * 1e6
    assert 0.2 * whole < found[0] < whole and found[1] == 0
    # A hand within itself: its whole volume.
    assert overlap_volumes(meshes[:1], meshes[:1], right.faces, right.faces)[0] == pytest.approx(
        whole, rel=0.01
    )


def test_meshes_that_cannot_be_measured_are_refused():
    ball = sphere(0, 0, 0)
    vertices, faces = np.asarray(ball.vertices)[None], np.asarray(ball.faces)
    with pytest.raises(KnuckleError, match="expected closed ones"):
        overlap_volumes(vertices, vertices, faces, faces[1:])
    with pytest.raises(KnuckleError, match="expected closed ones"):
        overlap_volumes(vertices, vertices, faces[:0], faces)
    with pytest.raises(KnuckleError, match="expected finite"):
        overlap_volumes(vertices * np.nan, vertices, faces, faces)
    with pytest.raises(KnuckleError, match="as many of each, got 1 and 2"):
        overlap_volumes(vertices, np.concatenate([vertices] * 2), faces, faces)
