"""RGB2Hands for `knuckle data`; the layout is in `knuckle.datasets.rgb2hands`. To score on, not to train on."""

from pathlib import Path

import numpy as np

from knuckle.datasets import rgb2hands
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError
from knuckle.skeleton import HAND_SIDES


def check(folder: Path, *, decode: bool = False) -> Report:
    """The four sequences: pictures and label files without each other, damaged ones of both, and the camera."""
    report = Report("RGB2Hands")
    there = {sequence.name: sequence for sequence in rgb2hands.sequence_folders(folder)}
    labels: list[Path] = []
    for name in rgb2hands.SEQUENCES:
        files = rgb2hands.label_files(there[name]) if name in there else []
        pictures = sorted((there[name] / "color").glob("*.png")) if name in there else []
        report.add(f"{name} labels", len(files), max(len(files), 1))
        wanted = {rgb2hands.picture_of(file) for file in files}
        found = wanted & set(pictures)
        report.add(f"{name} pictures", len(found), max(len(wanted), 1))
        report.add_faults(
            f"labels of {name} without a picture",
            sorted(path.name for path in wanted - found) if found else [],
        )
        report.add_pictures(folder, pictures, decode=decode, what=f"damaged pictures of {name}")
        labels += files
    try:
        order, assumed = rgb2hands.read_order(folder)
    except KnuckleError as error:
        report.faults.append(str(error))
        return report
    try:
        rgb2hands.read_camera(folder)
        report.add(rgb2hands.INTRINSICS, 1)
    except KnuckleError as error:
        report.add(rgb2hands.INTRINSICS, 0)
        if labels:
            report.faults.append(str(error))
    damaged, hands = [], 0
    for label in labels:
        try:
            joints_px = rgb2hands.read_labels(label, order)
            hands += int((np.isfinite(joints_px).all(-1).sum(-1) >= rgb2hands.LEAST_LABELLED).sum())
        except KnuckleError as error:
            damaged.append(str(error))
    report.add_faults("label files that cannot be used", damaged)
    if labels:
        report.notes.append(f"{hands} hands with {rgb2hands.LEAST_LABELLED} joints or more")
        if assumed:
            report.notes.append(
                f"no {rgb2hands.ORDER}: the order of the joints is assumed, look at the preview"
            )
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Labelled hands, right and left by turns."""
    frames, hands = rgb2hands.read_rgb2hands(folder), []
    for turn, number in enumerate(spread(len(frames), count)):
        frame = frames[number]
        seen = np.flatnonzero(frame.is_hand)
        hand = int(seen[turn % len(seen)])
        joints_px = frame.joints_px[hand]
        known = np.isfinite(joints_px).all(-1)
        hands.append(
            LabelledHand(
                frame.name, "RGB2Hands", frame.image, HAND_SIDES[hand], frame.camera,
                tight_box(joints_px[known]), joints_px,
            )
        )  # fmt: skip
    return hands
