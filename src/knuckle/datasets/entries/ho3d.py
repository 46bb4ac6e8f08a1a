"""HO-3D for `knuckle data`; the layout is in `knuckle.datasets.ho3d`."""

from pathlib import Path

from knuckle.datasets.ho3d import Split, annotation_of, picture_of, read_ho3d, sample_names
from knuckle.datasets.ho3d_training import Ho3dTraining
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError

COUNTS: dict[str, dict[Split, int]] = {
    "v2": {"train": 66_034, "evaluation": 11_524},
    "v3": {"train": 83_325, "evaluation": 20_137},
}
_TRUTH = "local scores (released in 2024)"


def check(folder: Path, *, decode: bool = False) -> Report:
    """Version by list lengths and file types, counts of both splits by their lists, and damaged files."""
    report = Report("HO-3D")
    versions: dict[str, str] = {}
    for split in ("train", "evaluation"):
        if not report.add_file(folder, f"{split}.txt"):
            continue
        names = sample_names(folder, split)
        version = next((v for v, counts in COUNTS.items() if counts[split] == len(names)), None)
        if version is None:
            of_each = ", ".join(f"{counts[split]} ({v})" for v, counts in COUNTS.items())
            report.faults.append(f"{split}.txt: {len(names)} lines, expected {of_each}")
        else:
            versions[f"{split}.txt"] = version
        pictures = [picture_of(folder / split, name) for name in names]
        there = [picture for picture in pictures if picture.is_file()]
        metas = [annotation_of(folder / split, name) for name in names]
        report.add(f"{split} pictures", len(there), len(names))
        report.add(f"{split} annotations", sum(meta.is_file() for meta in metas), len(names))
        kinds = {picture.suffix for picture in there}
        if len(kinds) > 1:
            report.faults.append(
                f"{split}: .jpg (v3) and .png (v2) pictures mixed: two versions in one folder"
            )
        elif kinds:
            versions[f"{split} pictures"] = "v2" if kinds == {".png"} else "v3"
        lost = [name for name, picture in zip(names, pictures, strict=True) if not picture.is_file()]
        report.add_faults(f"samples of {split}.txt without a picture", lost)
        lost = [name for name, meta in zip(names, metas, strict=True) if not meta.is_file()]
        report.add_faults(f"samples of {split}.txt without an annotation", lost)
        report.add_pictures(folder, there, decode=decode)
    for part in ("xyz", "verts"):
        name = f"evaluation_{part}.json"
        if report.add_file(folder, name, optional=_TRUTH):
            _check_truth(report, folder, name)
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{name} of {version}" for name, version in versions.items())
        report.faults.append(f"two versions in one folder: {told}")
    elif versions:
        report.notes.append(f"version {next(iter(versions.values()))}")
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the training split where its list is there, else of the evaluation split, with its truth if released."""
    if (folder / "train.txt").is_file():
        split: Split = "train"
    else:
        split = "evaluation"
    hands = read_ho3d(folder, split=split, truth=(folder / "evaluation_xyz.json").is_file())
    return [hands[number] for number in spread(len(hands), count)]


def _check_truth(report: Report, folder: Path, name: str) -> None:
    try:
        entries = len(read_json(folder / name, kind=list))
        listed = len(sample_names(folder, "evaluation")) if (folder / "evaluation.txt").is_file() else entries
        if entries != listed:
            report.faults.append(
                f"{name}: {entries} entries, evaluation.txt has {listed}: of another version"
            )
    except KnuckleError as error:
        report.faults.append(str(error))


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> Ho3dTraining:
    """The training split."""
    return Ho3dTraining(folder, rig, complete=complete)
