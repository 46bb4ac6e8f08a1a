"""Postures networks find hard: fists, thumbs-up, fingers against each other and on the palm; anatomical angles."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.poses.contact import fold_fingers, open_fingers
from knuckle.poses.gestures import natural_angles, state_angles
from knuckle.poses.touch import Spot, pinch_angles, touch_angles
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import FINGER_JOINTS
from knuckle.rig.limits import converge_fingers

Generator = np.random.Generator
Angles = Float[np.ndarray, "n 16 3"]
_FIRST = FINGER_JOINTS[1:, 0]
"""First joints of index, middle, ring and pinky, the order fingers have in this file."""
_CURLED = np.array([2, 2, 2, 2])
_PAD, _RADIAL, _ULNAR, _NAIL = (1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (-1.0, 0.0)


def _sign(rig: HandRig, count: int, rng: Generator) -> Angles:
    """Each finger straight or curled, all sixteen choices alike often, and four places of the thumb."""
    return converge_fingers(
        rig, state_angles(2 * rng.integers(0, 2, (count, 4)), rng.integers(0, 4, count), rng)
    )


def _fist(rig: HandRig, count: int, rng: Generator) -> Angles:
    """The thumb before the palm, or along the index finger."""
    thumb = rng.choice([3, 1], count, p=[0.5, 0.5])
    return converge_fingers(rig, state_angles(np.tile(_CURLED, (count, 1)), thumb, rng))


def _thumb_over(rig: HandRig, count: int, rng: Generator) -> Angles:
    """The thumb's pad on the curled index or middle finger, which closes the fist; in a third of the hands the
    index finger points, the thumb on the middle or ring finger."""
    points = rng.random(count) < 0.33
    fingers = np.tile(_CURLED, (count, 1))
    fingers[:, 0] = np.where(points, 0, 2)
    angles = converge_fingers(rig, state_angles(fingers, np.zeros(count, int), rng))
    angles = open_fingers(rig, angles, limit_m=0.003)
    angles[:, FINGER_JOINTS[0]] = np.deg2rad(
        np.array([(14, 20, 20), (0, 0, 30), (0, 0, 40)])
        + rng.normal(0, 4, (count, 3, 3)) * np.array([(1, 1, 1), (0, 0, 1), (0, 0, 1)])
    )
    link = np.where(points, rng.choice([5, 11], count), rng.choice([2, 5], count))
    back = Spot(link, rng.uniform(0.1, 0.9, count), _sides(_NAIL, count))
    return _thumb_laid_on(rig, touch_angles(rig, angles, _spot(15, rng.uniform(0.3, 0.9, count), _PAD), back))


def _thumb_inside(rig: HandRig, count: int, rng: Generator) -> Angles:
    """A fist round the thumb, which lies across the palm."""
    goal = converge_fingers(rig, state_angles(np.tile(_CURLED, (count, 1)), np.full(count, 3), rng))
    thumb = np.array([(22, 2, 40), (0, 0, 40), (0, 0, 30)])
    spread = np.array([(4, 5, 5), (0, 2, 10), (0, 0, 14)])
    goal[:, FINGER_JOINTS[0]] = np.deg2rad(thumb + spread * rng.standard_normal((count, 3, 3)))
    start = goal.copy()
    start[:, FINGER_JOINTS[1:, 0], 2] = np.deg2rad(rng.uniform(15, 30, (count, 1)))
    start[:, FINGER_JOINTS[1:, 1], 2] *= 0.6
    return fold_fingers(rig, start, goal, np.tile([False, True, True, True, True], (count, 1)))


def _thumb_up(rig: HandRig, count: int, rng: Generator) -> Angles:
    return converge_fingers(rig, state_angles(np.tile(_CURLED, (count, 1)), np.zeros(count, int), rng))


def _pointing(rig: HandRig, count: int, rng: Generator) -> Angles:
    fingers = np.tile(_CURLED, (count, 1))
    fingers[:, 0] = 0
    fingers[:, 1] = np.where(rng.random(count) < 0.25, 0, 2)
    thumb = rng.choice([3, 1, 0, 2], count, p=[0.4, 0.3, 0.15, 0.15])
    return converge_fingers(rig, state_angles(fingers, thumb, rng))


def _pinch(rig: HandRig, count: int, rng: Generator) -> Angles:
    """Every finger as often, the others anywhere from straight to curled."""
    return pinch_angles(rig, rng, _loose(rig, count, rng), finger=rng.integers(0, 4, count))


def _tripod(rig: HandRig, count: int, rng: Generator) -> Angles:
    """Thumb, index and middle together; often ring and pinky too."""
    angles = pinch_angles(rig, rng, _loose(rig, count, rng), finger=np.zeros(count, int))
    more = np.stack([np.full(count, True), *[rng.random(count) < 0.35] * 2], 1)
    goal = angles.copy()
    for finger in (1, 2, 3):
        joints = _FIRST[finger] + np.arange(3)
        alike = angles[:, 1:4, 2] + np.deg2rad(4 * finger)
        goal[:, joints, 2] = np.where(more[:, finger - 1, None], alike + np.deg2rad(14), angles[:, joints, 2])
        angles[:, joints, 2] = np.where(
            more[:, finger - 1, None], alike - np.deg2rad(18), angles[:, joints, 2]
        )
    moves = np.concatenate([np.zeros((count, 2), bool), more], 1)
    return fold_fingers(rig, converge_fingers(rig, angles), converge_fingers(rig, goal), moves)


def _key_pinch(rig: HandRig, count: int, rng: Generator) -> Angles:
    """The thumb's pad on the side of the curled index finger, as one holds a key."""
    fingers = state_angles(
        rng.choice([1, 2], (count, 1), p=[0.4, 0.6]) + np.zeros((1, 4), int), _ones(count), rng
    )
    return _thumb_on_side(rig, converge_fingers(rig, fingers), rng.integers(2, 4, count), rng)


