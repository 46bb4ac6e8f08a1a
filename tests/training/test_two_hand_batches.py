"""Two-hand crops under augmentation: image, part mask, joints and poses of both hands stay one picture."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from knuckle.geometry.crop import Crop, apply_affine
from knuckle.rig.load import load_rig
from knuckle.training.augment import View, change_view, mirror_view
from knuckle.training.augmentation import Augmentation
from knuckle.training.batches import HandSource, TrainingBatches, validation_batches, view_to_item
from knuckle.training.recipe import Recipe

FRAME_WIDTH = 640


@pytest.fixture(scope="module")
def source(two_hand_set) -> HandSource:
    return HandSource(two_hand_set, validation=4)


def both_hands(source: HandSource) -> list[View]:
    views = [source.view(int(index)) for index in source.train]
    return [view for view in views if view.is_hand.all()]


def joints_in(view: View, size: int) -> np.ndarray:
    """Projected joints (2, 21, 2) in px of a patch of that size."""
    uv = view.joints_m[..., :2] / view.joints_m[..., 2:] * view.camera[:2] + view.camera[2:]
    return apply_affine(Crop.from_vector(view.crop, size).patch_from_frame, uv)


def posed_joints(pose: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Both hands' joints after their own wrists."""
    joints = np.stack([load_rig("open", side=s).posed(pose[h], shape[h]).joints for h, s in enumerate(SIDES)])
    return joints - joints[:, :1]


SIDES = ("right", "left")


def test_hands_negatives_and_held_out_crops_are_told_apart(source):
    is_hand = source.set.labels["is_hand"]
    assert (len(source.train), len(source.validation), len(source.negatives)) == (17, 4, 3)
    assert is_hand[source.train].any(1).all() and not is_hand[source.negatives].any()
    assert source.validation.tolist() == [17, 18, 19, 20]
    lone = is_hand[source.train].sum(1) == 1
    assert is_hand[source.train][lone].any(0).all()


def test_items_carry_the_sets_labels(source):
    for index in source.validation:
        item = source.item(int(index), rng=None)
        labels = {name: array[index] for name, array in source.set.labels.items()}
        here = labels["is_hand"]
        assert np.abs(item["joints_patch"][here] - labels["joints_px"][here]).max() < 1e-2
        assert np.array_equal(item["part_mask"], labels["part_mask"])
        for name in ("joints_m", "pose", "shape"):
            assert np.allclose(item[name][here], labels[name][here]) and not np.isnan(item[name]).any()
        assert not item["pose"][~here].any() and not item["joints_px"][~here].any()


def test_both_hands_move_with_the_picture_and_turn_with_the_camera(source):
    moved = []
    for number, view in enumerate(both_hands(source)):
        changed = change_view(view, np.random.default_rng(number), by=Augmentation(roll_deg=60.0))
        before, after = view.joints_m, changed.joints_m
        # One camera for both: the way from wrist to wrist keeps its length and its depth.
        gap, turned_gap = before[1, 0] - before[0, 0], after[1, 0] - after[0, 0]
        assert np.linalg.norm(turned_gap) == pytest.approx(np.linalg.norm(gap))
        assert turned_gap[2] == pytest.approx(gap[2])
        moved.append(np.linalg.norm(turned_gap - gap))
        assert np.allclose(posed_joints(changed.pose, changed.shape), after - after[:, :1], atol=1e-6)
    assert max(moved) > 0.03


def test_parts_stay_on_their_joints(source):
    checked = 0
    for number, view in enumerate(both_hands(source)):
        marked, clear = with_marks(view)
        rolled = change_view(marked, np.random.default_rng(number), by=Augmentation(roll_deg=60.0))
        checked += sum(value_at(rolled, hand, joint) == code(hand, joint) for hand, joint in clear)
        wrong = [(h, j) for h, j in clear if value_at(rolled, h, j) not in (code(h, j), None)]
        assert not wrong
        flipped = mirror_view(marked, FRAME_WIDTH)
        assert all(value_at(flipped, 1 - hand, joint) == code(1 - hand, joint) for hand, joint in clear)
    assert checked > 100


def code(hand: int, joint: int) -> int:
    """A different value of the part mask for every joint but the last five of a hand."""
    return 1 + joint % 16 + 16 * hand


