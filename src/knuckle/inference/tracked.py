"""The hands of a video's frame whose places are known from the frames before: what a photo's search is not needed for.

The landmark network looks once at each predicted square; a second time only where the hand turns out to lie elsewhere
or is hardly seen. Its joints say where to cut the estimator's crops. Hands that it is not to be asked about are cut out
where they were predicted, and what it said of them last is carried along: as far as its joints lay from the
estimator's then, they lie now (`carried`). All hands go through each network at once, and the rig's fit starts from
what they were like before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import hand_roll, turn_about_z, turned_px
from knuckle.geometry.pyramid import Pyramid
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, AutoPredictor
from knuckle.inference.certainty import annotate
from knuckle.inference.detection.evidence import LEAST_PRESENCE, Evidence
from knuckle.inference.detection.landmarks import (
    LandmarkNetwork,
    TurnedSquare,
    joints_to_square,
    landmark_network,
)
from knuckle.inference.detection.looks import look_at_squares, same_square
from knuckle.inference.disagreement import Disagreement
from knuckle.inference.one_hand import Joints, Predictor
from knuckle.rig.fit.joints import FitStart
from knuckle.skeleton import Side


class Memory(NamedTuple):
    """What was said of N hands in the frame before; `Memory.rows` keeps it in step with the tracks."""

    evidence: Evidence
    own: Joints
    """The estimator's, before the fit and without evidence."""

    def rows(self, chosen: Int[np.ndarray, "n"] | Bool[np.ndarray, "N"]) -> "Memory":
        """Of some of the hands."""
        return Memory(self.evidence.rows(chosen), Joints(*(values[chosen] for values in self.own)))

    @classmethod
    def joined(cls, parts: Sequence["Memory"]) -> "Memory":
        """Of all hands of all parts, in their order."""
        own = (np.concatenate(values) for values in zip(*(part.own for part in parts), strict=True))
        return cls(Evidence.joined([part.evidence for part in parts]), Joints(*own))

    @classmethod
    def none(cls, count: int) -> "Memory":
        """Of hands of which nothing is known: of a track's first frame."""
        nan = np.nan
        own = Joints(np.full((count, 21, 2), nan), np.full((count, 21, 3), nan), np.zeros(count))
        return cls(Evidence.none(count), own)


@dataclass(frozen=True, eq=False)
class Predicted:
    """Where N hands are expected, before their frame is seen."""

    boxes_px: Float[np.ndarray, "N 4"]
    """x, y, w, h of the extent of the joints, as detection gives it."""
    squares: tuple[TurnedSquare, ...]
    """What the landmark network is shown, upright round each hand (`joints_to_square`)."""
    sides: tuple[Side, ...]
    start: FitStart
    """Pose and shape a moment ago, as `Hands` has them; NaN where none are known."""
    memory: Memory
    """As the frame before returned it."""

    def __len__(self) -> int:
        return len(self.sides)

    @classmethod
    def of_joints(
        cls,
        joints_px: Float[np.ndarray, "N 21 2"],
        sides: Sequence[Side],
        *,
        start: FitStart | None = None,
        memory: Memory | None = None,
    ) -> "Predicted":
        """Of hands whose joints are expected there (px of the picture)."""
        count = len(sides)
        low = joints_px.min(1, initial=np.inf)
        boxes = np.concatenate([low, joints_px.max(1, initial=-np.inf) - low], axis=1)
        unknown = FitStart(np.full((count, 16, 3), np.nan), np.full((count, 10), np.nan))
        return cls(
            boxes,
            tuple(joints_to_square(joints) for joints in joints_px),
            tuple(sides),
            unknown if start is None else start,
            Memory.none(count) if memory is None else memory,
        )


class TrackedHands(NamedTuple):
    """What a frame shows of tracked hands, one row a hand as they were predicted."""

    hands: Hands
    """With calibrated confidence, errors of the joints and state, as of a photo."""
    evidence: Evidence
    """What the landmark network says of them, or said last. presence, right: whether the hand is still there, and of
    which side it seems."""
    disagreement: Disagreement
    looked: Bool[np.ndarray, "N"]
    """About which hands the landmark network was asked in this frame."""
    memory: Memory
    """For the next frame."""

    @property
    def start(self) -> FitStart:
        """Of the next frame's fit."""
        return FitStart(self.hands.pose_rad, self.hands.shape)


