"""EvaluatedModel: what is evaluated, and how it is asked about single hands and about two.

Every predictor takes a batch (patches, or frames) and gives arrays with a leading axis of the batch. It must give
joints_px, px of the frame, and joints_m, camera frame, metres; what else it gives is used where a protocol can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from knuckle.datasets.labelled import Patch
from knuckle.evaluation.frames import LEFT, TwoHandFrame, hand_patch, pair_patch, tight_box
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.hands import HandPredictor
from knuckle.sets.seen import Seen
from knuckle.skeleton import HAND_SIDES

Outputs = Mapping[str, np.ndarray]

_PLACED = ("joints_px", "joints_m", "vertices_m")


class PatchPredictor(Protocol):
    """Patches of right hands in, with their pictures where they have one.

    Out, for B patches: joints_px (B, 21, 2), joints_m (B, 21, 3); where the model has them joints_patch (B, 21, 2) of a
    2D branch, px of the patch, confidence (B,), vertices_m (B, V, 3), rough_vertices_m (B, V, 3) before a refinement
    with their rough_joints_m (B, 21, 3), mesh_joints_m (B, 21, 3) of a mesh head. A two-hand system gives all of them
    with an axis of hands behind B, the right one first.
    """

    def __call__(self, patches: Sequence[Patch], /) -> Outputs: ...


class FramePredictor(Protocol):
    """Frames of two hands in; out, for B frames and the right hand first: joints_px (B, 2, 21, 2), joints_m
    (B, 2, 21, 3), and where the model has them confidence (B, 2) and vertices_m (B, 2, V, 3).
    """

    def __call__(self, frames: Sequence[TwoHandFrame], /) -> Outputs: ...


@dataclass(frozen=True)
class EvaluatedModel:
    """A model as evaluation asks it."""

    name: str
    """What reports call it."""
    size: int
    """Side of the patches it is shown, px."""
    expand: float
    """Side of its crops over the longer side of the box; stored crops keep theirs."""
    predict: PatchPredictor
    """Answers patches: of single hands, or of both for a two-hand system."""
    hands: int = 1
    """2 for a system that is shown both hands in one patch."""
    threshold: float = 0.5
    """The confidence from which on a hand of a two-hand system counts as seen."""
    system: str = ""
    """Of `knuckle.models.SYSTEMS`; "" for what is none of them."""
    preset: str = ""
    parameters: int | None = None
    """How many numbers its network has learned; None where unknown."""
    trained_sets: Seen | None = None
    """Which rows of which sets trained it; None where nobody wrote it down."""
    tips: str = "open"
    """Whose fingertips its joints have (`knuckle.rig.tips`)."""
    samples_seen: int | None = None
    """Hands it was trained on, counted as often as shown; None where unknown."""
    frames: FramePredictor | None = None
    """What answers frames of two hands instead of `predict`: `by_boxes` of "auto"."""

    def for_single_hands(self) -> PatchPredictor:
        """Its answers to patches of single hands, without an axis of hands."""
        return self.predict if self.hands == 1 else right_of_two(self.predict)

    def for_frames(self) -> FramePredictor:
        """Its answers to frames of two hands."""
        if self.frames is not None:
            return self.frames
        return self._crop_of_both if self.hands == 2 else self._hand_by_hand

    def _crop_of_both(self, frames: Sequence[TwoHandFrame], /) -> Outputs:
        """A two-hand system, shown one crop of each frame."""
        return self.predict([pair_patch(frame, size=self.size, expand=self.expand) for frame in frames])

    def _hand_by_hand(self, frames: Sequence[TwoHandFrame], /) -> Outputs:
        """A one-hand system, shown every hand that is there in a crop of its own and given its side.

        Absent hands are 0, and there is no confidence: the system does not decide which hands are there.
        """
        shown = [(row, hand) for row, frame in enumerate(frames) for hand in (0, 1) if frame.is_hand[hand]]
        patches = [hand_patch(frames[r], h, size=self.size, expand=self.expand) for r, h in shown]
        outputs = self.predict(patches)
        result = {}
        for name in (name for name in _PLACED if name in outputs):
            filled = result[name] = np.zeros((len(frames), 2, *outputs[name].shape[1:]))
            for (row, hand), value in zip(shown, outputs[name], strict=True):
                width = frames[row].camera.width
                filled[row, hand] = _mirrored(name, value, width) if hand == LEFT else value
        return result


def right_of_two(predict: PatchPredictor) -> PatchPredictor:
    """A two-hand system on patches of single hands, all right ones: its right hand is the answer.

    confidence: that any hand is there. pair_confidence (B, 2): that its right and its left hand are.
    """

    def predict_right(patches: Sequence[Patch], /) -> Outputs:
        outputs = predict(patches)
        result = {name: value[:, 0] for name, value in outputs.items() if name != "confidence"}
        if "confidence" in outputs:
            both = outputs["confidence"]
            result |= {"confidence": both.max(axis=1), "pair_confidence": both}
        return result

    return predict_right


def by_boxes(predictor: HandPredictor) -> FramePredictor:
    """What `knuckle estimate` runs, given each picture with the tight box and side of every hand that is there.

    It decides itself which hands form a pair, and cuts its own crops (`knuckle.inference.auto`). Absent hands are 0,
    and there is no confidence: the boxes say which hands are there.
    """

    def predict(frames: Sequence[TwoHandFrame], /) -> Outputs:
        found = []
        for frame in frames:
            there = np.flatnonzero(frame.is_hand)
            boxes = np.stack([tight_box(frame.joints_px[hand]) for hand in there])
            found.append(predictor(frame.picture, boxes, [HAND_SIDES[hand] for hand in there], frame.camera))
        result = {}
        for name in _PLACED:
            shape = getattr(found[0], name).shape[1:]
            filled = result[name] = np.zeros((len(frames), 2, *shape))
            for row, (frame, hands) in enumerate(zip(frames, found, strict=True)):
                filled[row, frame.is_hand] = getattr(hands, name)
        return result

    return predict


def _mirrored(name: str, value: np.ndarray, width: int) -> np.ndarray:
    return mirror_px(value, width) if name == "joints_px" else value * MIRROR_POINT