def _thumb_on_index(rig: HandRig, count: int, rng: Generator) -> Angles:
    """The thumb's pad on the side of a straight or loosely bent index finger."""
    return _thumb_on_side(rig, _loose(rig, count, rng, curl=0.6), rng.integers(1, 3, count), rng)


def _thumb_on_side(rig: HandRig, angles: Angles, link: Int[np.ndarray, "n"], rng: Generator) -> Angles:
    count = len(angles)
    thumb = np.array([(2, -4, 12), (0, 0, 18), (0, 0, 20)]) + np.array([(3, 5, 7), (0, 3, 9), (0, 0, 14)]) * (
        rng.standard_normal((count, 3, 3))
    )
    angles[:, FINGER_JOINTS[0]] = np.deg2rad(thumb)
    side = np.deg2rad(rng.uniform(-25, 45, count))
    touching = touch_angles(
        rig,
        angles,
        _spot(15, rng.uniform(0.4, 0.9, count), _PAD),
        Spot(link, rng.uniform(0.2, 0.9, count), np.stack([np.sin(side), np.cos(side)], 1)),
    )
    return _thumb_laid_on(rig, touching)


def _thumb_laid_on(rig: HandRig, goal: Angles) -> Angles:
    """The thumb brought from the outside towards where `goal` has it, as far as fingers that do not overlap let it."""
    thumb = FINGER_JOINTS[0]
    start = goal.copy()
    start[:, thumb] = np.deg2rad([(-4, 10, -14), (0, 0, 6), (0, 0, 4)])
    start = open_fingers(rig, start, limit_m=0.003)
    goal = np.where(np.isin(np.arange(16), thumb)[:, None], goal, start)
    return fold_fingers(rig, start, goal, np.tile([True, False, False, False, False], (len(goal), 1)))


def _thumb_on_finger(rig: HandRig, count: int, rng: Generator) -> Angles:
    """The thumb's pad on another finger's nail, or on the inside of its first or second bone."""
    finger = rng.integers(0, 4, count)
    angles = pinch_angles(rig, rng, _loose(rig, count, rng), finger=finger, iterations=4)
    nail = (rng.random(count) < 0.4) & (finger < 3)
    level = np.where(nail, 2, rng.integers(0, 2, count))
    side = np.where(nail[:, None], _NAIL, _PAD)
    touching = touch_angles(
        rig,
        angles,
        _spot(15, rng.uniform(0.5, 0.9, count), _PAD),
        Spot(_FIRST[finger] + level, rng.uniform(0.35, 0.9, count), side),
    )
    return _thumb_laid_on(rig, touching)


