"""The 21 joints of a hand, and index tables for other projects' joint orders.

Common order (MPII / FreiHAND): wrist; thumb CMC, MCP, IP, tip; then index, middle, ring, pinky with MCP, PIP,
DIP, tip. For a table `X_TO_COMMON`: `common = x[..., X_TO_COMMON, :]`; `COMMON_TO_X` is its inverse.
"""

from typing import Literal

import numpy as np
from jaxtyping import Shaped

from knuckle.errors import KnuckleError

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
HAND_SIDES: tuple[Side, Side] = ("right", "left")
"""Along an axis of two hands, the order of InterHand2.6M."""

FINGERS = ("thumb", "index", "middle", "ring", "pinky")

JOINT_NAMES = (
    "wrist",
    *("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
    *(f"{finger}_{part}" for finger in FINGERS[1:] for part in ("mcp", "pip", "dip", "tip")),
)
JOINT_COUNT = len(JOINT_NAMES)

WRIST = 0
MIDDLE_MCP = 9

BONES: tuple[tuple[int, int], ...] = tuple(
    (WRIST if part == 0 else 4 * finger + part, 4 * finger + part + 1)
    for finger in range(5)
    for part in range(4)
)

JOINT_CLASSES: dict[str, tuple[int, ...]] = {
    "W": (0,),
    "M": (1, 5, 9, 13, 17),
    "P": (2, 6, 10, 14, 18),
    "D": (3, 7, 11, 15, 19),
    "T": (4, 8, 12, 16, 20),
}
"""Joint classes of EHPE: wrist, MCP, PIP, DIP, tip. The thumb's CMC, MCP and IP count as M, P and D."""

MANO16_NAMES = (
    "wrist",
    *(f"{finger}_{part}" for finger in ("index", "middle", "pinky", "ring", "thumb") for part in (1, 2, 3)),
)
MANO16_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
MANO16_FINGER = (0, 2, 2, 2, 3, 3, 3, 5, 5, 5, 4, 4, 4, 1, 1, 1)
"""Finger of each MANO joint: 0 palm, 1 thumb, 2 index, 3 middle, 4 ring, 5 pinky."""

MANO21_TO_COMMON = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""MANO's 16 joints followed by the tips thumb, index, middle, ring, pinky (HO-3D's order too)."""

COMMON_TO_MANO16 = (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3)
"""The joint, in the common order, of each of MANO's 16 rotations."""

INTERHAND_TO_COMMON = (20, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16)
"""One hand of InterHand2.6M: each finger from its tip to its base, then the wrist."""

_IDENTITY = tuple(range(JOINT_COUNT))

JointOrder = Literal["common", "mano21", "ho3d", "interhand", "mediapipe", "openpose", "freihand"]

TO_COMMON: dict[JointOrder, tuple[int, ...]] = {
    "common": _IDENTITY,
    "freihand": _IDENTITY,
    "mediapipe": _IDENTITY,
    "openpose": _IDENTITY,
    "mano21": MANO21_TO_COMMON,
    "ho3d": MANO21_TO_COMMON,
    "interhand": INTERHAND_TO_COMMON,
}


def _inverse(table: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(table))


FROM_COMMON: dict[JointOrder, tuple[int, ...]] = {name: _inverse(table) for name, table in TO_COMMON.items()}


def convert_joints(
    joints: Shaped[np.ndarray, "*batch 21 d"], *, source: JointOrder, target: JointOrder = "common"
) -> Shaped[np.ndarray, "*batch 21 d"]:
    """Reorder joints from one project's order to another's. Values do not change.

    Raises KnuckleError for an unknown order or an array that is not (..., 21, d).
    """
    for name in (source, target):
        if name not in TO_COMMON:
            raise KnuckleError(f"joint order: expected one of {', '.join(TO_COMMON)}, got {name!r}")
    if joints.ndim < 2 or joints.shape[-2] != JOINT_COUNT:
        raise KnuckleError(f"joints: expected (..., 21, d), got {joints.shape}")
    return joints[..., list(TO_COMMON[source]), :][..., list(FROM_COMMON[target]), :]
