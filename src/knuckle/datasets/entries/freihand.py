"""FreiHAND for `knuckle data`; the layout is in `knuckle.datasets.freihand`."""

from pathlib import Path

from knuckle.datasets import freihand
from knuckle.datasets.freihand_training import FreihandTraining
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError

_MASKS = "masks as labels; negatives are cut by boxes"
_OPTIONAL = {
    "training_mano.json": "pose and shape of --rig MANO_RIGHT.pkl",
    "training_verts.json": "meshes in the preview, own vertices as labels",
    "training_scale.json": "preview of the training split",
    "evaluation_xyz.json": "local scores (released after the challenge)",
    "evaluation_verts.json": "local mesh scores (released after the challenge)",
}


def check(folder: Path, *, decode: bool = False) -> Report:
    """Counts of both splits; label files that cannot be read or are of different lengths, and damaged pictures."""
    report = Report("FreiHAND v2")
    for split, count in (("training", freihand.TRAINING_COUNT), ("evaluation", freihand.EVALUATION_COUNT)):
        lengths: dict[str, int] = {}
        for part in (
            ("K", "xyz", "verts", "scale", "mano") if split == "training" else ("K", "scale", "xyz", "verts")
        ):
            name = f"{split}_{part}.json"
            if not report.add_file(folder, name, optional=_OPTIONAL.get(name, "")):
                continue
            try:
                lengths[name] = len(read_json(folder / name, kind=list))
            except KnuckleError as error:
                report.faults.append(str(error))
        if len(set(lengths.values())) > 1:
            counted = ", ".join(f"{name} {length}" for name, length in lengths.items())
            report.faults.append(
                f"{split} label files of different lengths, of different versions: {counted}"
            )
        for name, length in lengths.items():
            if length != count:
                report.faults.append(f"{name}: {length} entries, expected {count}")
        versions = len(freihand.VERSIONS) if split == "training" else 1
        pictures = sorted((folder / split / "rgb").glob("*.jpg"))
        report.add(f"{split}/rgb/*.jpg", len(pictures), count * versions)
        if split == "training" and len(pictures) == count:
            report.faults.append(
                f"training/rgb: one version of each sample ({count}), expected four ({count * versions})"
            )
        report.add_faults(
            f"holes in the numbers of {split}/rgb",
            _holes([picture.stem for picture in pictures]),
        )
        report.add_pictures(folder, pictures, decode=decode)
    masks = sorted((folder / "training" / "mask").glob("*.jpg"))
    report.add("training/mask/*.jpg", len(masks), freihand.TRAINING_COUNT, optional=_MASKS)
    report.add_pictures(folder, masks, decode=decode, what="damaged masks")
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the training split where its labels are there, else of the evaluation split."""
    split = "training" if (folder / "training_xyz.json").is_file() else "evaluation"
    hands = freihand.read_freihand(folder, split=split)
    return [hands[number] for number in spread(len(hands), count)]


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> FreihandTraining:
    """The training split."""
    return FreihandTraining(folder, rig, complete=complete)


def _holes(stems: list[str]) -> list[str]:
    """Numbers below the largest that are not there."""
    numbers = {int(stem) for stem in stems if stem.isdigit()}
    return [f"{number:08d}" for number in range(max(numbers, default=-1)) if number not in numbers]
