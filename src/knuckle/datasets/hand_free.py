"""Hand-free crops of a data set's own frames: what a confidence learns against.

A mask of the hand says where it is, where the data set has one; else the box of its joints, made larger, as joints lie
inside the flesh.
"""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_mask
from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, middle_px

SIDES_OF_FRAME = (0.6, 0.45, 0.35, 0.25, 0.18)
"""Sides that are tried, as parts of the frame's shorter one, from one drawn at random down to the smallest."""
_MARGIN_OF_MASK = 0.02
_MARGIN_OF_BOX = 0.2
_MIDDLE = 128


def hand_free_crop(hand: LabelledHand, rng: np.random.Generator, *, size: int) -> Crop | None:
    """A random square of the hand's frame that shows none of it, as a patch of `size` px; None where there is no room.

    Raises KnuckleError for a mask that is damaged, of another size than the frame, or empty.
    """
    free = ~hand_area(hand)
    height, width = free.shape
    sums = cv2.integral(free.astype(np.uint8))
    for part in SIDES_OF_FRAME[int(rng.integers(len(SIDES_OF_FRAME))) :]:
        side = round(part * min(width, height))
        found = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        rows, columns = np.nonzero(found == side * side)
        if len(rows):
            chosen = int(rng.integers(len(rows)))
            middle = middle_px(side)
            return Crop((columns[chosen] + middle, rows[chosen] + middle), float(side), size)
    return None


def hand_area(hand: LabelledHand) -> Bool[np.ndarray, "H W"]:
    """Where in its frame hands are, with a margin: by the mask, else by the boxes of its joints and of other hands."""
    width, height = hand.camera.width, hand.camera.height
    if hand.mask is None:
        # Joints of which some are not labelled do not span the hand.
        whole = hand.joints_px is not None and np.isfinite(hand.joints_px).all()
        own = tight_box(np.asarray(hand.joints_px)) if whole else hand.box_px
        area = np.zeros((height, width), bool)
        for x, y, w, h in [own, *([] if hand.others_px is None else hand.others_px)]:
            wider = _MARGIN_OF_BOX * max(w, h)
            left, top = np.floor([x - wider, y - wider]).astype(int).clip(0)
            right, bottom = np.ceil([x + w + wider, y + h + wider]).astype(int) + 1
            area[top : max(bottom, 0), left : max(right, 0)] = True
        return area
    mask = hand_mask(hand)
    reach = 2 * round(_MARGIN_OF_MASK * min(width, height)) + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)


def hand_mask(hand: LabelledHand) -> Bool[np.ndarray, "H W"]:
    """The hand's pixels. Whether the picture shows it bright or dark its joints say, most of which lie in it.

    Raises KnuckleError for a hand without a mask, and one that is missing, damaged, of another size or empty.
    """
    if hand.mask is None:
        raise KnuckleError(f"{hand.name}: expected a mask of the hand, got none")
    picture: UInt8[np.ndarray, "H W"] = read_mask(hand.mask)
    size = (hand.camera.height, hand.camera.width)
    if picture.shape[:2] != size:
        raise KnuckleError(
            f"{hand.mask}: expected a mask of {size[1]}x{size[0]} px, got {picture.shape[1::-1]}"
        )
    if hand.mask_values is not None:
        first, last = hand.mask_values
        return (picture >= first) & (picture <= last)
    bright = picture >= _MIDDLE
    if bright.all() or not bright.any():
        raise KnuckleError(f"{hand.mask}: expected a mask of the hand, got a picture of one colour")
    joints_px = np.zeros((0, 2)) if hand.joints_px is None else hand.joints_px
    u, v = joints_px[np.isfinite(joints_px).all(-1)].round().astype(int).T
    inside = (u >= 0) & (u < size[1]) & (v >= 0) & (v < size[0])
    if not inside.any():
        return bright
    return bright if bright[v[inside], u[inside]].mean() >= 0.5 else ~bright
