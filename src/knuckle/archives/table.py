"""The folder of a table: a Parquet file a clip, and what tells whose they are.

TABLE/NAME.HASH.parquet   a clip that is done, whole: a row a segment
TABLE/_knuckle.json       options, weights and version that all of them were made with
TABLE/_failed.jsonl       the clips that could not be done, with the reason
TABLE/_journal/NAME.HASH  of a clip that is not done yet: its finished segments, and the state after them

Readers of Parquet folders leave out names that begin with an underscore.
"""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knuckle.archives.rows import import_arrow
from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.tracks.journal import is_blank
from knuckle.tracks.settings import Settings, difference, version_here, weights_of

FORMAT = "knuckle archive table"
VERSION = 1
ABOUT, FAILED, JOURNAL, STOP = "_knuckle.json", "_failed.jsonl", "_journal", "stop"
OPTIONS = ("camera", "model", "mirrored", "hand_length_m", "gate", "smooth", "runtime")
"""Fields of `Settings` that a table depends on."""


@dataclass(frozen=True)
class Asked:
    """All that a table depends on, beside the clips."""

    settings: Settings
    segment_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the table keeps them. Raises KnuckleError for an unknown model."""
        settings = self.settings.to_dict()
        return {
            "format": FORMAT,
            "version": VERSION,
            "settings": {name: settings[name] for name in OPTIONS},
            "segment_s": self.segment_s,
            "weights": weights_of(self.settings.model),
            "knuckle": version_here(),
        }


class Table:
    """The folder of a table. All its files are written whole, by renaming."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def journals(self) -> Path:
        """The folder of the clips' journals."""
        return self.folder / JOURNAL

    @property
    def stop(self) -> Path:
        """A file that asks all workers, wherever they are, to end."""
        return self.journals / STOP

    def part(self, clip: str) -> Path:
        """The Parquet file of a clip that is done."""
        return self.folder / f"{stem_of(clip)}.parquet"

    def journal(self, clip: str) -> Path:
        """The folder of a clip's journal."""
        return self.journals / stem_of(clip)

    def claim(self) -> None:
        """Make the folder. Raises KnuckleError for one that is somebody else's or cannot be written."""
        if self.folder.exists() and not self.folder.is_dir():
            raise KnuckleError(f"{self.folder}: expected a folder to write a table to, got a file")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK):
                raise KnuckleError(f"{self.folder}: expected a folder to write to, but that is not permitted")
            others = [path for path in self.folder.iterdir() if not _is_debris(path)]
        except OSError as error:
            raise KnuckleError(f"{self.folder}: cannot be written ({error.strerror or error})") from error
        if self.about() is None and others:
            raise KnuckleError(
                f"{self.folder}: expected an empty folder or a table of knuckle, but it has {others[0].name}"
            )

    def prepare(self, asked: Asked, *, overwrite: bool) -> None:
        """Make the folder ready for a run, or check that what lies there is of the same task. Its journals are
        held meanwhile.

        overwrite: remove an earlier table of other options. Raises KnuckleError for a folder of somebody else, or a
        table that was made with other options, saying which.
        """
        self.claim()
        here, earlier = asked.to_dict(), self.about()
        try:
            if earlier is not None and overwrite:
                self._remove()
            elif earlier is not None:
                self._check(here, earlier)
            self.journals.mkdir(exist_ok=True)
            self.stop.unlink(missing_ok=True)
        except OSError as error:
            raise KnuckleError(f"{self.folder}: cannot be written ({error.strerror or error})") from error
        _write_json(self.folder / ABOUT, here)

    def about(self) -> dict[str, Any] | None:
        """What the table was made with; None where there is no table. Raises KnuckleError for somebody else's file."""
        path = self.folder / ABOUT
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KnuckleError(f"{path}: cannot be read ({error.strerror or error})") from error
        except ValueError as error:
            raise KnuckleError(f"{path}: expected the options of a table, got {error}") from error
        if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
            raise KnuckleError(f"{path}: expected a table of this version of knuckle, got another file")
        return data

    def parts(self) -> list[Path]:
        """The files of all clips that are done, by name."""
        return sorted(path for path in self.folder.glob("*.parquet") if not path.name.startswith((".", "_")))

    def is_done(self, clip: str, size: int | None) -> bool:
        """Whether a clip is done. Raises KnuckleError where that was a clip of another size."""
        path = self.part(clip)
        if not path.exists():
            return False
        told = about_part(path).get("bytes")
        if size is not None and told is not None and told != size:
            raise KnuckleError(
                f"{clip}: expected the {told} bytes that {path} was made of, got {size}; remove that file to do it anew"
            )
        return True

    def failed(self) -> dict[str, str]:
        """The clips that runs on the table could not do, each with the reason."""
        try:
            lines = (self.folder / FAILED).read_text(encoding="utf-8").splitlines()
            told = [json.loads(line) for line in lines]
            return {each["clip"]: each["error"] for each in told}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KnuckleError(
                f"{self.folder / FAILED}: expected clips that failed, got {error!r}"
            ) from error

    def write_failed(self, failed: dict[str, str]) -> None:
        """Name the clips that could not be done, or remove the list where there are none."""
        path = self.folder / FAILED
        if not failed:
            path.unlink(missing_ok=True)
            return
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            for clip, error in failed.items():
                file.write(json.dumps({"clip": clip, "error": error}, ensure_ascii=False) + "\n")

    def tidy(self) -> None:
        """Remove what a run leaves that did all: the journals of clips that are done, and temporary files."""
        done = {path.stem for path in self.parts()}
        with suppress(OSError):
            for path in self.journals.iterdir():
                if path.is_dir() and (path.name in done or is_blank(path)):
                    shutil.rmtree(path, ignore_errors=True)
            self.stop.unlink(missing_ok=True)
            self.journals.rmdir()

    def sweep(self) -> None:
        """Remove temporary files that a killed run left. Only while no worker runs."""
        for path in self.folder.iterdir():
            if _is_debris(path) and path.is_file():
                path.unlink()

    def _check(self, here: dict[str, Any], earlier: dict[str, Any]) -> None:
        anew = "; --overwrite starts anew"
        try:
            if differs := difference(here["settings"], earlier["settings"]):
                raise KnuckleError(f"{self.folder}: expected the options it was begun with ({differs}){anew}")
            for name, what in (
                ("segment_s", "length of segments"),
                ("knuckle", "version of knuckle"),
                ("weights", "weights"),
            ):
                if here[name] != earlier[name]:
                    raise KnuckleError(
                        f"{self.folder}: expected the {what} that it was begun with, got others{anew}"
                    )
        except (KeyError, TypeError) as error:
            raise KnuckleError(
                f"{self.folder / ABOUT}: expected the options of a table, got {error!r}"
            ) from error

    def _remove(self) -> None:
        for path in self.parts():
            about_part(path)  # raises for a file that is not ours
        for path in self.journals.iterdir() if self.journals.is_dir() else ():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
        for path in self.parts():
            path.unlink()
        (self.folder / FAILED).unlink(missing_ok=True)
        (self.folder / ABOUT).unlink()


def stem_of(clip: str) -> str:
    """A name for a clip's files: its own, and a mark that tells it from those of other folders."""
    own = Path(clip.rsplit("/", 1)[-1]).stem
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in own).lstrip("_")
    return f"{plain[:80] or 'clip'}.{hashlib.sha256(clip.encode()).hexdigest()[:12]}"


def about_part(path: Path) -> dict[str, Any]:
    """What a clip's Parquet file says of itself. Raises KnuckleError for one that is not ours."""
    import_arrow()
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(path).metadata or {}
        data = json.loads(metadata[b"knuckle"])
        if data["format"] == FORMAT:
            return data
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise KnuckleError(f"{path}: expected a Parquet file of a knuckle table, got another file")


def _is_debris(path: Path) -> bool:
    """Whether it is a temporary file of `atomic_path`, or a folder of journals before the table was named."""
    return path.name == JOURNAL or (
        path.name.startswith(".") and path.suffix in (".parquet", ".json", ".jsonl")
    )


def _write_json(path: Path, data: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
