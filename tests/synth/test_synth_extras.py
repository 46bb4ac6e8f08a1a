"""Extras change their share of the crops, nothing else, and labels stay true to what is shown."""

import numpy as np
import pytest

from knuckle.geometry.crop import apply_affine
from knuckle.poses.prior import LARGEST_HAND, SMALLEST_HAND
from knuckle.rig import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.body import pool as pool_module
from knuckle.synth.body.sizes import draw_size, resize_shape
from knuckle.synth.camera.hard_conditions import Dark, Shot, disc, draw_shot, motion
from knuckle.synth.camera.views import draw_view
from knuckle.synth.draw import SHARE, extra_rng
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import EXTRAS, SynthOptions
from knuckle.synth.wear.mesh import SIDES, finger_loop
from knuckle.synth.wear.wardrobe import KINDS, sample_worn

COUNT, SEED = 30, 3
NAMES = ("views", "sizes", "wear", "camera", "flesh")
SAME_LABELS = {
    "views": ("shape", "is_hand"),
    "sizes": ("pose", "camera", "frame_size", "is_hand"),
    "wear": ("pose", "shape", "translation", "joints_px", "camera", "visible", "patch_from_frame"),
    "camera": ("pose", "shape", "translation", "joints_px", "camera", "visible", "patch_from_frame"),
    "flesh": ("pose", "shape", "translation", "joints_m", "joints_px", "camera", "patch_from_frame"),
}


def options(*extras):
    return SynthOptions(size=64, negatives=0.1, backgrounds="procedural", extras=extras)


def chosen(name, index, seed=SEED):
    return extra_rng((name,), name, seed, index) is not None


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Few poses, drawn once for all engines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_module, "CHUNK_POSES", 48)
        yield tmp_path_factory.mktemp("poses")


@pytest.fixture(scope="module")
def plain(pool):
    engine = SynthEngine(SEED, options(), folder=pool)
    return [engine.sample(i) for i in range(COUNT)]


@pytest.fixture(scope="module", params=NAMES)
def changed(request, pool):
    engine = SynthEngine(SEED, options(request.param), folder=pool)
    return request.param, engine, [engine.sample(i) for i in range(COUNT)]


def test_crops_without_the_extra_are_those_of_the_plain_set(plain, changed):
    name, _, samples = changed
    touched = 0
    for i, (before, after) in enumerate(zip(plain, samples, strict=True)):
        for label in SAME_LABELS[name]:
            if label == "pose":
                np.testing.assert_array_equal(before.pose[1:], after.pose[1:])
            else:
                np.testing.assert_array_equal(getattr(before, label), getattr(after, label))
        if not chosen(name, i):
            np.testing.assert_array_equal(before.image, after.image)
            for label, value in before.labels().items():
                np.testing.assert_array_equal(value, after.labels()[label], err_msg=label)
        elif before.is_hand:
            touched += (before.image != after.image).any()
    meant = sum(chosen(name, i) and s.is_hand for i, s in enumerate(plain))
    # A ring may be on the far side.
    assert meant > 5 and touched >= (0.6 if name == "wear" else 1) * meant


def test_labels_agree(changed):
    _, _, samples = changed
    rig = load_rig("open")
    for s in samples:
        if not s.is_hand:
            continue
        posed = rig.posed(s.pose.astype(float), s.shape.astype(float), s.translation.astype(float))
        np.testing.assert_allclose(posed.joints, s.joints_m, atol=1e-5)
        fx, fy, cx, cy = s.camera.astype(float)
        uv = s.joints_m[:, :2].astype(float) / s.joints_m[:, 2:] * [fx, fy] + [cx, cy]
        px = apply_affine(s.patch_from_frame.astype(float), uv)
        np.testing.assert_allclose(px, s.joints_px, atol=1e-2)
        assert (s.joints_px >= 0).all() and (s.joints_px <= 63).all()
        assert s.joints_m[:, 2].min() > 0.05


def test_a_sample_repeats(changed):
    name, engine, samples = changed
    for i in [i for i in range(COUNT) if chosen(name, i)][:3]:
        np.testing.assert_array_equal(engine.sample(i).image, samples[i].image)


