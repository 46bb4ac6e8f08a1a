"""HanCo as a source of training crops: hands of its training steps, and its pictures without a hand.

Every hand is taken once; its picture is of one of the variants that are there (green screen or another background), by
turns. Steps with is_train false are never taken (`knuckle.datasets.hanco`).
"""

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets import hanco
from knuckle.datasets.hanco import Step, StepLabels, Variant
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_rgb
from knuckle.datasets.rig_labels import (
    RigLabels,
    check_mano,
    fit_labels,
    joined_labels,
    moved_labels,
    right_rig,
)
from knuckle.errors import KnuckleError
from knuckle.sets.storage import DamagedInput

_BRIGHT = 128


class HancoTraining:
    """Right hands of the training steps by number, and pictures that show none.

    rig: None for the open rig, a rig file, or MANO_RIGHT.pkl. With the last, validated fits are taken from the data
    set; with the others, and where there is none, the rig is fitted to the joints. complete: whether every label file
    and picture of the training steps must be there; without it what is there is taken. `faults`: steps left out, with
    why. Raises KnuckleError naming what is missing, and where nothing is left.
    """

    tips = "hanco"
    """Of annotated joints: no convention on MANO's mesh, so the rig's own are taken."""

    def __init__(self, folder: Path, rig: Path | None, *, complete: bool = True) -> None:
        self.folder, self.rig = hanco.top_folder(folder), right_rig(rig, tips="manopth")
        meta = hanco.read_meta(self.folder)
        self.variants: list[Variant] = [name for name in hanco.VARIANTS if (self.folder / name).is_dir()]
        self.size = hanco.picture_size(self.folder)
        self.labels_digest = sha256((self.folder / hanco.META).read_bytes()).hexdigest()[:16]
        self.faults: list[str] = []
        steps = [step for step, train in zip(meta.steps, meta.is_train, strict=True) if train]
        self.fitted = {
            step for step, valid in zip(meta.steps, meta.is_valid & meta.has_fit, strict=True) if valid
        }
        if complete:
            self._require_all(steps)
        found = [self._look_at(step) for step in steps if complete or self._is_there(step)]
        self.seen = _table([row for rows, _ in found for row in rows])
        self.without = _table([row for _, rows in found for row in rows])
        self.count, self.empty_count = len(self.seen), len(self.without)
        if not self.count:
            why = f": {self.faults[0]}" if self.faults else f", of {len(steps)} training steps in meta.json"
            raise KnuckleError(f"{self.folder}: expected hands of HanCo to train on, got none{why}")

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers, with their masks as far as these show a hand."""
        return [self._hand(*row) for row in self.seen[numbers.start : numbers.stop].tolist()]

    def empty(self, number: int) -> LabelledHand | None:
        """A picture without a hand, its joints beside it; None where its mask shows one after all."""
        hand = self._hand(*self.without[number].tolist())
        return hand if hand.mask is None else None

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands: found once a step in the world, and seen by its cameras."""
        rows = self.seen[numbers.start : numbers.stop]
        steps, inverse = np.unique(rows[:, :2], axis=0, return_inverse=True)
        in_world = self._in_world([Step(*step) for step in steps.tolist()]).rows(inverse.reshape(-1))
        seen_from = np.stack(
            [
                self._labels(Step(sequence, frame)).camera_from_world[camera]
                for sequence, frame, camera in rows.tolist()
            ]
        )
        return moved_labels(self.rig, in_world, seen_from)

    def _in_world(self, steps: list[Step]) -> RigLabels:
        joints_m = np.stack([self._labels(step).joints_m for step in steps])
        own = np.array([self.rig.name == "mano" and self._has_fit(step) for step in steps])

        def given(rows: np.ndarray) -> RigLabels:
            return self._own([steps[row] for row in rows], joints_m[rows])

        fitted = (~own, lambda rows: fit_labels(self.rig, joints_m[rows]))
        return joined_labels(len(steps), [(own, given), fitted])

    def _own(self, steps: list[Step], joints_m: np.ndarray) -> RigLabels:
        """The data set's fits; joints at MANO's 16 places tell whether the user's file is theirs."""
        pose, shape, translation = (
            np.stack(part)
            for part in zip(*(hanco.read_fit(self.folder, step) for step in steps), strict=True)
        )
        posed = self.rig.posed(pose, shape, translation)
        residual = np.linalg.norm(posed.joints - joints_m, axis=-1).mean(-1)
        check_mano(self.rig, residual, whose="HanCo's", most_m=0.01)
        return RigLabels(pose + self.rig.pose_mean, shape, translation, residual)

    def _has_fit(self, step: Step) -> bool:
        return step in self.fitted and hanco.label_file(self.folder, "shape", step).is_file()

    def _hand(self, sequence: int, frame: int, camera: int) -> LabelledHand:
        step = Step(sequence, frame)
        variant = self.variants[self._turn(step, camera)]
        hand = hanco.hand_of(self.folder, step, camera, self._labels(step), self.size, variant=variant)
        path = hanco.picture_of(self.folder, hanco.MASKS, step, camera)
        if not path.is_file():
            return hand
        try:
            bright = read_rgb(path)[..., 0] >= _BRIGHT
        except KnuckleError as error:
            raise DamagedInput(str(error)) from error
        # A mask of one colour tells nothing of where the hand is.
        return hand if bright.all() or not bright.any() else replace(hand, mask=path)

    def _turn(self, step: Step, camera: int) -> int:
        """Which variant a hand is shown in: all come equally often in every sequence and camera."""
        return (step.sequence + step.frame + camera) % len(self.variants)

    def _labels(self, step: Step) -> StepLabels:
        return _read_step(self.folder, step)

    def _look_at(self, step: Step) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """The cameras that show the hand, and those that show none."""
        try:
            found = hanco.shown(self._labels(step), self.size)
        except KnuckleError as error:
            self.faults.append(str(error))
            return [], []
        there = [self._picture(step, camera).is_file() for camera in range(hanco.CAMERAS)]
        enough, clear = (
            [(step.sequence, step.frame, int(camera)) for camera in np.flatnonzero(kind & there)]
            for kind in found
        )
        return enough, clear

    def _picture(self, step: Step, camera: int) -> Path:
        return hanco.picture_of(self.folder, self.variants[self._turn(step, camera)], step, camera)

    def _is_there(self, step: Step) -> bool:
        return all(hanco.label_file(self.folder, part, step).is_file() for part in ("xyz", "calib"))

    def _require_all(self, steps: list[Step]) -> None:
        """Raise KnuckleError saying how many files of the training steps are missing."""
        wanted = {
            part: [hanco.label_file(self.folder, part, step) for step in steps] for part in ("xyz", "calib")
        }
        wanted["pictures"] = [
            self._picture(step, camera) for step in steps for camera in range(hanco.CAMERAS)
        ]
        missing = []
        for what, paths in wanted.items():
            absent = [path for path in paths if not path.is_file()]
            if absent:
                first = absent[0].relative_to(self.folder)
                missing.append(f"{len(absent)} of {len(paths)} {what}, the first {first}")
        if missing:
            raise KnuckleError(
                f"{self.folder}: expected HanCo ({hanco.SITE}), missing {'; '.join(missing)}; with a limit, what is "
                "there is converted"
            )


@lru_cache(maxsize=256)
def _read_step(folder: Path, step: Step) -> StepLabels:
    """The eight cameras of a step come one after the other."""
    return hanco.read_step(folder, step)


def _table(rows: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int32).reshape(-1, 3)
