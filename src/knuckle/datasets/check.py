"""Is a dataset's download complete? What is missing, said in one sentence."""

from dataclasses import dataclass
from pathlib import Path

from knuckle.errors import KnuckleError


@dataclass(frozen=True)
class Download:
    """What a dataset's folder must hold: named files, and folders with at least so many pictures."""

    name: str
    where_from: str
    files: tuple[str, ...]
    pictures: tuple[tuple[str, str, int], ...] = ()
    """(folder, glob pattern, count expected)"""


def missing_parts(folder: Path, download: Download) -> list[str]:
    """Each missing file, and each picture folder that holds fewer than expected, as text; empty when
    complete.
    """
    missing = [name for name in download.files if not (folder / name).is_file()]
    for sub, pattern, expected in download.pictures:
        found = sum(1 for _ in (folder / sub).glob(pattern)) if (folder / sub).is_dir() else 0
        if found < expected:
            missing.append(f"{sub}/{pattern} ({found} of {expected})")
    return missing


def require(folder: Path, download: Download) -> None:
    """Raise KnuckleError listing what is missing from a dataset's folder and where it is to be had."""
    if not folder.is_dir():
        raise KnuckleError(f"{folder}: expected the folder of {download.name}, got no such folder")
    missing = missing_parts(folder, download)
    if missing:
        raise KnuckleError(
            f"{folder}: expected {download.name} ({download.where_from}), missing {'; '.join(missing)}"
        )
