"""Running predictors over frames of two hands; one-hand and two-hand systems on each other's data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from knuckle.datasets.labelled import Patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.frames import LEFT, TwoHandFrame, hand_patch, pair_patch, tight_box
from knuckle.evaluation.run import PatchPredictor, Progress, chunks, predict_patches
from knuckle.evaluation.two_hand_arrays import TwoHandPredictions, TwoHandTruth
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.hands import HandPredictor
from knuckle.skeleton import Side

_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
"""Thousands of pictures need not stay in memory."""
_PLACED = ("joints_px", "joints_m", "vertices_m")
_KEPT = (*_PLACED, "confidence")
_SIDES: tuple[Side, Side] = ("right", "left")


class FramePredictor(Protocol):
    """What is evaluated: frames in, arrays with leading (B, 2) out, the right hand first.

    Must give joints_px (B, 2, 21, 2) px of the picture and joints_m (B, 2, 21, 3) camera frame, metres; may give
    confidence (B, 2) and vertices_m (B, 2, V, 3).
    """

    def __call__(self, frames: Sequence[TwoHandFrame], /) -> Mapping[str, np.ndarray]: ...


def run_frames(
    predictor: FramePredictor,
    frames: Iterable[TwoHandFrame],
    *,
    batch: int = 32,
    progress: Progress = lambda count: None,
) -> tuple[TwoHandTruth, TwoHandPredictions]:
    """Predict every frame and collect its truth beside it.

    progress is called with the number of frames each batch finished. Raises KnuckleError when there is no frame, an
    output is missing, or one is not finite or of the wrong shape.
    """
    labels: list[TwoHandFrame] = []
    parts: list[dict[str, np.ndarray]] = []
    for chunk in chunks(frames, batch):
        outputs = predictor(chunk)
        if missing := [name for name in ("joints_px", "joints_m") if name not in outputs]:
            raise KnuckleError(
                f"evaluation: expected a model that gives joints_px and joints_m, missing {missing}"
            )
        parts.append({name: _number(name, outputs[name]) for name in _KEPT if name in outputs})
        labels += [replace(frame, picture=_NO_PICTURE) for frame in chunk]
        progress(len(chunk))
    if not labels:
        raise KnuckleError("evaluation: expected at least one frame, got none")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _truth(labels), TwoHandPredictions(**joined)


def whole_frames(predictor: PatchPredictor, *, size: int, expand: float) -> FramePredictor:
    """A two-hand system, shown one crop of each frame."""

    def predict(frames: Sequence[TwoHandFrame], /) -> Mapping[str, np.ndarray]:
        return predict_patches(predictor, [pair_patch(frame, size=size, expand=expand) for frame in frames])

    return predict


def hand_by_hand(predictor: PatchPredictor, *, size: int, expand: float) -> FramePredictor:
    """A one-hand system, shown each hand that is there in a crop of its own, and told its side; absent hands are 0.

    It has no say in which hands are there, so there is no confidence.
    """

    def predict(frames: Sequence[TwoHandFrame], /) -> Mapping[str, np.ndarray]:
        shown = [(row, hand) for row, frame in enumerate(frames) for hand in (0, 1) if frame.is_hand[hand]]
        patches = [hand_patch(frames[row], hand, size=size, expand=expand) for row, hand in shown]
        outputs = predict_patches(predictor, patches)
        result = {}
        for name in (name for name in _PLACED if name in outputs):
            filled = result[name] = np.zeros((len(frames), 2, *outputs[name].shape[1:]))
            for (row, hand), value in zip(shown, outputs[name], strict=True):
                width = frames[row].camera.width
                filled[row, hand] = _mirrored(name, value, width) if hand == LEFT else value
        return result

    return predict


def by_boxes(predictor: HandPredictor) -> FramePredictor:
    """What `estimate` runs, given each picture with the tight box and the side of every hand that is there, as a user
    gives them; absent hands are 0.

    It decides itself which hands it sees together, and cuts its own crops (`knuckle.inference.auto`). It has no say in
    which hands are there, so there is no confidence.
    """

    def predict(frames: Sequence[TwoHandFrame], /) -> Mapping[str, np.ndarray]:
        found = []
        for frame in frames:
            there = np.flatnonzero(frame.is_hand)
            boxes = np.stack([tight_box(frame.joints_px[hand]) for hand in there])
            found.append(predictor(frame.picture, boxes, [_SIDES[hand] for hand in there], frame.camera))
        result = {}
        for name in _PLACED:
            shape = getattr(found[0], name).shape[1:]
            filled = result[name] = np.zeros((len(frames), 2, *shape))
            for row, (frame, hands) in enumerate(zip(frames, found, strict=True)):
                filled[row, frame.is_hand] = getattr(hands, name)
        return result

    return predict


class RightOfTwo:
    """A two-hand system on patches of single hands, all right ones: its right hand is the answer.

    confidence: that any hand is there. pair_confidence (B, 2): its right and its left hand's own.
    """

    def __init__(self, predictor: PatchPredictor) -> None:
        self._predictor = predictor

    def __call__(
        self, patches: np.ndarray, crop: np.ndarray, camera: np.ndarray, /
    ) -> Mapping[str, np.ndarray]:
        return self._right(self._predictor(patches, crop, camera))

    def of_patches(self, patches: Sequence[Patch], /) -> Mapping[str, np.ndarray]:
        """The answer to patches, by what the system makes of their photos if it does."""
        return self._right(predict_patches(self._predictor, patches))

    def _right(self, outputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        result = {name: value[:, 0] for name, value in outputs.items() if name != "confidence"}
        if "confidence" in outputs:
            result |= {
                "confidence": outputs["confidence"].max(axis=1),
                "pair_confidence": outputs["confidence"],
            }
        return result


def _truth(labels: list[TwoHandFrame]) -> TwoHandTruth:
    meshes = [frame.vertices_m for frame in labels if frame.vertices_m is not None]
    return TwoHandTruth(
        joints_px=np.stack([frame.joints_px for frame in labels]),
        joints_m=np.stack([frame.joints_m for frame in labels]),
        is_hand=np.stack([frame.is_hand for frame in labels]),
        camera=np.stack([frame.camera.vector for frame in labels]),
        vertices_m=np.stack(meshes).astype(np.float32) if len(meshes) == len(labels) else None,
        names=tuple(frame.name for frame in labels),
        kinds=tuple(frame.kind for frame in labels),
    )


def _number(name: str, values: np.ndarray) -> np.ndarray:
    # Thousands of meshes: single precision is exact to 0.1 µm and takes half the memory.
    return np.asarray(values, dtype=np.float32 if name == "vertices_m" else float)


def _mirrored(name: str, value: np.ndarray, width: int) -> np.ndarray:
    return mirror_px(value, width) if name == "joints_px" else value * MIRROR_POINT
