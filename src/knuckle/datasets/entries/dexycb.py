"""DexYCB for `knuckle data`; the layout is in `knuckle.datasets.dexycb`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.datasets import dexycb
from knuckle.datasets.dexycb_training import DexycbTraining, dexycb_meshes
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera

_Meshes = Callable[[dexycb.Recording, dexycb.Labels], np.ndarray]
_TRIES = 40
"""How many frames are tried for one of the preview with a hand in it."""


def check(folder: Path, *, decode: bool = False) -> Report:
    """Sequences of each subject, calibration, and of every frame the picture and the labels, which are all read."""
    report = Report("DexYCB")
    faults: list[str] = []
    cameras = _cameras(folder, faults)
    report.add("calibration/intrinsics/*.yml", len(cameras), len(dexycb.SERIALS))
    recordings = []
    for subject in dexycb.SUBJECTS:
        names = dexycb.sequences_of(folder, subject)
        report.add(f"{subject}/*", len(names), dexycb.SEQUENCES)
        for name in names:
            try:
                recordings.append(dexycb.read_recording(folder, name))
            except KnuckleError as error:
                faults.append(str(error))
    report.add_faults("sequences or calibrations that cannot be used", faults)
    found = {"pictures": 0, "labels": 0}
    missing: dict[str, list[str]] = {kind: [] for kind in found}
    pictures, damaged, hands, empty, expected = [], [], 0, 0, 0
    for recording in recordings:
        for serial in dexycb.SERIALS:
            for frame in range(recording.frames):
                expected += 1
                picture = dexycb.picture_of(folder, recording.name, serial, frame)
                labels = dexycb.labels_of(folder, recording.name, serial, frame)
                for kind, path in (("pictures", picture), ("labels", labels)):
                    if path.is_file():
                        found[kind] += 1
                    else:
                        missing[kind].append(str(path.relative_to(folder)))
                if picture.is_file():
                    pictures.append(picture)
                if labels.is_file() and serial in cameras:
                    try:
                        seen = dexycb.read_labels(labels, cameras[serial]) is not None
                        hands, empty = hands + seen, empty + (not seen)
                    except KnuckleError as error:
                        damaged.append(str(error))
    for kind, count in found.items():
        if expected:
            report.add(f"{kind} of these sequences", count, expected)
        report.add_faults(f"missing {kind}", missing[kind])
    report.add_pictures(folder, pictures, decode=decode)
    report.add_faults("label files that cannot be used", damaged)
    if hands or empty:
        report.notes.append(f"{hands} frames with a labelled hand, {empty} without one")
    return report


def preview(folder: Path, *, count: int, rig: Path | None = None) -> list[LabelledHand]:
    """Hands of all sequences that are there, from all cameras in turn; with MANO, by the left file as published, their
    meshes."""
    names = [name for subject in dexycb.SUBJECTS for name in dexycb.sequences_of(folder, subject)]
    if not names:
        raise KnuckleError(f"{folder}: expected the subjects of DexYCB ({dexycb.SITE}), got none of them")
    # A sequence again, from another camera and at another time, where there are fewer than are asked for.
    rounds = -(-count // len(names))
    places = [(turn, name) for turn in range(rounds) for name in names]
    chosen = [places[place] for place in spread(len(places), count)]
    meshes = None if rig is None else dexycb_meshes(rig)
    hands = (_hand(folder, name, at + turn, meshes) for at, (turn, name) in enumerate(chosen))
    return [hand for hand in hands if hand is not None]


def open_source(folder: Path, rig: Path | None, *, complete: bool, variant: Any) -> DexycbTraining:
    """The training split of a set-up, with left hands as labelled or mended."""
    setup, _, mended = variant.partition("-")
    left_shape = "mended" if mended else "published"
    return DexycbTraining(folder, rig, setup=setup, left_shape=left_shape, complete=complete)


def _cameras(folder: Path, faults: list[str]) -> dict[str, Camera]:
    cameras = {}
    for serial in dexycb.SERIALS:
        try:
            cameras[serial] = dexycb.read_camera(folder, serial)
        except KnuckleError as error:
            if (folder / "calibration").is_dir():
                faults.append(str(error))
    return cameras


def _hand(folder: Path, name: str, turn: int, meshes: _Meshes | None) -> LabelledHand | None:
    """A labelled hand of a sequence, from the middle on; None where none of the frames tried has one."""
    recording = dexycb.read_recording(folder, name)
    serial = dexycb.SERIALS[turn % len(dexycb.SERIALS)]
    camera = dexycb.read_camera(folder, serial)
    for step in range(min(_TRIES, recording.frames)):
        frame = (recording.frames // 2 + step + turn // len(dexycb.SERIALS)) % recording.frames
        labels = dexycb.read_labels(dexycb.labels_of(folder, name, serial, frame), camera)
        if labels is not None:
            hand = dexycb.hand_of(folder, recording, serial, frame, camera, labels)
            return hand if meshes is None else replace(hand, vertices_m=meshes(recording, labels))
    return None
