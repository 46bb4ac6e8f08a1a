"""Skeleton lines and labels, drawn into a picture in place."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.skeleton import BONES
from knuckle.view.palette import FINGER_COLOURS

_SHIFT = 4  # cv2 draws at 1/16 px
_FAR_PX = 1e6  # beyond this cv2's integers could overflow
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SMALLEST_LABELLED_PX = 160
_FINE_BELOW_PX = (
    200  # smaller skeletons are drawn enlarged and then averaged: cv2 draws small discs as diamonds
)
_FINE = 4


def hand_extent(joints_px: Float[np.ndarray, "21 2"], drawn: Bool[np.ndarray, "21"]) -> float:
    """Length of the diagonal around the joints, px."""
    return float(np.linalg.norm(np.ptp(joints_px[drawn], axis=0))) if drawn.any() else 0.0


def find_drawable(
    joints_px: Float[np.ndarray, "21 2"], joints_m: Float[np.ndarray, "21 3"]
) -> Bool[np.ndarray, "21"]:
    """Which joints are in front of the camera and near enough to the picture for cv2's integers."""
    near = np.isfinite(joints_px).all(1) & (np.abs(joints_px) < _FAR_PX).all(1)
    return near & (joints_m[:, 2] > 0)


def draw_skeleton(
    picture: UInt8[np.ndarray, "H W 3"], joints_px: Float[np.ndarray, "21 2"], drawn: Bool[np.ndarray, "21"]
) -> None:
    """Draw bones in the colours of their fingers and joints with a white ring; widths follow the hand's size."""
    extent = min(hand_extent(joints_px, drawn), float(np.hypot(*picture.shape[:2])))
    width = max(extent * 0.011, 1.0)
    if extent >= _FINE_BELOW_PX:
        _draw_bones(picture, joints_px, drawn, width)
        return
    margin = np.ceil(3 * width)
    inside = (
        drawn & (joints_px > -margin).all(1) & (joints_px < np.array(picture.shape[1::-1]) + margin).all(1)
    )
    if not inside.any():
        return
    low = np.maximum(joints_px[drawn].min(0) - margin, 0).astype(int)
    part = picture[low[1] :, low[0] :][: int(extent + 2 * margin) + 2, : int(extent + 2 * margin) + 2]
    height, wide = part.shape[:2]
    # Drawn twice on a finer grid, over black and over white: the difference tells how much of the photo shows through.
    fine = (joints_px - low + 0.5) * _FINE - 0.5
    over = []
    for paper in (0, 255):
        canvas = np.full((height * _FINE, wide * _FINE, 3), paper, dtype=np.uint8)
        _draw_bones(canvas, fine, drawn, width * _FINE)
        over.append(cv2.resize(canvas, (wide, height), interpolation=cv2.INTER_AREA).astype(np.float32))
    part[:] = np.clip(over[0] + part * (over[1] - over[0]) / 255 + 0.5, 0, 255).astype(np.uint8)


def _draw_bones(picture: np.ndarray, joints_px: np.ndarray, drawn: np.ndarray, width: float) -> None:
    edge = max(1, round(width * 0.3))
    points = np.round(np.where(drawn[:, None], joints_px, 0) * 2**_SHIFT).astype(int)
    bones = [(a, b) for a, b in BONES if drawn[a] and drawn[b]]
    for ring, shade in ((edge, 0.25), (0, 1.0)):
        for a, b in bones:
            colour = _shade_colour(FINGER_COLOURS[(b - 1) // 4], shade)
            cv2.line(picture, points[a], points[b], colour, round(width) + 2 * ring, cv2.LINE_AA, _SHIFT)
    for joint in np.flatnonzero(drawn):
        colour = FINGER_COLOURS[(joint - 1) // 4] if joint else np.array([235, 235, 235])
        radius = width * (1.5 if not joint else 1.0 if joint % 4 == 0 else 1.15)
        _draw_disc(picture, points[joint], radius + edge, _shade_colour(colour, 0.25))
        _draw_disc(picture, points[joint], radius, (255, 255, 255))
        _draw_disc(picture, points[joint], radius * 0.68, _shade_colour(colour, 1))


def draw_label(
    picture: UInt8[np.ndarray, "H W 3"],
    text: str,
    window: tuple[float, float, float, float],
    colour: Int[np.ndarray, "3"],
    taken: list[tuple[int, int, int, int]],
) -> None:
    """Draw a label above a window, or beside it where there is room; nothing in pictures too small to read it.

    Args:
        picture: changed in place.
        text: of the label.
        window: left, top, width, height, px.
        colour: RGB 0..255.
        taken: boxes of the labels drawn so far; this one is added.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _SMALLEST_LABELLED_PX:
        return
    left, top, wide, tall = window
    size = max(0.4, min(height, width) / 1500)
    stroke = max(1, round(size * 1.7))
    (text_wide, text_tall), below = cv2.getTextSize(text, _FONT, size, stroke)
    pad = round(text_tall * 0.55)
    w, h = text_wide + 2 * pad, text_tall + below + pad
    if w > width or h > height:
        return
    places = [(left, top - h - pad), (left, top + tall + pad), (left + wide - w, top - h - pad), (left, top)]
    boxes = [(int(np.clip(x, 0, width - w)), int(np.clip(y, 0, height - h)), w, h) for x, y in places]
    box = next((b for b in boxes if not any(_overlap(b, t) for t in taken)), boxes[0])
    taken.append(box)
    x, y = box[:2]
    part = picture[y : y + h, x : x + w]
    tag = _rounded_rectangle(w, h, radius=h * 0.3)[..., None] * 0.86
    part[:] = (part * (1 - tag) + colour * 0.62 * tag).round().astype(np.uint8)
    cv2.putText(
        picture, text, (x + pad, y + pad // 2 + text_tall), _FONT, size, (255, 255, 255), stroke, cv2.LINE_AA
    )


def _rounded_rectangle(width: int, height: int, *, radius: float) -> Float[np.ndarray, "h w"]:
    """Coverage of a rectangle with round corners, 0..1."""
    y, x = np.mgrid[:height, :width] + 0.5
    dx = np.abs(x - width / 2) - (width / 2 - radius)
    dy = np.abs(y - height / 2) - (height / 2 - radius)
    return np.clip(radius - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + 0.5, 0, 1)


def _draw_disc(picture: np.ndarray, centre: np.ndarray, radius: float, colour: tuple[int, int, int]) -> None:
    cv2.circle(picture, centre.tolist(), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)


def _shade_colour(colour: np.ndarray, shade: float) -> tuple[int, int, int]:
    r, g, b = (int(c * shade) for c in colour)
    return r, g, b


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
