"""Pose, shape and place of a rig for labelled hands: what a training set holds beside the joints."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError
from knuckle.rig.fit.joints import fit_joints
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.mano import load_mano
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.rig.tips import MANO_TIPS, TIP_JOINTS, TipSource, convert_tips, named_tips


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

    The open rig's fingertips are its own vertices, the datasets' are MANO's: what is left between them is in
    residual_m.
    """
    fitted = fit_joints(rig, joints_m)
    return RigLabels(fitted.pose + rig.pose_mean, fitted.shape, fitted.translation, fitted.residual_m)


def joined_labels(
    count: int, parts: Sequence[tuple[Bool[np.ndarray, "n"], Callable[[Int[np.ndarray, "m"]], RigLabels]]]
) -> RigLabels:
    """Labels of `count` hands of which a data set has some itself and the rig is fitted to others.

    parts: which rows each part is of, every row of one part, and what gives the labels of the rows whose numbers it is
    told; it is asked only where there are any.
    """
    labels = RigLabels(*(np.zeros((count, *tail)) for tail in ((16, 3), (10,), (3,), ())))
    for rows, labels_of in parts:
        numbers = np.flatnonzero(rows)
        if len(numbers):
            for mine, theirs in zip(labels, labels_of(numbers), strict=True):
                mine[numbers] = theirs
    return labels


def moved_labels(
    rig: HandRig, labels: RigLabels, target_from_source: Float[np.ndarray, "n 4 4"]
) -> RigLabels:
    """The same hands in another frame: each turned and moved by a rigid matrix, metres."""
    turns, moves = target_from_source[:, :3, :3], target_from_source[:, :3, 3]
    pose, translation = moved_pose(rig, labels.pose, labels.shape, labels.translation, turns, moves)
    return RigLabels(pose, labels.shape, translation, labels.residual_m)


def moved_pose(
    rig: HandRig,
    pose: Float[np.ndarray, "n 16 3"],
    shape: Float[np.ndarray, "n 10"],
    translation: Float[np.ndarray, "n 3"],
    turns: Float[np.ndarray, "n 3 3"],
    moves: Float[np.ndarray, "n 3"],
) -> tuple[Float[np.ndarray, "n 16 3"], Float[np.ndarray, "n 3"]]:
    """Pose and translation of a rig's hands once each is turned about the origin and then moved, metres.

    A rig turns about its wrist at rest and not about the origin, so a hand's place changes with the wrist's.
    """
    wrist = rest_wrist(rig, shape)
    turned = pose.copy()
    turned[:, 0] = matrix_to_axis_angle(turns @ rodrigues(pose[:, 0]))
    moved = np.einsum("nij,nj->ni", turns, wrist + translation) + moves
    return turned, moved - wrist


def rest_wrist(rig: HandRig, shape: Float[np.ndarray, "n 10"]) -> Float[np.ndarray, "n 3"]:
    """Where the wrist of the rig at rest lies, metres."""
    row = rig.joint_regressor[0].astype(float)
    return row @ rig.vertices + np.einsum("v,vck,nk->nc", row, rig.shape_basis.astype(float), shape)


def check_mano(
    rig: HandRig, residual_m: Float[np.ndarray, "n"], *, whose: str, most_m: float = 0.005
) -> None:
    """Raise KnuckleError where the user's MANO file, in the data set's poses, is on average further than `most_m` from
    the data set's joints: those are of another file, or of another mean pose. whose: the joints, for the message."""
    apart_m = float(residual_m.mean())
    if apart_m > most_m:
        raise KnuckleError(
            f"{rig.source}: expected MANO_RIGHT.pkl, whose joints lie less than {most_m * 1e3:.0f} mm from {whose},"
            f" got {apart_m * 1e3:.1f} mm"
        )


def with_tips(rig: HandRig, tips: str | None) -> HandRig:
    """The rig with the fingertips that a set is to have; None for those that training reads a rig of its kind with.

    Raises KnuckleError for an unknown name, and for a name with a rig that is not MANO's.
    """
    if rig.tips not in MANO_TIPS:
        if tips not in (None, rig.tips):
            raise KnuckleError(f"tips: expected a MANO file as rig to have {tips}'s, got the {rig.name} rig")
        return rig
    name, vertices = named_tips("freihand" if tips is None else tips, len(rig.vertices))  # pyright: ignore[reportArgumentType]
    return replace(rig, tips=name, tip_vertices=vertices)


def to_rig_tips(
    joints_m: Float[np.ndarray, "n 21 3"], labels: RigLabels, rig: HandRig, *, source: str
) -> Float[np.ndarray, "n 21 3"]:
    """Labelled joints with a rig's fingertips: converted by the labelled mesh where both conventions are on it, else
    the rig's own in the labelled pose.

    joints_m: common order, camera frame, metres. source: the convention they have.
    """
    if source == rig.tips:
        return joints_m
    posed = rig.posed_by_matrices(rodrigues(labels.pose), labels.shape, labels.translation)
    if source in MANO_TIPS and rig.tips in MANO_TIPS:
        return convert_tips(joints_m, posed.vertices, source=source, target=rig.tips)
    moved = np.array(joints_m, copy=True)
    moved[:, list(TIP_JOINTS)] = posed.joints[:, list(TIP_JOINTS)]
    return moved
