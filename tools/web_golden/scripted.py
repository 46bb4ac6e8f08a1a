"""Hands that move by a script, and answers as the networks would give them: for the golden data of the page's tracker.

What is rare in a short clip is there: hands that meet and turn back, a side that was told wrong, frames of little
confidence, hands that leave the picture or are away for longer than a second, frames that are missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import hand_roll
from knuckle.hands import Hands
from knuckle.inference.detection.detection import Detection
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import TurnedSquare
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.disagreement import Disagreement
from knuckle.inference.sides import Sides
from knuckle.inference.tracked import Memory, Predicted, TrackedHands
from knuckle.inference.trust import logit
from knuckle.live.association import boxes_of
from knuckle.rig.load import load_rig
from knuckle.skeleton import Side
from tools.web_golden.hands import MODEL, random_hands

WIDTH, HEIGHT, FOCAL_PX = 640, 480, 600.0

Frame = tuple[UInt8[np.ndarray, "H W 3"], float]
"""A picture, and when it was taken, seconds."""


@dataclass(frozen=True)
class Scripted:
    """A hand that moves by a script; times in seconds."""

    side: Side
    place: Callable[[float], tuple[float, float, float]]
    """Where its wrist is, camera frame, metres."""
    hidden: tuple[tuple[float, float], ...] = ()
    """From when to when nobody sees it."""
    dim: tuple[tuple[float, float], ...] = ()
    """From when to when it is hardly seen: poses are wrong, and told to be."""
    mistaken: tuple[tuple[float, float], ...] = ()
    """From when to when its looks say the other side."""


class Seen(NamedTuple):
    """A scripted hand at a time."""

    number: int
    side: Side
    right: float
    confidence: float
    joints_m: Float[np.ndarray, "21 3"]
    vertices_m: Float[np.ndarray, "V 3"]
    pose_rad: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    joints_px: Float[np.ndarray, "21 2"]


def script() -> tuple[Scripted, ...]:
    """Five seconds of hands."""

    def to_and_fro(sign: float) -> Callable[[float], tuple[float, float, float]]:
        # They meet in the middle at 0.7, 2.1 and 3.5 s, and turn back.
        return lambda t: (sign * (0.03 + 0.11 * abs(np.cos(np.pi * t / 1.4))), 0.02 * np.sin(5 * t), 0.5)

    return (
        Scripted("right", to_and_fro(-1.0), hidden=((2.4, 2.7),), dim=((1.0, 1.25), (4.2, 4.9))),
        Scripted("left", to_and_fro(1.0), hidden=((2.8, 4.1),), mistaken=((0.0, 0.5),)),
        Scripted("right", lambda t: (0.02 + 0.28 * (t - 1.0), 0.12, 0.65 - 0.02 * t), hidden=((0.0, 1.0),)),
        Scripted("left", lambda t: (-0.2, -0.1 + 0.03 * np.sin(9 * t), 0.7), hidden=((0.0, 3.0), (3.4, 3.9))),
    )


def meeting() -> tuple[Scripted, ...]:
    """Two seconds of hands that come together fast and turn back where nobody sees it, so that each is taken for the
    other; and one that goes where the other was expected, when that one is away."""

    def together(sign: float) -> Callable[[float], tuple[float, float, float]]:
        times, away = (0.0, 0.5, 0.75, 1.05), (0.47, 0.02, 0.245, 0.05)
        return lambda t: (sign * float(np.interp(t, times, away)), 0.0, 0.5)

    return (
        Scripted("right", together(-1.0), hidden=((1.4, 1.7),)),
        Scripted("left", together(1.0), hidden=((1.1, 1.4),)),
    )


@dataclass
class World:
    """Answers as networks would give them, from hands that move by a script; the same every time."""

    script: tuple[Scripted, ...]
    gaps: tuple[tuple[float, float], ...] = ((100 / 30, 104 / 30),)
    """From when to when there are no frames."""
    time_s: float = 0.0
    _seen: tuple[float, list[Seen]] = field(default_factory=lambda: (np.nan, []))
    camera: Camera = field(
        default_factory=lambda: Camera(
            FOCAL_PX, FOCAL_PX, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, width=WIDTH, height=HEIGHT
        )
    )

    def frames(self) -> list[Frame]:
        """Thirty a second, but some are missing and clocks tremble."""
        rng = np.random.default_rng(5)
        empty = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        times = (np.arange(150) + rng.uniform(-0.2, 0.2, 150)) / 30
        there = [t for n, t in enumerate(times) if n % 17 not in (5, 6) and not _during(self.gaps, t)]
        return [(empty, float(t)) for t in there]

    def answers(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        """What to put in the place of the networks: module, name, answer."""
        from knuckle.live import search, tracker

        return [
            (tracker, "estimate_tracked", self.estimate_tracked),
            (search, "look_at_squares", self.look_at_squares),
            (
                search,
                "default_detector",
                lambda effort, network: lambda image, known: self.detect(effort, known),
            ),
            (search, "decide_sides", self.decide_sides),
        ]

    def seen(self) -> list[Seen]:
        """The hands that can be seen now, with an estimate's errors."""
        if self._seen[0] != self.time_s:
            self._seen = self.time_s, self._seen_now()
        return self._seen[1]

    def _seen_now(self) -> list[Seen]:
        hands = []
        for number, hand in enumerate(self.script):
            if _during(hand.hidden, self.time_s):
                continue
            rng = np.random.default_rng((number, round(1e6 * self.time_s)))
            dim = _during(hand.dim, self.time_s)
            rig = load_rig(side=hand.side)
            pose, shape = _still(hand.side, number)
            noise = (0.3 if dim else 0.02) * rng.standard_normal((16, 3))
            pose = pose * (0.8 + 0.2 * np.sin(3 * self.time_s + number)) + noise
            pose[0] = (0.1 * np.sin(2 * self.time_s), 0.2 * number - 0.3, np.pi + 0.3 * np.cos(self.time_s))
            shape = 0.4 * shape + 0.1 * rng.standard_normal(10)
            place = np.array(hand.place(self.time_s)) * (1 + 0.01 * rng.standard_normal())
            posed = rig.posed(pose, shape, place - rig.joints_rest_m[0])
            said = hand.side if not _during(hand.mistaken, self.time_s) else _other(hand.side)
            sure = rng.uniform(0.75, 0.97)
            joints_px = self.camera.project(posed.joints)
            low, high = joints_px.min(0), joints_px.max(0)
            if (high < 0).any() or (low > (WIDTH - 1, HEIGHT - 1)).any():
                continue
            hands.append(
                Seen(
                    number,
                    hand.side,
                    sure if said == "right" else 1 - sure,
                    float(rng.uniform(0.3, 0.7) if dim else rng.uniform(0.85, 0.99)),
                    posed.joints,
                    posed.vertices,
                    pose,
                    shape,
                    joints_px,
                )
            )
        return hands

    def nearest(self, middle_px: np.ndarray, size_px: float) -> Seen | None:
        """The hand that is seen there."""
        seen = self.seen()
        away = [float(np.hypot(*(_middle(hand.joints_px) - middle_px))) for hand in seen]
        return seen[int(np.argmin(away))] if away and min(away) < 0.8 * size_px else None

    def estimate_tracked(
        self, _predictor: Any, _image: Any, camera: Camera, predicted: Predicted, **options: Any
    ) -> TrackedHands:
        """Where a hand is near what was predicted, that one; else none, with a pose all the same."""
        found = [
            self.nearest(box[:2] + box[2:] / 2, float(box[2:].max()))
            for box in np.asarray(predicted.boxes_px)
        ]
        shown = [hand or self.nowhere(side) for hand, side in zip(found, predicted.sides, strict=True)]
        # A hand is estimated as one of the side that was asked for.
        turned = [self.as_side(hand, side) for hand, side in zip(shown, predicted.sides, strict=True)]
        count = len(turned)
        joints_px = np.stack([hand.joints_px for hand in turned])
        confidence = np.array([hand.confidence for hand in turned])
        rng = np.random.default_rng(round(1e6 * self.time_s))
        hands = Hands(
            camera,
            sides=predicted.sides,
            model=MODEL,
            confidence=confidence,
            states=tuple("observed" if value >= 0.5 else "doubtful" for value in confidence),
            boxes_px=boxes_of(joints_px),
            joints_px=joints_px,
            joints_m=np.stack([hand.joints_m for hand in turned]),
            vertices_m=np.stack([hand.vertices_m for hand in turned]),
            pose_rad=np.stack([hand.pose_rad for hand in turned]),
            shape=np.stack([hand.shape for hand in turned]),
            side_confidence=options["side_confidence"],
            joint_error_px=rng.uniform(1, 6, (count, 21)),
            joint_error_m=rng.uniform(0.002, 0.01, (count, 21)),
        )
        presence = np.array([0.05 if hand is None else 0.9 for hand in found])
        right = np.array([hand.right for hand in shown])
        turns = np.asarray(hand_roll(joints_px))
        evidence = Evidence(hands.boxes_px, joints_px, np.zeros((count, 21, 3)), presence, right, turns)
        looked = rng.random(count) < 0.7
        return TrackedHands(
            hands,
            evidence,
            Disagreement.none(count),
            looked,
            ~looked,
            Memory.none(count),
        )

    def nowhere(self, side: Side) -> Seen:
        """What an estimator says where there is no hand."""
        rig = load_rig(side=side)
        posed = rig.posed(np.zeros((16, 3)), np.zeros(10), np.array([0.0, 0.1, 0.6]))
        px = self.camera.project(posed.joints)
        return Seen(-1, side, 0.5, 0.1, posed.joints, posed.vertices, np.zeros((16, 3)), np.zeros(10), px)

    def as_side(self, hand: Seen, side: Side) -> Seen:
        """A hand read as one of that side: its joints lie where they did."""
        if hand.side == side:
            return hand
        posed = load_rig(side=side).posed(hand.pose_rad, hand.shape)
        vertices = posed.vertices + hand.joints_m.mean(0) - posed.joints.mean(0)
        return hand._replace(side=side, vertices_m=vertices)

    def look_at_squares(self, _network: Any, _image: Any, squares: Sequence[TurnedSquare]) -> list[Any]:
        """Looks as the landmark network's."""
        looks = []
        for square in squares:
            hand = self.nearest(np.array(square.centre_px), square.side_px / 2)
            px = self.nowhere("right").joints_px if hand is None else hand.joints_px + 0.5
            said = SimpleNamespace(
                presence=0.1 if hand is None else 0.85, right=0.5 if hand is None else hand.right
            )
            looks.append(SimpleNamespace(joints_px=px, box_px=boxes_of(px[None])[0], landmarks=said))
        return looks

    def detect(self, effort: str, known: Proposals) -> list[Detection]:
        """All hands that are not known; those that are hardly seen only where it looks closely."""
        there = np.asarray(known.boxes_px)
        middles = there[:, :2] + there[:, 2:] / 2
        detections = []
        for hand in self.seen():
            box = boxes_of(hand.joints_px[None])[0]
            apart = np.hypot(*(middles - _middle(hand.joints_px)).T) if len(middles) else np.array([np.inf])
            if apart.min() < 0.2 * box[2:].max() or (effort == "fast" and hand.confidence < 0.5):
                continue
            evidence = Evidence(
                box[None],
                hand.joints_px[None],
                np.zeros((1, 21, 3)),
                np.array([0.9]),
                np.array([hand.right]),
                np.asarray(hand_roll(hand.joints_px))[None],
            )
            said: Side = "right" if hand.right >= 0.5 else "left"
            detections.append(Detection(box, said, 0.6 + 0.35 * hand.confidence, 0.0, evidence, 0.5))
        return detections

    def decide_sides(
        self, _image: Any, _boxes_px: np.ndarray, evidence: Evidence, *, detector_right: np.ndarray
    ) -> Sides:
        """As the looks say, a little surer."""
        assert (detector_right == 0.5).all()
        odds = 1.2 * logit(evidence.right)
        sides: list[Side] = ["right" if value >= 0 else "left" for value in odds]
        return Sides(tuple(sides), 1 / (1 + np.exp(-np.abs(odds))))


@lru_cache
def _still(side: Side, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Pose and shape about which a scripted hand moves."""
    hands = random_hands(load_rig(side=side), 1, seed=50 + number)
    return hands.pose_rad[0], hands.shape[0]


def _during(spans: tuple[tuple[float, float], ...], time_s: float) -> bool:
    return any(start <= time_s < end for start, end in spans)


def _other(side: Side) -> Side:
    return "left" if side == "right" else "right"


def _middle(joints_px: Float[np.ndarray, "21 2"]) -> Float[np.ndarray, "2"]:
    return joints_px.min(0) / 2 + joints_px.max(0) / 2
