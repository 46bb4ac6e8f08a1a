"""HanCo for `knuckle data`; the layout is in `knuckle.datasets.hanco`."""

from pathlib import Path

from knuckle.datasets import hanco
from knuckle.datasets.hanco_training import HancoTraining
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError

_EXPECTED_SIZE = (224, 224)


def check(folder: Path, *, decode: bool = False) -> Report:
    """Every file that meta.json speaks of, labels that cannot be used, and damaged pictures and masks."""
    report, top = Report("HanCo"), hanco.top_folder(folder)
    meta = None
    if report.add_file(top, hanco.META):
        try:
            meta = hanco.read_meta(top)
        except KnuckleError as error:
            report.faults.append(str(error))
    if meta is None:
        for name, count in (("xyz", 1), ("calib", 1), ("rgb", hanco.CAMERAS)):
            report.add(f"{name} files", 0, hanco.STEPS * count)
        return report
    if (meta.sequences, len(meta.steps)) != (hanco.SEQUENCES, hanco.STEPS):
        report.faults.append(
            f"{hanco.META}: {meta.sequences} sequences of {len(meta.steps)} time steps, expected "
            f"{hanco.SEQUENCES} of {hanco.STEPS}: the small tester sample, or another version"
        )
    train = [step for step, is_train in zip(meta.steps, meta.is_train, strict=True) if is_train]
    fitted = [step for step, fit in zip(meta.steps, meta.has_fit, strict=True) if fit]
    for part, steps, without in (
        ("xyz", meta.steps, ""),
        ("calib", meta.steps, ""),
        ("shape", fitted, "pose and shape of --rig MANO_RIGHT.pkl"),
    ):
        paths = [hanco.label_file(top, part, step) for step in steps]
        _add(report, top, f"{part} files", paths, without)
    for part, steps, without in (
        ("rgb", meta.steps, ""),
        *((name, train, "pictures on those backgrounds") for name in hanco.VARIANTS[1:]),
        (hanco.MASKS, train, "masks: negatives are cut by boxes"),
    ):
        paths = [
            hanco.picture_of(top, part, step, camera) for step in steps for camera in range(hanco.CAMERAS)
        ]
        there = _add(report, top, f"{part} pictures", paths, without)
        report.add_pictures(top, there, decode=decode, what=f"damaged {part} pictures")
    _check_labels(report, top, meta, train)
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of training steps, by turns of the cameras and variants; masks are not drawn."""
    top = hanco.top_folder(folder)
    meta, size = hanco.read_meta(top), hanco.picture_size(top)
    variants: list[hanco.Variant] = [name for name in hanco.VARIANTS if (top / name).is_dir()]
    steps = [step for step, is_train in zip(meta.steps, meta.is_train, strict=True) if is_train]
    hands = []
    for turn, row in enumerate(spread(len(steps), count)):
        labels = hanco.read_step(top, steps[row])
        enough, _ = hanco.shown(labels, size)
        seeing = [camera for camera in range(hanco.CAMERAS) if enough[camera]]
        if seeing:
            camera, variant = seeing[turn % len(seeing)], variants[turn % len(variants)]
            hands.append(hanco.hand_of(top, steps[row], camera, labels, size, variant=variant))
    return hands


def open_source(folder: Path, rig: Path | None, *, complete: bool) -> HancoTraining:
    """The training steps."""
    return HancoTraining(folder, rig, complete=complete)


def _add(report: Report, top: Path, name: str, paths: list[Path], without: str) -> list[Path]:
    """Note a part, and by name what is missing of one that is there in part; returns what is there."""
    there = [path for path in paths if path.is_file()]
    report.add(name, len(there), len(paths), optional=without)
    if 0 < len(there) < len(paths):
        found = set(there)
        report.add_faults(
            f"missing {name}", (str(path.relative_to(top)) for path in paths if path not in found)
        )
    return there


def _check_labels(report: Report, top: Path, meta: hanco.Meta, train: list[hanco.Step]) -> None:
    try:
        size = hanco.picture_size(top)
    except KnuckleError:
        return
    if size != _EXPECTED_SIZE:
        report.notes.append(
            f"pictures of {size[0]}x{size[1]} px, expected {_EXPECTED_SIZE[0]}x{_EXPECTED_SIZE[1]}"
        )
    damaged, hands, without, wanted = [], 0, 0, set(train)
    for step in meta.steps:
        if not all(hanco.label_file(top, part, step).is_file() for part in ("xyz", "calib")):
            continue
        try:
            enough, clear = hanco.shown(hanco.read_step(top, step), size)
        except KnuckleError as error:
            damaged.append(str(error))
            continue
        if step in wanted:
            hands, without = hands + int(enough.sum()), without + int(clear.sum())
    report.add_faults("time steps that cannot be used", damaged)
    report.notes.append(f"{len(train)} of {len(meta.steps)} time steps to train on (is_train)")
    report.notes.append(
        f"{hands} hands with {hanco.LEAST_INSIDE} joints or more in the picture, {without} pictures without a hand"
    )
