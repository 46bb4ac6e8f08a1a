from dataclasses import replace

import cv2
import numpy as np

from knuckle.geometry.crop import Crop, apply_affine, hand_roll
from knuckle.rig.load import load_rig
from knuckle.training.augment import (
    View,
    change_appearance,
    change_view,
    upright_view,
)
from knuckle.training.augmentation import Augmentation

STILL = Augmentation(roll_deg=0.0, scale=0.0, shift=0.0)


def project(view: View) -> np.ndarray:
    uv = view.joints_m[:, :2] / view.joints_m[:, 2:] * view.camera[:2] + view.camera[2:]
    return apply_affine(Crop.from_vector(view.crop, 128).patch_from_frame, uv)


def sample_view() -> View:
    """A picture in which every joint is a white dot."""
    rig = load_rig("open")
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.2, (16, 3))
    translation = np.array([0.08, 0.05, 0.6])
    camera = np.array([600.0, 600.0, 320.0, 240.0])
    joints = rig.posed(pose, np.zeros(10), translation).joints
    centre = (joints[:, :2] / joints[:, 2:] * camera[:2] + camera[2:]).mean(0)
    view = View(
        image=np.zeros((128, 128, 3), np.uint8),
        joints_m=joints,
        pose=pose,
        shape=np.zeros(10),
        is_hand=np.array(True),
        camera=camera,
        crop=np.array([*centre, 300.0]),
    )
    for u, v in project(view):
        cv2.circle(view.image, (round(u * 16), round(v * 16)), 40, (255, 255, 255), -1, cv2.LINE_AA, shift=4)
    return view


def test_image_and_labels_stay_together_under_roll_scale_and_shift():
    view = sample_view()
    for seed in range(8):
        changed = change_view(view, np.random.default_rng(seed), by=Augmentation(roll_deg=60.0))
        uv = project(changed)
        inside = ((uv > 4) & (uv < 123)).all(1)
        values = changed.image[uv[inside, 1].round().astype(int), uv[inside, 0].round().astype(int), 0]
        assert inside.sum() > 10 and (values > 120).all()


def test_rolled_pose_gives_the_rolled_joints():
    view = sample_view()
    changed = change_view(view, np.random.default_rng(3), by=Augmentation(roll_deg=60.0))
    joints = load_rig("open").posed(changed.pose, np.zeros(10)).joints
    assert np.allclose(joints - joints[0], changed.joints_m - changed.joints_m[0], atol=1e-6)
    assert not np.allclose(changed.joints_m, view.joints_m, atol=1e-2)


def test_appearance_changes_pixels_by_the_generator_alone():
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    first, again, other = (change_appearance(image, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == image.shape and first.dtype == np.uint8


def test_upright_views_point_up_and_their_labels_with_them():
    view = sample_view()
    quarter = change_view(view, np.random.default_rng(0), by=STILL)
    assert np.allclose(quarter.joints_m, view.joints_m)
    up = upright_view(view)
    assert abs(hand_roll(project(up))) < 1e-6 < abs(hand_roll(project(view)))
    rolls = [
        float(hand_roll(project(change_view(view, np.random.default_rng(seed), upright=True))))
        for seed in range(40)
    ]
    assert abs(np.mean(rolls)) < np.deg2rad(8) and np.deg2rad(8) < np.std(rolls) < np.deg2rad(18)
    uv = project(up)
    inside = ((uv > 4) & (uv < 123)).all(1)
    values = up.image[uv[inside, 1].round().astype(int), uv[inside, 0].round().astype(int), 0]
    assert inside.sum() > 10 and (values > 120).all()


def test_a_recipe_s_roll_is_even_and_as_far_and_as_often_as_it_says():
    view = sample_view()
    by = Augmentation(roll="uniform", roll_deg=90.0, roll_share=0.6, scale=0.0, shift=0.0)
    start = hand_roll(project(view))
    turned = [
        hand_roll(project(change_view(view, np.random.default_rng(seed), by=by))) - start
        for seed in range(200)
    ]
    turned = np.rad2deg((np.array(turned) + np.pi) % (2 * np.pi) - np.pi)
    rolled = turned[np.abs(turned) > 1e-6]
    assert 0.5 < len(rolled) / len(turned) < 0.7
    assert 80 < np.abs(rolled).max() <= 90 and 45 < rolled.std() < 59


def test_nothing_changes_where_a_recipe_asks_for_nothing():
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    off = Augmentation(colour=0.0, grey=0.0, blur=0.0, noise=0.0, cover=0.0)
    for seed in range(5):
        assert np.array_equal(change_appearance(image, np.random.default_rng(seed), by=off), image)


def test_beyond_the_picture_is_what_the_recipe_says():
    view = replace(sample_view(), image=np.full((128, 128, 3), 200, np.uint8))
    seen = {}
    for border in ("reflect", "edge", "black"):
        by = Augmentation(roll="uniform", roll_deg=45.0, border=border)
        seen[border] = change_view(view, np.random.default_rng(1), by=by).image.min()
    assert seen == {"reflect": 200, "edge": 200, "black": 0}
