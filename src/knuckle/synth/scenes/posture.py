"""How people stand, sit and hold their arms: random rotations of the open body's bones, arms by inverse kinematics."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import MIRROR_POINT, MIRROR_TURN
from knuckle.rig.rotations import rodrigues
from knuckle.synth.scenes.body import SIDE_NAMES, Body, mirrored

Generator = np.random.Generator
ARM_PLACES: dict[str, float] = {
    "hanging": 0.15, "raised": 0.2, "before": 0.2, "reaching": 0.12, "head": 0.08, "above": 0.06, "hip": 0.06,
    "lap": 0.05, "crossed": 0.04, "aside": 0.04,
}  # fmt: skip
"""Where people hold their hands, and how often."""
FOREARM_TURN = (-1.3, 1.4)
"""How far the forearm turns the hand about its own axis, radians."""
EGO_PLACES = {"ego": 1.0}
"""Of the wearer of a camera."""
SHOWN_PLACES = {"raised": 0.45, "before": 0.25, "reaching": 0.12, "head": 0.1, "hanging": 0.08}
"""Of people who show a hand to the camera."""
HIDDEN_PLACES = {"hanging": 0.6, "behind": 0.4}
"""Of people whose hands are not to be seen."""


@dataclass(frozen=True, eq=False)
class Posture:
    """Rotations against rest (`turns`) and places (m) of all bones, body frame; rotation of each hand (left, right) in
    the rig's frame, the left one's in the mirrored body."""

    turns: Float[np.ndarray, "b 3 3"]
    places: Float[np.ndarray, "b 3"]
    hands: Float[np.ndarray, "2 3 3"]
    sitting: bool


def sample_posture(
    body: Body, heads: Float[np.ndarray, "b 3"], rng: Generator, *, places: dict[str, float] | None = None
) -> Posture:
    """Draw a posture for a person with these bone heads. places: what the arms do, and how often (ARM_PLACES)."""
    local = np.broadcast_to(np.eye(3), (len(body.bones), 3, 3)).copy()
    sitting = rng.random() < 0.35
    _trunk(body, local, rng)
    _legs(body, local, rng, sitting=sitting)
    turns, at = body.world(local, heads)
    names = places or ARM_PLACES
    odds = np.array(list(names.values()))
    hands, both = np.zeros((2, 3, 3)), str(rng.choice(list(names), p=odds / odds.sum()))
    alike = rng.random() < 0.4
    for side in (0, 1):
        place = both if alike else str(rng.choice(list(names), p=odds / odds.sum()))
        hands[side] = _arm(body, heads, turns, at, side, place, rng, sitting=sitting)
    return Posture(turns, at, hands, sitting)


def _turn(x: float, y: float, z: float) -> np.ndarray:
    return rodrigues(np.array([x, y, z]))


def _trunk(body: Body, local: np.ndarray, rng: Generator) -> None:
    # About x: negative leans back; about z: to the left.
    bend = rng.normal([0.08, 0, 0], [0.14, 0.07, 0.12])
    for bone in ("spine04", "spine03", "spine02", "spine01"):
        local[body.bone(bone)] = rodrigues(bend / 4)
    nod = rng.normal([0.05, 0, 0], [0.22, 0.12, 0.35])
    local[body.bone("neck01")] = rodrigues(0.45 * nod)
    local[body.bone("head")] = rodrigues(0.55 * nod)
    for side, sign in zip(SIDE_NAMES, (1, -1), strict=True):
        local[body.bone(f"clavicle.{side}")] = _turn(
            0, -sign * rng.normal(0.02, 0.08), sign * rng.normal(0, 0.08)
        )


def _legs(body: Body, local: np.ndarray, rng: Generator, *, sitting: bool) -> None:
    for side, sign in zip(SIDE_NAMES, (1, -1), strict=True):
        spread = sign * rng.uniform(-0.02, 0.3 if sitting else 0.12)
        hip = -rng.uniform(1.2, 1.65) if sitting else rng.normal(-0.05, 0.15)
        knee = rng.uniform(1.0, 1.8) if sitting else abs(rng.normal(0.05, 0.15))
        local[body.bone(f"upperleg01.{side}")] = (
            _turn(0, -spread * 0.6, 0) @ _turn(0, 0, spread) @ _turn(hip, 0, 0)
        )
        local[body.bone(f"lowerleg01.{side}")] = _turn(knee, 0, 0)
        local[body.bone(f"foot.{side}")] = _turn(rng.normal(0, 0.12), 0, 0)


def _frame(along: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Axes as columns: along, the part of normal across it, and the third."""
    along = along / np.linalg.norm(along)
    normal = normal - (normal @ along) * along
    normal = normal / (np.linalg.norm(normal) + 1e-12)
    return np.stack([along, normal, np.cross(along, normal)], 1)


