"""Random finger postures as anatomical angles: natural, gestures, uniform. Degrees inside, radians out."""

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.rig.kinematics import FINGER_JOINTS
from knuckle.rig.limits import joint_limits

Generator = np.random.Generator

_MCP = FINGER_JOINTS[1:, 0]
"""MCP joints of index, middle, ring and pinky, the order fingers have in this file."""
_NEIGHBOUR_CORRELATION = 0.55
_FAN = np.array([4.0, -3.0, -8.0, -13.0])
"""Splay of the straight fingers of an easy hand."""

# (mean, sd) of flexion at MCP, PIP, DIP for a finger that is straight, half bent or curled.
_STATES = np.array(
    [
        [(2, 8), (6, 6), (3, 4)],
        [(38, 16), (48, 16), (28, 11)],
        [(80, 9), (96, 8), (58, 12)],
    ]
)
_STRAIGHT, _HALF, _CURLED = 0, 1, 2

# CMC (twist, splay, bend), MCP bend, IP bend and their common spread.
_THUMB_STATES = np.array(
    [
        (-4, 10, -14, 6, 4),  # out, as in thumbs-up
        (0, -8, 4, 10, 8),  # along the index finger
        (12, 6, 22, 26, 22),  # opposed
        (14, 10, 32, 40, 46),  # folded over the fist or into the palm
    ]
)
_THUMB_SPREAD = np.array([5, 6, 6, 9, 12])

# Finger states of index, middle, ring, pinky and the thumb's state, with how often each is drawn.
_NAMED: tuple[tuple[int, int, int, int, int, float], ...] = (
    (2, 2, 2, 2, 3, 5.0),  # fist, thumb over it
    (2, 2, 2, 2, 1, 2.0),  # fist, thumb along it
    (2, 2, 2, 2, 0, 5.0),  # thumbs-up
    (0, 2, 2, 2, 3, 2.0),  # pointing
    (0, 2, 2, 2, 0, 1.0),  # pistol
    (0, 0, 2, 2, 3, 2.0),  # two
    (0, 0, 0, 2, 3, 1.0),  # three
    (0, 0, 0, 0, 2, 1.0),  # four
    (0, 0, 0, 0, 0, 2.5),  # open
    (2, 2, 2, 0, 3, 1.5),  # little finger up
    (2, 2, 2, 0, 0, 1.0),  # telephone
    (0, 2, 2, 0, 3, 1.0),  # horns
    (1, 1, 1, 1, 2, 3.0),  # holding a ball
    (1, 0, 0, 0, 2, 1.0),  # ok
)


def natural_angles(count: int, rng: Generator) -> Float[np.ndarray, "n 16 3"]:
    """One curl for the hand, neighbours alike, DIP about two thirds of PIP, thumb between out and opposed.

    Two latent amounts (curl, and how it is shared between knuckle and finger) carry most of the variance, as
    two principal components do for grasps (Santello et al. 1998).
    """
    curl = rng.beta(0.9, 1.1, (count, 1)) + 0.2 * _correlated(count, rng)
    share = 18 * rng.standard_normal((count, 1))
    mcp = -10 + 92 * curl - share + 8 * rng.standard_normal((count, 4))
    pip = 4 + 92 * curl + share + 10 * rng.standard_normal((count, 4))
    angles = np.zeros((count, 16, 3))
    _set_fingers(angles, mcp, pip, _coupled_dip(pip, rng))
    _spread(angles, rng.normal(0, 5, count), rng)
    opposition = np.clip(rng.uniform(-0.15, 1.15, count), 0, 1)[:, None]
    thumb = (1 - opposition) * _THUMB_STATES[0] + opposition * _THUMB_STATES[2]
    thumb = thumb + rng.standard_normal((count, 5)) * (1.6 * _THUMB_SPREAD)
    _set_thumb(angles, thumb, rng)
    return np.deg2rad(angles)


