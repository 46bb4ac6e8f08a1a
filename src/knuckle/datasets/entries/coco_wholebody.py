"""COCO-WholeBody's hands for `knuckle data`; the layout is in `knuckle.datasets.coco_wholebody`."""

from pathlib import Path

from knuckle.datasets import coco_wholebody as coco
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError


def check(folder: Path, *, decode: bool = False) -> Report:
    """Each split of which there are labels, else the training split: hands that are taken and left out, pictures of
    theirs that are missing or damaged."""
    report = Report("COCO-WholeBody's hands")
    there: list[coco.Split] = [split for split in coco.SPLITS if coco.label_file(folder, split).is_file()]
    for split in there or [coco.SPLITS[0]]:
        path = coco.label_file(folder, split)
        report.add(path.name, int(path.is_file()))
        if not path.is_file():
            report.add(f"{split}2017 pictures of labelled hands", 0)
            continue
        try:
            read = coco.read_coco_wholebody(folder, split)
        except KnuckleError as error:
            report.faults.append(str(error))
            continue
        if read.images != coco.IMAGES[split]:
            report.faults.append(
                f"{path.name}: {read.images} images, expected {coco.IMAGES[split]}: another version"
            )
        pictures = list(dict.fromkeys(hand.image for hand in read.hands))
        found = [picture for picture in pictures if picture.is_file()]
        report.add(f"{split}2017 pictures of labelled hands", len(found), max(len(pictures), 1))
        if found:
            absent = [picture.name for picture in pictures if not picture.is_file()]
            report.add_faults(f"missing pictures of {split}2017", absent)
        report.add_pictures(folder, found, decode=decode, what=f"damaged pictures of {split}2017")
        report.add_faults(f"hands of {split} that cannot be used", read.faults)
        report.notes += [f"{split}: {text}" for text in coco.count_people(read.hands)]
        report.notes += [f"{split}: {count} hands left out: {why}" for why, count in read.left_out.items()]
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the training split where its labels are there, else of the validation split."""
    only_val = coco.label_file(folder, "val").is_file() and not coco.label_file(folder, "train").is_file()
    split: coco.Split = "val" if only_val else "train"
    hands = coco.read_coco_wholebody(folder, split).hands
    return [hands[number] for number in spread(len(hands), count)]


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> coco.CocoWholeBodyTraining:
    """The training split."""
    return coco.CocoWholeBodyTraining(folder, rig, complete=complete)