def _arm(
    body: Body,
    heads: np.ndarray,
    turns: np.ndarray,
    at: np.ndarray,
    side: int,
    place: str,
    rng: Generator,
    *,
    sitting: bool,
) -> np.ndarray:
    """Put one arm where `place` says, in place; returns the rotation of its hand (of a right one, mirrored body)."""
    name = SIDE_NAMES[side]
    flip = MIRROR_POINT if side == 1 else np.ones(3)
    upper, lower, wrist = (body.bone(f"{bone}.{name}") for bone in ("upperarm01", "lowerarm01", "wrist"))
    # Everything below is told for the left side: x points outwards.
    long = (
        float(np.linalg.norm(heads[lower] - heads[upper])),
        float(np.linalg.norm(heads[wrist] - heads[lower])),
    )
    shoulder = at[upper] * flip
    trunk = turns[body.bone("spine01")]
    trunk = trunk if side == 0 else mirrored(trunk)
    target, pole = _target(body, at, shoulder, trunk, sum(long), place, name, flip, rng, sitting=sitting)
    for _ in range(6):
        elbow, wrist_at = _two_bones(shoulder, target, long, pole)
        if not any(in_body(point * flip, at, body) for point in (wrist_at, (elbow + wrist_at) / 2, elbow)):
            break
        target = target + trunk @ np.array([0.03, -0.06, 0])
    about = rng.uniform(*FOREARM_TURN)
    flexion, deviation = np.clip(rng.normal(-0.1, 0.35), -0.9, 0.9), np.clip(rng.normal(0, 0.16), -0.35, 0.4)
    return bend_arm(body, heads, turns, at, side, target, pole, (about, flexion, deviation))


def bend_arm(
    body: Body,
    heads: Float[np.ndarray, "b 3"],
    turns: Float[np.ndarray, "b 3 3"],
    at: Float[np.ndarray, "b 3"],
    side: int,
    target: Float[np.ndarray, "3"],
    pole: Float[np.ndarray, "3"],
    angles_rad: tuple[float, float, float],
) -> Float[np.ndarray, "3 3"]:
    """Bring one wrist to a place, or as near to it as the arm reaches, in place; returns the rotation of its hand (of a
    right one, mirrored body).

    Args:
        body: the open body.
        heads: of the person's bones at rest.
        turns: of all bones, body frame; those of the arm are changed.
        at: places of all bones, body frame; those of the arm are changed.
        side: 0 left, 1 right.
        target: of the wrist, body frame, mirrored for the right arm, so that x points outwards.
        pole: where the elbow points, in the same axes.
        angles_rad: how far the forearm turns the hand about its own axis, flexion and deviation of the wrist.
    """
    name = SIDE_NAMES[side]
    flip = MIRROR_POINT if side == 1 else np.ones(3)
    upper, lower, twist, wrist = (
        body.bone(f"{bone}.{name}") for bone in ("upperarm01", "lowerarm01", "lowerarm02", "wrist")
    )
    rest_upper, rest_lower = (heads[lower] - heads[upper]) * flip, (heads[wrist] - heads[lower]) * flip
    long = float(np.linalg.norm(rest_upper)), float(np.linalg.norm(rest_lower))
    shoulder = at[upper] * flip
    elbow, target = _two_bones(shoulder, target, long, pole)
    normal_rest = np.cross(rest_upper, rest_lower)
    along, below = elbow - shoulder, target - elbow
    normal = np.cross(along, below)
    if np.linalg.norm(normal) < 1e-6:
        normal = np.cross(along, pole)
    upper_turn = _frame(along, normal) @ _frame(rest_upper, normal_rest).T
    lower_turn = _frame(below, normal) @ _frame(rest_lower, normal_rest).T
    axis = below / np.linalg.norm(below)
    about, flexion, deviation = angles_rad
    half, full = rodrigues(0.5 * about * axis) @ lower_turn, rodrigues(about * axis) @ lower_turn
    flex = rodrigues(np.array([flexion, 0, deviation]))
    # The hand's frame in the mirrored body is that of a right hand.
    right_from_left = MIRROR_TURN
    hand = (full * right_from_left) @ body.rig_from_hand @ flex
    wrist_turn = hand @ body.rig_from_hand.T * right_from_left
    for bone, turn, where in (
        (upper, upper_turn, shoulder), (lower, lower_turn, elbow), (twist, half, None), (wrist, wrist_turn, target),
    ):  # fmt: skip
        turns[bone] = turn if side == 0 else mirrored(turn)
        if where is not None:
            at[bone] = where * flip
    at[twist] = at[lower] + turns[lower] @ (heads[twist] - heads[lower])
    return hand


