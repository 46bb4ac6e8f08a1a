"""The rows of a set with a hand: which hand stands in each, its crop, its labels and its own surface."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.datasets.decoder_warnings import read_whole
from knuckle.datasets.hand_free import hand_mask
from knuckle.datasets.labelled import LabelledHand, Patch, to_patch
from knuckle.datasets.rig_labels import to_rig_tips
from knuckle.datasets.source import PartialSource, Source
from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.geometry.projection import project
from knuckle.rig.hand_rig import HandRig
from knuckle.sets.storage import DamagedInput, Header
from knuckle.skeleton import JOINT_COUNT

_MOST_ATTEMPTS = 64
"""How many hands are tried in the place of one that cannot be read."""


class Shown(NamedTuple):
    """A hand whose files could be read."""

    hand: LabelledHand
    patch: Patch
    surface: dict[str, np.ndarray]


def readable_hands(
    source: Source, numbers: range, header: Header, hands: int
) -> tuple[list[tuple[int, Shown]], list[str]]:
    """The hands of these numbers as they are shown, in the place of each that cannot be read the next one that can; and
    a sentence for each of those. Raises DamagedInput where none of the next ones can be read either."""
    found: list[tuple[int, Shown]] = []
    damaged: list[str] = []
    for number in numbers:
        for tried in _in_its_place(number, hands, header.get("together", 1)):
            try:
                found.append((tried, _shown(source, tried, header)))
                break
            except KnuckleError as error:
                if tried == number:
                    damaged.append(str(error))
        else:
            raise DamagedInput(f"{damaged[-1]}; nor can the next {_MOST_ATTEMPTS} hands be read")
    return found, damaged


def _in_its_place(number: int, hands: int, together: int) -> Iterator[int]:
    """A hand, the other versions of its photograph, then the hands after it."""
    first = number // together * together
    versions = range(first, min(first + together, hands))
    yield number
    yield from (version for version in versions if version != number)
    for step in range(min(_MOST_ATTEMPTS, hands - len(versions))):
        yield (versions.stop + step) % hands


def _shown(source: Source, number: int, header: Header) -> Shown:
    (hand,) = source.hands(range(number, number + 1))
    size, expand = header["options"]["size"], header["options"]["expand"]
    patch = read_whole(lambda: to_patch(hand, size=size, expand=expand), hand.image)
    if hand.mask is None:
        return Shown(hand, patch, _own_surface(hand, patch, header))
    return Shown(hand, patch, read_whole(lambda: _own_surface(hand, patch, header), hand.mask))


def runs_of(found: list[tuple[int, Shown]]) -> Iterator[tuple[range, list[Shown]]]:
    """Hands whose numbers follow each other, as sources give labels of a range."""
    start = 0
    for place in range(1, len(found) + 1):
        if place == len(found) or found[place][0] != found[place - 1][0] + 1:
            first = found[start][0]
            yield range(first, first + place - start), [shown for _, shown in found[start:place]]
            start = place


def hand_rows(
    source: Source, rig: HandRig, run: tuple[range, list[Shown]], header: Header
) -> dict[str, np.ndarray]:
    """The rows of these hands."""
    numbers, shown = run
    hands, patches, surfaces = ([getattr(each, name) for each in shown] for name in Shown._fields)
    # As right hands: left ones come mirrored with their frame.
    unknown = np.full((JOINT_COUNT, 3), np.nan)
    joints_m = np.stack([unknown if patch.joints_m is None else patch.joints_m for patch in patches])
    labels = source.rig_labels(numbers, joints_m)
    told = source.validity(numbers) if isinstance(source, PartialSource) else {}
    joints_m = to_rig_tips(joints_m, labels, rig, source=source.tips)
    crops = [_crop_labels(*row) for row in zip(hands, patches, joints_m, strict=True)]
    crops = [crop | surface for crop, surface in zip(crops, surfaces, strict=True)]
    return {name: np.stack([crop[name] for crop in crops]) for name in crops[0]} | labels._asdict() | told


def _own_surface(hand: LabelledHand, patch: Patch, header: Header) -> dict[str, np.ndarray]:
    """What the data set itself says of the hand's surface; as a right one. Raises KnuckleError where it is missing."""
    found: dict[str, np.ndarray] = {}
    if "own_mask" in header["arrays"]:
        found["own_mask"] = _mask_in_crop(hand, patch, header["arrays"]["own_mask"]["shape"][-1])
    if "own_mesh_m" in header["arrays"]:
        wanted = tuple(header["arrays"]["own_mesh_m"]["shape"][1:])
        if (
            patch.vertices_m is None
            or patch.vertices_m.shape != wanted
            or not np.isfinite(patch.vertices_m).all()
        ):
            got = (
                "none"
                if patch.vertices_m is None
                else f"{patch.vertices_m.shape}, or numbers that are not finite"
            )
            raise KnuckleError(f"{hand.name}: vertices: expected {wanted} finite numbers, got {got}")
        found["own_mesh_m"] = patch.vertices_m
    return found


def _mask_in_crop(hand: LabelledHand, patch: Patch, size: int) -> UInt8[np.ndarray, "m m"]:
    mask = hand_mask(hand).astype(np.float32)
    if hand.side == "left":
        mask = np.ascontiguousarray(mask[:, ::-1])
    u, v, side = (float(value) for value in patch.crop)
    # Nothing is seen beyond the picture, whose edge the crop repeats.
    inside = cv2.warpAffine(
        mask, Crop((u, v), side, size).patch_from_frame, (size, size), flags=cv2.INTER_LINEAR
    )
    return (inside >= 0.5).astype(np.uint8)


def _crop_labels(hand: LabelledHand, patch: Patch, joints_m: np.ndarray) -> dict[str, np.ndarray]:
    """What depends on the crop; `Patch` holds the frame mirrored where the hand is left."""
    placed = np.isfinite(joints_m).all(-1)
    joints_px = np.full((JOINT_COUNT, 2), np.nan) if patch.joints_px is None else patch.joints_px.copy()
    joints_px[placed] = project(joints_m[placed], patch.camera)
    frame_size = np.array([hand.camera.width, hand.camera.height])
    within = np.all((joints_px >= 0) & (joints_px <= frame_size - 1), axis=-1)
    u, v, side = (float(value) for value in patch.crop)
    patch_from_frame = Crop((u, v), side, len(patch.pixels)).patch_from_frame
    return {
        "images": patch.pixels,
        "is_hand": np.array(True),
        "joints_m": joints_m,
        "joints_px": apply_affine(patch_from_frame, joints_px),
        "camera": patch.camera,
        "frame_size": frame_size,
        "patch_from_frame": patch_from_frame,
        "visible": within if hand.visible is None else within & hand.visible,
    }
