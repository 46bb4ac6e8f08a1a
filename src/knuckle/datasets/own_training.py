"""Your own labelled photographs (`knuckle.datasets.own`) as hands to train on, with what of each is labelled."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.own import LABELS, ManoLabel, OwnHand, read_hand, read_lines
from knuckle.datasets.rig_labels import RigLabels, fit_labels, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_POINT, mirror_axis_angle
from knuckle.rig.hand_rig import HandRig
from knuckle.truth import array_name

_MOST_APART_M = 0.01
"""MANO's joints further than this from joints_3d, on average, are those of another file, frame or mean pose."""


class Read(NamedTuple):
    """The hands of a folder, and one sentence for each line that cannot be used."""

    hands: list[OwnHand]
    faults: list[str]


def read_own(folder: Path) -> Read:
    """All lines of a folder's labels; every photo is decoded. A line that is wrong stops nothing: it is named.

    Raises KnuckleError if the labels cannot be read at all.
    """
    read = Read([], [])
    for number, line in read_lines(folder):
        try:
            read.hands.append(read_hand(folder, number, line))
        except KnuckleError as error:
            message = str(error)
            where = f"{LABELS}: line {number}: "
            read.faults.append(message if message.startswith(where[:-2]) else where + message)
    return read


class OwnTraining:
    """The hands of a folder by number, all checked before the first is converted.

    rig: None for the open rig, a rig file, or MANO_RIGHT.pkl. With MANO the labelled pose and shape are taken; a hand
    without them, and every hand with the open rig, gets the rig fitted if all its joints are labelled in 3D. `faults`:
    the lines left out, with why. `labels_digest`: tells one folder's labels from another's. Raises
    KnuckleError where no line is left.
    """

    def __init__(self, folder: Path, rig: Path | None) -> None:
        self.rig: HandRig = right_rig(rig, tips="freihand")
        self.tips = self.rig.tips
        read = read_own(folder)
        self.labels_digest = sha256((folder / LABELS).read_bytes()).hexdigest()[:16]
        self.faults, self.kept, rows = read.faults, [], []
        for own in read.hands:
            try:
                rows.append(_labels_of(self.rig, own))
            except KnuckleError as error:
                self.faults.append(str(error))
                continue
            self.kept.append(own.hand)
        self.count = len(self.kept)
        if not self.count:
            raise KnuckleError(
                f"{folder / LABELS}: expected lines that can be used, got none: {self.faults[0]}"
            )
        self.labels = RigLabels(*(np.stack(part) for part in zip(*rows, strict=True)))

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return self.kept[numbers.start : numbers.stop]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig of these hands; pose, shape and residual are NaN where there is none."""
        return self.labels.rows(np.array(numbers))

    def validity(self, numbers: range) -> dict[str, np.ndarray]:
        """What is labelled of these hands, by the names that sets have for it."""
        hands = self.hands(numbers)
        posed = np.isfinite(self.labels.residual_m[np.array(numbers)])
        return {
            array_name("joints_2d"): np.stack([_known(hand.joints_px) for hand in hands]),
            array_name("joints_3d"): np.stack([_known(hand.joints_m) for hand in hands]),
            **{array_name(kind): posed for kind in ("pose", "shape", "mesh", "mask")},
        }


def _known(points: np.ndarray | None) -> np.ndarray:
    return np.zeros(21, bool) if points is None else np.asarray(np.isfinite(points).all(-1))


def _labels_of(rig: HandRig, own: OwnHand) -> RigLabels:
    """The rig of one hand as a right one."""
    mirror = MIRROR_POINT if own.hand.side == "left" else np.ones(3)
    joints_m = None if own.hand.joints_m is None else own.hand.joints_m * mirror
    if own.mano is not None and rig.name == "mano":
        return _by_mano(rig, own, own.mano, joints_m)
    if joints_m is not None and np.isfinite(joints_m).all():
        return RigLabels(*(part[0] for part in fit_labels(rig, joints_m[None])))
    return RigLabels(np.full((16, 3), np.nan), np.full(10, np.nan), np.zeros(3), np.array(np.nan))


def _by_mano(rig: HandRig, own: OwnHand, mano: ManoLabel, joints_m: np.ndarray | None) -> RigLabels:
    """Labelled parameters; a left hand's as those of the right hand in the mirror."""
    left = own.hand.side == "left"
    pose = mirror_axis_angle(mano.pose) if left else mano.pose
    translation = mano.translation * MIRROR_POINT if left else mano.translation
    relative = pose if mano.mean_pose else pose - rig.pose_mean
    residual = 0.0
    if joints_m is not None:
        known = np.isfinite(joints_m).all(-1)
        posed = rig.posed(relative[None], mano.shape[None], translation[None]).joints[0]
        residual = float(np.linalg.norm(posed[known] - joints_m[known], axis=-1).mean())
        if residual > _MOST_APART_M:
            raise KnuckleError(
                f"{own.hand.name}: mano: expected joints within {_MOST_APART_M * 1e3:.0f} mm of joints_3d, got "
                f"{residual * 1e3:.1f} mm; is mean_pose right?"
            )
    return RigLabels(relative + rig.pose_mean, mano.shape, translation, np.array(residual))
