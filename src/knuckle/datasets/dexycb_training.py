"""DexYCB's training splits as a source of training sets, with MANO's pose where the user has MANO."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from knuckle.datasets import dexycb
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.mano_sides import (
    LeftShape,
    Parameters,
    as_right,
    mano_sides,
    side_components,
    to_labels,
)
from knuckle.datasets.rig_labels import RigLabels, check_mano, fit_labels, joined_labels, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import mirror_points
from knuckle.rig.mano import load_components
from knuckle.skeleton import Side


class DexycbTraining:
    """The labelled hands of a training split by number; labels are in memory, pictures are read when asked for.

    Args:
        folder: of the data set.
        rig: None for the open rig, a rig file, or MANO_RIGHT.pkl; mended left hands need MANO_LEFT.pkl beside it.
        setup: s0 to s3.
        split: "test" to score on what was not trained on.
        left_shape: "published" keeps left hands as they are labelled, by the faulty left shape basis; no right hand has
            their shape, so the rig is fitted to their joints. "mended" takes their parameters for those of a mended
            left hand: pose and shape are MANO's own, and the joints, which lie some mm off the labelled ones, that
            hand's. It needs MANO_RIGHT.pkl.
        complete: whether all of the split must be there; without it, what is there is taken.

    Frames without a labelled hand are left out. Raises KnuckleError naming what is missing or damaged.
    """

    tips = "manopth"

    def __init__(
        self,
        folder: Path,
        rig: Path | None,
        *,
        setup: dexycb.Setup = "s0",
        split: dexycb.Split = "train",
        left_shape: LeftShape = "published",
        complete: bool = True,
    ) -> None:
        self.folder, self.rig, self.left_shape = folder, right_rig(rig, tips="manopth"), left_shape
        if left_shape == "mended" and self.rig.name != "mano":
            raise KnuckleError(
                "left_shape: expected MANO_RIGHT.pkl as rig for mended left hands, got another rig"
            )
        self.components: dict[Side, np.ndarray] | None = None
        if rig is not None and self.rig.name == "mano":
            self.components = (
                side_components(rig) if left_shape == "mended" else {"right": load_components(rig)}
            )
        self.left = (
            mano_sides(rig, tips="manopth", left_shape="mended")["left"]
            if left_shape == "mended" and rig
            else None
        )
        self.serials = [dexycb.SERIALS[number] for number in dexycb.serials_of(setup, split)]
        self.recordings = [
            dexycb.read_recording(folder, name) for name in split_sequences(folder, setup, split, complete)
        ]
        self.cameras = [dexycb.read_camera(folder, serial) for serial in self.serials]
        where: list[tuple[int, int, int]] = []
        labels: list[dexycb.Labels] = []
        missing: list[str] = []
        for number, recording in enumerate(self.recordings):
            for eye, serial in enumerate(self.serials):
                for frame in range(recording.frames):
                    path = dexycb.labels_of(folder, recording.name, serial, frame)
                    picture = dexycb.picture_of(folder, recording.name, serial, frame)
                    absent = [str(each.relative_to(folder)) for each in (path, picture) if not each.is_file()]
                    missing += absent
                    if absent or (found := dexycb.read_labels(path, self.cameras[eye])) is None:
                        continue
                    where.append((number, eye, frame))
                    labels.append(found)
        if missing and complete:
            raise KnuckleError(
                f"{folder}: expected the labels and pictures of DexYCB {setup} {split} ({dexycb.SITE}), missing "
                f"{len(missing)}, the first {missing[0]}"
            )
        if not labels:
            raise KnuckleError(f"{folder}: expected frames of DexYCB {setup} {split} with a hand, got none")
        self.where, self.count = np.array(where, dtype=np.int32), len(where)
        self.labels = dexycb.Labels(
            *(np.stack(part).astype(np.float32) for part in zip(*labels, strict=True))
        )

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        found = []
        for number in numbers:
            at, eye, frame = self.where[number].tolist()
            labels = dexycb.Labels(*(part[number].astype(float) for part in self.labels))
            hand = dexycb.hand_of(
                self.folder, self.recordings[at], self.serials[eye], frame, self.cameras[eye], labels
            )
            found.append(hand)
        return (
            found
            if self.left_shape == "published"
            else [self._mended(*each) for each in zip(numbers, found, strict=True)]
        )

    def name(self, number: int) -> str:
        """What reports call a hand."""
        at, eye, frame = self.where[number].tolist()
        return f"{self.recordings[at].name}/{self.serials[eye]}/{frame:06d}"

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands, left ones mirrored already."""
        if self.components is None:
            return fit_labels(self.rig, joints_m)
        chosen = np.array(numbers)
        left = np.array([self.recordings[at].side == "left" for at in self.where[chosen, 0]])

        def own(side: Side, rows: np.ndarray) -> RigLabels:
            found = to_labels(self.rig, self._of_right_rig(chosen[rows], side), joints_m[rows])
            check_mano(self.rig, found.residual_m, whose="DexYCB's")
            return found

        def fitted(rows: np.ndarray) -> RigLabels:
            return fit_labels(self.rig, joints_m[rows])

        of_left = fitted if self.left is None else partial(own, "left")
        return joined_labels(len(chosen), [(~left, partial(own, "right")), (left, of_left)])

    def parameters(self, numbers: Int[np.ndarray, "n"], side: Side) -> Parameters:
        """MANO's parameters of these hands, all of one side. Raises KnuckleError where its file was not read."""
        if self.components is None or side not in self.components:
            raise KnuckleError(
                f"DexYCB: expected MANO's file of the {side} hand for its components, got none"
            )
        pose = self.labels.pose[numbers].astype(float)
        shape = np.stack([self.recordings[at].shape for at in self.where[numbers, 0]])
        return Parameters(decoded(pose[:, :48], self.components[side]), shape, pose[:, 48:])

    def _of_right_rig(self, numbers: Int[np.ndarray, "n"], side: Side) -> Parameters:
        hands = self.parameters(numbers, side)
        return hands if side == "right" or self.left is None else as_right(hands, self.left, self.rig)

    def _mended(self, number: int, hand: LabelledHand) -> LabelledHand:
        """A left hand with the joints of the mended parameters."""
        if hand.side == "right":
            return hand
        joints_m = mirror_points(self.rig.posed(*self._of_right_rig(np.array([number]), "left")).joints[0])
        return replace(hand, joints_m=joints_m, joints_px=hand.camera.project(joints_m))


