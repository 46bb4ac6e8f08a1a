"""From a file of hands to the files of other programs: which are written, and under what names."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from knuckle.animation.bvh import Unit, write_bvh
from knuckle.animation.glb import write_animated_glb
from knuckle.animation.motion import HandMotion, Motion, read_motion
from knuckle.animation.openxr_lines import write_openxr
from knuckle.animation.table import write_csv
from knuckle.animation.usd import write_usda
from knuckle.errors import KnuckleError
from knuckle.export.json import read_json
from knuckle.export.npz import write_npz as write_photo
from knuckle.tracks.tables import summarise
from knuckle.tracks.tables import write_npz as write_track

FORMATS = ("glb", "bvh", "openxr", "usd", "csv", "npz")
_TRACK, _PHOTO = ".hands.jsonl", ".json"


def export_hands(
    source: Path,
    folder: Path,
    *,
    formats: Sequence[str],
    bvh_unit: Unit = "cm",
    rig: str | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write hands of a photo or video as other programs take them; returns the files.

    Raises KnuckleError for a file that holds no hands of ours, for files that are there already, and where one cannot
    be written. Nothing is written unless all names are free.

    Args:
        source: VIDEO.hands.jsonl or PHOTO.json.
        folder: where to write.
        formats: some of `FORMATS`.
        bvh_unit: "cm" or "m".
        rig: as `read_motion` takes it.
        overwrite: replace what is there.
    """
    motion = read_motion(source, rig=rig)
    stem = source.name.removesuffix(_TRACK if source.name.endswith(_TRACK) else _PHOTO)
    jobs = [job for each in formats for job in _jobs(each, motion, source, folder / stem, bvh_unit)]
    for path, _ in jobs:
        if path.resolve() == source.resolve() or (os.path.lexists(path) and not overwrite):
            raise KnuckleError(f"{path}: is there already; --overwrite replaces it, --out writes elsewhere")
    for path, write in jobs:
        write(path)
    return [path for path, _ in jobs]


def _write_bvh(hand: HandMotion, motion: Motion, unit: Unit, path: Path) -> None:
    write_bvh(path, hand, motion, unit=unit)


def _write_arrays(source: Path, path: Path) -> None:
    with TemporaryDirectory() as folder:
        write_track(source, path, summarise(source), folder=Path(folder))


_Job = tuple[Path, Callable[[Path], None]]


def _jobs(kind: str, motion: Motion, source: Path, stem: Path, bvh_unit: Unit) -> list[_Job]:
    """The files of a format, each with what writes it."""

    def named(end: str) -> Path:
        return stem.with_name(f"{stem.name}.{end}")

    match kind:
        case "glb":
            return [(named("hands.glb"), lambda path: write_animated_glb(path, motion))]
        case "bvh":
            return [
                (named(f"{hand.name}.bvh"), partial(_write_bvh, hand, motion, bvh_unit))
                for hand in motion.hands
            ]
        case "openxr":
            return [(named("openxr.jsonl"), lambda path: write_openxr(path, motion))]
        case "usd":
            return [(named("hands.usda"), lambda path: write_usda(path, motion))]
        case "csv":
            return [(named("hands.csv"), lambda path: write_csv(source, path, still=motion.still))]
        case "npz" if motion.still:
            return [(named("hands.npz"), lambda path: write_photo(path, read_json(source)))]
        case "npz":
            return [(named("hands.npz"), lambda path: _write_arrays(source, path))]
    raise KnuckleError(f"format: expected one of {', '.join(FORMATS)}, got {kind!r}")
