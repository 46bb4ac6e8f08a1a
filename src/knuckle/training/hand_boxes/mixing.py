"""Training pictures of the hand detector, mixed from labelled ones: mosaics, single pictures near and far, and patches
pasted on pictures without hands."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.crop import hand_roll, turn_of_px
from knuckle.training.hand_boxes.pictures import UNKNOWN, LabelledHand, LabelledPicture

SMALLEST_PX = 7.0
"""Hands shown smaller are neither found nor missed."""
LEAST_SHOWN, LEAST_SEEN = 0.35, 0.12
"""Share of a hand that must be in the picture for it to be found; below the other one it is as if it were not there."""

_GRIDS, _GRID_SHARES = (1, 2, 3, 4, 5, 6), (0.34, 0.26, 0.18, 0.12, 0.06, 0.04)


@dataclass(frozen=True, eq=False)
class Mixed:
    """A training picture and its labels as `knuckle.models.hand_boxes.targets.HandLabels` has them, in numpy."""

    image: UInt8[np.ndarray, "H W 3"]
    boxes: Float[np.ndarray, "n 4"]
    right: Float[np.ndarray, "n"]
    direction: Float[np.ndarray, "n 2"]
    ignored: Float[np.ndarray, "m 4"]


class Area(NamedTuple):
    """Part of the training picture, whole px."""

    left: int
    top: int
    width: int
    height: int


@dataclass(eq=False)
class _Shown:
    """A hand as it is shown so far."""

    box: np.ndarray
    right: float
    direction: np.ndarray
    share: float
    """Of it that is seen."""
    ignored: bool


@dataclass(eq=False)
class Canvas:
    """A training picture while it is made: later pictures cover earlier ones."""

    image: UInt8[np.ndarray, "H W 3"]
    hands: list[_Shown] = field(default_factory=list)
    unlabelled: list[np.ndarray] = field(default_factory=list)
    """Areas in which there may be hands without a label."""

    def show(
        self, picture: LabelledPicture, area: Area, view: Float[np.ndarray, "2 3"], *, beyond: int | None
    ) -> None:
        """Draw the part of a picture that `view` (canvas px from its px, pixel edges) brings into the area.

        beyond: the grey of what lies outside the picture; None repeats its edges.
        """
        scale = float(np.sqrt(abs(np.linalg.det(view[:, :2]))))
        pixels, reduction = picture.pixels(scale)
        own = view.copy()
        own[:, :2] *= reduction
        own[:, 2] -= area[:2]
        # Pixel edges to pixel centres, as opencv has them.
        own[:, 2] += own[:, :2] @ [0.5, 0.5] - 0.5
        left, top, width, height = area
        border = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
        drawn = cv2.warpAffine(
            pixels, own, (width, height), borderMode=border, borderValue=(beyond or 0,) * 3
        )
        self._cover(area)
        self.image[top : top + height, left : left + width] = drawn
        mirrored = bool(np.linalg.det(view[:, :2]) < 0)
        for hand in picture.hands:
            self._add(hand, area, view, mirrored=mirrored)
        if not picture.complete:
            self.unlabelled.append(np.array(area, float))

    def _add(self, hand: LabelledHand, area: Area, view: np.ndarray, *, mirrored: bool) -> None:
        points = hand.corners @ view[:, :2].T + view[:, 2]
        low, high = points.min(0), points.max(0)
        box = np.concatenate([low, high - low])
        start, end = np.array(area[:2]), np.array(area[:2]) + area[2:]
        if hand.has_joints:
            share = float(((points >= start) & (points <= end)).all(-1).mean())
        else:
            seen = np.clip(np.minimum(high, end) - np.maximum(low, start), 0, None)
            share = float(seen.prod() / max(box[2:].prod(), 1e-6))
        right = hand.right if hand.right == UNKNOWN or not mirrored else 1 - hand.right
        roll = hand_roll(points) if hand.has_joints else None
        direction = np.zeros(2) if roll is None else np.array([np.cos(roll), np.sin(roll)])
        self.hands.append(_Shown(box, right, direction, share, hand.ignored))

    def _cover(self, area: Area) -> None:
        start, end = np.array(area[:2]), np.array(area[:2]) + area[2:]
        for hand in self.hands:
            low, size = hand.box[:2], hand.box[2:]
            hidden = np.clip(np.minimum(low + size, end) - np.maximum(low, start), 0, None).prod()
            hand.share *= 1 - float(hidden / max(size.prod(), 1e-6))

    def finished(self) -> Mixed:
        """The picture with the hands that can be seen."""
        height, width = self.image.shape[:2]
        found, ignored = [], list(self.unlabelled)
        for hand in self.hands:
            if hand.share < LEAST_SEEN:
                continue
            if hand.ignored or hand.share < LEAST_SHOWN or hand.box[2:].max() < SMALLEST_PX:
                low = np.clip(hand.box[:2], 0, [width, height])
                high = np.clip(hand.box[:2] + hand.box[2:], 0, [width, height])
                ignored.append(np.concatenate([low, high - low]))
            else:
                found.append(hand)
        return Mixed(
            self.image,
            np.array([hand.box for hand in found], np.float32).reshape(-1, 4),
            np.array([hand.right for hand in found], np.float32),
            np.array([hand.direction for hand in found], np.float32).reshape(-1, 2),
            np.array(ignored, np.float32).reshape(-1, 4),
        )


@dataclass(frozen=True, eq=False)
class Sources:
    """What training pictures are mixed from."""

    photos: Sequence[LabelledPicture]
    """Photographs, and crops of such, with hands."""
    empty: Sequence[LabelledPicture]
    """Pictures without hands."""
    scenes: Sequence[LabelledPicture] = ()
    """Rendered ones, with hands and without."""
    scene_share: float = 0.4
    """Of the pictures, and of the tiles of the others half as many, once there are scenes."""


def mix(sources: Sources, rng: np.random.Generator, *, height: int, width: int) -> Mixed:
    """One training picture."""
    canvas = Canvas(np.zeros((height, width, 3), np.uint8))
    whole = Area(0, 0, width, height)
    if sources.scenes and rng.random() < sources.scene_share:
        _show(canvas, _pick(sources.scenes, rng), whole, rng, zoom=(0.9, 2.6), turns=0.15)
    else:
        kind = rng.random()
        if kind < 0.65:
            _mosaic(canvas, sources, rng)
        elif kind < 0.9:
            _pasted(canvas, sources, rng)
        else:
            _show(canvas, _pick(sources.empty, rng), whole, rng, zoom=(0.9, 2.5))
    mixed = canvas.finished()
    return Mixed(_as_photographed(mixed.image, rng), mixed.boxes, mixed.right, mixed.direction, mixed.ignored)


def _pick(pictures: Sequence[LabelledPicture], rng: np.random.Generator) -> LabelledPicture:
    return pictures[int(rng.integers(len(pictures)))]


def _tile(sources: Sources, rng: np.random.Generator, *, empty: float) -> LabelledPicture:
    if rng.random() < empty:
        return _pick(sources.empty, rng)
    if sources.scenes and rng.random() < sources.scene_share / 2:
        return _pick(sources.scenes, rng)
    return _pick(sources.photos, rng)


def _mosaic(canvas: Canvas, sources: Sources, rng: np.random.Generator) -> None:
    """Rows and columns of pictures; lines between them anywhere."""
    height, width = canvas.image.shape[:2]
    grid = int(rng.choice(_GRIDS, p=_GRID_SHARES))
    if grid == 1:
        picture = _tile(sources, rng, empty=0.1)
        _show(canvas, picture, Area(0, 0, width, height), rng, zoom=(0.4, 2.5), turns=0.5)
        return
    columns, rows = _lines_between(width, grid, rng), _lines_between(height, grid, rng)
    for left, right in itertools.pairwise(columns):
        for top, bottom in itertools.pairwise(rows):
            picture = _tile(sources, rng, empty=0.25)
            area = Area(left, top, right - left, bottom - top)
            _show(canvas, picture, area, rng, zoom=(0.8, 1.7), turns=0.5)


def _lines_between(length: int, count: int, rng: np.random.Generator) -> list[int]:
    jitter = rng.uniform(-0.25, 0.25, count - 1)
    inner = np.round((np.arange(1, count) + jitter) * length / count).astype(int)
    return [0, *inner.tolist(), length]


def _pasted(canvas: Canvas, sources: Sources, rng: np.random.Generator) -> None:
    """Parts of pictures anywhere on one without hands, or on one with them."""
    height, width = canvas.image.shape[:2]
    under = _tile(sources, rng, empty=0.75)
    _show(canvas, under, Area(0, 0, width, height), rng, zoom=(0.9, 2.0))
    for _ in range(int(rng.integers(1, 7))):
        side = float(np.exp(rng.uniform(np.log(20), np.log(0.75 * min(height, width)))))
        stretch = float(np.exp(rng.normal(0, 0.25)))
        w, h = (
            int(np.clip(s, 16, limit)) for s, limit in ((side * stretch, width), (side / stretch, height))
        )
        area = Area(int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h)
        _show(canvas, _tile(sources, rng, empty=0.1), area, rng, zoom=(0.8, 1.8), turns=0.4)


def _show(
    canvas: Canvas,
    picture: LabelledPicture,
    area: Area,
    rng: np.random.Generator,
    *,
    zoom: tuple[float, float],
    turns: float = 0.0,
) -> None:
    """A picture in an area, any part of it: mirrored half the time, turned in a share `turns` of them.

    zoom: how many times as large as the smallest size at which it fills the area along both axes.
    """
    left, top, width, height = area
    # A hand whose joints are not known is only turned by right angles: its box would grow.
    known = all(hand.has_joints for hand in picture.hands)
    turn = 0.0
    if rng.random() < turns:
        turn = float(rng.integers(1, 4)) * np.pi / 2 if rng.random() < 0.4 else 0.0
        if known and (turn == 0.0 or rng.random() < 0.3):
            turn += float(rng.normal(0, 0.35) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    linear = turn_of_px(turn) @ np.diag([mirror, 1.0])
    reach = np.abs(linear) @ [picture.width, picture.height]
    fill = max(width / reach[0], height / reach[1])
    scale = fill * float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    linear = linear * scale
    size, corner = np.array([width, height]), np.array([left, top])
    # How far the picture may be moved either way: it covers the area, or is inside it.
    play = np.abs(size - scale * reach) / 2
    shift = rng.uniform(-play, play)
    view = np.column_stack([linear, corner + size / 2 - linear @ [picture.width / 2, picture.height / 2]])
    if picture.hands and scale > fill and rng.random() < 0.6:
        hand = picture.hands[int(rng.integers(len(picture.hands)))]
        aim = view[:, :2] @ hand.corners.mean(0) + view[:, 2]
        shift = np.clip(corner + size * rng.uniform(0.1, 0.9, 2) - aim, -play, play)
    view[:, 2] += shift
    # Windows of pictures are black beyond them.
    beyond = None if rng.random() < 0.5 else 0 if rng.random() < 0.6 else int(rng.integers(256))
    canvas.show(picture, area, view, beyond=beyond)


def _as_photographed(
    image: UInt8[np.ndarray, "H W 3"], rng: np.random.Generator
) -> UInt8[np.ndarray, "H W 3"]:
    """Another exposure, white balance and contrast; at times grey, blurred, noisy or compressed."""
    levels = np.linspace(0, 1, 256)
    gamma, gain = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.2))
    colour = gain * np.exp(rng.normal(0, 0.08, 3))
    curves = np.clip(levels[:, None] ** gamma * colour + rng.normal(0, 0.04), 0, 1)
    image = cv2.LUT(image, (255 * curves).round().astype(np.uint8)[:, None])
    if rng.random() < 0.06:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.3)))
    if rng.random() < 0.15:
        noise = rng.normal(0, rng.uniform(2, 10), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))]
        compressed = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
        image = image if compressed is None else compressed
    return image
