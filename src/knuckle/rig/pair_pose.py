"""Two hands by their joint angles, rotations and places: posed together, picked, joined and mirrored."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.rig.limits import basis
from knuckle.rig.pair_body import HandBody, hand_body
from knuckle.rig.rig import HandRig
from knuckle.skeleton import Side

HAND_SIDES: tuple[Side, Side] = ("right", "left")
_MIRROR = np.array([-1.0, 1.0, 1.0])
MIRROR_TURN = np.outer(_MIRROR, _MIRROR)
"""What a rotation matrix is multiplied with, entry by entry, to be that of the mirror image (x -> -x)."""


@dataclass(frozen=True)
class PairPose:
    """Pairs of hands as they are built; of every axis of 2 the right hand is the first.

    angles: anatomical, radians (they mean the same on both sides); the wrist's are not used. turn: pair_from_rig
    rotations. wrist: where the wrist joints are, metres in the pair's frame.
    """

    angles: Float[np.ndarray, "n 2 16 3"]
    shape: Float[np.ndarray, "n 2 10"]
    turn: Float[np.ndarray, "n 2 3 3"]
    wrist: Float[np.ndarray, "n 2 3"]

    def __len__(self) -> int:
        return len(self.angles)

    def rows(self, chosen: np.ndarray) -> "PairPose":
        """The pairs of an index or mask."""
        return PairPose(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def replaced(self, chosen: np.ndarray, other: "PairPose") -> "PairPose":
        """These, but the pairs of an index or mask as in the other."""
        arrays = [getattr(self, field.name).copy() for field in fields(self)]
        for array, field in zip(arrays, fields(self), strict=True):
            array[chosen] = getattr(other, field.name)
        return PairPose(*arrays)

    def mirrored(self) -> "PairPose":
        """The pairs in a mirror (x -> -x): what the right hand did the left one does."""
        return PairPose(
            self.angles[:, ::-1],
            self.shape[:, ::-1],
            (self.turn * MIRROR_TURN)[:, ::-1],
            (self.wrist * _MIRROR)[:, ::-1],
        )

    @staticmethod
    def joined(parts: Sequence["PairPose"]) -> "PairPose":
        """One after the other."""
        return PairPose(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(PairPose))
        )


class PosedPairs(NamedTuple):
    """Joints (metres, common order) and rotations of MANO's 16 links (pair_from_rest), in the pair's frame."""

    joints_m: Float[np.ndarray, "n 2 21 3"]
    links: Float[np.ndarray, "n 2 16 3 3"]


@lru_cache(maxsize=8)
def both_rigs(rig_right: HandRig) -> tuple[HandRig, HandRig]:
    """The right rig and its mirror image: one object a rig, as what is cached by rig needs."""
    return rig_right, rig_right.mirrored()


def link_matrices(rig: HandRig, angles: Float[np.ndarray, "n 16 3"]) -> Float[np.ndarray, "n 16 3 3"]:
    """`limits.angles_to_matrices`, written out and in float32, the wrist unturned: five times as fast."""
    _, rest, handed = basis(rig)
    delta = ((angles - rest) * handed[:, None]).astype(np.float32)
    (ct, cs, cb), (st, ss, sb) = (np.moveaxis(part, -1, 0) for part in (np.cos(delta), np.sin(delta)))
    # R_bend R_splay R_twist in the joint's own axes (x twist, y splay, z bend), row by row.
    entries = [cb * cs, cb * ss * st - sb * ct, cb * ss * ct + sb * st]
    entries += [sb * cs, sb * ss * st + cb * ct, sb * ss * ct - cb * st]
    entries += [-ss, cs * st, cs * ct]
    own = np.stack(entries, -1).swapaxes(0, 1)
    matrices = (own @ _change_of_axes(rig)).swapaxes(0, 1).reshape(-1, 16, 3, 3)
    matrices[:, 0] = np.eye(3)
    return matrices


@lru_cache(maxsize=8)
def _change_of_axes(rig: HandRig) -> Float[np.ndarray, "16 9 9"]:
    """What takes the nine entries of a rotation in a joint's own axes to those in the rest frame's."""
    axes = basis(rig)[0]
    return np.einsum("jki,jlm->jklim", axes, axes).reshape(16, 9, 9).astype(np.float32)


def pose_hand(
    rig_right: HandRig, pose: PairPose, hand: int
) -> tuple[Float[np.ndarray, "n 21 3"], Float[np.ndarray, "n 16 3 3"]]:
    """Joints and link rotations of the right (0) or left (1) hands; float32."""
    rig = both_rigs(rig_right)[hand]
    joints, links = rig.posed_joints(
        link_matrices(rig, pose.angles[:, hand]), pose.shape[:, hand].astype(np.float32)
    )
    turn = pose.turn[:, hand].astype(np.float32)
    joints = (joints - joints[:, :1]) @ turn.swapaxes(1, 2) + pose.wrist[:, hand, None].astype(np.float32)
    return joints, turn[:, None] @ links


def pose_pairs(rig_right: HandRig, pose: PairPose) -> PosedPairs:
    """Both hands in the pair's frame."""
    hands = [pose_hand(rig_right, pose, hand) for hand in (0, 1)]
    return PosedPairs(*(np.stack(part, 1) for part in zip(*hands, strict=True)))


def pair_bodies(rig_right: HandRig, joints_m: Float[np.ndarray, "n 2 21 3"]) -> tuple[HandBody, HandBody]:
    """Capsules of the right and the left hands."""
    return (
        hand_body(rig_right, joints_m[:, 0], side="right"),
        hand_body(rig_right, joints_m[:, 1], side="left"),
    )
