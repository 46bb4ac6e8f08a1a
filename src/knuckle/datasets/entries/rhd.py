"""RHD for `knuckle data`; the layout is in `knuckle.datasets.rhd`."""

from pathlib import Path

from knuckle.datasets import rhd
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError


def check(folder: Path, *, decode: bool = False) -> Report:
    """Counts of both splits, entries that cannot be used, pictures and masks that are missing or damaged."""
    report, top = Report("RHD"), rhd.top_folder(folder)
    for split in rhd.SPLITS:
        count = rhd.COUNTS[split]
        kinds = {kind: sorted((top / split / kind).glob("*.png")) for kind in ("color", "mask")}
        report.add(f"{split}/color/*.png", len(kinds["color"]), count)
        report.add(
            f"{split}/mask/*.png",
            len(kinds["mask"]),
            count,
            optional="masks: negatives are cut by boxes",
        )
        for kind, pictures in kinds.items():
            report.add_pictures(top, pictures, decode=decode, what=f"damaged {split}/{kind} pictures")
        if report.add_file(top, f"{split}/anno_{split}.pickle"):
            _check_entries(report, top, split, {picture.stem for picture in kinds["color"]})
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the training split where its annotations are there, else of the evaluation split."""
    top = rhd.top_folder(folder)
    split: rhd.Split = "training" if (top / "training" / "anno_training.pickle").is_file() else "evaluation"
    entries = rhd.read_annotations(top, split)
    numbers = sorted(entries)
    chosen = [numbers[row] for row in spread(len(numbers), count)]
    hands = [hand for number in chosen for hand in rhd.hands_of(top, split, number, entries[number])]
    return hands[:count]


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> rhd.RhdTraining:
    """The training split."""
    return rhd.RhdTraining(folder, rig, complete=complete)


def _check_entries(report: Report, top: Path, split: rhd.Split, pictures: set[str]) -> None:
    try:
        entries = rhd.read_annotations(top, split)
    except KnuckleError as error:
        report.faults.append(str(error))
        return
    report.add(f"entries of anno_{split}.pickle", len(entries), rhd.COUNTS[split])
    names = {f"{number:05d}": number for number in entries}
    report.add_faults(f"entries of {split} without a picture", sorted(names.keys() - pictures))
    report.add_faults(f"pictures of {split} without an entry", sorted(pictures - names.keys()))
    damaged, hands = [], 0
    for number, entry in entries.items():
        try:
            hands += len(rhd.hands_of(top, split, number, entry))
        except KnuckleError as error:
            damaged.append(str(error))
    report.add_faults(f"entries of {split} that cannot be used", damaged)
    report.notes.append(f"{hands} hands of {split} with {rhd.LEAST_SEEN} joints seen or more")
