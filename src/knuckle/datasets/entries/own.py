"""Your own photographs and labels for `knuckle data`; the format is in `knuckle.datasets.own`."""

from collections import Counter
from pathlib import Path

from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.own import LABELS, outside, read_hand, read_lines
from knuckle.datasets.own_training import OwnTraining, read_own
from knuckle.datasets.report import Report, spread


def check(folder: Path, *, decode: bool = False) -> Report:
    """Every line read and every photo decoded, whatever `decode` says; counts of each label."""
    report = Report("your own data")
    if not report.add_file(folder, LABELS):
        return report
    lines, read = read_lines(folder), read_own(folder)
    report.add("hands", len(read.hands), len(lines))
    hands = [own.hand for own in read.hands]
    has = Counter(
        label
        for own in read.hands
        for label, there in (
            ("camera", not own.hand.camera.assumed),
            ("joints in 2D", own.hand.joints_px is not None),
            ("joints in 3D", own.hand.joints_m is not None),
            ("MANO", own.mano is not None),
            ("mesh", own.hand.vertices_m is not None),
            ("mask", own.hand.mask is not None),
        )
        if there
    )
    report.notes += [f"{count} hands with {label}" for label, count in has.items()]
    report.notes += [f"{count} {side} hands" for side, count in Counter(hand.side for hand in hands).items()]
    report.add_notes(
        "hands with joints outside of the picture", (hand.name for hand in hands if outside(hand))
    )
    report.faults += read.faults
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the labels' lines, spread over them; raises KnuckleError for a line that cannot be used."""
    lines = read_lines(folder)
    return [read_hand(folder, *lines[number]).hand for number in spread(len(lines), count)]


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> OwnTraining:
    """All hands that can be used; the others are in its `faults`."""
    return OwnTraining(folder, rig)
