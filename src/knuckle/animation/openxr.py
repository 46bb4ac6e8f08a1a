"""The 26 joints of a hand as OpenXR has them (XR_EXT_hand_tracking), from the rig.

At every joint +Z runs along its bone away from the fingertip, so -Z points to the tip; +Y points out of the back of the
hand, of a finger out of its nail; +X follows by the right hand. World axes: x right, y up, z towards the camera, which
is at the origin: OpenXR's view space of the camera.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.hands import Hands, State
from knuckle.rig import load_rig
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_quaternion, rodrigues
from knuckle.skeleton import WRIST

_FINGERS = ("index", "middle", "ring", "little")
_PARTS = ("metacarpal", "proximal", "intermediate", "distal", "tip")
OPENXR_JOINTS = (
    "palm",
    "wrist",
    *(f"thumb_{part}" for part in ("metacarpal", "proximal", "distal", "tip")),
    *(f"{finger}_{part}" for finger in _FINGERS for part in _PARTS),
)
"""In the order of XrHandJointEXT."""
FROM_COMMON = (-1, 0, 1, 2, 3, 4, -1, 5, 6, 7, 8, -1, 9, 10, 11, 12, -1, 13, 14, 15, 16, -1, 17, 18, 19, 20)
"""The joint of the common order that each one is; -1 for the palm and the four metacarpals, which are derived."""
_OWNERS = (0, 0, 13, 14, 15, 15, 0, 1, 2, 3, 3, 0, 4, 5, 6, 6, 0, 10, 11, 12, 12, 0, 7, 8, 9, 9)
"""The MANO16 joint that carries each."""

ORIENTATION_VALID, POSITION_VALID, ORIENTATION_TRACKED, POSITION_TRACKED = 1, 2, 4, 8
_VALID = ORIENTATION_VALID | POSITION_VALID
_TRACKED = _VALID | ORIENTATION_TRACKED | POSITION_TRACKED

_METACARPALS_MM = (67.7, 66.1, 58.0, 52.3)
"""Of index to little finger (computed tomography), and before the middle one lies the carpus:"""
_CARPUS_MM = 25.0
_NARROWING = 0.6
"""How far the bases of the metacarpals lie apart, of their heads."""
_WINDOW_M = 5e-3
_DORSAL_THUMB = 15


class OpenXrHand(NamedTuple):
    """One hand, or with leading dimensions many."""

    positions_m: Float[np.ndarray, "*batch 26 3"]
    orientations: Float[np.ndarray, "*batch 26 4"]
    """Quaternions x, y, z, w: world from joint."""
    radii_m: Float[np.ndarray, "26"]
    """From each joint to the skin, between the back of the hand and the palm."""


class OpenXrSkeleton(NamedTuple):
    """Where the 26 joints are in the rest hand of one shape; frame of the rig."""

    places_m: Float[np.ndarray, "26 3"]
    axes: Float[np.ndarray, "26 3 3"]
    """The joint's x, y and z as columns."""
    radii_m: Float[np.ndarray, "26"]


def flags_of(state: State) -> int:
    """XrSpaceLocationFlags of a hand's joints: all valid; tracked where the frame itself shows the hand."""
    return _TRACKED if state == "observed" else _VALID


def skeleton_of(rig: HandRig, shape: Float[np.ndarray, "10"]) -> OpenXrSkeleton:
    """That of a rig of either side.

    The palm lies half way along the middle metacarpal. The bases of the four metacarpals, which the rig does not turn,
    come from its wrist and knuckles by the lengths of bones in people, scaled to the hand.
    """
    return _skeleton(rig, tuple(np.asarray(shape, float).tolist()))


def place_openxr(
    skeleton: OpenXrSkeleton,
    joints_m: Float[np.ndarray, "*batch 21 3"],
    world_rotations: Float[np.ndarray, "*batch 16 3 3"],
) -> OpenXrHand:
    """The joints of a posed hand.

    Args:
        skeleton: of the hand's side and shape.
        joints_m: common order, in the world.
        world_rotations: world-from-joint of MANO's 16 joints, as `HandRig.posed` gives them.
    """
    places = np.empty((*joints_m.shape[:-2], 26, 3))
    turned = world_rotations[..., list(_OWNERS), :, :]
    for joint, common in enumerate(FROM_COMMON):
        if common >= 0:
            places[..., joint, :] = joints_m[..., common, :]
        else:
            offset = skeleton.places_m[joint] - skeleton.places_m[1]
            places[..., joint, :] = joints_m[..., WRIST, :] + world_rotations[..., 0, :, :] @ offset
    quaternions = np.roll(matrix_to_quaternion(turned @ skeleton.axes), -1, axis=-1)
    return OpenXrHand(places, quaternions, skeleton.radii_m)


