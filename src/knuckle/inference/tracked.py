"""The hands of a video's frame whose places are known from the frames before: what a photo's search is not needed for.

The landmark network looks once at each predicted square; a second time only where the hand turns out to lie elsewhere
or is hardly seen. Its joints say where to cut the estimator's crops. All hands go through each network at once, windows
are cut from the frame's halves (`Pyramid`), and the rig's fit starts from what the hands were like before. Either
network may be left out for some hands of a frame: its last answer is carried along by the other's (`carried_evidence`,
`carried_joints`), as far off as it was, turned and scaled with the hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import hand_roll, turn_about_z, turned_px
from knuckle.geometry.projection import lift
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
from knuckle.inference.one_hand import Joints
from knuckle.inference.pairing import pair_boxes
from knuckle.inference.two_hands import PairPredictor
from knuckle.rig.fit.joints import FitStart
from knuckle.skeleton import Side


class Memory(NamedTuple):
    """What both networks said of N hands last; `rows` and `joined` keep it in step with the tracks."""

    evidence: Evidence
    """The landmark network's answer."""
    own: Joints
    """The estimator's, before the fit and without evidence."""

    @property
    def known(self) -> Bool[np.ndarray, "N"]:
        """Of which hands both have spoken."""
        spoken = np.isfinite(self.own.px).all((1, 2)) & np.isfinite(self.evidence.joints_px).all((1, 2))
        return np.asarray(spoken)

    def rows(self, chosen: Int[np.ndarray, "n"] | Bool[np.ndarray, "N"]) -> "Memory":
        """Of some of the hands."""
        return Memory(self.evidence.rows(chosen), self.own.rows(chosen))

    @classmethod
    def joined(cls, parts: Sequence["Memory"]) -> "Memory":
        """Of all hands of all parts (at least one), in their order."""
        own = (np.concatenate(values) for values in zip(*(part.own for part in parts), strict=True))
        return cls(Evidence.joined([part.evidence for part in parts]), Joints(*own))

    @classmethod
    def none(cls, count: int) -> "Memory":
        """Of hands of which nothing is known, as in a track's first frame."""
        return cls(Evidence.none(count), Joints.none(count))


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
    """At which hands the landmark network looked in this frame, and ..."""
    asked: Bool[np.ndarray, "N"]
    """... which the estimator saw."""
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
    ask: Bool[np.ndarray, "N"] | None = None,
    landmarks: LandmarkNetwork | None = None,
    side_confidence: Float[np.ndarray, "N"] | None = None,
) -> TrackedHands:
    """The hands of a frame that are expected where `predicted` says.

    Args:
        predictor: of one-hand systems, two-hand ones or both (`open_predictor`).
        image: as networks are shown it: square pixels, not mirrored (`Request.shown`).
        camera: of that picture.
        predicted: where the hands are expected.
        look: at which hands the landmark network is to look; all without it.
        ask: which hands the estimator is to see; all without it. A hand that either leaves out in this frame is seen by
            the other, and by both where nothing is remembered of it, where it is not found where it was expected, or
            where a two-hand system sees it.
        landmarks: the landmark network; the one that all share where none is given.
        side_confidence: that the sides are right; 1 without it.
    """
    network, pyramid, count = landmarks or landmark_network(), Pyramid(image), len(predicted)
    needed = ~predicted.memory.known | _seen_together(predictor, predicted)
    looked = (np.ones(count, bool) if look is None else np.array(look, bool)) | needed
    asked = (np.ones(count, bool) if ask is None else np.array(ask, bool)) | needed | ~looked
    if not predictor.wants_evidence:
        looked, asked = np.zeros(count, bool), np.ones(count, bool)
    evidence, boxes = _look(network, pyramid, predicted, looked)
    if isinstance(predictor, PairPredictor):
        estimated = predictor.estimate(
            image, boxes, predicted.sides, camera, evidence=evidence, start=predicted.start
        )
        own = Joints.none(count)
    else:
        one = predictor.one if isinstance(predictor, AutoPredictor) else predictor
        if not asked.all():
            asked |= ~(evidence.found & _where_predicted(evidence.joints_px, predicted.squares))
        rows = np.flatnonzero(asked)
        seen = one.ask(
            image,
            boxes[rows],
            [predicted.sides[row] for row in rows],
            camera,
            rolls=evidence.rotation_rad[rows],
            again=False,
            pyramid=pyramid,
        )
        own = Joints.none(count)
        if len(rows) and (look is not None or ask is not None):
            _set_rows(own, asked, one.joints(seen))
        if not asked.all():
            _set_rows(
                own, ~asked, carried_joints(predicted.memory.rows(~asked), evidence.rows(~asked), camera)
            )
            seen = one.given(own, predicted.sides, boxes, camera)
        if predictor.wants_evidence and not looked.all():
            lost = ~looked & ~_where_predicted(own.px, predicted.squares)
            carried = carried_evidence(predicted.memory.rows(~looked), own.rows(~looked))
            evidence = _with_rows(evidence, ~looked, carried)
            if lost.any():
                squares = tuple(joints_to_square(px) for px in own.px)
                found, _ = _look(network, pyramid, replace(predicted, squares=squares), lost)
                evidence, looked = _with_rows(evidence, lost, found.rows(lost)), looked | lost
        estimated = predictor.estimate(
            image, boxes, predicted.sides, camera, evidence=evidence, start=predicted.start, seen=seen
        )
    hands = annotate(estimated, evidence if predictor.uses_evidence else None, side_confidence)
    return TrackedHands(hands, evidence, estimated.disagreement, looked, asked, Memory(evidence, own))


