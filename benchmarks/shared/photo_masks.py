"""Silhouettes of photographed hands: GrabCut, started from the labelled joints, cut at the wrist.

No photograph at hand has a mask. Where skin stands out from what is behind it, as in the hand-graph photographs, colour
alone finds the hand's outline; it knows nothing of any mesh. The arm has the same colour, so that mask and mesh are
compared above the wrist only.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.skeleton import BONES, MIDDLE_MCP, WRIST

_ROUNDS = 4
_SURE, _LIKELY, _NEVER = 0.04, 0.09, 0.22
"""How far from a bone of the hand, over its length in the picture, a pixel is surely, or likely, the hand's,
and from where on it is surely not."""
_HUE = 4.0
_BRUSH = np.ones((5, 5), np.uint8)
_OTHER_HUE = 3.0
"""So many standard deviations from the hue of the surely the hand's pixels, none is."""


def hand_mask(
    pixels: UInt8[np.ndarray, "S S 3"], joints_px: Float[np.ndarray, "21 2"]
) -> Bool[np.ndarray, "S S"]:
    """Where the hand is, above the wrist. joints_px: in the same picture."""
    far = _distance_to_bones(joints_px, pixels.shape[:2]) / _longest(joints_px)
    labels = np.full(far.shape, cv2.GC_PR_BGD, np.uint8)
    labels[far > _NEVER] = cv2.GC_BGD
    labels[far < _LIKELY] = cv2.GC_PR_FGD
    shown = _colours(pixels)
    labels[_unlike(shown[..., 1:], far < _SURE) > _OTHER_HUE] = cv2.GC_BGD
    labels[far < _SURE] = cv2.GC_FGD
    # A few Gaussians of colour, started at random by OpenCV's own generator.
    cv2.setRNGSeed(0)
    background, foreground = np.zeros((2, 1, 65))
    cv2.grabCut(shown, labels, None, background, foreground, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    hand = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)) & above_wrist(joints_px, far.shape)
    return _largest(hand)


def above_wrist(joints_px: Float[np.ndarray, "21 2"], shape: tuple[int, ...]) -> Bool[np.ndarray, "H W"]:
    """The half of a picture on the fingers' side of the wrist: of the line through it across the palm."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    wrist, along = joints_px[WRIST], joints_px[MIDDLE_MCP] - joints_px[WRIST]
    return (u - wrist[0]) * along[0] + (v - wrist[1]) * along[1] > 0


def _colours(pixels: UInt8[np.ndarray, "S S 3"]) -> UInt8[np.ndarray, "S S 3"]:
    """Lightness halved and colour stretched: skin lies in light and shade, and differs from grey things by its hue."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(float)
    return np.clip((lab - 128) * [0.5, _HUE, _HUE] + 128, 0, 255).round().astype(np.uint8)


def _distance_to_bones(
    joints_px: Float[np.ndarray, "21 2"], shape: tuple[int, ...]
) -> Float[np.ndarray, "H W"]:
    away = np.full(shape, 255, np.uint8)
    for parent, child in BONES:
        ends = [tuple(round(float(value)) for value in joints_px[joint]) for joint in (parent, child)]
        cv2.line(away, ends[0], ends[1], 0, 1)
    return cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _longest(joints_px: Float[np.ndarray, "21 2"]) -> float:
    """Of the hand: the longer side of the joints' box, or twice the palm where the fingers are curled."""
    palm = np.linalg.norm(joints_px[MIDDLE_MCP] - joints_px[WRIST])
    return float(max(np.ptp(joints_px, axis=0).max(), 2 * palm))


def _unlike(hue: UInt8[np.ndarray, "S S 2"], sample: Bool[np.ndarray, "S S"]) -> Float[np.ndarray, "S S"]:
    """How many standard deviations each pixel's hue is from that of a sample."""
    known = hue[sample].astype(float)
    mean, spread = known.mean(0), np.cov(known.T) + np.eye(2)
    away = hue.astype(float) - mean
    return np.sqrt(np.einsum("hwi,ij,hwj->hw", away, np.linalg.inv(spread), away))


def _largest(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Its largest connected part, without lines and holes of a few pixels."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _BRUSH)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return mask
    hand = (parts == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    return cv2.morphologyEx(hand, cv2.MORPH_CLOSE, _BRUSH) > 0