def with_marks(view: View) -> tuple[View, list[tuple[int, int]]]:
    """A mask with a disc on every joint, and the (hand, joint) that no later disc touches."""
    mask = np.zeros((96, 96), np.uint8)
    places = {(hand, joint): place(view, hand, joint) for hand in (0, 1) for joint in range(21)}
    for (hand, joint), at in places.items():
        cv2.circle(mask, at, 3, code(hand, joint), -1)
    clear = [
        (hand, joint)
        for (hand, joint), (u, v) in places.items()
        if (mask[v - 2 : v + 3, u - 2 : u + 3] == code(hand, joint)).sum() == 25
    ]
    return replace(view, part_mask=mask), clear


def place(view: View, hand: int, joint: int) -> tuple[int, int]:
    """A joint's pixel of a 96-px part mask."""
    u, v = np.round(joints_in(view, 96)[hand, joint]).astype(int)
    return int(u), int(v)


def value_at(view: View, hand: int, joint: int) -> int | None:
    """The mask under a joint; None where it left the window."""
    u, v = place(view, hand, joint)
    mask = view.part_mask
    assert mask is not None
    return int(mask[v, u]) if 0 <= u < 96 and 0 <= v < 96 else None


def test_a_flip_is_the_mirrored_picture_and_twice_is_nothing(source):
    for view in (source.view(int(index)) for index in source.train):
        flipped = mirror_view(view, FRAME_WIDTH)
        assert np.array_equal(flipped.image, view.image[:, ::-1])
        assert np.array_equal(flipped.is_hand, view.is_hand[::-1])
        item, expected = view_to_item(flipped), view_to_item(view)
        for hand in np.flatnonzero(flipped.is_hand):
            other = expected["joints_patch"][1 - hand]
            assert np.allclose(item["joints_patch"][hand], other * [-1, 1] + [63, 0], atol=1e-6)
            frame = expected["joints_px"][1 - hand]
            assert np.allclose(item["joints_px"][hand], frame * [-1, 1] + [FRAME_WIDTH - 1, 0], atol=1e-6)
            joints = posed_joints(flipped.pose, flipped.shape)[hand]
            assert np.allclose(joints, flipped.joints_m[hand] - flipped.joints_m[hand, 0], atol=1e-6)
        mask = np.asarray(view.part_mask)[:, ::-1].astype(int)
        assert np.array_equal(flipped.part_mask, np.where(mask == 0, 0, (mask - 1 + 16) % 32 + 1))
        again = mirror_view(flipped, FRAME_WIDTH)
        for name, value in view.__dict__.items():
            assert value is None or np.allclose(getattr(again, name), value), name


def test_half_of_the_training_crops_are_flipped(source):
    index = next(int(i) for i in source.train if source.set.labels["is_hand"][i].tolist() == [True, False])
    seen = [source.item(index, rng=np.random.default_rng(s))["is_hand"].tolist() for s in range(40)]
    assert 10 < seen.count([False, True]) < 30


def test_batches_and_held_out_batches_stack(two_hand_set, source):
    run = Recipe(
        name="t",
        data=str(two_hand_set),
        validation=4,
        samples=64,
        batch=8,
        negatives_from=0.5,
        negatives=0.25,
    )
    batches = TrainingBatches(run)
    assert bool(batches[0]["is_hand"].any(1).all()) and int((~batches[5]["is_hand"].any(1)).sum()) == 2
    batch = batches[5]
    assert batch["part_mask"].dtype == torch.uint8 and batch["part_mask"].shape == (8, 32, 32)
    assert batch["joints_m"].shape == (8, 2, 21, 3) and batch["joints_m"].dtype == torch.float32
    assert all(torch.isfinite(value).all() for value in batch.values())
    held_out = validation_batches(source, 3)
    assert [len(part["image"]) for part in held_out] == [3, 1]


def test_a_set_without_masks_gives_none(two_hand_set, source):
    labels = {name: array for name, array in source.set.labels.items() if name != "part_mask"}
    bare = HandSource(Path(two_hand_set), validation=4)
    bare.set.labels = labels
    assert "part_mask" not in bare.item(0, rng=np.random.default_rng(0))