def test_each_extra_has_its_share_apart_from_the_others():
    drawn = {name: np.array([chosen(name, i) for i in range(2000)]) for name in EXTRAS}
    for name, share in drawn.items():
        assert abs(share.mean() - SHARE) < 0.03, name
    assert abs((drawn["views"] & drawn["camera"]).mean() - SHARE**2) < 0.025
    assert extra_rng((), "views", SEED, 0) is None


def test_extras_do_not_disturb_each_other(pool):
    """Sizes and turns of a set with all of them are those of a set with one; what is drawn later may differ."""
    engines = {
        names: SynthEngine(SEED, options(*names), folder=pool) for names in (NAMES, ("sizes",), ("views",))
    }
    for i in range(1, COUNT, 7):
        both, sizes, views = (engine.sample(i) for engine in engines.values())
        np.testing.assert_array_equal(both.shape, sizes.shape)
        np.testing.assert_array_equal(both.pose, views.pose)


def test_sizes_span_what_is_promised_with_proportions_to_match():
    rig, rng = load_rig("open"), np.random.default_rng(0)
    shapes = np.array([resize_shape(np.zeros(10), draw_size(rng)) for _ in range(400)])
    rest = np.tile(np.eye(3), (len(shapes), 16, 1, 1))
    joints = rig.posed_joints(rest, shapes)[0]
    mean = rig.posed_joints(rest[0], np.zeros(10))[0]

    def fingers(j):
        bones = [np.linalg.norm(j[..., k + 1, :] - j[..., k, :], axis=-1) for k in (9, 10, 11)]
        return np.sum(bones, axis=0)

    def reach(j):
        return np.linalg.norm(j[..., 12, :] - j[..., 0, :], axis=-1)

    size, short = reach(joints) / reach(mean), fingers(joints) / reach(joints)
    assert SMALLEST_HAND - 0.02 < size.min() < 0.65 and 1.12 < size.max() < LARGEST_HAND + 0.02
    assert np.mean(size < 0.75) > 0.18
    assert short[size < 0.7].mean() < 0.98 * short[np.abs(size - 1) < 0.05].mean()
    vertices = rig.posed_by_matrices(rest[:1], resize_shape(np.zeros(10), SMALLEST_HAND)[None]).vertices[0]
    own = np.isin(np.asarray(rig.part_label), (4, 5))
    width, usual = np.ptp(vertices[own, 0]), np.ptp(rig.vertices[own, 0])
    assert 1.03 < width / usual / SMALLEST_HAND < 1.15


def test_views_are_from_the_side_and_from_the_wearers_eyes():
    rng = np.random.default_rng(1)
    views = [draw_view(rng) for _ in range(500)]
    turns = rodrigues(np.array([v.turn for v in views]))
    ego = np.array([v.ego is not None for v in views])
    assert 0.43 < ego.mean() < 0.57
    # Depth components of where the thumb, the fingers' tips and the back of the hand point.
    thumb, tips, back = turns[:, 2, 0], -turns[:, 2, 1], turns[:, 2, 2]
    side = ~ego
    assert (np.abs(back[side]) < 0.75).mean() > 0.97 and np.abs(back[side]).mean() < 0.3
    assert (thumb[side] < -0.8).mean() > 0.28 and (thumb[side] > 0.8).mean() > 0.24
    assert (tips[side] < -0.8).mean() > 0.15
    # The wearer's fingers point away, the arm comes from nearer and mostly from below.
    assert (tips[ego] > 0).mean() > 0.7 and tips[ego].mean() > 0.35
    arms = np.array([(rodrigues(v.ego.bend) @ r)[:, 1] for v, r in zip(views, turns, strict=True) if v.ego])
    assert (arms[:, 2] < 0.4).all() and arms[:, 2].mean() < -0.25
    assert (arms[:, 1] > 0).mean() > 0.85
    far = np.array([np.linalg.norm(v.ego.middle) for v in views if v.ego])
    assert 0.25 <= far.min() < 0.27 and 0.57 < far.max() <= 0.6
    wide = np.array(
        [v.ego.camera.fx / np.hypot(v.ego.camera.width, v.ego.camera.height) for v in views if v.ego]
    )
    assert 0.3 < wide.min() < 0.35 and 0.55 < wide.max() < 0.63


