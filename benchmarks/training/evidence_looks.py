"""Hands seen three times by the landmark network and twice by ours: as they are, mirrored, and in other crops."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.shared.crop_hands import crop_hand
from knuckle.datasets.labelled import Patch
from knuckle.datasets.photos import read_rgb
from knuckle.datasets.teacher import read_teacher
from knuckle.evaluation.benchmarks.rendered import set_patches, split
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, whole_patch
from knuckle.geometry.mirror import mirror_px
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import LandmarkNetwork
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import JOINT_COUNT

MOVED, RESIZED = 0.06, 0.1
"""Standard deviations of how other crops lie and how large they are, over the box's side."""


@dataclass(frozen=True, eq=False)
class SeenHand:
    """A right hand (left ones are mirrored) with its picture. crop: what our networks see of it, px of the picture;
    None: cut round the box as each of them has it. joints_px, joints_m: NaN where nobody knows them."""

    picture: np.ndarray
    camera: Camera
    box_px: np.ndarray
    crop: np.ndarray | None
    joints_px: np.ndarray
    joints_m: np.ndarray


@dataclass(frozen=True, eq=False)
class Looks:
    """What the landmark network said of N hands: as they are, mirrored (and mirrored back), and in another crop."""

    camera: np.ndarray
    joints_px: np.ndarray
    joints_m: np.ndarray
    plain: Evidence
    mirrored: Evidence
    moved: Evidence

    def side_px(self) -> np.ndarray:
        """Longer side of each hand's box."""
        return self.plain.box_px[:, 2:].max(1)


def rendered_hands(folder: Path) -> Iterator[SeenHand]:
    """Those of a set of `knuckle synth`, each crop as a picture of its own."""
    rendered = SynthSet(folder)
    hands, _ = split(rendered)
    for number, patch in enumerate(set_patches(rendered, hands, size=rendered.images.shape[1])):
        yield _of_patch(patch, str(number))


def photographed_hands(folder: Path, every: int) -> Iterator[SeenHand]:
    """Every so manyth of tier A; the joints, which are the landmark network's own, tell the boxes alone."""
    unknown = np.full((JOINT_COUNT, 3), np.nan)
    for hand in read_teacher(folder)[::every]:
        picture, camera, joints = read_rgb(hand.image), hand.camera, hand.joints_px
        if hand.side == "left":
            joints = mirror_px(joints, camera.width)
            picture, camera = cv2.flip(picture, 1), camera.mirrored()
        low, high = joints.min(0), joints.max(0)
        box = np.concatenate([low, high - low])
        yield SeenHand(picture, camera, box, None, unknown[:, :2], unknown)


def look(hands: Iterable[SeenHand], network: LandmarkNetwork) -> Looks:
    """The landmark network's three looks."""
    rng, rows = np.random.default_rng(0), []
    for hand in hands:
        width, (x, y, w, h) = hand.picture.shape[1], hand.box_px
        plain = look_at(network, hand.picture, hand.box_px[None], ["right"])
        flipped = look_at(
            network, cv2.flip(hand.picture, 1), np.array([[width - 1 - x - w, y, w, h]]), ["right"]
        )
        crop = _another(rng, np.array([x + w / 2, y + h / 2, max(w, h)]))
        other = np.array([*(crop[:2] - crop[2] / 2), crop[2], crop[2]])
        moved = look_at(network, hand.picture, other[None], ["right"])
        mirrored = flipped.mirrored(np.array([True]), width)
        rows.append((hand.camera.vector, hand.joints_px, hand.joints_m, plain, mirrored, moved))
    camera, joints_px, joints_m, plain, mirrored, moved = zip(*rows, strict=True)
    truth = np.stack(camera), np.stack(joints_px), np.stack(joints_m)
    return Looks(*truth, Evidence.joined(plain), Evidence.joined(mirrored), Evidence.joined(moved))


def our_crops(hands: Iterable[SeenHand], size: int, expand: float) -> tuple[list[Crop], list[Crop]]:
    """The crop of each hand as a network of ours sees it, and another one."""
    rng, own, others = np.random.default_rng(1), [], []
    for hand in hands:
        boxed = Crop.from_box(hand.box_px, size, expand=expand)
        whole = boxed if hand.crop is None else _crop(hand.crop, size)
        own.append(whole)
        others.append(_crop(_another(rng, whole.vector), size))
    return own, others


def save(path: Path, looks: Looks) -> None:
    """Keep looks, which take minutes."""
    arrays: dict[str, Any] = {
        "camera": looks.camera,
        "joints_px": looks.joints_px,
        "joints_m": looks.joints_m,
    }
    for name in ("plain", "mirrored", "moved"):
        arrays |= {f"{name}/{f.name}": getattr(getattr(looks, name), f.name) for f in fields(Evidence)}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def load(path: Path) -> Looks:
    """Looks that were kept."""
    with np.load(path) as kept:
        evidence = {
            name: Evidence(*(kept[f"{name}/{f.name}"] for f in fields(Evidence)))
            for name in ("plain", "mirrored", "moved")
        }
        return Looks(kept["camera"], kept["joints_px"], kept["joints_m"], **evidence)


def _of_patch(patch: Patch, name: str) -> SeenHand:
    hand, size = crop_hand(patch, name), len(patch.pixels)
    whole = whole_patch(size)
    if hand.joints_px is None or hand.joints_m is None:
        raise ValueError("expected a rendered hand")
    return SeenHand(hand.pixels, hand.camera, hand.box_px, whole, hand.joints_px, hand.joints_m)


def _crop(square: np.ndarray, size: int) -> Crop:
    return Crop.from_vector(square, size)


def _another(rng: np.random.Generator, square: np.ndarray) -> np.ndarray:
    """A square (centre, side) near another one."""
    side = square[2] * np.exp(rng.normal(0, RESIZED))
    return np.array([*(square[:2] + rng.normal(0, MOVED, 2) * square[2]), side])
