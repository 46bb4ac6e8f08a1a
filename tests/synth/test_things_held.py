"""Hands that hold something: exact labels, nothing inside anything, and every other crop as it was."""

import dataclasses

import numpy as np
import pytest

from knuckle.poses.penetration import hand_capsules
from knuckle.rig.kinematics import joints_by_angles
from knuckle.synth.engine import SynthEngine
from knuckle.synth.labels import add_full_labels, visible_joints
from knuckle.synth.options import SynthOptions
from knuckle.synth.things.grip import GRIP_SHARES, draw_grips
from knuckle.synth.things.held_mesh import LABELS, paint_label
from knuckle.synth.things.solid import TURNED, blob, box, clearance, turned
from knuckle.synth.things.solid_mesh import grid_mesh, ring_mesh, surface

SOLIDS = [
    turned([(0.0, -0.05), (0.02, -0.05), (0.03, 0.0), (0.01, 0.06), (0.0, 0.06)]),
    box((0.03, 0.06, 0.01), 0.003),
    blob((0.03, 0.03, 0.03), 2.0),
]


def mesh_of(solid):
    return ring_mesh() if solid.kind[0] == TURNED else grid_mesh()


def make_engine(*extras):
    return SynthEngine(5, SynthOptions(size=96, labels="full", backgrounds="procedural", extras=extras))


@pytest.fixture(scope="module")
def holding():
    return make_engine("objects")


@pytest.fixture(scope="module")
def held_indices(holding):
    return [i for i in range(512) if holding.held.grip(i) is not None]


def far_points(count, spread=0.06):
    return np.random.default_rng(0).uniform(-spread, spread, (1, count, 3))


@pytest.mark.parametrize("solid", SOLIDS)
def test_a_mesh_lies_on_its_solid_and_looks_outwards(solid):
    vertices, corner = surface(solid)
    faces = mesh_of(solid).faces
    gap = clearance(solid, np.eye(3)[None], np.zeros((1, 3)), vertices[None])
    assert np.abs(gap).max() < 1e-6 and corner.shape == (len(faces), 3, 2)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    assert (np.cross(a, b) * c).sum() > 0
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


@pytest.mark.parametrize("solid", SOLIDS)
def test_the_distance_is_that_to_the_mesh(solid):
    vertices, _ = surface(solid)
    faces = mesh_of(solid).faces
    dense = np.concatenate([vertices, vertices[faces].mean(1)])
    points = far_points(60)
    gap = clearance(solid, np.eye(3)[None], np.zeros((1, 3)), points)[0]
    nearest = np.linalg.norm(points[0][:, None] - dense, axis=-1).min(1)
    np.testing.assert_allclose(np.abs(gap), nearest, atol=0.004)
    radius = np.linalg.norm(points[0], axis=1)
    assert (gap[radius < 0.009] < 0).all() and (gap[radius > 0.09] > 0).all()


def test_a_share_of_the_hands_holds_all_sorts_of_things(holding, held_indices):
    kinds = [int(holding.held.grip(i).solid.kind[0]) for i in held_indices]
    assert 0.38 < len(held_indices) / 512 < 0.5
    assert min(np.bincount(kinds, minlength=3)) > 20


@pytest.mark.parametrize("kind", list(GRIP_SHARES))
def test_fingers_touch_and_do_not_enter(holding, kind):
    rng = np.random.default_rng(2)
    shape = np.clip(rng.standard_normal((40, 10)), -2.5, 2.5)
    grips, good = draw_grips(holding.rig, np.array([kind] * 40), shape, rng)
    assert good.mean() > 0.3
    joints, _ = joints_by_angles(holding.rig, grips.angles, shape)
    start, end, radii = hand_capsules(holding.rig, joints.astype(float))
    points = start[:, :, None] + np.linspace(0, 0.8, 9)[:, None] * (end - start)[:, :, None]
    held = grips.held
    gap = clearance(held.solids, held.axes, held.centre, points.reshape(40, -1, 3)).reshape(points.shape[:3])
    depth = (radii[..., None] - gap).max(2)[good]
    assert (depth[:, :15].max(1) <= 0.005).mean() >= 0.95
    assert (depth[:, 15:].max(1) <= 0.005).mean() >= 0.95
    assert (depth.max(1) > -0.003).all()


