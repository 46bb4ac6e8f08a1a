"""Pose, shape and place of a rig for labelled hands: what a training set holds beside the joints."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.fit.joints import fit_joints
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.mano import TipSource, load_mano


class RigLabels(NamedTuple):
    """A rig in the pose of n right hands, camera frame.

    pose: axis-angle in MANO's order, rotations as they are (`rodrigues(pose)` turns the joints): with a MANO file its
    mean pose is added. shape: coefficients. translation: metres, what `HandRig.posed_by_matrices` adds. residual_m:
    mean distance of the rig's joints from the dataset's.
    """

    pose: Float[np.ndarray, "n 16 3"]
    shape: Float[np.ndarray, "n 10"]
    translation: Float[np.ndarray, "n 3"]
    residual_m: Float[np.ndarray, "n"]

    def rows(self, numbers: Int[np.ndarray, "m"]) -> "RigLabels":
        """The labels of these hands; one may come several times."""
        return RigLabels(*(array[numbers] for array in self))


def right_rig(path: Path | None, *, tips: TipSource) -> HandRig:
    """The open rig where no file is given, a rig file (.npz), or the user's own MANO file (anything else).

    tips: which of MANO's vertices the dataset takes as fingertips. Raises KnuckleError for a file that is neither.
    """
    if path is None or path.suffix == ".npz":
        return load_rig("open" if path is None else path)
    return load_mano(path, "right", tips=tips)


def fit_labels(rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
    """The rig fitted to the joints of right hands (common order, camera frame, metres); see `knuckle.rig.fit.joints`.

    The rig's fingertips are its own vertices, the dataset's are MANO's: what is left between them is in residual_m.
    """
    fitted = fit_joints(rig, joints_m)
    return RigLabels(fitted.pose + rig.pose_mean, fitted.shape, fitted.translation, fitted.residual_m)
