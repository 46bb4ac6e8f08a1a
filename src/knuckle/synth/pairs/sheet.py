"""Two-hand crops with their labels drawn over them."""

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.sets.samples import PARTS, PairSample
from knuckle.skeleton import BONES

_HAND_COLOURS = ((255, 120, 40), (50, 150, 255))
"""Right, left."""


def draw_pair(sample: PairSample, *, zoom: int) -> UInt8[np.ndarray, "h w 3"]:
    """The crop enlarged, under its part mask (right hand orange, left hand blue, each part a shade of it) and its
    bones; joints the camera does not see are hollow."""
    size = zoom * len(sample.image)
    image = cv2.resize(sample.image, (size, size), interpolation=cv2.INTER_CUBIC)
    mask = np.repeat(np.repeat(sample.part_mask, 2 * zoom, 0), 2 * zoom, 1)
    colours = np.concatenate([[(0, 0, 0)], *(_shades(colour) for colour in _HAND_COLOURS)]).astype(np.uint8)
    image = np.where((mask > 0)[..., None], cv2.addWeighted(image, 0.45, colours[mask], 0.55, 0), image)
    for side in np.flatnonzero(sample.is_hand):
        corners = np.rint(((sample.joints_px[side] + 0.5) * zoom - 0.5) * 16).astype(int).tolist()
        for a, b in BONES:
            cv2.line(image, corners[a], corners[b], _HAND_COLOURS[side], 1, cv2.LINE_AA, 4)
        for corner, seen in zip(corners, sample.visible[side], strict=True):
            cv2.circle(image, corner, 16 * 3, (255, 255, 255), -1 if seen else 1, cv2.LINE_AA, 4)
    return image


def _shades(colour: tuple[int, int, int]) -> np.ndarray:
    """A shade of one hand's colour for each of its parts, neighbours far apart."""
    light = 0.35 + 0.65 * (np.arange(PARTS) * 7 % PARTS) / (PARTS - 1)
    return np.rint(light[:, None] * colour)