def _crossed(rig: HandRig, count: int, rng: Generator) -> Angles:
    """The middle finger laid over the index finger, or the other way round."""
    fingers = np.stack([np.zeros((2, count), int), *[rng.integers(0, 3, (2, count))]], 0).reshape(4, count).T
    angles = converge_fingers(rig, state_angles(fingers, rng.choice([2, 3], count), rng))
    over = rng.random(count) < 0.7
    bend = np.deg2rad(np.where(over, 14, -10) + 5 * rng.standard_normal(count))
    angles[:, 1, 1], angles[:, 4, 1] = np.deg2rad(-11), np.deg2rad(7)
    angles[:, 1, 2] += np.where(over, 0, -bend)
    angles[:, 4, 2] += np.where(over, bend, 0)
    angles[:, [2, 5], 2] += np.deg2rad(12)
    upper = _spot(3, rng.uniform(0.2, 0.8, count), _NAIL)._replace(side=np.where(over[:, None], _NAIL, _PAD))
    lower = _spot(6, rng.uniform(0.0, 0.7, count), _PAD)._replace(side=np.where(over[:, None], _PAD, _NAIL))
    return touch_angles(rig, angles, upper, lower)


def _together(rig: HandRig, count: int, rng: Generator) -> Angles:
    """Two neighbours side by side along their ends."""
    angles = _loose(rig, count, rng, curl=0.7)
    first = rng.integers(0, 3, count)
    rows = np.arange(count)[:, None]
    near, far = _FIRST[first][:, None] + np.arange(3), _FIRST[first + 1][:, None] + np.arange(3)
    angles[rows, far, 2] = angles[rows, near, 2] + np.deg2rad(4 * rng.standard_normal((count, 3)))
    place = rng.uniform(0.2, 0.9, count)
    return touch_angles(
        rig, converge_fingers(rig, angles), Spot(near[:, 2], place, _sides(_ULNAR, count)),
        Spot(far[:, 2], place, _sides(_RADIAL, count)),
    )  # fmt: skip


def _on_palm(rig: HandRig, count: int, rng: Generator) -> Angles:
    """Some fingertips on the palm, flat or hooked; the others loose."""
    start = _loose(rig, count, rng)
    chosen: Bool[np.ndarray, "n 4"] = rng.random((count, 4)) < 0.6
    chosen[np.arange(count), rng.integers(0, 4, count)] = True
    hook, goal = start.copy(), start.copy()
    ends = np.deg2rad(
        rng.uniform((60, 96, 25), (90, 105, 78), (count, 1, 3)) + rng.normal(0, 4, (count, 4, 3))
    )
    joints = _FIRST[:, None] + np.arange(3)
    goal[:, joints, 2] = np.where(chosen[..., None], ends, start[:, joints, 2])
    hook[:, joints, 2] = np.where(chosen[..., None], 0.45 * ends, start[:, joints, 2])
    moves = np.concatenate([np.zeros((count, 1), bool), chosen], 1)
    return fold_fingers(rig, converge_fingers(rig, hook), converge_fingers(rig, goal), moves)


def _loose(rig: HandRig, count: int, rng: Generator, *, curl: float = 1.0) -> Angles:
    """Natural fingers, all bends shared down to a random share of `curl`."""
    angles = natural_angles(count, rng)
    angles[:, 1:13, 2] *= rng.uniform(0, curl, (count, 1))
    return converge_fingers(rig, angles)


def _ones(count: int) -> Int[np.ndarray, "n"]:
    return np.ones(count, int)


def _sides(side: tuple[float, float], count: int) -> Float[np.ndarray, "n 2"]:
    return np.tile(side, (count, 1))


def _spot(link: int, along: Float[np.ndarray, "n"], side: tuple[float, float]) -> Spot:
    return Spot(np.full(len(along), link), along, _sides(side, len(along)))


HARD_KINDS: dict[str, tuple[Callable[[HandRig, int, Generator], Angles], float]] = {
    "fist": (_fist, 0.08),
    "thumb over": (_thumb_over, 0.12),
    "thumb inside": (_thumb_inside, 0.06),
    "thumb up": (_thumb_up, 0.12),
    "pointing": (_pointing, 0.08),
    "every pinch": (_pinch, 0.13),
    "tripod": (_tripod, 0.09),
    "key pinch": (_key_pinch, 0.09),
    "thumb on index": (_thumb_on_index, 0.06),
    "thumb on finger": (_thumb_on_finger, 0.05),
    "crossed": (_crossed, 0.04),
    "together": (_together, 0.03),
    "on palm": (_on_palm, 0.06),
    "sign": (_sign, 0.0),
}
"""What draws a kind's angles, and its share of the hard poses."""
HARD_SHARES = {name: share for name, (_, share) in HARD_KINDS.items() if share}
SIGN_SHARES = {"sign": 1.0}