def dexycb_meshes(mano: Path) -> Callable[[dexycb.Recording, dexycb.Labels], Float[np.ndarray, "v 3"]]:
    """Gives the mesh of a labelled hand, in its camera's frame, as the authors have it: left ones by the left file as
    it was published. Raises KnuckleError for MANO files that are missing: MANO_LEFT.pkl lies beside the right one."""
    rigs = mano_sides(mano, tips="manopth", left_shape="published")
    components = side_components(mano)

    def mesh(recording: dexycb.Recording, labels: dexycb.Labels) -> Float[np.ndarray, "v 3"]:
        pose = decoded(labels.pose[None, :48], components[recording.side])
        return rigs[recording.side].posed(pose[0], recording.shape, labels.pose[48:]).vertices

    return mesh


def decoded(
    pose: Float[np.ndarray, "n 48"], components: Float[np.ndarray, "45 45"]
) -> Float[np.ndarray, "n 16 3"]:
    """A rotation and 45 coefficients as axis-angle vectors, less the mean pose."""
    return np.concatenate([pose[:, :3], pose[:, 3:] @ components], axis=1).reshape(-1, 16, 3)


def training_sequences(folder: Path, setup: dexycb.Setup, complete: bool) -> list[str]:
    """SUBJECT/SEQUENCE of a training split, as `split_sequences`."""
    return split_sequences(folder, setup, "train", complete)


def split_sequences(folder: Path, setup: dexycb.Setup, split: dexycb.Split, complete: bool) -> list[str]:
    """SUBJECT/SEQUENCE of a split.

    Sequences are told by their place among their subject's, so a subject of which some are missing is refused even
    where not all need be there: test frames would be trained on.
    """
    names: list[str] = []
    lacking: list[str] = []
    for number in dexycb.subjects_of(setup, split):
        subject = dexycb.SUBJECTS[number]
        there = dexycb.sequences_of(folder, subject)
        if len(there) != dexycb.SEQUENCES and (there or complete):
            lacking.append(f"{subject} ({len(there)} of {dexycb.SEQUENCES})")
            continue
        names += [name for place, name in enumerate(there) if dexycb.takes_sequence(setup, split, place)]
    if lacking:
        raise KnuckleError(
            f"{folder}: expected all sequences of each subject ({dexycb.SITE}), by whose order DexYCB is split, got "
            f"{', '.join(lacking)}"
        )
    return names
