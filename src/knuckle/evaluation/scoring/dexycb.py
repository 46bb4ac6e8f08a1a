"""Files of DexYCB's hand pose task, as its toolkit takes them.

Text, a line a picture: its number and 63 numbers, separated by commas: 21 joints in the common order, millimetres of
the camera's frame (x right, y down, z forward). A picture's number is its place in the test split of the set-up, from
0: recording by recording, camera by camera, frame by frame, those without a labelled hand among them. What is said of
these is not looked at, and need not be there. The format is that of the toolkit's `hpe_eval.py`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.datasets import dexycb
from knuckle.datasets.dexycb_training import split_sequences
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.protocols import dexycb as protocol
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.prediction_file import MOST_BYTES
from knuckle.evaluation.scoring.suspicions import (
    refuse,
    refuse_not_finite,
    suspect_depth,
    suspect_frame,
    suspect_order,
    suspect_unit,
)
from knuckle.geometry.projection import project
from knuckle.skeleton import JOINT_COUNT, TO_COMMON

_MM = 1e-3
_FIELDS = 1 + 3 * JOINT_COUNT
_SHOWN = "Here a file: no crop is cut by this program."
_ORDER = "the common order (wrist, then each finger from its base, thumb first)"


class _Split(NamedTuple):
    """The labelled hands of a split."""

    numbers: dict[int, int]
    """Of a picture in the split -> the hand's row."""
    pictures: int
    """Of the whole split, with a hand or without."""
    truth: Truth


def score_dexycb(predictions: Path, truth: Path, *, setup: str | None = None, as_is: bool = False) -> Report:
    """The rows of the toolkit's table. truth: the folder; no picture is read. setup: s0 to s3, s0 unless said.

    Raises KnuckleError for labels that are missing or damaged, and a file of other pictures, of another unit, frame or
    joint order, or with numbers that are not finite.
    """
    name = setup or "s0"
    if name not in dexycb.SETUPS:
        raise KnuckleError(f"variant: expected one of {', '.join(dexycb.SETUPS)} with DexYCB, got {name}")
    split, where = _read_split(truth, name), str(predictions)
    joints_m = _read_file(predictions, split, name) * _MM
    refuse_not_finite(joints_m, where=where, what="joints", names=split.truth.names)
    true_m = split.truth.joints_m
    told = [
        suspect_unit(true_m, joints_m, where=where, what="joints", unit="millimetres"),
        suspect_depth(joints_m, where=where, forward=True),
        suspect_order(
            true_m,
            joints_m,
            {
                "MANO's order": TO_COMMON["mano21"],
                "InterHand2.6M's (each finger from its tip)": TO_COMMON["interhand"],
            },
            where=where,
            order=_ORDER,
        ),
        suspect_frame(true_m, joints_m, where=where, frame="the camera's frame (x right, y down, z forward)"),
    ]
    notes = refuse(told, as_is=as_is)
    placed = np.where(joints_m[..., 2:] == 0, [0, 0, 1e-9], 0) + joints_m
    found = Predictions(project(placed, split.truth.camera[:, None]), joints_m)
    return protocol.report(
        split.truth,
        found,
        model=predictions.name,
        benchmark=f"{protocol.NAME} {name} test",
        shown=_SHOWN,
        notes=notes,
    )


def _read_split(folder: Path, setup: dexycb.Setup) -> _Split:
    if not folder.is_dir():
        raise KnuckleError(f"{folder}: expected the folder of DexYCB, got no such folder")
    serials = [dexycb.SERIALS[number] for number in dexycb.serials_of(setup, "test")]
    cameras = {serial: dexycb.read_camera(folder, serial) for serial in serials}
    numbers: dict[int, int] = {}
    labels: list[dexycb.Labels] = []
    names, seen_by, missing = [], [], []
    picture = 0
    for name in split_sequences(folder, setup, "test", True):
        recording = dexycb.read_recording(folder, name)
        for serial in serials:
            for frame in range(recording.frames):
                path = dexycb.labels_of(folder, name, serial, frame)
                found = None
                if path.is_file():
                    found = dexycb.read_labels(path, cameras[serial])
                else:
                    missing.append(str(path.relative_to(folder)))
                if found is not None:
                    numbers[picture] = len(labels)
                    labels.append(found)
                    names.append(f"{name}/{serial}/{frame:06d}")
                    seen_by.append(cameras[serial].vector)
                picture += 1
    if missing:
        raise KnuckleError(
            f"{folder}: expected the labels of DexYCB {setup} test ({dexycb.SITE}), missing {len(missing)}, the first"
            f" {missing[0]}"
        )
    if not labels:
        raise KnuckleError(f"{folder}: expected frames of DexYCB {setup} test with a hand, got none")
    truth = Truth(
        joints_px=np.stack([each.joints_px for each in labels]),
        joints_m=np.stack([each.joints_m for each in labels]),
        camera=np.stack(seen_by),
        names=tuple(names),
    )
    return _Split(numbers, picture, truth)


def _read_file(path: Path, split: _Split, setup: str) -> Float[np.ndarray, "N 21 3"]:
    """The joints of the hands in the split's order, as the file has them."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise KnuckleError(f"{path}: expected at most 4 GiB of predictions, got more")
        lines = path.read_text().splitlines()
    except OSError as error:
        raise KnuckleError(f"{path}: expected a file of predictions, got {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnuckleError(f"{path}: expected lines of numbers, got bytes that are no text") from error
    joints = np.full((len(split.numbers), JOINT_COUNT, 3), np.nan)
    given: set[int] = set()
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        picture, values = _parsed(line, f"{path}: line {row}")
        if not 0 <= picture < split.pictures:
            raise KnuckleError(
                f"{path}: line {row}: expected a picture from 0 to {split.pictures - 1} of DexYCB {setup} test, got"
                f" {picture}; is it another set-up's?"
            )
        if picture in given:
            raise KnuckleError(f"{path}: line {row}: expected every picture once, got {picture} again")
        given.add(picture)
        if picture in split.numbers:
            joints[split.numbers[picture]] = values
    missing = [number for number in split.numbers if number not in given]
    if missing:
        raise KnuckleError(
            f"{path}: expected the {len(split.numbers)} pictures of DexYCB {setup} test with a hand, {len(missing)} of"
            f" them are missing, the first is number {missing[0]}"
        )
    return joints


def _parsed(line: str, where: str) -> tuple[int, Float[np.ndarray, "21 3"]]:
    fields = line.split(",")
    if len(fields) != _FIELDS:
        raise KnuckleError(
            f"{where}: expected {_FIELDS} numbers between commas, a picture's and those of 21 joints, got {len(fields)}"
        )
    try:
        return int(fields[0]), np.array(fields[1:], dtype=float).reshape(JOINT_COUNT, 3)
    except ValueError as error:
        raise KnuckleError(f"{where}: expected numbers, got another thing ({error})") from error