def carried_evidence(memory: Memory, own: Joints) -> Evidence:
    """What the landmark network would say now, by what it said last: its joints lie from the estimator's as they did,
    turned and scaled with the hand."""
    last, before = memory.evidence, memory.own
    turn = hand_roll(own.px) - hand_roll(before.px)
    px = _moved_along(last.joints_px, before.px, own.px, turn)
    box = np.concatenate([px.min(1), np.ptp(px, axis=1)], axis=1)
    m = _bent_along(last.joints_m, before.m, own.m, turn)
    return Evidence(box, px, m, last.presence, last.right, hand_roll(px))


def carried_joints(memory: Memory, evidence: Evidence, camera: Camera) -> Joints:
    """What the estimator would say now, by what it said last: its joints lie from the landmark network's as they did,
    turned and scaled with the hand, and nearer or farther away as its size in the picture says."""
    last, before = memory.own, memory.evidence
    turn = evidence.rotation_rad - before.rotation_rad
    px = _moved_along(last.px, before.joints_px, evidence.joints_px, turn)
    m = _bent_along(last.m, before.joints_m, evidence.joints_m, turn)
    size_m, size_before_m = _spread(m[..., :2]), _spread(last.m[..., :2])
    depth = last.m[..., 2:].mean(1, keepdims=True) * size_m / size_before_m * _spread(last.px) / _spread(px)
    m = lift(px, (depth + m[..., 2:])[..., 0], camera.vector)
    return Joints(px, m, last.confidence, last.branches_px)


def _moved_along(
    mine: Float[np.ndarray, "N 21 2"],
    others: Float[np.ndarray, "N 21 2"],
    others_now: Float[np.ndarray, "N 21 2"],
    turn: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N 21 2"]:
    """Joints that lie from others as they did, in a hand that has turned in the picture."""
    return others_now + _spread(others_now) / _spread(others) * turned_px(mine - others, turn)


def _bent_along(
    mine: Float[np.ndarray, "N 21 3"],
    others: Float[np.ndarray, "N 21 3"],
    others_now: Float[np.ndarray, "N 21 3"],
    turn: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N 21 3"]:
    """The same of joints in metres round their middle, whose size stays."""
    mine, others, others_now = (
        joints - joints.mean(1, keepdims=True) for joints in (mine, others, others_now)
    )
    off = mine - _spread(mine) / _spread(others) * others
    return _spread(mine) / _spread(others_now) * others_now + off @ turn_about_z(turn).swapaxes(1, 2)


def _seen_together(predictor: AnyPredictor, predicted: Predicted) -> Bool[np.ndarray, "N"]:
    """Which hands a two-hand system sees."""
    if not isinstance(predictor, AutoPredictor):
        return np.full(len(predicted), isinstance(predictor, PairPredictor))
    together = np.zeros(len(predicted), bool)
    pairs = pair_boxes(predicted.boxes_px, predicted.sides).pairs
    together[[index for pair in pairs for index in pair]] = True
    return together


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


def _where_predicted(
    joints_px: Float[np.ndarray, "N 21 2"], squares: Sequence[TurnedSquare]
) -> Bool[np.ndarray, "N"]:
    """Whether hands lie where they were expected."""
    fits = [same_square(square, joints_to_square(px)) for square, px in zip(squares, joints_px, strict=True)]
    return np.array(fits, bool)


def _set_rows(joints: Joints, where: Bool[np.ndarray, "N"], values: Joints) -> None:
    for array, value in zip(joints, values, strict=True):
        array[where] = value


def _with_rows(evidence: Evidence, where: Bool[np.ndarray, "N"], other: Evidence) -> Evidence:
    """Evidence, that of some hands replaced."""
    order = np.argsort(np.concatenate([np.flatnonzero(~where), np.flatnonzero(where)]))
    return Evidence.joined([evidence.rows(~where), other]).rows(order)


def _spread(points: Float[np.ndarray, "N 21 d"]) -> Float[np.ndarray, "N 1 1"]:
    """Root of the summed squared distances from their middle, never quite zero."""
    off = points - points.mean(1, keepdims=True)
    return np.maximum(np.sqrt((off * off).sum((1, 2))), 1e-9)[:, None, None]
