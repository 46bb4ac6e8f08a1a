"""Every label of a two-hand crop agrees with the rigs of both sides, the picture's geometry and what is shown."""

import numpy as np
import pytest

from knuckle.geometry.crop import apply_affine
from knuckle.poses.pairs.sample import PAIR_KINDS
from knuckle.raster.numpy_raster import rasterise
from knuckle.rig import load_rig
from knuckle.rig.limits import angles_to_pose
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs.engine import PairEngine
from knuckle.synth.pairs.pool import PosedPair

RIGS = (load_rig("open", side="right"), load_rig("open", side="left"))
HALF = 48


def project(points, sample):
    fx, fy, cx, cy = sample.camera.astype(float)
    uv = points[..., :2] / points[..., 2:] * [fx, fy] + [cx, cy]
    return apply_affine(sample.patch_from_frame.astype(float), uv)


def hands(samples):
    """(sample, side) of every hand there is."""
    return [(s, side) for s in samples for side in (0, 1) if s.is_hand[side]]


def test_the_rig_of_its_side_gives_the_joints_and_vertices_back(pair_samples):
    assert {side for _, side in hands(pair_samples)} == {0, 1}
    for s, side in hands(pair_samples):
        pose, shape, translation = (a[side].astype(float) for a in (s.pose, s.shape, s.translation))
        posed = RIGS[side].posed(pose, shape, translation)
        np.testing.assert_allclose(posed.joints, s.joints_m[side], atol=3e-6)
        np.testing.assert_allclose(posed.vertices, s.vertices_m[side], atol=3e-6)


def test_joints_project_to_their_pixels_of_one_crop(pair_samples):
    for s, side in hands(pair_samples):
        np.testing.assert_allclose(project(s.joints_m[side].astype(float), s), s.joints_px[side], atol=5e-3)
        assert (s.joints_px[side] >= 0).all() and (s.joints_px[side] <= 95).all()


def test_crops_have_the_asked_room_and_some_single_hands_more(pair_samples):
    room = {1: [], 2: []}
    for s in pair_samples:
        if s.is_hand.any():
            extent = np.ptp(s.joints_px[s.is_hand].reshape(-1, 2), axis=0).max()
            room[int(s.is_hand.sum())].append(96 / extent)
    assert min(room[1] + room[2]) > 1.24 and max(room[2]) < 1.61 and max(room[1]) < 2.61
    wide = np.mean(np.array(room[1]) > 1.61)
    assert 0.1 < wide < 0.7


def test_a_hand_that_is_not_there_has_no_labels(pair_samples):
    for s in pair_samples:
        assert (s.kind == 255) == (not s.is_hand.all())
        assert s.kind < len(PAIR_KINDS) or s.kind == 255
        for side in np.flatnonzero(~s.is_hand):
            for rows in (s.joints_px, s.joints_m, s.pose, s.shape, s.translation, s.visible, s.vertices_m):
                assert not rows[side].any()
            shown = (s.part_mask >= 1 + 16 * side) & (s.part_mask <= 16 + 16 * side)
            assert not shown.any()


def independent_mask(sample):
    """The parts of both hands at the mask's pixels, by the reference rasteriser and nothing before the hands."""
    points, faces, labels, count = [], [], [], 0
    for side in np.flatnonzero(sample.is_hand):
        rig, vertices = RIGS[side], sample.vertices_m[side].astype(float)
        uv = (project(vertices, sample) - 0.5) / 2
        points.append(np.concatenate([uv, vertices[:, 2:]], 1))
        keep = ~(rig.faces == rig.cap_vertex).any(1)
        corner = np.asarray(rig.part_label)[rig.faces[keep]]
        part = np.array([np.bincount(row, minlength=16).argmax() for row in corner])
        faces.append(rig.faces[keep] + count)
        labels.append(part + 1 + 16 * side)
        count += len(vertices)
    face_id, *_ = rasterise(np.concatenate(points), np.concatenate(faces), HALF, HALF)
    return np.where(face_id < 0, 0, np.concatenate(labels)[face_id])


def test_part_masks_are_those_of_another_rasteriser(pair_samples):
    """Where the mask shows a part so does the other one; it misses only what objects, arms and edges cover."""
    agreed, shown, expected = np.zeros(2), np.zeros(2), np.zeros(2)
    for s in pair_samples:
        if not s.is_hand.any():
            assert not s.part_mask.any()
            continue
        other = independent_mask(s)
        for side in (0, 1):
            mine = (s.part_mask > 16 * side) & (s.part_mask <= 16 + 16 * side)
            agreed[side] += (s.part_mask == other)[mine].sum()
            shown[side] += mine.sum()
            expected[side] += ((other > 16 * side) & (other <= 16 + 16 * side)).sum()
    assert (shown > 2000).all()
    assert (agreed / shown > 0.985).all()
    assert (shown / expected > 0.8).all()


