"""What `model=` may name, opened: a one-hand system, a two-hand system, or "auto", each hand by the one fit for it."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, UInt8

from knuckle import weights
from knuckle.camera import Camera
from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.inference.pair_predictor import HAND_FIELDS, PairPredictor, Window
from knuckle.inference.pairing import pair_boxes
from knuckle.inference.predictor import Predictor
from knuckle.skeleton import Side

AUTO = "auto"
ONE_HAND, TWO_HANDS = "dahyf", "dfl"
"""The systems behind "auto"."""


class HandPredictor(Protocol):
    """Picture, boxes (x, y, w, h px), their sides and a camera in; the hands in the order of the boxes out."""

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        /,
    ) -> Hands: ...


def open_predictor(model: str, *, threads: int | None = None, refine: bool = True) -> HandPredictor:
    """The predictor of a model's name, of an .onnx file, or of "auto".

    "auto" takes a two-hand system too where one is installed, and works without. Raises KnuckleError for an unknown
    name or damaged weights.
    """
    if model == AUTO:
        one = Predictor(ONE_HAND, threads=threads, refine=refine)
        if not is_installed(TWO_HANDS):
            return one
        return AutoPredictor(one, PairPredictor(TWO_HANDS, threads=threads, refine=refine))
    _, record = weights.find(model)
    return (Predictor if record.hands == 1 else PairPredictor)(model, threads=threads, refine=refine)


def is_installed(model: str) -> bool:
    """Whether weights of that name ship with this package."""
    installed = weights.available()
    return model in installed or f"{model}-lite" in installed


class AutoPredictor:
    """Overlapping hands by a two-hand system, lone hands by a one-hand system.

    Which boxes belong together: `knuckle.inference.pairing`. A hand of a pair whose confidence, the two-hand system's
    own, lies below the threshold of its record is not believed to be there as that system sees it (a detector may have
    put two boxes on one hand): the one-hand system answers for that box instead. So each box has one answer, never a
    ghost beside it; `Hands.models` tells whose it is, and the confidence is that system's. Raises KnuckleError for
    systems whose meshes differ.
    """

    def __init__(self, one: Predictor, two: PairPredictor) -> None:
        if one.record.rig != two.record.rig:
            raise KnuckleError(
                f"rig: expected the same of both systems, got {one.record.rig} and {two.record.rig}"
            )
        self._one, self._two = one, two

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        /,
    ) -> Hands:
        """Estimate the hands in boxes (x, y, w, h px of the image), each of the side given."""
        boxes = np.asarray(boxes_px, dtype=float).reshape(-1, 4)
        pairs = pair_boxes(boxes, sides).pairs
        if not pairs:
            return self._one(image, boxes, sides, camera)
        windows = [Window.of_pair(boxes[right], boxes[left]) for right, left in pairs]
        seen = self._two.look(image, windows, camera)
        believed = seen["confidence"] >= self._two.record.confidence_threshold
        answered = np.array(pairs)[believed]
        others = np.setdiff1d(np.arange(len(boxes)), answered)
        lone = self._one(image, boxes[others], [sides[i] for i in others], camera)
        if not len(answered):
            return lone
        merged: dict[str, Any] = {name: np.zeros((len(boxes), *seen[name].shape[2:])) for name in HAND_FIELDS}
        models = [self._one.record.name] * len(boxes)
        for name, value in merged.items():
            value[answered] = seen[name][believed]
            if len(others):
                value[others] = getattr(lone, name)
        for index in answered:
            models[index] = self._two.record.name
        return Hands(
            camera,
            sides=tuple(sides),
            boxes_px=boxes,
            models=tuple(models),
            faces=lone.faces,
            **merged,
        )
