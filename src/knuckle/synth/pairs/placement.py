"""Where two hands stand: a pair turned to the camera, its place in the frame, and crops made for two."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import AS_RIGHT
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.synth.camera.placement import Placement, place_hand, place_joints
from knuckle.synth.pairs.pool import PosedPair

MARGIN = (1.25, 1.6)
"""The crop's side in sides of the joints' box."""
_WIDE = 2.6
_FLESH_M, _LEAST_ROOM_M = 0.06, 0.17
_NEAREST_JOINT_M = 0.14


class TurnedPair(NamedTuple):
    """A pair in the camera's axes about its own middle, right hand first.

    rotations: of the right rig, in each hand's own world (see `AS_RIGHT`); pose and translation: of the rig of the
    hand's own side, for the camera's axes.
    """

    pose: Float[np.ndarray, "2 16 3"]
    translation: Float[np.ndarray, "2 3"]
    rotations: Float[np.ndarray, "2 16 3 3"]
    joints: Float[np.ndarray, "2 21 3"]


def turn_pair(rig_right: HandRig, pair: PosedPair, camera_from_pair: Float[np.ndarray, "3 3"]) -> TurnedPair:
    """Turn a pair to the camera. A rig turns about its wrist, so the translations turn with the wrists' places."""
    rotations = rodrigues(pair.pose)
    rotations[:, 0] = camera_from_pair @ rotations[:, 0]
    own = rotations * (AS_RIGHT[:, :, None] * AS_RIGHT[:, None, :])[:, None]
    joints = rig_right.posed_joints(own, pair.shape)[0] * AS_RIGHT[:, None]
    wrist = joints[:, 0]
    translation = (wrist + pair.translation) @ camera_from_pair.T - wrist
    pose = pair.pose.copy()
    pose[:, 0] = matrix_to_axis_angle(rotations[:, 0])
    return TurnedPair(pose, translation, own, joints + translation[:, None])


def place_pair(rng: np.random.Generator, joints: Float[np.ndarray, "n 3"], size: int) -> Placement:
    """`place_hand` for the joints of two hands: both fit the frame, 12 % of the pairs may reach over its edge."""
    extent = np.ptp(joints, axis=0)
    return place_joints(
        rng,
        joints,
        size,
        room_m=max(float(extent[:2].max()) + _FLESH_M, _LEAST_ROOM_M),
        nearest_m=_NEAREST_JOINT_M + float(extent[2]) / 2,
        margin=MARGIN,
    )


def place_single(rng: np.random.Generator, joints: Float[np.ndarray, "21 3"], size: int) -> Placement:
    """`place_hand` in crops as for two hands; every third crop is wide and off centre, as if another hand had been
    expected beside this one."""
    placement = place_hand(rng, joints, size)
    joints_px = placement.camera.project(joints + placement.translation)
    low, high = joints_px.min(0), joints_px.max(0)
    wide = rng.random() < 1 / 3
    side = float((high - low).max() * (rng.uniform(MARGIN[1], _WIDE) if wide else rng.uniform(*MARGIN)))
    room = 0.5 * (side / MARGIN[0] - (high - low))
    shift = np.clip(rng.normal(0, 0.04, 2) * side, -room, room)
    if wide:
        shift = rng.uniform(-1, 1, 2) * room
    centre = (low + high) / 2 + shift
    crop = Crop((float(centre[0]), float(centre[1])), side, size)
    return Placement(placement.camera, placement.translation, crop)
