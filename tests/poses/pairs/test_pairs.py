"""Pairs of hands: contact, overlap, sides, bodies, and the parts they are made with."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from knuckle.errors import KnuckleError
from knuckle.poses.pairs import solve as pair_motion
from knuckle.poses.pairs.contact import (
    TOUCH_M,
    close_fingers,
    find_deepest,
    move_until_touching,
    pair_penetration,
)
from knuckle.poses.pairs.places import back, bring_together, palm, pick_vertices, sample_small_turns, tip
from knuckle.poses.pairs.pose import PairPose, hand_body, link_matrices, pair_bodies, pose_hand, pose_pairs
from knuckle.poses.pairs.postures import GRIP, SOFT, STEEPLE, sample_angles, sample_pair_of_hands
from knuckle.poses.pairs.sample import (
    DRAWN_BY,
    MAX_OVERLAP_M,
    PAIR_KINDS,
    TOUCHING,
    HandPairs,
    sample_pair_views,
    sample_pairs,
)
from knuckle.poses.pairs.solve import solve_contacts
from knuckle.poses.penetration import joints_penetration
from knuckle.poses.prior import MAX_PENETRATION_M, sample_poses, sample_shapes
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import angles_to_matrices, clamp_angles, joint_limits, pose_to_angles
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues

_PER_KIND = 24
RIGHT, LEFT = load_rig(), load_rig("open", side="left")


@pytest.fixture(scope="module")
def pairs() -> HandPairs:
    parts = [
        sample_pairs(RIGHT, _PER_KIND, np.random.default_rng(k), kinds=[kind])
        for k, kind in enumerate(PAIR_KINDS)
    ]
    return HandPairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@pytest.fixture(scope="module")
def hands(pairs):
    """Vertices, joints and wrist rotations of both hands, each by its own rig."""
    posed = [
        rig.posed(pairs.pose[:, hand], pairs.shape[:, hand], pairs.translation[:, hand])
        for hand, rig in enumerate((RIGHT, LEFT))
    ]
    return [np.stack(part, 1) for part in zip(*posed, strict=True)]


def unit_turns(count, seed):
    return rodrigues(np.random.default_rng(seed).standard_normal((count, 3)))


def inside(points, vertices, faces):
    """Points inside a closed mesh, by the solid angle its faces span (Van Oosterom and Strackee 1983)."""
    a, b, c = np.moveaxis(vertices[faces][None] - points[:, None, None], 2, 0)
    la, lb, lc = (np.linalg.norm(corner, axis=-1) for corner in (a, b, c))
    top = (a * np.cross(b, c)).sum(-1)
    bottom = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return np.arctan2(top, bottom).sum(1) > np.pi


def surface(vertices, faces):
    """Points on a mesh, about 2 mm from each other."""
    return np.concatenate([vertices, vertices[faces].mean(1)])


def test_every_kind_occurs_in_the_promised_format():
    drawn_pairs = sample_pairs(RIGHT, 100, np.random.default_rng(0))
    assert [array.shape for array in drawn_pairs] == [(100, 2, 16, 3), (100, 2, 10), (100, 2, 3), (100,)]
    assert [array.dtype for array in drawn_pairs[:3]] == [np.float32] * 3
    assert set(drawn_pairs.kind) == set(range(len(PAIR_KINDS)))
    assert set(DRAWN_BY) == set(PAIR_KINDS) and set(TOUCHING) < set(PAIR_KINDS)
    assert (np.diff(drawn_pairs.kind) < 0).any(), "kinds come in shuffled order"
    assert all(np.isfinite(array).all() for array in drawn_pairs)
    empty = sample_pairs(RIGHT, 0, np.random.default_rng(0))
    assert [len(array) for array in empty] == [0] * 4 and empty.pose.shape == (0, 2, 16, 3)


def test_pairs_depend_on_the_generator_alone():
    first, again, other = (
        sample_pairs(RIGHT, 6, np.random.default_rng(seed), kinds=["crossing", "grasp"]) for seed in (3, 3, 4)
    )
    for mine, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(mine, same)
    assert np.abs(first.pose - other.pose).max() > 0.1


def test_both_hands_are_one_persons_within_the_limits(pairs):
    assert np.abs(pairs.shape[:, 0] - pairs.shape[:, 1]).max() < 0.6 < np.ptp(pairs.shape[:, 0], axis=0).min()
    low, high = joint_limits()
    for hand, rig in enumerate((RIGHT, LEFT)):
        angles = pose_to_angles(rig, pairs.pose[:, hand].astype(np.float64))[:, 1:]
        assert (angles > low[1:] - 1e-4).all() and (angles < high[1:] + 1e-4).all()


def test_the_middle_of_all_joints_is_the_origin(hands):
    np.testing.assert_allclose(hands[1].mean((1, 2)), 0, atol=1e-6)


def test_hands_overlap_neither_each_other_nor_themselves(hands):
    joints = hands[1]
    assert pair_penetration(RIGHT, joints[:, 0], joints[:, 1]).max() <= MAX_OVERLAP_M + 1e-5
    for hand, rig in enumerate((RIGHT, LEFT)):
        assert joints_penetration(rig, joints[:, hand]).max() <= MAX_PENETRATION_M + 1e-5


def test_meshes_hardly_enter_each_other(pairs, hands):
    depths, shares = [], []
    for pair in range(0, len(pairs.kind), 11):
        right, left = hands[0][pair].astype(np.float64)
        far, _ = cKDTree(surface(left, LEFT.faces)).query(right)
        near = np.flatnonzero(far < 0.01)
        within = near[inside(right[near], left, LEFT.faces)] if len(near) else near
        depths.append(far[within].max(initial=0))
        shares.append(len(within) / len(right))
    assert max(depths) < 0.009 and np.mean(depths) < 0.0035 and np.mean(shares) < 0.03


def test_kinds_that_mean_contact_touch(pairs, hands):
    for kind in TOUCHING:
        touch = hands[0][pairs.kind == PAIR_KINDS.index(kind)][::2]
        gaps = [cKDTree(surface(right, RIGHT.faces)).query(left)[0].min() for right, left in touch]
        assert np.median(gaps) < 0.002 and max(gaps) < 0.006, kind


def test_either_hand_takes_either_part(pairs):
    fists = pairs.pose[pairs.kind == PAIR_KINDS.index("fist_in_palm")].astype(np.float64)
    bend = [pose_to_angles(rig, fists[:, hand])[:, 1:13, 2].sum(1) for hand, rig in enumerate((RIGHT, LEFT))]
    assert 0.2 < (bend[0] > bend[1]).mean() < 0.8


def test_both_arms_come_from_one_body(pairs, hands):
    wrists, towards = hands[1][:, :, 0], hands[2][:, :, 0, :3, 1]
    elbows = wrists + 0.26 * towards
    assert ((elbows[:, 1] - elbows[:, 0])[:, 0] > 0).mean() > 0.9, "the left arm on the picture's right"
    assert (towards[..., 1] > -0.5).all() and (towards[:, 0] * towards[:, 1]).sum(-1).min() > -0.95
    behind_or_below = towards.sum(1)[:, 1:].sum(1) > 0
    assert behind_or_below.mean() > 0.9


def test_a_rig_may_lie_in_any_direction_at_rest():
    lying = unit_turns(1, 12)[0].astype(np.float32)
    rig = replace(
        RIGHT,
        vertices=RIGHT.vertices @ lying.T,
        shape_basis=np.einsum("ij,vjk->vik", lying, RIGHT.shape_basis),
        axes=RIGHT.axes @ lying.T,
        pose_basis=RIGHT.pose_basis[..., :0],
        pose_map=RIGHT.pose_map[:0],
    )
    drawn_pairs = sample_pairs(rig, 20, np.random.default_rng(12), kinds=["side_by_side", "fingertips"])
    joints = rig.posed(drawn_pairs.pose[:, 0], drawn_pairs.shape[:, 0], drawn_pairs.translation[:, 0]).joints
    towards = joints[:, 0] - joints[:, 9]
    assert (towards[:, 1] > 0).mean() > 0.7 and (towards[:, 0] < 0).mean() > 0.6


def test_bad_requests_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(KnuckleError, match=r"kinds: expected some of side_by_side.*got waving"):
        sample_pairs(RIGHT, 3, rng, kinds=["palms", "waving"])
    with pytest.raises(KnuckleError, match="count >= 0"):
        sample_pairs(RIGHT, -1, rng)
    with pytest.raises(KnuckleError, match="right hand's rig"):
        sample_pairs(LEFT, 1, rng)


def test_views_see_pairs_from_in_front_and_as_their_owner_does():
    views = sample_pair_views(3000, np.random.default_rng(1)).astype(np.float64)
    np.testing.assert_allclose(
        views @ views.swapaxes(1, 2), np.broadcast_to(np.eye(3), views.shape), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(views), 1, atol=1e-5)
    upright, away = views[:, 1, 1] > 0.3, views[:, 2, 2]
    assert 0.4 < (upright & (away > 0.2)).mean() < 0.65 and 0.25 < (upright & (away < -0.2)).mean() < 0.45
    owner = upright & (away < -0.2)
    # What lies before the owner (-z) is higher in the picture than what lies behind: it looks down on its hands.
    assert (views[owner, 1, 2] > 0).mean() > 0.85


def test_penetration_is_the_same_in_a_mirror_and_falls_with_distance(hands):
    right, left = hands[1][:, 0], hands[1][:, 1]
    flip = np.array([-1, 1, 1], np.float32)
    depth = pair_penetration(RIGHT, right, left)
    np.testing.assert_allclose(pair_penetration(RIGHT, left * flip, right * flip), depth, atol=2e-5)
    assert (pair_penetration(RIGHT, right, left + 0.4) == 0).all()
    middle = right.mean(1, keepdims=True) - left.mean(1, keepdims=True)
    assert (pair_penetration(RIGHT, right, left + middle) > 0.003).all()


def test_the_body_follows_the_skin():
    rng = np.random.default_rng(2)
    posed = RIGHT.posed(sample_poses(RIGHT, 12, rng), sample_shapes(12, rng))
    body = hand_body(RIGHT, posed.joints, side="right")
    along = (body.end - body.start)[:, None]
    offset = posed.vertices[:, :, None] - body.start[:, None]
    share = np.clip((offset * along).sum(-1) / (along**2).sum(-1), 0, 1)
    radius = body.start_radius[:, None] + share * (body.end_radius - body.start_radius)[:, None]
    off = (np.linalg.norm(offset - share[..., None] * along, axis=-1) - radius).min(-1)
    assert np.sqrt((off**2).mean()) < 0.002 and np.percentile(off, 99) < 0.005


def some_hands(count, seed):
    rng = np.random.default_rng(seed)
    angles = np.stack([sample_angles(RIGHT, SOFT, count, rng) for _ in range(2)], 1)
    pose = sample_pair_of_hands(angles, rng)
    right, left = (
        pick_vertices([palm(RIGHT)], np.zeros(count, int), rng),
        pick_vertices([back(RIGHT)], np.zeros(count, int), rng),
    )
    turned = rng.uniform(-180, 180, count)
    return bring_together(
        RIGHT, pose, right, left, turned=turned, tilt=sample_small_turns(count, 5, rng), gap_m=0.01
    )


def test_hands_brought_together_touch():
    pose, normal = some_hands(12, 5)
    overlap, _ = find_deepest(
        *pair_bodies(RIGHT, pose_pairs(RIGHT, move_until_touching(RIGHT, pose, normal)).joints_m)
    )
    np.testing.assert_allclose(overlap, TOUCH_M, atol=4e-4)


def test_closing_fingers_come_nearer_and_do_not_enter():
    pose, normal = some_hands(12, 6)
    pose = move_until_touching(RIGHT, pose, normal)
    after = close_fingers(RIGHT, pose, 0, np.broadcast_to(GRIP.angles(RIGHT), (12, 16, 3)))
    np.testing.assert_array_equal(after.angles[:, 1], pose.angles[:, 1])
    bend = (after.angles - pose.angles)[:, 0, 1:13, 2].sum(1)
    depth = find_deepest(*pair_bodies(RIGHT, pose_pairs(RIGHT, after).joints_m))[0]
    assert (bend > 0.3).mean() > 0.8 and depth.max() < 0.0035
    assert joints_penetration(RIGHT, pose_hand(RIGHT, after, 0)[0]).max() < 0.006


def test_link_matrices_are_those_of_the_angles():
    angles = np.random.default_rng(7).uniform(*joint_limits(), (30, 16, 3))
    for rig in (RIGHT, LEFT):
        exact = angles_to_matrices(rig, angles)
        np.testing.assert_allclose(link_matrices(rig, angles)[:, 1:], exact[:, 1:], atol=2e-6)


def test_the_left_hand_of_a_pose_is_the_mirrored_right_one():
    rng = np.random.default_rng(8)
    angles = clamp_angles(RIGHT, rng.uniform(*joint_limits(), (6, 2, 16, 3)))
    turn = unit_turns(12, 8).reshape(6, 2, 3, 3)
    pose = PairPose(angles, rng.standard_normal((6, 2, 10)), turn, rng.random((6, 2, 3)))
    here, mirrored = pose_pairs(RIGHT, pose).joints_m, pose_pairs(RIGHT, pose.mirrored()).joints_m
    np.testing.assert_allclose(mirrored[:, ::-1] * [-1, 1, 1], here, atol=1e-6)
    still = PairPose(angles, pose.shape, np.tile(np.eye(3), (6, 2, 1, 1)), np.zeros((6, 2, 3)))
    expected, _ = joints_by_angles(LEFT, angles[:, 1], pose.shape[:, 1])
    np.testing.assert_allclose(pose_hand(RIGHT, still, 1)[0], expected - expected[:, :1], atol=1e-6)


def moved(pose, column, step):
    """The pairs after a change of one of what the solver changes."""
    angles, turn, wrist = pose.angles.copy(), pose.turn.copy(), pose.wrist.copy()
    hand, own = divmod(column, len(pair_motion.FREE))
    if hand < 2:
        angles[:, hand, pair_motion.FREE[own, 0], pair_motion.FREE[own, 1]] += step
    elif own < 3:
        wrist[:, 1, own] += step
    else:
        turn[:, 1] = rodrigues(step * np.eye(3)[own - 3]) @ turn[:, 1]
    return PairPose(angles, pose.shape, turn, wrist)


def test_derivatives_of_the_misfit():
    pose, normal = some_hands(8, 9)
    pose = move_until_touching(RIGHT, pose, normal, press_m=0.004)
    rng = np.random.default_rng(9)
    tips = [tip(RIGHT, finger) for finger in range(5)]
    vertices = [pick_vertices(tips, rng.integers(0, 5, 8), rng)[:, None] for _ in range(2)]
    contacts = pair_motion.Contacts(*vertices, np.ones((8, 1)))
    at = pair_motion.measure_misfit(RIGHT, pose, contacts)
    overlaps = at.residual.shape[1] - 6
    rows, deepest_row = np.arange(8), at.residual[:, :overlaps].argmax(1)
    assert (at.residual[rows, deepest_row] > 0.001).all()
    for column in range(at.jacobian.shape[2]):
        ahead, behind = (
            pair_motion.measure_misfit(RIGHT, moved(pose, column, step), contacts).residual
            for step in (5e-4, -5e-4)
        )
        numeric = (ahead - behind)[:, overlaps:] / 1e-3
        np.testing.assert_allclose(numeric, at.jacobian[:, overlaps:, column], atol=1e-4)
        numeric = (ahead[:, :overlaps].max(1) - behind[:, :overlaps].max(1)) / 1e-3
        # Another capsule may become the deepest, and radii change along them: most must agree, and nearly.
        assert np.median(np.abs(numeric - at.jacobian[rows, deepest_row, column])) < 0.03


def test_solving_makes_contacts_and_frees_what_overlaps():
    rng = np.random.default_rng(10)
    angles = np.stack([sample_angles(RIGHT, STEEPLE, 16, rng), sample_angles(RIGHT, SOFT, 16, rng)], 1)
    pose, count = sample_pair_of_hands(angles, rng), np.zeros(16, int)
    right, left = pick_vertices([tip(RIGHT, 1)], count, rng), pick_vertices([back(RIGHT)], count, rng)
    turned = rng.uniform(-180, 180, 16)
    pose, _ = bring_together(
        RIGHT, pose, right, left, turned=turned, tilt=sample_small_turns(16, 10, rng), gap_m=0.03
    )
    contacts = pair_motion.Contacts(right[:, None], left[:, None], np.ones((16, 1)), facing_m=0.001)
    before = pair_motion.measure_misfit(RIGHT, pose, contacts).worst_m
    after = solve_contacts(RIGHT, pose, contacts)
    worst = pair_motion.measure_misfit(RIGHT, after, contacts).worst_m
    assert before.min() > 0.025 and np.median(worst) < 0.002
    np.testing.assert_array_equal(clamp_angles(RIGHT, after.angles), after.angles)
    still = solve_contacts(RIGHT, pose, contacts, steps=3, still=(True, False))
    np.testing.assert_array_equal(still.angles[:, 0], pose.angles[:, 0])
