"""How well a hand detector does on labelled pictures: recall, ghosts, AP50, sides."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from benchmarks.shared.labelled_pictures import LabelledPicture
from knuckle.inference.detection.boxes import overlaps
from knuckle.inference.detection.detection import Detection

SAME_IOU = 0.5
NO_HAND_IOU = 0.2
"""A detection that overlaps every hand by less is where no hand is."""
LEAST_PX = 32.0
"""Hands whose box's longer side is no more than this are not asked for."""


@dataclass
class Scores:
    """Counts over pictures; `add` takes one more.

    margin: what labels outline is larger than the joints' extent, which detectors give: that is grown by this share of
    it on every side first.
    """

    margin: float
    pictures: int = 0
    judged: int = 0
    """Pictures all of whose hands are labelled: others can show no ghost."""
    hands: int = 0
    found: int = 0
    ghosts: int = 0
    """Detections where no hand is, and those of a hand that a better one has found."""
    sided: int = 0
    right_side: int = 0
    ranked: list[tuple[float, bool]] = field(default_factory=list)
    """Score of each detection, and whether it has found a hand."""
    seconds: list[float] = field(default_factory=list)

    def add(
        self,
        picture: LabelledPicture,
        detections: Sequence[Detection],
        seconds: float,
        *,
        size_px: Int[np.ndarray, "2"],
    ) -> None:
        """Counts what was found in one more picture, of that width and height, and how long that took."""
        small = picture.boxes_px[:, 2:].max(1, initial=0) <= LEAST_PX
        asked = ~(small | picture.ignored)
        boxes = np.array([grown(one.box_px, self.margin) for one in detections]).reshape(-1, 4)
        boxes, labels = clipped(boxes, size_px), clipped(picture.boxes_px, size_px)
        pairs = match(boxes, labels)
        self.pictures += 1
        self.judged += picture.complete
        self.hands += int(asked.sum())
        self.seconds.append(seconds)
        for number, detection in enumerate(detections):
            hand = pairs.get(number)
            if hand is not None and not asked[hand]:
                continue
            if hand is not None:
                self.found += 1
                label = picture.sides[hand]
                self.sided += label is not None
                self.right_side += label == detection.side
            elif picture.complete:
                iou = overlaps(boxes[number], labels)
                # A loose box of a hand that nothing has found is a hand missed, not a ghost as well.
                near = iou.max(initial=0) >= NO_HAND_IOU
                if near and (not asked[iou.argmax()] or int(iou.argmax()) not in pairs.values()):
                    continue
                self.ghosts += 1
            if picture.complete:
                self.ranked.append((detection.score, hand is not None))

    def summary(self) -> dict[str, float | int]:
        """All figures; NaN where nothing could be measured."""
        return {
            "pictures": self.pictures,
            "hands": self.hands,
            "recall": _share(self.found, self.hands),
            "ghosts": _share(self.ghosts, self.judged),
            "ap50": average_precision(self.ranked, self.hands) if self.judged == self.pictures else np.nan,
            "sides": _share(self.right_side, self.sided),
            "ms": 1000 * float(np.median(self.seconds)) if self.seconds else np.nan,
        }


def grown(box_px: Float[np.ndarray, "4"], margin: float) -> Float[np.ndarray, "4"]:
    """A box (x, y, w, h) with a margin, by that share of its sides, on every side."""
    x, y, w, h = box_px
    return np.array([x - margin * w, y - margin * h, w * (1 + 2 * margin), h * (1 + 2 * margin)])


def clipped(boxes_px: Float[np.ndarray, "N 4"], size_px: Int[np.ndarray, "2"]) -> Float[np.ndarray, "N 4"]:
    """What lies of boxes (x, y, w, h) within a picture of that width and height: how far a hand goes on beyond its
    edge is a guess that no detector is judged by."""
    low, high = (
        np.clip(edge, -0.5, size_px - 0.5) for edge in (boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:])
    )
    return np.concatenate([low, high - low], axis=1)


def match(boxes: Float[np.ndarray, "M 4"], labels: Float[np.ndarray, "N 4"]) -> dict[int, int]:
    """Which detection, best first, has found which labelled hand, each once."""
    pairs: dict[int, int] = {}
    for number, box in enumerate(boxes):
        iou = overlaps(box, labels)
        iou[list(pairs.values())] = -1
        if len(iou) and iou.max() >= SAME_IOU:
            pairs[number] = int(iou.argmax())
    return pairs


def average_precision(ranked: Sequence[tuple[float, bool]], hands: int) -> float:
    """Area under precision over recall, precision made to fall (as PASCAL VOC 2010 on has it)."""
    if not hands:
        return float("nan")
    order = sorted(ranked, key=lambda one: -one[0])
    right = np.cumsum([hit for _, hit in order])
    precision = right / np.arange(1, len(order) + 1)
    recall = right / hands
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * highest).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
