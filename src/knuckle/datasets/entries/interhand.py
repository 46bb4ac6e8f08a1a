"""InterHand2.6M for `knuckle data`; the layout is in `knuckle.datasets.interhand`. Sets to train on are of two hands:
`knuckle.datasets.interhand_set` makes them."""

from pathlib import Path

import numpy as np

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.interhand import Interhand
from knuckle.datasets.interhand_check import check_interhand
from knuckle.datasets.interhand_labels import SPLITS, Split, label_file
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.skeleton import HAND_SIDES


def check(folder: Path, *, decode: bool = False) -> Report:
    """Each split of which there are labels; of a folder without any, the training split."""
    report = Report("InterHand2.6M")
    for split in _labelled_splits(folder) or SPLITS[:1]:
        found = check_interhand(folder, split)
        for name, count in found.found.items():
            expected = found.found["annotations"] if name == "pictures" else count
            report.add(f"{split}: {name}", count, expected)
        report.faults += [f"{split}: {fault}" for fault in found.wrong]
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the first split of which there are labels; of a frame of two hands one of them."""
    split = (_labelled_splits(folder) or SPLITS)[0]
    frames = Interhand(folder, split)
    hands = []
    for number in spread(len(frames), count):
        frame = frames[number]
        hand = int(np.argmax(frame.is_hand))
        known = np.isfinite(frame.joints_px[hand]).all(-1)
        hands.append(
            LabelledHand(
                frame.name,
                "InterHand2.6M",
                frame.image,
                HAND_SIDES[hand],
                frame.camera,
                tight_box(frame.joints_px[hand][known]),
                frame.joints_px[hand],
                frame.joints_m[hand],
            )
        )
    return hands


def _labelled_splits(folder: Path) -> list[Split]:
    return [split for split in SPLITS if label_file(folder, split, "data").is_file()]
