"""How far to trust the landmark network: its joints brought to ours, and its share in each joint of a hand.

It was made for photographs and beats our networks there; rendered and strange hands it often loses. Signals of each
hand tell how it stands: whether the landmark network sees a hand, and one of the side it is of; whether its joints fill
the box; whether its joints in the picture are those of its own 3D hand; the same of ours; and how far apart both are.
How much each counts was learnt on rendered hands, whose joints are known, and on photographs by how much either answer
changes when the crop is moved or mirrored, which needs no labels (`benchmarks/training/evidence_weights.py` writes
`assets/evidence.json`). Where the answers lie far apart, a share becomes a choice: the mean of two hands that
contradict each other is no hand.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.geometry.projection import px_to_rays
from knuckle.inference.detection.evidence import Evidence
from knuckle.rig.rotations import cross
from knuckle.skeleton import JOINT_CLASSES, JOINT_COUNT, WRIST

TABLE = Path(__file__).parent.parent / "assets" / "evidence.json"
STANDARD, TWO_HANDS = "standard", "two hands"
"""The figures of systems without calibrated ones of their own, of one hand and of two."""

SIGNALS = ("presence", "side", "box", "own 3D", "our box", "our branches", "apart")
"""Of a hand, in the order of a table's numbers."""
CLASSES = (*JOINT_CLASSES, "CMC")
"""Joints that share a number: `JOINT_CLASSES`, the thumb's CMC apart, where the two mean different places."""
_CMC = 1
CLASS_OF_JOINT = np.array(
    [
        CLASSES.index("CMC" if joint == _CMC else name)
        for joint in range(JOINT_COUNT)
        for name, joints in JOINT_CLASSES.items()
        if joint in joints
    ]
)

SHARPNESS = 5.0
"""The odds of a share are multiplied by 1 and by so much a box's side that the two answers lie apart."""