def test_visible_joints_lie_on_their_own_hand(pair_samples):
    """What the mask shows round a visible joint is its own hand, hardly ever the other one."""
    own, other, hidden = 0, 0, 0
    for s, side in hands(pair_samples):
        x, y = np.clip(np.rint((s.joints_px[side] - 0.5) / 2).astype(int), 0, HALF - 1).T
        under = s.part_mask[y, x]
        mine = (under > 16 * side) & (under <= 16 + 16 * side)
        own += (mine & s.visible[side]).sum()
        other += (~mine & (under > 0) & s.visible[side]).sum()
        hidden += (~s.visible[side]).sum()
    assert own > 500 and hidden > 100
    assert other < 0.02 * own


@pytest.mark.parametrize("front", [0, 1])
def test_a_hand_before_the_other_hides_just_what_it_covers(front):
    """Two open hands, one 9 cm before the other: the rear one's joints are hidden where the front one lies."""
    options = SynthOptions(size=96, backgrounds="procedural", hands="two", singles=0, labels="full")
    engine = PairEngine(0, options)
    engine.studio.occlude = lambda image, rng, joints: np.zeros(image.shape[:2], np.uint8)
    pose = np.asarray(angles_to_pose(engine.rig, np.zeros((16, 3))), float)
    pair = np.stack([pose, pose * [1, -1, -1]])
    move = -np.stack([rig.posed(p).joints[9] for rig, p in zip(RIGS, pair, strict=True)])
    move[front, 2] -= 0.09
    engine.pool.pair = lambda index: PosedPair(pair, np.zeros((2, 10)), move, 1)
    engine.pool.view = lambda index: np.eye(3)
    rear = 1 - front
    covered, free, leading = [], [], []
    for sample in (engine.sample(i) for i in range(12)):
        vertices = sample.vertices_m[front].astype(float)
        # The engine's z-buffer has two samples a pixel.
        points = np.concatenate([project(vertices, sample) * 2 + 0.5, vertices[:, 2:]], 1)
        face_id, *_ = rasterise(points, RIGS[front].faces, 192, 192)
        x, y = np.rint(sample.joints_px[rear] * 2 + 0.5).astype(int).T
        before = face_id[y, x] >= 0
        covered += sample.visible[rear][before].tolist()
        free += sample.visible[rear][~before].tolist()
        leading += sample.visible[front].tolist()
    assert len(covered) > 60 and not any(covered)
    assert len(free) > 20 and np.mean(free) > 0.75
    assert np.mean(leading) > 0.9


def test_a_left_single_is_the_mirrored_picture_of_a_right_one(pair_engine):
    right, left = (pair_engine._single(pair_engine.one.draw(7), left=side) for side in (False, True))
    np.testing.assert_array_equal(right.image, left.image[:, ::-1])
    np.testing.assert_array_equal(right.joints_m[0], left.joints_m[1] * np.float32([-1, 1, 1]))
    np.testing.assert_allclose(right.joints_px[0, :, 0], 95 - left.joints_px[1, :, 0], atol=1e-4)
    np.testing.assert_array_equal(right.visible[0], left.visible[1])
    mirrored = left.part_mask[:, ::-1].astype(int)
    np.testing.assert_array_equal(right.part_mask, np.where(mirrored > 0, mirrored - 16, 0))
    np.testing.assert_allclose(right.camera[2] + left.camera[2], right.frame_size[0] - 1, atol=1e-3)
    np.testing.assert_allclose(project(left.joints_m[1].astype(float), left), left.joints_px[1], atol=5e-3)


def test_pictures_show_both_hands(pair_samples):
    """Each hand's pixels differ from what is round both; a blank render's would not."""
    contrast = ([], [])
    for s in (s for s in pair_samples if s.is_hand.all()):
        mask = np.repeat(np.repeat(s.part_mask, 2, 0), 2, 1)
        for side in (0, 1):
            on = (mask > 16 * side) & (mask <= 16 + 16 * side)
            if on.sum() > 100:
                contrast[side].append(np.abs(s.image[on].mean(0) - s.image[mask == 0].mean(0)).max())
    assert min(len(values) for values in contrast) > 15
    assert min(np.median(values) for values in contrast) > 12
