"""The user's MANO files for data sets whose labels are MANO's parameters, and left hands under the left file.

`MANO_LEFT.pkl` was published with the right hand's shape basis, x and all (`knuckle.rig.mano` puts that right). Data
sets whose authors did not know have left hands whose shape means something only under the file as published: DexYCB's
authors say so (github.com/NVlabs/dex-ycb-toolkit, issue 28), ARCTIC's joints are of it too (zc-alexfan/arctic, issue
50). Others mended it first: HOT3D and InterHand2.6M.
"""

from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.datasets.interhand_fits import mano_pair
from knuckle.datasets.rig_labels import RigLabels, moved_pose, rest_wrist
from knuckle.geometry.mirror import MIRROR_POINT, mirror_axis_angle, mirror_points
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.mano import load_components
from knuckle.rig.tips import TipSource
from knuckle.skeleton import Side

LeftShape = Literal["published", "mended"]


class Parameters(NamedTuple):
    """MANO's parameters of n hands, as a rig takes them: pose less its mean pose, metres."""

    pose: Float[np.ndarray, "n 16 3"]
    shape: Float[np.ndarray, "n 10"]
    translation: Float[np.ndarray, "n 3"]


def mano_sides(right: Path, *, tips: TipSource, left_shape: LeftShape) -> dict[Side, HandRig]:
    """The right hand's rig and the left one's, with their mean pose; MANO_LEFT.pkl lies beside the right file.

    left_shape: whether the left hand's shape basis is the one published, with the fault, or the mended one.
    """
    rig, left = mano_pair(right, tips=tips)
    return {"right": rig, "left": published_left(left) if left_shape == "published" else left}


def published_left(left: HandRig) -> HandRig:
    """A left MANO rig with the shape basis as it was published: the right hand's."""
    basis = left.shape_basis * MIRROR_POINT.astype(left.shape_basis.dtype)[:, None]
    return replace(left, shape_basis=basis)


def in_camera(
    hands: Parameters,
    rig: HandRig,
    rotation: Float[np.ndarray, "n 3 3"],
    translation: Float[np.ndarray, "n 3"],
) -> Parameters:
    """Hands of the world as hands of the camera that sees `rotation @ point + translation`."""
    pose, moved = moved_pose(rig, *hands, rotation, translation)
    return Parameters(pose, hands.shape, moved)


def as_right(hands: Parameters, left: HandRig, right: HandRig) -> Parameters:
    """Left hands in the mirror, as hands of the right rig: exactly so where the rigs are each other's mirror image,
    shape basis and all, as those of MANO nearly are if the left one is mended. Wrists are laid together."""
    pose = mirror_axis_angle(hands.pose + left.pose_mean) - right.pose_mean
    wrist = mirror_points(rest_wrist(left, hands.shape) + hands.translation)
    return Parameters(pose, hands.shape, wrist - rest_wrist(right, hands.shape))


def side_components(right: Path) -> dict[Side, Float[np.ndarray, "45 45"]]:
    """The components of poses of both hands' files; MANO_LEFT.pkl lies beside the right one. Raises KnuckleError for
    one that is missing: components of a left hand are in no other file."""
    return {"right": load_components(right), "left": load_components(right.with_name("MANO_LEFT.pkl"))}


def to_labels(rig: HandRig, hands: Parameters, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
    """Parameters of right hands as labels; joints_m: what the data set says of the same joints."""
    joints = rig.posed(*hands).joints
    residual_m = np.linalg.norm(joints - joints_m, axis=-1).mean(-1)
    return RigLabels(hands.pose + rig.pose_mean, hands.shape, hands.translation, residual_m)