_PARENT = np.array([0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
_CHILD = np.array([9, 2, 3, 4, 4, 6, 7, 8, 8, 10, 11, 12, 12, 14, 15, 16, 16, 18, 19, 20, 20])
"""From where to where each joint's own axis points: along its bones, the wrist's to the middle finger."""
_KNUCKLES = np.array([5, 9, 13, 17])
_LARGEST_IOU = 0.9
"""Boxes that fit better tell no more. Those of detection are the landmark joints' own."""
_LARGEST_LOGIT = 6.0


class View(NamedTuple):
    """An answer to N hands: joints in the picture, px, and in metres, anywhere, axes of the camera."""

    px: Float[np.ndarray, "N 21 2"]
    m: Float[np.ndarray, "N 21 3"]


@dataclass(frozen=True, eq=False)
class Odds:
    """Logarithm of the odds by which one answer's joints count against another's, as the landmark network's against
    ours: signals times `slopes`, and a number a class of joints."""

    slopes: Float[np.ndarray, "k"]
    classes: Float[np.ndarray, "6"]

    def share(
        self, signals: Float[np.ndarray, "N k"], apart: Float[np.ndarray, "N"]
    ) -> Float[np.ndarray, "N 21"]:
        """The first answer's share in each joint, 0 to 1. apart: how far the two lie apart, over the box's side."""
        odds = (signals @ self.slopes)[:, None] + self.classes[CLASS_OF_JOINT]
        return 1 / (1 + np.exp(-odds * (1 + SHARPNESS * apart[:, None])))


@dataclass(frozen=True, eq=False)
class Trust:
    """Figures of one system beside the landmark network: offsets of its joints from ours, in palm lengths and each
    joint's own axes (`joint_axes`), in the picture and in 3D; shares in the picture and in depth."""

    picture_offsets: Float[np.ndarray, "21 3"]
    offsets: Float[np.ndarray, "21 3"]
    picture: Odds
    depth: Odds


@lru_cache(maxsize=16)
def trust_in(system: str) -> Trust:
    """The figures of a system by its record's name; the standard ones where it has none of its own."""
    table = _table()
    own = table["systems"].get(system, table["systems"][STANDARD])
    odds = {name: to_odds(own[name], SIGNALS) for name in ("picture", "depth")}
    return Trust(np.array(table["picture_offsets"]), np.array(table["offsets"]), **odds)


def merge_odds(systems: str, signals: tuple[str, ...]) -> tuple[Odds, Odds]:
    """In the picture and in depth, of a two-hand against a one-hand system, by their names joined by "+"; the standard
    ones where there are no calibrated ones."""
    table = _table()["merge"]
    own = table.get(systems, table[STANDARD])
    return to_odds(own["picture"], signals), to_odds(own["depth"], signals)


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return json.loads(TABLE.read_text())


def to_odds(numbers: dict[str, dict[str, float]], signals: tuple[str, ...]) -> Odds:
    """Odds of a table's numbers by signal and by class."""
    slopes, classes = numbers["signals"], numbers["classes"]
    return Odds(np.array([slopes[name] for name in signals]), np.array([classes[name] for name in CLASSES]))


def our_joints(evidence: Evidence, camera: Float[np.ndarray, "N 4"], trust: Trust) -> View:
    """The landmark network's joints, moved to where ours are in a hand, in the camera's axes."""
    px, world = evidence.joints_px, evidence.joints_m
    axes, palm = joint_axes(world), palm_length(world)[:, None, None]
    moves, picture_moves = (
        palm * np.einsum("njab,jb->nja", axes, offsets) for offsets in (trust.offsets, trust.picture_offsets)
    )
    px_per_m = _spread(px) / _spread(world[..., :2])
    return View(
        px + px_per_m[:, None, None] * picture_moves[..., :2],
        (world + moves) @ _from_line_of_sight(px, camera).swapaxes(1, 2),
    )


def signals(
    seen: View,
    ours: View,
    evidence: Evidence,
    our_spread: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N 7"]:
    """What tells how good either answer to a right hand is, in the order of `SIGNALS`.

    our_spread: mean distance of our answer's own branches from each other in the picture, over the longer side of the
    box; 0 where it has one.
    """
    return np.stack(
        [
            logit(evidence.presence),
            logit(evidence.right),
            box_overlap(seen.px, evidence.box_px),
            np.log(off_itself(evidence) + 1e-3),
            box_overlap(ours.px, evidence.box_px),
            np.log(our_spread + 1e-2),
            np.log(apart(seen, ours, evidence) + 1e-2),
        ],
        axis=-1,
    )


def off_itself(evidence: Evidence) -> Float[np.ndarray, "N"]:
    """Mean distance of the landmark network's joints in the picture from those of its own 3D hand, over the longer side
    of the box."""
    flat, px = evidence.joints_m[..., :2], evidence.joints_px
    flat, px = (points - points.mean(1, keepdims=True) for points in (flat, px))
    scale = (flat * px).sum((1, 2)) / np.maximum((flat * flat).sum((1, 2)), 1e-12)
    off = np.linalg.norm(scale[:, None, None] * flat - px, axis=-1).mean(1)
    return off / np.maximum(evidence.box_px[:, 2:].max(1, initial=1e-9), 1e-9)


def apart(seen: View, ours: View, evidence: Evidence) -> Float[np.ndarray, "N"]:
    """Mean distance of two answers in the picture, over the longer side of the box."""
    return np.linalg.norm(seen.px - ours.px, axis=-1).mean(1) / evidence.box_px[:, 2:].max(1)


def joint_axes(joints_m: Float[np.ndarray, "N 21 3"]) -> Float[np.ndarray, "N 21 3 3"]:
    """Axes of each joint, in columns: along its finger, across it, and out of the back or the palm."""
    normal = _unit(cross(joints_m[:, 5] - joints_m[:, WRIST], joints_m[:, 17] - joints_m[:, WRIST]))
    along = _unit(joints_m[:, _CHILD] - joints_m[:, _PARENT])
    across = _unit(cross(normal[:, None] - (normal[:, None] * along).sum(-1, keepdims=True) * along, along))
    return np.stack([along, across, cross(along, across)], axis=-1)


def palm_length(joints_m: Float[np.ndarray, "N 21 3"]) -> Float[np.ndarray, "N"]:
    """Mean distance of the knuckles from the wrist."""
    return np.linalg.norm(joints_m[:, _KNUCKLES] - joints_m[:, [WRIST]], axis=-1).mean(1)


def _from_line_of_sight(
    px: Float[np.ndarray, "N 21 2"], camera: Float[np.ndarray, "N 4"]
) -> Float[np.ndarray, "N 3 3"]:
    """Shortest rotations that turn the camera's axis towards the middle of hands; the network sees them straight on."""
    ray = px_to_rays(px.mean(1), camera)
    x, y, z = (
        np.concatenate([ray, np.ones((len(ray), 1))], axis=1) / np.hypot(np.hypot(*ray.T), 1)[:, None]
    ).T
    zero = np.zeros_like(x)
    skew = np.stack([zero, zero, x, zero, zero, y, -x, -y, zero], axis=-1).reshape(-1, 3, 3)
    return np.eye(3) + skew + skew @ skew / (1 + z)[:, None, None]


def box_overlap(
    joints_px: Float[np.ndarray, "N 21 2"], box_px: Float[np.ndarray, "N 4"]
) -> Float[np.ndarray, "N"]:
    """Intersection over union of the joints' box with the given one, at most `_LARGEST_IOU`."""
    low, high = joints_px.min(1), joints_px.max(1)
    box_low, box_high = box_px[:, :2], box_px[:, :2] + box_px[:, 2:]
    inner = np.maximum(np.minimum(high, box_high) - np.maximum(low, box_low), 0).prod(1)
    union = (high - low).prod(1) + box_px[:, 2:].prod(1) - inner
    return np.minimum(inner / np.maximum(union, 1e-9), _LARGEST_IOU)


def logit(probability: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Logarithm of the odds, at most `_LARGEST_LOGIT` either way."""
    safe = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.clip(np.log(safe / (1 - safe)), -_LARGEST_LOGIT, _LARGEST_LOGIT)


def _spread(points: Float[np.ndarray, "N 21 d"]) -> Float[np.ndarray, "N"]:
    """Root of the summed squared distances from their middle, never quite zero."""
    return np.maximum(np.sqrt(((points - points.mean(1, keepdims=True)) ** 2).sum((1, 2))), 1e-9)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
