"""ObMan for `knuckle data`; the layout is in `knuckle.datasets.obman`."""

from pathlib import Path

from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.obman import ObmanTraining
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError

TRAINING_COUNT = 141_550


def check(folder: Path, *, decode: bool = False) -> Report:
    """Counts of the training split, pictures without annotation and the reverse, and damaged files of both."""
    report = Report("ObMan train")
    pictures = sorted((folder / "train" / "rgb").glob("*.jpg"))
    metas = sorted((folder / "train" / "meta").glob("*.pkl"))
    report.add("train/rgb/*.jpg", len(pictures), TRAINING_COUNT)
    report.add("train/meta/*.pkl", len(metas), TRAINING_COUNT)
    with_picture, with_meta = {p.stem for p in pictures}, {p.stem for p in metas}
    report.add_faults(
        "annotations without a picture", (f"train/meta/{n}.pkl" for n in sorted(with_meta - with_picture))
    )
    report.add_faults(
        "pictures without an annotation", (f"train/rgb/{n}.jpg" for n in sorted(with_picture - with_meta))
    )
    report.add_pictures(folder, pictures, decode=decode)
    if not pictures or not metas:
        return report
    source = ObmanTraining(folder, None, complete=False)
    damaged = []
    for number in range(source.count):
        try:
            source.hands(range(number, number + 1))
        except KnuckleError as error:
            damaged.append(str(error))
    report.add_faults("annotations that cannot be used", damaged)
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the training split."""
    source = ObmanTraining(folder, None, complete=False)
    return [source.hands(range(number, number + 1))[0] for number in spread(source.count, count)]


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> ObmanTraining:
    """The training split."""
    return ObmanTraining(folder, rig, complete=complete)
