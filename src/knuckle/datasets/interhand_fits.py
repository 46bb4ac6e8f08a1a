"""InterHand2.6M's MANO fits in the frame of the camera that looks at them."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.interhand import Extrinsics, InterhandFrame
from knuckle.datasets.interhand_labels import Fit
from knuckle.datasets.rig_labels import moved_pose
from knuckle.rig.hand_rig import HandRig, PosedHand
from knuckle.rig.mano import load_mano
from knuckle.rig.tips import TipSource
from knuckle.skeleton import HAND_SIDES


def mano_pair(right: Path, *, tips: TipSource = "freihand") -> tuple[HandRig, HandRig]:
    """The user's MANO files for InterHand2.6M's fits: right and left, both with their mean pose.

    The left one is MANO_LEFT.pkl beside `right`, its shape basis, published as the right hand's, put right; where there
    is none, the right hand mirrored, which lies next to nothing off.
    """
    left, rig = right.with_name("MANO_LEFT.pkl"), load_mano(right, "right", tips=tips)
    if not left.is_file():
        return rig, rig.mirrored()
    return rig, load_mano(left, "left", tips=tips, right_path=right)


def fit_in_camera(fit: Fit, rig: HandRig, extrinsics: Extrinsics) -> Fit:
    """A fit of the world as one of the camera: `rig.posed(*...)` gives camera-frame metres."""
    pose, translation = moved_pose(
        rig,
        fit.pose[None],
        fit.shape[None],
        fit.translation[None],
        extrinsics.rotation[None],
        extrinsics.translation[None],
    )
    return Fit(pose[0], fit.shape, translation[0])


def vertices_in_camera(
    frame: InterhandFrame, rigs: tuple[HandRig, HandRig]
) -> list[Float[np.ndarray, "v 3"] | None]:
    """The fitted meshes of the right and the left hand, camera frame, metres; None where there is no fit."""
    return [None if hand is None else hand.vertices for hand in posed_in_camera(frame, rigs)]


def posed_in_camera(frame: InterhandFrame, rigs: tuple[HandRig, HandRig]) -> list[PosedHand | None]:
    """The fits of the right and the left hand with their joints, camera frame, metres; None where there is no fit."""
    return [
        None if fit is None else rig.posed(*fit_in_camera(fit, rig, frame.extrinsics))
        for fit, rig, _ in zip(frame.fits, rigs, HAND_SIDES, strict=True)
    ]
