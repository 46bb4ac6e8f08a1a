"""Places of hands by MediaPipe's palm network ("MediaPipe Hands", Zhang et al. 2020).

It is a single-shot detector (Liu et al. 2016) as in BlazeFace (Bazarevsky et al. 2019), made for a square of 192 px:
two grids of anchors, for each anchor a score, a box and seven points. It has nothing but convolutions and takes
pictures of other shapes too; in larger ones it finds smaller palms, but fewer than in tiles of the size it was made
for.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.crop import turn_of_px
from knuckle.inference.detection.landmarks import TurnedSquare, open_network
from knuckle.inference.detection.proposals import Proposals, Window
from knuckle.inference.detection.search import Effort, ProposalName
from knuckle.inference.detection.windows import show_window

INPUT_PX = 192
# Strides of the grids, and anchors a cell.
GRIDS = ((8, 2), (16, 6))
KEYPOINTS = 7
WRIST_POINT, MIDDLE_POINT = 0, 2
# From a palm to the square of its hand: so much larger, moved to the fingers by this share of its height.
PALM_EXPAND, PALM_SHIFT = 2.6, 0.5
WHOLE_PX: dict[Effort, tuple[int, ...]] = {
    "fast": (INPUT_PX,),
    # Hands that fill the picture are seen better in a smaller one, which takes little time.
    "normal": (INPUT_PX, 128),
    "thorough": (INPUT_PX, 128),
}
SMALL_PX = 64.0
LOOK_SCORE, LEAST_SCORE = 0.3, 0.05
"""Of a palm that is worth a look, and of one that is told of."""
HINTS = 0.25
# The extent of a usual hand's joints in its square: sides, over the square's, along the fingers and across, and how far
# its middle lies from the square's, towards the wrist. Medians of 1,100 hands (detection's train split).
EXTENT_ALONG, EXTENT_ACROSS, EXTENT_SHIFT = 0.75, 0.5, 0.03


class Palms(NamedTuple):
    """Palms in what the network was shown, px from its pixel edges: boxes (centre, size), seven points, scores."""

    boxes: Float[np.ndarray, "n 4"]
    points: Float[np.ndarray, "n 7 2"]
    scores: Float[np.ndarray, "n"]


class PalmNetwork:
    """MediaPipe's palm network, which any number of threads may ask at once.

    Pictures are RGB as the camera saw them. threads: of one run, as `knuckle.inference.onnx_model` has it. Raises
    KnuckleError when its file is missing or damaged.
    """

    name: ProposalName = "palm"
    input_px = tile_px = INPUT_PX
    whole_px: Mapping[Effort, tuple[int, ...]] = WHOLE_PX
    small_px = SMALL_PX
    look_score, hints = LOOK_SCORE, HINTS

    def __init__(self, *, threads: int | None = None) -> None:
        self._session = open_network("palm_detection_full", threads=threads)

    def propose(
        self, image: UInt8[np.ndarray, "H W 3"], window: Window, /, *, input_px: int | None = None
    ) -> Proposals:
        """Hands whose palms it sees in a window, best first; no word of their side."""
        shown = show_window(image, window, input_px or self.input_px)
        regression, logits = self._session.run(("regression", "logits"), {"picture": shown.picture[None]})
        size = shown.picture.shape[:2]
        palms = suppress(decode(regression[0], logits[0], size, threshold=LEAST_SCORE))
        middles = shown.to_picture(palms.boxes[:, :2])
        points = shown.to_picture(palms.points)
        sizes = palms.boxes[:, 2:] * shown.scale
        squares = tuple(
            palm_to_square(np.concatenate([middle, size]), each)
            for middle, size, each in zip(middles, sizes, points, strict=True)
        )
        boxes = np.array([square_to_extent(square) for square in squares]).reshape(-1, 4)
        return Proposals(boxes, squares, palms.scores, np.full(len(squares), 0.5))


@lru_cache(maxsize=16)
def anchor_centres(height: int, width: int) -> Float[np.ndarray, "n 2"]:
    """Centres of the anchors of what is height x width px, from its pixel edges, in the order of the network's output:
    grids row by row."""
    centres = []
    for stride, anchors in GRIDS:
        rows, columns = ((np.arange(side // stride) + 0.5) * stride for side in (height, width))
        y, x = np.meshgrid(rows, columns, indexing="ij")
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), anchors, axis=0))
    return np.concatenate(centres)


def decode(
    regression: Float[np.ndarray, "n 18"],
    logits: Float[np.ndarray, "n"],
    size: tuple[int, int],
    *,
    threshold: float,
) -> Palms:
    """Palms of the anchors whose score passes the threshold; offsets are in px from the anchor's centre. size: height
    and width of what the network was shown."""
    kept = logits >= np.log(threshold / (1 - threshold))
    scores = 1 / (1 + np.exp(-logits[kept].astype(float)))
    values = regression[kept].astype(float).reshape(-1, 2 + KEYPOINTS, 2)
    centres = anchor_centres(*size)[kept]
    boxes = np.concatenate([values[:, 0] + centres, values[:, 1]], axis=1)
    return Palms(boxes, values[:, 2:] + centres[:, None], scores)


def suppress(palms: Palms, *, iou_threshold: float = 0.3) -> Palms:
    """Merge palms that overlap a better one into it: the mean of boxes and points, weighted by score
    (BlazeFace)."""
    boxes, points, scores = [], [], []
    order = np.argsort(-palms.scores, kind="stable")
    while order.size:
        overlapping = box_iou(palms.boxes[order[0]], palms.boxes[order]) > iou_threshold
        # A box of no area overlaps nothing, itself included.
        overlapping[0] = True
        group = order[overlapping]
        weight = palms.scores[group] / palms.scores[group].sum()
        boxes.append(weight @ palms.boxes[group])
        points.append(np.einsum("n,nkd->kd", weight, palms.points[group]))
        scores.append(palms.scores[group[0]])
        order = order[~overlapping]
    return Palms(np.array(boxes).reshape(-1, 4), np.array(points).reshape(-1, KEYPOINTS, 2), np.array(scores))


def box_iou(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """Intersection over union of one box with others, each (centre x, centre y, w, h); 0 where both are
    empty."""
    low = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    inner = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(box[2:]) + np.prod(others[:, 2:], axis=1) - inner
    return inner / np.maximum(union, 1e-12)


def palm_to_square(box_px: Float[np.ndarray, "4"], points_px: Float[np.ndarray, "7 2"]) -> TurnedSquare:
    """The square round the whole hand of a palm (centre x, centre y, w, h), upright when the fingers point
    up."""
    dx, dy = points_px[MIDDLE_POINT] - points_px[WRIST_POINT]
    rotation = float(np.arctan2(dx, -dy))
    to_fingers = np.array([np.sin(rotation), -np.cos(rotation)])
    centre = box_px[:2] + PALM_SHIFT * box_px[3] * to_fingers
    return TurnedSquare((float(centre[0]), float(centre[1])), PALM_EXPAND * float(box_px[2:].max()), rotation)


def square_to_extent(square: TurnedSquare) -> Float[np.ndarray, "4"]:
    """x, y, w, h of the extent of a usual hand's joints in its square."""
    sin, cos = np.sin(square.rotation_rad), np.cos(square.rotation_rad)
    along, across = EXTENT_ALONG * square.side_px, EXTENT_ACROSS * square.side_px
    size = np.array([abs(cos) * across + abs(sin) * along, abs(sin) * across + abs(cos) * along])
    to_wrist = turn_of_px(square.rotation_rad) @ [0.0, EXTENT_SHIFT * square.side_px]
    middle = square.centre_px + to_wrist
    return np.concatenate([middle - size / 2, size])
