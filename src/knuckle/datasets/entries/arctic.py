"""ARCTIC for `knuckle data`; the layout is in `knuckle.datasets.arctic`."""

from pathlib import Path
from typing import Any

from knuckle.datasets import arctic
from knuckle.datasets.arctic_training import ArcticTraining, is_there
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError
from knuckle.skeleton import SIDES

_TENTH = "-tenth"


def check(folder: Path, *, decode: bool = False) -> Report:
    """Label files of all recordings of the training and validation splits, and the pictures of their frames."""
    report, top = Report("ARCTIC"), arctic.top_folder(folder)
    there = report.add_file(top, "meta/misc.json")
    names: list[str] = []
    for protocol in arctic.PROTOCOLS:
        if report.add_file(top, f"splits_json/protocol_{protocol}.json"):
            try:
                for split in ("train", "val"):
                    names += arctic.read_protocol(top, protocol, split)
            except KnuckleError as error:
                report.faults.append(str(error))
    if not there or not names:
        return report
    try:
        data = arctic.Arctic(top)
    except KnuckleError as error:
        report.faults.append(str(error))
        return report
    names = sorted(set(names))
    _check_recordings(report, data, names, decode=decode)
    return report


def preview(folder: Path, *, count: int, rig: Path | None = None) -> list[LabelledHand]:
    """Hands of the recordings that are there, with meshes where MANO is given: of all views in turn, both sides."""
    data = arctic.Arctic(folder, rig)
    listed = arctic.read_protocol(data.folder, "p1", "train") + arctic.read_protocol(data.folder, "p1", "val")
    names = [name for name in listed if is_there(data, name)]
    if not names:
        raise KnuckleError(f"{data.folder}: expected recordings of ARCTIC ({arctic.SITE}), got none")
    hands = []
    for turn in range(count):
        sequence = data.sequence(names[turn % len(names)])
        hands += _hand(data, sequence, turn, mesh=rig is not None)
    return hands


def open_source(folder: Path, rig: Path | None, *, complete: bool, variant: Any) -> ArcticTraining:
    """The training split of a protocol, all of it or every tenth frame."""
    tenth = variant.endswith(_TENTH)
    protocol = variant.removesuffix(_TENTH)
    return ArcticTraining(folder, rig, protocol=protocol, every=10 if tenth else 1, complete=complete)


def _check_recordings(report: Report, data: arctic.Arctic, names: list[str], *, decode: bool) -> None:
    found = {"labels": 0, "with joints": 0}
    missing, damaged, absent, uncut = [], [], [], []
    pictures: list[Path] = []
    expected = 0
    for name in names:
        if not is_there(data, name):
            missing.append(name)
            continue
        try:
            sequence = data.sequence(name)
            frames = data.labelled_frames(sequence)
        except KnuckleError as error:
            damaged.append(str(error))
            continue
        found["labels"] += 1
        found["with joints"] += sequence.joints_m is not None
        for view in range(9):
            for frame in frames:
                expected += 1
                path, cropped = data.picture(name, frame, view)
                if path.is_file():
                    pictures.append(path)
                    if cropped and view != arctic.HEAD and sequence.boxes is None:
                        uncut.append(str(path.relative_to(data.folder)))
                else:
                    absent.append(str(path.relative_to(data.folder)))
    report.add("recordings with labels", found["labels"], len(names))
    report.add(
        "recordings with joints (processed_seqs, splits)",
        found["with joints"],
        len(names),
        optional="labels without --rig MANO_RIGHT.pkl",
    )
    if expected:
        report.add("pictures of these recordings", len(pictures), expected)
    report.add_faults("recordings without labels", missing)
    report.add_faults("recordings that cannot be used", damaged)
    report.add_faults("missing pictures", absent)
    report.add_faults(
        "pictures of cropped_images without processed_seqs or splits to tell how they were cut", uncut
    )
    report.add_pictures(data.folder, pictures, decode=decode)
    _check_subjects(report, data, names)


def _check_subjects(report: Report, data: arctic.Arctic, names: list[str]) -> None:
    lacking = sorted({name.partition("/")[0] for name in names} - data.subjects.keys())
    report.add_faults("subjects that meta/misc.json lacks", lacking)
    try:
        hidden = len(arctic.read_protocol(data.folder, "p1", "test"))
    except KnuckleError:
        # A list that cannot be read is a fault already; one without a test split is no fault.
        return
    if hidden:
        report.notes.append(f"{hidden} recordings of the test split: their labels are not published")


def _hand(data: arctic.Arctic, sequence: arctic.Sequence, turn: int, *, mesh: bool) -> list[LabelledHand]:
    """One hand that is seen, of a view and a frame that change with `turn`; none where there is none."""
    frames = data.labelled_frames(sequence)
    for step in range(9):
        view, side = (turn + step) % 9, SIDES[(turn + step) % 2]
        seen = data.is_seen(sequence, side, view)
        usable = [
            frame for frame in frames if seen[frame] and data.picture(sequence.name, frame, view)[0].is_file()
        ]
        if usable:
            chosen = usable[spread(len(usable), 8)[turn % min(8, len(usable))]]
            return [data.hand(sequence, chosen, view, side, mesh=mesh)]
    return []
