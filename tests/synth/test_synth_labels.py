"""Every label of a rendered crop agrees with every other one and with the picture's geometry."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.crop import apply_affine
from knuckle.rig import load_rig
from knuckle.skeleton import MANO16_FINGER
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions


def project(points, sample):
    fx, fy, cx, cy = sample.camera.astype(float)
    uv = points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
    return apply_affine(sample.patch_from_frame.astype(float), uv)


def test_joints_project_to_their_pixels(samples):
    for s in samples:
        # float32 intrinsics of a 1920 px frame round to 1e-4 px.
        np.testing.assert_allclose(project(s.joints_m.astype(float), s), s.joints_px, atol=5e-3)


def test_the_rig_gives_the_joints_and_vertices_back(samples):
    rig = load_rig("open")
    for s in samples:
        posed = rig.posed(s.pose.astype(float), s.shape.astype(float), s.translation.astype(float))
        np.testing.assert_allclose(posed.joints, s.joints_m, atol=2e-6)
        np.testing.assert_allclose(posed.vertices, s.vertices_m, atol=2e-6)


def test_all_joints_lie_in_the_crop_which_has_the_asked_room(samples):
    for s in samples:
        assert (s.joints_px >= 0).all() and (s.joints_px <= 95).all()
        room = 96 / np.ptp(s.joints_px, axis=0).max()
        assert 1.2 < room < 1.8


def test_distances_and_frames_are_those_promised(samples):
    depth = np.array([s.joints_m[:, 2].mean() for s in samples])
    assert depth.min() > 0.15 and depth.max() < 3
    assert np.ptp(np.log(depth)) > 1
    frames = np.array([s.frame_size for s in samples])
    assert frames.max() <= 1920 and frames.min() >= 224 * 9 / 16 - 1
    focal = np.array([s.camera[0] for s in samples]) / np.hypot(*frames.T)
    assert focal.min() > 0.55 and focal.max() < 2.05


def test_masks_lie_on_projected_vertices_of_their_part(samples):
    rig = load_rig("open")
    labels = np.asarray(rig.part_label)
    agreed, pixels = 0, 0
    for s in samples:
        uv = project(s.vertices_m.astype(float), s)
        for part in np.unique(s.part_mask[s.part_mask > 0]):
            y, x = np.nonzero(s.part_mask == part)
            own = uv[labels == part - 1]
            gap = np.linalg.norm(np.stack([x, y], 1)[:, None] - own[None], axis=-1).min(1)
            agreed += (gap < 5).sum()
            pixels += len(gap)
        assert ((s.part_mask > 0) == (s.finger_mask > 0)).all()
        seen = s.part_mask > 0
        np.testing.assert_array_equal(np.array(MANO16_FINGER)[s.part_mask[seen] - 1] + 1, s.finger_mask[seen])
    assert pixels > 20_000
    assert agreed / pixels > 0.99


def test_depth_and_normals_describe_the_same_surface(samples):
    for s in samples:
        on = np.isfinite(s.depth_m)
        assert (on | (s.part_mask == 0)).all()
        low, high = s.vertices_m[:, 2].min(), s.vertices_m[:, 2].max()
        assert (s.depth_m[on] >= low - 1e-4).all() and (s.depth_m[on] <= high + 1e-4).all()
        np.testing.assert_allclose(np.linalg.norm(s.normals[on], axis=-1), 1, atol=1e-4)
        # A visible surface faces the ray; smooth normals may tilt a little past it at the silhouette.
        y, x = np.nonzero(on)
        frame = np.linalg.inv(np.vstack([s.patch_from_frame, [0, 0, 1]]).astype(float))
        uv = np.stack([x, y, np.ones_like(x)], 1) @ frame.T[:, :2]
        rays = np.concatenate([(uv - s.camera[2:]) / s.camera[:2], np.ones((len(x), 1))], 1)
        assert ((rays * s.normals[on]).sum(1) < 0.3).mean() > 0.99


def test_visible_joints_are_covered_by_their_own_finger(samples):
    """The mask at a visible joint shows its finger or the palm; some joints are hidden, most are not."""
    finger_of_joint = np.array([1, *np.repeat([2, 3, 4, 5, 6], 4)])
    right, visible, hidden = 0, 0, 0
    for s in samples:
        x, y = np.rint(s.joints_px).astype(int).T
        under = s.finger_mask[np.clip(y, 0, 95), np.clip(x, 0, 95)]
        fits = (under == finger_of_joint) | (under == 1) | (under == 0)
        right += (fits & s.visible).sum()
        visible += s.visible.sum()
        hidden += (~s.visible).sum()
    assert visible > hidden > 0.05 * visible
    assert right / visible > 0.97


def test_a_fist_hides_fingertips_from_behind():
    """Joints that the hand's back covers are not visible; the same ones seen from the palm are."""
    engine = SynthEngine(0, SynthOptions(size=96, backgrounds="procedural"))
    from knuckle.rig.limits import angles_to_pose

    angles = np.zeros((16, 3))
    angles[[1, 4, 7, 10], 2] = 1.45
    angles[[2, 5, 8, 11], 2] = 1.6
    angles[[3, 6, 9, 12], 2] = 1.0
    fist = np.asarray(angles_to_pose(engine.rig, angles), float)
    seen = {}
    for name, turn in (("palm", [0.0, 0.0, 0.0]), ("back", [0.0, np.pi, 0.0])):
        engine.pool.pose = lambda index: fist.copy()
        engine.pool.view = lambda index, turn=turn: (np.array(turn), np.zeros(10))
        counts = np.array([engine.sample(i).visible for i in range(30)])
        seen[name] = counts[:, [8, 12, 16]].mean()
    assert seen["back"] < 0.1
    assert seen["palm"] > 0.5


def test_pictures_show_the_hand(samples):
    """On most crops the hand's pixels differ from the ring round it; a blank render would not."""
    contrast = []
    for s in samples:
        on = s.part_mask > 0
        if on.sum() > 100:
            contrast.append(np.abs(s.image[on].mean(0) - s.image[~on].mean(0)).max())
    assert np.median(contrast) > 12


def test_negatives_hold_their_exact_share_and_no_labels():
    engine = SynthEngine(5, SynthOptions(size=48, negatives=0.25, labels="full", backgrounds="procedural"))
    drawn = [engine.sample(i) for i in range(24)]
    empty = [s for s in drawn if not s.is_hand]
    assert len(empty) == 6
    for s in empty:
        assert not s.visible.any() and not s.part_mask.any() and not s.joints_m.any()
        assert np.isinf(s.depth_m).all() and s.image.std() > 0
    assert all(s.joints_m.any() for s in drawn if s.is_hand)


@pytest.mark.parametrize(
    "options",
    [{"size": 8}, {"size": 4000}, {"negatives": 1.5}, {"labels": "all"}, {"backgrounds": "none"}],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(KnuckleError, match=f"{next(iter(options))}: expected"):
        SynthOptions(**options)


def test_a_negative_seed_is_refused():
    with pytest.raises(KnuckleError, match="seed: expected"):
        SynthEngine(-1)