def estimate_tracked(
    predictor: AnyPredictor,
    image: UInt8[np.ndarray, "H W 3"],
    camera: Camera,
    predicted: Predicted,
    *,
    look: Bool[np.ndarray, "N"] | None = None,
    landmarks: LandmarkNetwork | None = None,
    side_confidence: Float[np.ndarray, "N"] | None = None,
) -> TrackedHands:
    """The hands of a frame that are expected where `predicted` says.

    Args:
        predictor: of one-hand systems, two-hand ones or both (`open_predictor`).
        image: as networks are shown it: square pixels, not mirrored (`Request.shown`).
        camera: of that picture.
        predicted: where the hands are expected.
        look: about which of them the landmark network is to be asked; all without it, and nothing is remembered. It is
            asked of others too where
            nothing is remembered of them or the estimator finds them elsewhere than predicted, and of all where the
            estimator is a two-hand system alone.
        landmarks: the landmark network; the one that all share where none is given.
        side_confidence: that the sides are right; 1 without it.
    """
    count = len(predicted)
    one = predictor.one if isinstance(predictor, AutoPredictor) else predictor
    network = landmarks or landmark_network()
    remember, looked = look is not None, np.ones(count, bool) if look is None else np.array(look, bool)
    looked |= ~np.isfinite(predicted.memory.own.px).all((1, 2)) | (not isinstance(one, Predictor))
    if not predictor.wants_evidence:
        looked[:] = False
    pyramid = Pyramid(image)
    evidence, boxes = _look(network, pyramid, predicted, looked)
    if not isinstance(one, Predictor):
        estimated = predictor.estimate(
            image, boxes, predicted.sides, camera, evidence=evidence, start=predicted.start
        )
        own = Memory.none(count).own
    else:
        seen = one.ask(
            image, boxes, predicted.sides, camera, rolls=evidence.rotation_rad, again=False, pyramid=pyramid
        )
        own = one.joints(seen) if remember else Memory.none(count).own
        if predictor.wants_evidence and not looked.all():
            lost = np.flatnonzero(~looked & ~_where_predicted(own, predicted.squares))
            evidence = _with_rows(evidence, carried(predicted.memory, own), ~looked)
            if len(lost):
                at_own = replace(predicted, squares=tuple(map(joints_to_square, own.px)))
                asked = np.isin(np.arange(count), lost)
                found, _ = _look(network, pyramid, at_own, asked)
                evidence, looked = _with_rows(evidence, found, asked), looked | asked
        estimated = predictor.estimate(
            image, boxes, predicted.sides, camera, evidence=evidence, start=predicted.start, seen=seen
        )
    hands = annotate(estimated, evidence if predictor.uses_evidence else None, side_confidence)
    return TrackedHands(hands, evidence, estimated.disagreement, looked, Memory(evidence, own))


def carried(memory: Memory, own: Joints) -> Evidence:
    """What the landmark network would say now, by what it said last: its joints lie from the estimator's as they did,
    as the hand is turned and large now."""
    last, before = memory.evidence, memory.own
    turn = hand_roll(own.px) - hand_roll(before.px)
    scale = _spread(own.px) / _spread(before.px)
    px = own.px + scale * turned_px(last.joints_px - before.px, turn)
    now_m, then_m = (joints - joints.mean(1, keepdims=True) for joints in (own.m, before.m))
    size = _spread(last.joints_m) / _spread(then_m)
    apart_m = (last.joints_m - size * then_m) @ turn_about_z(turn).swapaxes(1, 2)
    m = _spread(last.joints_m) / _spread(now_m) * now_m + apart_m
    low = px.min(1)
    box = np.concatenate([low, px.max(1) - low], axis=1)
    return Evidence(box, px, m, last.presence, last.right, hand_roll(px))


def _look(
    network: LandmarkNetwork, pyramid: Pyramid, predicted: Predicted, asked: Bool[np.ndarray, "N"]
) -> tuple[Evidence, Float[np.ndarray, "N 4"]]:
    """What the landmark network says of some hands, and boxes: of the joints where it sees a hand, else as
    predicted."""
    boxes = np.array(predicted.boxes_px, dtype=float)
    rows = np.flatnonzero(asked)
    squares = [predicted.squares[row] for row in rows]
    looks = look_at_squares(network, pyramid.image, squares, side_known=True, pyramid=pyramid)
    parts = []
    for row, look in zip(rows, looks, strict=True):
        if look.landmarks.presence >= LEAST_PRESENCE:
            boxes[row] = look.box_px
        parts.append(Evidence.of_look(boxes[row], look.joints_px, look.landmarks, look.square))
    evidence = Evidence.joined(parts).placed(rows, len(predicted))
    turns = np.array([square.rotation_rad for square in predicted.squares])
    return replace(evidence, rotation_rad=np.where(evidence.found, evidence.rotation_rad, turns)), boxes


def _where_predicted(own: Joints, squares: Sequence[TurnedSquare]) -> Bool[np.ndarray, "N"]:
    """Whether the estimator finds each hand where it was expected."""
    return np.array(
        [same_square(square, joints_to_square(px)) for square, px in zip(squares, own.px, strict=True)], bool
    )


def _with_rows(evidence: Evidence, other: Evidence, where: Bool[np.ndarray, "N"]) -> Evidence:
    """Evidence, of some hands the other one."""
    count = len(evidence)
    kept, taken = np.flatnonzero(~where), np.flatnonzero(where)
    order = np.argsort(np.concatenate([kept, taken]))
    joined = Evidence.joined([evidence.rows(kept), other.rows(taken)])
    return joined if not count else joined.rows(order)


def _spread(points: Float[np.ndarray, "N 21 d"]) -> Float[np.ndarray, "N 1 1"]:
    """Root of the summed squared distances from their middle, never quite zero."""
    off = points - points.mean(1, keepdims=True)
    return np.maximum(np.sqrt((off * off).sum((1, 2))), 1e-9)[:, None, None]