def gesture_angles(count: int, rng: Generator) -> Float[np.ndarray, "n 16 3"]:
    """Every finger straight, half bent or curled and four thumb states: half at random, half well-known
    signs.

    Fists and thumbs-up are frequent: seen from the side they are what networks get wrong most.
    """
    weights = np.array([named[5] for named in _NAMED])
    chosen = rng.choice(len(_NAMED), count, p=weights / weights.sum())
    table = np.array([named[:5] for named in _NAMED])
    free = np.column_stack([rng.integers(0, 3, (count, 4)), rng.integers(0, 4, count)])
    states = np.where(rng.random((count, 1)) < 0.5, free, table[chosen])
    return state_angles(states[:, :4], states[:, 4], rng)


def uniform_angles(count: int, rng: Generator) -> Float[np.ndarray, "n 16 3"]:
    """Every angle uniform within its limits, for coverage; DIP follows PIP in half of the hands."""
    low, high = joint_limits()
    angles = rng.uniform(low, high, (count, 16, 3))
    coupled = rng.random(count) < 0.5
    pip = np.rad2deg(angles[:, _MCP + 1, 2])
    dip = np.deg2rad(_coupled_dip(pip, rng))
    angles[:, _MCP + 2, 2] = np.where(coupled[:, None], dip, angles[:, _MCP + 2, 2])
    return angles


def state_angles(
    fingers: Int[np.ndarray, "n 4"], thumbs: Int[np.ndarray, "n"], rng: Generator
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles of given states: index, middle, ring and pinky straight (0), half bent (1) or curled (2);
    the thumb out (0), along the index finger (1), opposed (2) or folded over the others (3)."""
    count = len(fingers)
    mean, spread = _STATES[fingers, :, 0], _STATES[fingers, :, 1]
    # Neighbours in the same state differ less from each other than hands do.
    shared = _correlated(count, rng)[..., None]
    flexion = mean + spread * (0.7 * shared + 0.7 * rng.standard_normal((count, 4, 3)))
    angles = np.zeros((count, 16, 3))
    _set_fingers(angles, flexion[..., 0], flexion[..., 1], flexion[..., 2])
    _spread(angles, rng.normal(1, 5.5, count), rng)
    _set_thumb(angles, _THUMB_STATES[thumbs] + rng.standard_normal((count, 5)) * _THUMB_SPREAD, rng)
    return np.deg2rad(angles)


def _set_fingers(angles: np.ndarray, mcp: np.ndarray, pip: np.ndarray, dip: np.ndarray) -> None:
    for level, flexion in enumerate((mcp, pip, dip)):
        angles[:, _MCP + level, 2] = flexion


def _set_thumb(angles: np.ndarray, thumb: Float[np.ndarray, "n 5"], rng: Generator) -> None:
    angles[:, 13] = thumb[:, :3]
    angles[:, 14, 2], angles[:, 15, 2] = thumb[:, 3], thumb[:, 4]
    angles[:, 14, 1] = rng.normal(0, 3, len(angles))


def _spread(angles: np.ndarray, amount: Float[np.ndarray, "n"], rng: Generator) -> None:
    """Fan straight fingers by `amount` degrees more than an easy hand does (negative: towards each other)."""
    fan = _FAN + np.array([1.0, 0.15, -0.55, -1.2]) * amount[:, None] + rng.normal(0, 2, (len(angles), 4))
    angles[:, _MCP, 1] = fan
    angles[:, _MCP, 0] = rng.normal(0, 1.5, fan.shape)


def _coupled_dip(pip: Float[np.ndarray, "n 4"], rng: Generator) -> Float[np.ndarray, "n 4"]:
    follows = pip * 0.66 * (1 + 0.16 * rng.standard_normal(pip.shape)) + rng.normal(0, 2, pip.shape)
    free: Bool[np.ndarray, "n 4"] = rng.random(pip.shape) < 0.1
    return np.where(free, rng.uniform(-5, 75, pip.shape), follows)


def _correlated(count: int, rng: Generator) -> Float[np.ndarray, "n 4"]:
    """Unit normal noise over the four fingers, neighbours correlated."""
    index = np.arange(4)
    covariance = _NEIGHBOUR_CORRELATION ** np.abs(index[:, None] - index)
    return rng.standard_normal((count, 4)) @ np.linalg.cholesky(covariance).T