def test_labels_of_hands_that_hold_something_are_exact(holding, held_indices):
    for index in held_indices[:5]:
        sample, grip = holding.sample(index), holding.held.grip(index)
        posed = holding.rig.posed(sample.pose[None], sample.shape[None], sample.translation[None])
        np.testing.assert_allclose(posed.joints[0], sample.joints_m, atol=1e-4)
        np.testing.assert_allclose(posed.vertices[0], sample.vertices_m, atol=1e-4)
        np.testing.assert_allclose(sample.pose[1:], grip.pose[1:], atol=1e-6)


def test_the_thing_hides_what_lies_behind_it(holding, held_indices):
    """Against the same scene without it, a thing takes pixels from the masks and joints from the visible ones."""
    lost, hidden, before_it = 0, 0, 0
    for index in held_indices[:12]:
        sample, scene = holding.hand(holding.draw(index))
        add_full_labels(sample, scene)
        renderer, first = scene.renderer, scene.renderer.mesh.first_sleeve
        things = np.arange(first, first + renderer._faces)
        before_it += np.isin(renderer.face_id, things).sum()
        bare = renderer._fill(np.ascontiguousarray(np.delete(scene.faces, things, axis=0)))
        seen = visible_joints(scene, sample.joints_m.astype(float), sample.joints_px.astype(float))
        assert not (sample.visible & ~seen).any()
        hidden += (seen & ~sample.visible).sum()
        alone = dataclasses.replace(sample)
        add_full_labels(alone, scene._replace(faces=bare))
        taken = (sample.part_mask == 0) & (alone.part_mask > 0)
        assert (sample.part_mask == alone.part_mask)[~taken].all() and np.isinf(sample.depth_m[taken]).all()
        lost += taken.sum()
    assert lost > 500 and hidden > 10 and before_it > 4 * lost


def test_crops_that_hold_nothing_are_those_of_the_plain_set(holding, held_indices):
    plain = make_engine()
    others = [i for i in range(60) if i not in held_indices][:3]
    for index in others:
        np.testing.assert_array_equal(plain.sample(index).image, holding.sample(index).image)
    assert (
        np.abs(plain.sample(held_indices[0]).image.astype(int) - holding.sample(held_indices[0]).image).max()
        > 40
    )


def test_samples_repeat_whatever_came_before(holding, held_indices):
    fresh = make_engine("objects")
    for index in held_indices[3:0:-2]:
        np.testing.assert_array_equal(fresh.sample(index).image, holding.sample(index).image)


def test_hard_poses_come_in_half_of_the_crops_and_leave_the_others_alone(tmp_path):
    plain = SynthEngine(5, SynthOptions(size=96, backgrounds="procedural"), folder=tmp_path)
    hard = SynthEngine(5, SynthOptions(size=96, backgrounds="procedural", extras=("poses",)), folder=tmp_path)
    same = np.array([(plain.pool.pose(i) == hard.pool.pose(i)).all() for i in range(512)])
    assert same.mean() == 0.5
    index = int(np.flatnonzero(same)[0])
    np.testing.assert_array_equal(plain.sample(index).image, hard.sample(index).image)
    changed = hard.sample(int(np.flatnonzero(~same)[0]))
    posed = hard.rig.posed(changed.pose, changed.shape, changed.translation)
    np.testing.assert_allclose(posed.joints, changed.joints_m, atol=1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {"poses-00.npy", "poses-poses-00.npy"}
    again = SynthEngine(
        5, SynthOptions(size=96, backgrounds="procedural", extras=("poses",)), folder=tmp_path
    )
    np.testing.assert_array_equal(again.sample(index).image, hard.sample(index).image)


def test_labels_on_things_differ_and_stay_in_range():
    means = [paint_label(seed).mean() for seed in range(LABELS)]
    assert np.ptp(means) > 40 and SOLIDS[0].kind[0] == TURNED
