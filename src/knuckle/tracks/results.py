"""Where a video's results go, without overwriting anything that is not an earlier result of the same video."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from knuckle.errors import KnuckleError
from knuckle.files import printable
from knuckle.tracks.journal import is_blank, read_state
from knuckle.tracks.lines import read_header


@dataclass(frozen=True)
class Results:
    """The files of a video's results."""

    lines: Path
    overlay: Path
    npz: Path
    parquet: Path
    journal: Path
    """A folder that is there until all others are complete."""

    @classmethod
    def of(cls, folder: Path, stem: str) -> "Results":
        """Those named after a stem."""
        return cls(
            lines=folder / f"{stem}.hands.jsonl",
            overlay=folder / f"{stem}.overlay.webm",
            npz=folder / f"{stem}.hands.npz",
            parquet=folder / f"{stem}.hands.parquet",
            journal=folder / f"{stem}.tracking",
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return self.lines, self.overlay, self.npz, self.parquet, self.journal


@dataclass(frozen=True)
class Video:
    """A video that is to be done."""

    source: str
    """A file or an address, as the user gave it."""

    @property
    def is_address(self) -> bool:
        return "://" in self.source

    @property
    def name(self) -> str:
        """Without folders; of an address without a password."""
        path = urlsplit(self.source).path if self.is_address else self.source
        return printable(Path(path).name) or "video"

    @property
    def bytes(self) -> int | None:
        """Its size; None where it is no file here."""
        try:
            return None if self.is_address else Path(self.source).stat().st_size
        except OSError:
            return None

    def seen_from(self, folder: Path) -> str:
        """Where it lies, with slashes; an address without a password as it is."""
        if self.is_address:
            parts = urlsplit(self.source)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        absolute = os.path.abspath(self.source)  # noqa: PTH100 - resolves no links, as Path does
        try:
            return printable(Path(os.path.relpath(absolute, folder)).as_posix())
        except ValueError:  # another drive
            return printable(Path(absolute).as_posix())


def choose_results(video: Video, folder: Path, taken: Iterable[Path] = ()) -> tuple[Results, str | None]:
    """Where a video's results go, and a sentence where they have not the usual names.

    Those of VIDEO.mp4 are named VIDEO, or where such a file is somebody else's or another video's, VIDEO.mp4. Raises
    KnuckleError where that is not free either. taken: files of the same call.
    """
    taken, kept = set(taken), None
    for stem in (Path(video.name).stem, video.name):
        results = Results.of(folder, stem)
        there = [path for path in results.paths if os.path.lexists(path) and not is_blank(path)]
        blocked = None if not there or _is_of(video, results) else there[0]
        blocked = next((path for path in results.paths if path in taken), blocked)
        if blocked is None:
            note = f"{video.source}: {kept} is not of it and is kept; its results are {stem}.*"
            return results, printable(note) if kept else None
        kept = kept or blocked
    raise KnuckleError(
        f"{video.source}: expected a free name for its results, but {kept} and its like are other files; use --out"
    )


def _is_of(video: Video, results: Results) -> bool:
    """Whether what lies there is of a run, finished or not, of that video."""
    try:
        if (state := read_state(results.journal)) is not None:
            named = state.task.get("path")
        else:
            named = read_header(results.lines).path
    except KnuckleError:
        return False
    return named == video.seen_from(results.lines.parent)