def openxr_hands(hands: Hands, *, rig: str = "open") -> list[OpenXrHand]:
    """The hands of a picture or frame, in their order; whose pose they have is `rig`, as `load_rig` takes it."""
    found = []
    turn = np.diag(OPENGL_FROM_CAMERA)
    for hand in hands:
        of_side = load_rig(rig, side=hand.side)
        rotations = rodrigues(hand.pose_rad + of_side.pose_mean.astype(float))
        rotations[0] = turn @ rotations[0]
        _, world = of_side.posed_joints(rotations, hand.shape)
        skeleton = skeleton_of(of_side, hand.shape)
        found.append(place_openxr(skeleton, hand.joints_m * OPENGL_FROM_CAMERA, world))
    return found


@lru_cache(maxsize=16)
def _skeleton(rig: HandRig, shape: tuple[float, ...]) -> OpenXrSkeleton:
    vertices = rig.vertices + rig.shape_basis.astype(float) @ np.array(shape)
    rotations = np.tile(np.eye(3), (16, 1, 1))
    joints, _ = rig.posed_joints(rotations, np.array(shape))
    places = joints[np.maximum(FROM_COMMON, 0)]
    along = _unit(joints[9] - joints[0])
    across = np.cross(joints[5] - joints[0], joints[17] - joints[0])
    dorsal = _unit(-across if rig.side == "right" else across)
    palm_m = np.linalg.norm(joints[9] - joints[0])
    middle_mm = _METACARPALS_MM[1]
    middle_m = palm_m * middle_mm / (middle_mm + _CARPUS_MM)
    for finger in range(4):
        head = joints[5 + 4 * finger]
        aside = (head - joints[0]) - np.dot(head - joints[0], along) * along
        base = joints[0] + (palm_m - middle_m) * along + _NARROWING * aside
        length = middle_m * _METACARPALS_MM[finger] / middle_mm
        places[6 + 5 * finger] = head - length * _unit(head - base)
    places[0] = (places[11] + places[12]) / 2
    axes = np.empty((26, 3, 3))
    for joint, (common, owner) in enumerate(zip(FROM_COMMON, _OWNERS, strict=True)):
        if joint == 0:
            towards, back = places[12] - places[11], dorsal
        elif joint == 1:
            towards, back = places[11] - places[1], dorsal
        else:
            is_tip = common >= 0 and common % 4 == 0
            towards = places[joint] - places[joint - 1] if is_tip else places[joint + 1] - places[joint]
            # Flexion carries a bone towards the palm; of the thumb it is that of its last joint, beneath the nail.
            bend = rig.axes[_DORSAL_THUMB if owner >= 13 else owner, 2].astype(float)
            back = dorsal if owner == 0 else np.cross(towards, bend)
        axes[joint] = _frame(towards, back)
    radii = np.array([_radius(vertices, places[j], axes[j], tip=_is_tip(j)) for j in range(26)])
    return OpenXrSkeleton(places, axes, radii)


def _is_tip(joint: int) -> bool:
    return OPENXR_JOINTS[joint].endswith("tip")


def _frame(towards: np.ndarray, back: np.ndarray) -> np.ndarray:
    z = -_unit(towards)
    y = _unit(back - np.dot(back, z) * z)
    return np.stack([np.cross(y, z), y, z], -1)


def _radius(vertices: np.ndarray, place: np.ndarray, axes: np.ndarray, *, tip: bool) -> float:
    """Half of the hand's thickness where a joint is, between back and palm; of a tip, a little before it."""
    local = (vertices - place) @ axes
    x, y, z = local.T
    if tip:
        z = z - 1.2 * _WINDOW_M
    for window in _WINDOW_M * np.arange(1, 5):
        near = (np.abs(x) < window) & (np.abs(z) < window) & (np.abs(y) < 0.04)
        above, below = y[near & (y > 0)], y[near & (y <= 0)]
        if len(above) and len(below):
            return float((np.median(above) - np.median(below)) / 2)
    return float(np.linalg.norm(vertices - place, axis=1).min())


def _unit(vector: Any) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def joint_rows(hand: OpenXrHand, frame: int, flags: int) -> list[list[float]]:
    """The 26 joints of one frame as files have them: position, quaternion x y z w, radius, flags."""
    places = np.round(hand.positions_m[frame], 6) + 0.0
    turns = np.round(hand.orientations[frame], 7) + 0.0
    rows = np.concatenate([places, turns, np.round(hand.radii_m, 6)[:, None]], 1).tolist()
    return [[*row, flags] for row in rows]
