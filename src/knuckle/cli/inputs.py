"""The photos that a command is given: files, folders and patterns."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import has_magic, iglob
from pathlib import Path

from knuckle.cli.ownership import is_earlier_overlay, is_ours
from knuckle.errors import KnuckleError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff"}
    | {".avif", ".heic", ".heif", ".hif"}
)
"""Of the files that are taken for photos in a folder; a file that is named itself may have any."""


@dataclass(frozen=True)
class Given:
    """A photo to be done."""

    path: Path
    below: Path = Path()
    """The folder of its results below --out: where the photo lies in the folder, or below the pattern's fixed part,
    that was given."""


def find_photos(arguments: Sequence[Path]) -> list[Given]:
    """The photos that arguments name, each once, in the arguments' order.

    A folder stands for the pictures in it and its subfolders, by name. An argument that is no file and has *, ? or [ is
    a pattern (** for any subfolders), for shells that do not resolve one or are told not to. Hidden files and knuckle's
    own pictures are no photos there. Raises KnuckleError for a folder or pattern without a photo.
    """
    found: dict[str, Given] = {}
    for argument in arguments:
        for given in _photos_of(argument):
            found.setdefault(os.path.abspath(given.path), given)  # noqa: PTH100 - resolves no links, as Path does
    return list(found.values())


def spread(photos: Sequence[Given]) -> list[Given]:
    """The same photos, each with its folder below the parent that all have in common. Raises KnuckleError where they
    have none."""
    folders = [os.path.dirname(os.path.abspath(given.path)) for given in photos]  # noqa: PTH100, PTH120
    try:
        parent = os.path.commonpath(folders)
    except ValueError:
        raise KnuckleError(
            "--out: expected photos of one drive, whose folders can be kept, got several drives"
        ) from None
    return [
        Given(given.path, Path(os.path.relpath(folder, parent)))
        for given, folder in zip(photos, folders, strict=True)
    ]


def _photos_of(argument: Path) -> list[Given]:
    if argument.is_dir():
        root, paths = argument, _pictures_below(argument)
        kind = "a folder with pictures"
    elif has_magic(str(argument)) and not argument.exists():
        root = _fixed_part(argument)
        matches = map(Path, iglob(str(argument), recursive=True))  # noqa: PTH207 - Path.glob takes no whole path
        paths = sorted(path for path in matches if path.is_file() and _is_photo(path))
        kind = "a pattern that pictures match"
    else:
        return [Given(argument)]
    if not paths:
        raise KnuckleError(f"{argument}: expected {kind} ({', '.join(sorted(SUFFIXES))}), got none")
    return [Given(path, path.parent.relative_to(root)) for path in paths]


def _pictures_below(folder: Path) -> list[Path]:
    paths: list[Path] = []
    # Not Path.rglob, which ends at a folder that may not be read.
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += _photos_among(Path(parent, name) for name in sorted(files))
    return paths


def _photos_among(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if _is_photo(path)]


def _is_photo(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return False
    return not is_ours(path) and not is_earlier_overlay(path)


def _fixed_part(pattern: Path) -> Path:
    parts = []
    for part in pattern.parts[:-1]:
        if has_magic(part):
            break
        parts.append(part)
    return Path(*parts)