def test_what_is_worn_comes_in_its_shares():
    rng = np.random.default_rng(2)
    worn = [sample_worn(rng, sleeve=False) for _ in range(1000)]
    assert 0.015 < np.mean([w.glove is not None for w in worn]) < 0.045
    rings = np.bincount([len(w.rings) for w in worn], minlength=4)
    assert len(rings) == 4 and rings[1] > rings[2] > rings[3] > 30
    banded = np.mean([bool(w.bands) for w in worn])
    assert abs(banded - KINDS["wrist"] - KINDS["both"]) < 0.05
    assert not any(sample_worn(rng, sleeve=True).bands for _ in range(200))


def test_a_ring_lies_round_its_own_finger():
    rig = load_rig("open")
    for bone, finger in ((1, 2), (4, 3), (10, 4), (7, 5), (14, 1)):
        loop = finger_loop(rig, bone, 220 if bone != 14 else 180)
        place = (rig.vertices[loop.corners] * loop.weights[..., None]).sum(1)
        assert len(place) == SIDES and np.linalg.norm(place - place.mean(0), axis=1).max() < 0.015
        fingers = np.asarray(rig.finger_label)[loop.corners]
        assert np.isin(fingers, (np.bincount(fingers.ravel()).argmax(), 0)).all(), finger
        assert (np.abs((place - place.mean(0)) @ rig.axes[bone, 0]) < 1e-3).all()
        assert place[0, 2] > place[SIDES // 2, 2] or bone == 14


def test_what_is_worn_changes_little_but_itself(plain, pool):
    engine = SynthEngine(SEED, options("wear"), folder=pool)
    for i in [i for i in range(COUNT) if chosen("wear", i) and plain[i].is_hand][:6]:
        rng = extra_rng(("wear",), "wear", SEED, i)
        if sample_worn(rng, sleeve=False).glove is None:
            assert (engine.sample(i).image != plain[i].image).any(-1).mean() < 0.3


def test_blur_keeps_light_and_place():
    rng = np.random.default_rng(3)
    for length in (7.0, 13.0, 20.0):
        kernel = motion(rng, length)
        y, x = np.indices(kernel.shape) - len(kernel) // 2
        assert abs(kernel.sum() - 1) < 1e-4
        assert abs((kernel * x).sum()) < 0.05 and abs((kernel * y).sum()) < 0.05
        seen = kernel > 0
        extent = np.hypot(np.ptp(x[seen]), np.ptp(y[seen]))
        assert 0.7 * length < extent < 1.6 * length + 3
    assert abs(disc(2.5).sum() - 1) < 1e-5 and disc(1.0).shape == (5, 5)


def test_a_hand_blurred_alone_leaves_the_background_sharp():
    layer = np.zeros((64, 64, 4), np.float32)
    layer[28:36, 28:36] = 1
    shot = Shot(hand=disc(3.0))
    smeared = shot.smear(layer)
    assert 0 < smeared[26, 32, 3] < 1 and smeared[:20].max() < 1e-5
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert shot.expose(image) is image
    assert shot.expose(image, empty=True).std() < 0.5 * image.std()


def test_hard_conditions_come_in_kinds_and_do_what_they_say():
    rng = np.random.default_rng(4)
    shots = [draw_shot(rng, 64) for _ in range(400)]
    assert all(s.hand is not None or s.frame is not None or s.dark or s.burn for s in shots)
    assert 0.2 < np.mean([s.dark is not None for s in shots]) < 0.36
    assert 0.08 < np.mean([s.burn is not None for s in shots]) < 0.2
    assert 0.25 < np.mean([s.hand is not None for s in shots]) < 0.55
    image = np.full((64, 64, 3), 150, np.uint8)
    burnt = next(s for s in shots if s.burn is not None)
    assert (burnt.expose(image) > 200).mean() > 0.2
    dark = Shot(dark=Dark(np.full(3, 0.2), (5.0, 5.0), 0.6, 60, 1)).develop(image)
    assert dark.mean() < 90 and dark.std() > 3
