"""Photographs that a teacher labelled as a set to train on: full labels of a rig where the teacher gave 21 joints.

Right hands are fitted, left ones in the mirror. The set's joints are those of the fitted rig, so that 2D, 3D and pose
agree; hands that the rig does not meet, or only as a giant or a doll, are left out. `residual_m` is how far the rig's
joints lie from the teacher's 2D ones at the depths they were lifted to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.rig_labels import RigLabels, right_rig
from knuckle.datasets.source import itself
from knuckle.datasets.teacher import LABELS, TeacherHand, read_teacher
from knuckle.datasets.teacher_fit import fit_teacher
from knuckle.datasets.training_set import check_options, write_crops
from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.sets.storage import Header
from knuckle.skeleton import JOINT_COUNT


@dataclass(frozen=True)
class SecondOpinion:
    """A model whose depths count as much as the teacher's.

    joints_m: from hands with their boxes to (n, 21, 3), camera frame of the right hand, left ones mirrored.
    """

    name: str
    joints_m: Callable[[list[LabelledHand]], Float[np.ndarray, "n 21 3"]]


class TeacherTraining:
    """The hands of a folder that a rig could be fitted to, by number; pictures are read when asked for.

    rig, second: as in `convert_teacher`. Raises KnuckleError naming what is missing or malformed, and when no hand
    is left.
    """

    def __init__(self, folder: Path, rig: Path | None, second: SecondOpinion | None = None) -> None:
        self.rig = right_rig(rig, tips="freihand")
        self.tips = self.rig.tips
        found = read_teacher(folder)
        right = [_as_right(hand) for hand in found]
        joints_px, joints_m, camera = (np.stack(part) for part in zip(*right, strict=True))
        fit = fit_teacher(
            self.rig, joints_px, joints_m, camera, second_m=None if second is None else _asked(second, found)
        )
        good = np.flatnonzero(fit.near & fit.of_a_hand_s_size)
        if not len(good):
            raise KnuckleError(f"{folder / LABELS}: expected hands that the rig can be fitted to, got none")
        self.count, self.labels = len(good), fit.labels.rows(good)
        self.kept = [_fitted(found[row], fit.joints_m[row]) for row in good]
        self.about: Header = {
            "left_out": {
                "off": int((~fit.near).sum()),
                "size": int((fit.near & ~fit.of_a_hand_s_size).sum()),
            },
            "residual_2d_percent": round(100 * float(fit.off[good].mean()), 3),
            "licences": {found[row].source: found[row].licence for row in good},
        }

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return self.kept[numbers.start : numbers.stop]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands; joints_m is not used, as the joints are the rig's."""
        return self.labels.rows(np.array(numbers))


def convert_teacher(
    folder: Path,
    out: Path,
    *,
    size: int = 128,
    expand: float = 1.5,
    rig: Path | None = None,
    second: SecondOpinion | None = None,
    limit: int | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Header:
    """Write the photographs of a folder (layout in `teacher`) into the folder `out`; returns what its index.json says.

    second: whose depths are averaged with the teacher's, both brought to one size. The rest is as in `convert_set`;
    the index adds left_out (how many hands the rig did not meet in the picture, and how many others are of no hand's
    size), residual_2d_percent (mean distance of the rig's joints from the teacher's, of the hand's extent in the
    picture) and the licences of the sources. Raises KnuckleError naming the line of the labels or the picture that
    is missing or malformed.
    """
    check_options(size=size, expand=expand, limit=limit, workers=workers)
    source = TeacherTraining(folder, rig, second)
    return write_crops(
        partial(itself, source),
        out,
        dataset="teacher",
        options={"size": size, "expand": expand, "depths": None if second is None else second.name},
        about=source.about,
        limit=limit,
        workers=workers,
        resume=resume,
        progress=progress,
    )


def _as_right(hand: TeacherHand) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """2D joints, 3D joints and camera of the hand as a right one."""
    if hand.side == "right":
        return hand.joints_px, hand.joints_m, hand.camera.vector
    joints_px = mirror_px(hand.joints_px, hand.camera.width)
    return joints_px, hand.joints_m * MIRROR_POINT, hand.camera.mirrored().vector


def _labelled(hand: TeacherHand, joints_px: np.ndarray, joints_m: np.ndarray | None) -> LabelledHand:
    box = tight_box(joints_px)
    return LabelledHand(
        hand.image.stem, hand.source, hand.image, hand.side, hand.camera, box, joints_px, joints_m
    )


def _fitted(hand: TeacherHand, joints_m: np.ndarray) -> LabelledHand:
    """The hand with the rig's joints, which are those of a right one."""
    own = joints_m if hand.side == "right" else joints_m * MIRROR_POINT
    return _labelled(hand, hand.camera.project(own), own)


def _asked(second: SecondOpinion, hands: list[TeacherHand]) -> np.ndarray:
    joints_m = np.asarray(second.joints_m([_labelled(hand, hand.joints_px, None) for hand in hands]), float)
    expected = (len(hands), JOINT_COUNT, 3)
    if joints_m.shape != expected or not np.isfinite(joints_m).all():
        raise KnuckleError(f"{second.name}: expected finite joints {expected}, got {joints_m.shape}")
    return joints_m
