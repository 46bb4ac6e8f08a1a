"""Is a copy of InterHand2.6M whole? What is there, and what is wrong with it, split by split."""

from dataclasses import dataclass
from pathlib import Path

from knuckle.datasets.interhand import Interhand
from knuckle.datasets.interhand_labels import (
    FITS,
    HAND_TYPES,
    SITE,
    V1_COUNTS,
    Split,
    label_file,
    require_labels,
)
from knuckle.errors import KnuckleError

_JPEG_BEGINS, _JPEG_ENDS = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class InterhandCheck:
    """What a copy of a split holds; whole where nothing is wrong."""

    split: str
    found: dict[str, int]
    """Counts: annotations, of each kind of hands, fits, pictures."""
    wrong: tuple[str, ...]
    """A sentence for each thing that is missing, damaged or of another version."""


def check_interhand(folder: Path, split: Split) -> InterhandCheck:
    """Look through a split's labels and for every picture that they name: that it is there and is a whole JPEG file by
    its first and last bytes (none is decoded).

    Raises KnuckleError only for a split that does not exist.
    """
    if split not in V1_COUNTS:
        raise KnuckleError(f"split: expected one of {', '.join(V1_COUNTS)}, got {split!r}")
    found: dict[str, int] = {}
    wrong: list[str] = []
    pictures = folder / "images" / split
    try:
        require_labels(folder, split)
    except KnuckleError as error:
        wrong.append(str(error))
    if folder.is_dir() and not pictures.is_dir():
        wrong.append(f"{pictures}: expected the folder of the pictures, got none")
    if wrong:
        return InterhandCheck(split, found, tuple(wrong))
    fits = label_file(folder, split, FITS)
    if not fits.is_file():
        wrong.append(f"{fits}: expected the MANO fits ({SITE}), got none: frames have joints alone")
    try:
        frames = Interhand(folder, split)
    except KnuckleError as error:
        return InterhandCheck(split, found, (*wrong, str(error)))
    found["annotations"] = len(frames)
    found |= {kind: frames.hand_types.count(kind) for kind in HAND_TYPES}
    found |= {f"{side} fits": count for side, count in frames.count_fits().items()}
    if (version := other_version(frames)) is not None:
        wrong.append(version)
    absent, broken = [], []
    for image in frames.images:
        if not image.is_file():
            absent.append(image)
        elif not _is_whole(image):
            broken.append(image)
    found["pictures"] = len(frames) - len(absent) - len(broken)
    for what, paths in (("are missing", absent), ("are cut short or no JPEG files", broken)):
        if paths:
            wrong.append(
                f"{pictures}: expected {len(frames)} pictures, {len(paths)} {what}, the first {paths[0]}"
            )
    return InterhandCheck(split, found, tuple(wrong))


def other_version(frames: Interhand) -> str | None:
    """Says so where a label file does not hold as many annotations as version 1.0's; None where it does."""
    count, expected = frames.annotation_count, V1_COUNTS[frames.split]
    if count == expected:
        return None
    return (
        f"{label_file(frames.folder, frames.split, 'data')}: expected the {expected} annotations of version 1.0 at 5"
        f" frames a second, got {count}; version 0.0 has about half as many"
    )


def _is_whole(image: Path) -> bool:
    with image.open("rb") as file:
        begins = file.read(2)
        if file.seek(0, 2) < 4:
            return False
        file.seek(-2, 2)
        return begins == _JPEG_BEGINS and file.read(2) == _JPEG_ENDS
