"""A recipe of a few steps, and a small set of two-hand crops: discs at the joints, each in the colour of its part, on
noise."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.poses.pairs.sample import PAIR_KINDS
from knuckle.rig.load import load_rig
from knuckle.sets.storage import FORMAT, array_specs
from knuckle.skeleton import COMMON_TO_MANO16, MANO16_FINGER
from knuckle.training.recipe import Recipe

PART_OF_JOINT = np.zeros(21, int)
for part, joint in enumerate(COMMON_TO_MANO16):
    PART_OF_JOINT[joint] = part
for tip in range(4, 21, 4):
    PART_OF_JOINT[tip] = PART_OF_JOINT[tip - 1]
assert all(MANO16_FINGER[PART_OF_JOINT[joint]] == (joint + 3) // 4 for joint in range(21))
"""MANO's part that each joint of the common order lies on (index, not the mask's value)."""


def small_recipe(data: Path, **changes) -> Recipe:
    """Six steps of eight crops of a set, with two crops without hands in each step from `negatives_from` on.

    changes: fields of the recipe that are others."""
    base = Recipe(
        name="test",
        data=str(data),
        validation=4,
        samples=48,
        batch=8,
        lr=1e-3,
        warmup_samples=0,
        pretrained=False,
        validate_every=1000,
        negatives=0.25,
        checkpoint_seconds=0.0,
    )
    return replace(base, **changes)


@pytest.fixture(scope="session")
def two_hand_set(tmp_path_factory) -> Path:
    """24 crops of 64 px: every fourth shows one hand, the left and the right one in turn; the last three show none."""
    folder = tmp_path_factory.mktemp("pairs") / "set"
    write_pairs(folder, 24, size=64)
    return folder


def write_pairs(folder: Path, count: int, *, size: int, empty: int = 3, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    rows = [_crop(rng, size, _present(index, count - empty)) for index in range(count)]
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    index = {
        "format": FORMAT,
        "count": count,
        "rig": load_rig("open").fingerprint,
        "seed": seed,
        "options": {"hands": "two", "size": size},
        "arrays": array_specs(count, {n: (a.shape[1:], str(a.dtype)) for n, a in arrays.items()}),
        "complete": True,
    }
    (folder / "index.json").write_text(json.dumps(index))


def _present(index: int, hands_end: int) -> tuple[bool, bool]:
    if index >= hands_end:
        return False, False
    return (True, True) if index % 4 else (index % 8 == 0, index % 8 == 4)


def _crop(rng: np.random.Generator, size: int, present: tuple[bool, bool]) -> dict[str, np.ndarray]:
    camera = Camera(600.0, 600.0, 330.0, 235.0, 640, 480)
    pose = rng.normal(0, 0.25, (2, 16, 3))
    shape = rng.normal(0, 0.5, (2, 10))
    translation = np.array([[-0.05, 0, 0.6], [0.05, 0, 0.6]]) + rng.uniform(-0.06, 0.06, (2, 3))
    joints_m = np.stack(
        [
            load_rig("open", side=side).posed(p, s, t).joints
            for side, p, s, t in zip(("right", "left"), pose, shape, translation, strict=True)
        ]
    )
    joints_px = camera.project(joints_m)
    box = joints_px[list(present)].reshape(-1, 2) if any(present) else joints_px.reshape(-1, 2)
    low, extent = box.min(0), np.ptp(box, axis=0)
    crop = Crop.from_box(np.array([*low, *extent]), size, expand=rng.uniform(1.25, 1.6))
    image = rng.integers(0, 90, (size, size, 3), dtype=np.uint8)
    mask = np.zeros((size // 2, size // 2), np.uint8)
    patch_px = apply_affine(crop.patch_from_frame, joints_px)
    for hand in np.flatnonzero(present):
        for part, (u, v) in zip(PART_OF_JOINT, patch_px[hand], strict=True):
            colour = (255 - 10 * int(part), 12 * int(part), 255 * int(hand))
            cv2.circle(image, (round(u * 16), round(v * 16)), round(size * 0.5), colour, -1, cv2.LINE_AA, 4)
            at = (round((u - 0.5) * 8), round((v - 0.5) * 8))
            cv2.circle(mask, at, round(size * 0.25), 1 + int(part) + 16 * int(hand), -1, shift=4)
    there = np.array(present)
    labels = {
        "joints_px": patch_px,
        "joints_m": joints_m,
        "pose": pose,
        "shape": shape,
        "translation": translation,
    }
    floats = {
        name: np.where(there.reshape(2, *[1] * (v.ndim - 1)), v, 0).astype(np.float32)
        for name, v in labels.items()
    }
    return {
        "images": image,
        "is_hand": there,
        **floats,
        "camera": camera.vector.astype(np.float32),
        "frame_size": np.array([640, 480], np.int32),
        "patch_from_frame": crop.patch_from_frame.astype(np.float32),
        "visible": np.repeat(there[:, None], 21, axis=1),
        "kind": np.asarray(rng.integers(len(PAIR_KINDS)) if all(present) else 255, np.uint8),
        "part_mask": mask,
    }