def _two_bones(
    start: np.ndarray, end: np.ndarray, long: tuple[float, float], pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The joint between two bones that reach from start to end, bent towards the pole; the end, brought into reach."""
    away = end - start
    distance = float(np.clip(np.linalg.norm(away), 0.45 * sum(long), 0.985 * sum(long)))
    along = away / (np.linalg.norm(away) + 1e-12)
    share = (long[0] ** 2 - long[1] ** 2 + distance**2) / (2 * distance)
    out = pole - (pole @ along) * along
    out /= np.linalg.norm(out) + 1e-12
    return start + along * share + out * np.sqrt(max(long[0] ** 2 - share**2, 0)), start + along * distance


def _target(
    body: Body, at: np.ndarray, shoulder: np.ndarray, trunk: np.ndarray, reach: float, place: str, side: str,
    flip: np.ndarray, rng: Generator, *, sitting: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Where the wrist goes and where the elbow points; x outwards."""
    pole = np.array([0.5, 0.25, -0.8]) + rng.normal(0, 0.25, 3)
    low, high = {
        "hanging": ((0.06, -0.2, -1.0), (0.3, 0.08, -0.93)),
        "raised": ((-0.05, -0.5, 0.05), (0.5, -0.2, 0.55)),
        "before": ((-0.35, -0.7, -0.45), (0.1, -0.38, 0.1)),
        "reaching": ((-0.25, -1.0, -0.35), (0.25, -0.8, 0.35)),
        "above": ((-0.1, -0.3, 0.75), (0.35, 0.05, 0.98)),
        "aside": ((0.8, -0.35, -0.3), (1.0, 0.1, 0.3)),
        "crossed": ((-0.5, -0.42, -0.45), (-0.25, -0.34, -0.3)),
        "behind": ((-0.5, 0.25, -0.75), (-0.15, 0.4, -0.6)),
        "ego": ((-0.4, -0.95, -0.3), (0.15, -0.5, 0.25)),
    }.get(place, ((0, 0, 0), (0, 0, 0)))  # fmt: skip
    target = shoulder + trunk @ (reach * rng.uniform(low, high))
    if place == "head":
        head = at[body.bone("head")] * flip
        target = head + trunk @ (rng.uniform((0.07, -0.17, -0.08), (0.16, -0.04, 0.14)))
    elif place == "hip":
        hip = at[body.bone(f"upperleg01.{side}")] * flip
        target = hip + rng.uniform((0.08, -0.1, 0.06), (0.12, 0.02, 0.16))
        pole = np.array([1.0, 0.5, 0.0]) + rng.normal(0, 0.2, 3)
    elif place == "lap":
        hip, knee = (at[body.bone(f"{bone}.{side}")] * flip for bone in ("upperleg01", "lowerleg01"))
        above = np.array([0, -0.02, 0.1]) if sitting else np.array([0.04, -0.12, 0.0])
        target = hip + (knee - hip) * rng.uniform(0.35, 0.85) + above + [rng.uniform(-0.05, 0.03), 0, 0]
    elif place == "crossed":
        pole = np.array([1.0, -0.1, -0.4])
    return target, pole


def in_body(point: Float[np.ndarray, "3"], at: Float[np.ndarray, "b 3"], body: Body) -> bool:
    """Whether a point lies inside the trunk, taken as a column of elliptic section."""
    low, high = at[body.bone("root")], at[body.bone("neck01")]
    share = float(np.clip((point - low) @ (high - low) / ((high - low) @ (high - low)), -0.1, 1.0))
    away = point - (low + share * (high - low))
    return bool((away[0] / 0.16) ** 2 + (away[1] / 0.13) ** 2 < 1 and -0.1 < share < 1)
