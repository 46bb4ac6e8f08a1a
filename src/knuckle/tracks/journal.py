"""What a run leaves behind while it works, from which the same command goes on: the tracker's state, how much of the
lines belongs to it, and the finished parts of the overlay video.

Every `EVERY` frames a part of the video is closed and the state is written, under another name and then renamed. A run
that goes on cuts off what came after. The run that is not interrupted takes its own state back from what it wrote, so
that the two cannot differ.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path, parse_json

FORMAT = "knuckle tracking state"
VERSION = 1
EVERY = 100
"""Frames from one state to the next, and in a part of the overlay video: what is lost when a run is killed."""
_STATE, _LOCK = "state.json", "lock"


class JournalHeldError(KnuckleError):
    """Another process holds a journal."""


@dataclass(frozen=True)
class State:
    """Where a run is."""

    task: dict[str, Any]
    """What it was asked, of which video: another task does not go on from here."""
    frames: int = 0
    """How many are done."""
    lines_bytes: int = 0
    """How much of the lines belongs to them."""
    overlay_ms: int = -1
    """Time of the overlay's last frame."""
    tracker: dict[str, Any] | None = None
    """`Tracker.saved`."""
    followed: bool = False
    """Of a run in two passes: whether the first one is done."""
    read: bool = False
    """Whether the last pass is done."""
    done: bool = False
    """Whether all files are there."""


class Journal:
    """The folder of a run's journal, held by one process at a time; a context manager.

    Raises KnuckleError where another process holds it, it cannot be written or is no journal.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state: State | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("a")
        except OSError as error:
            raise KnuckleError(f"{folder}: cannot be written ({error.strerror or error})") from error
        try:
            self._hold()
            self.state = read_state(folder)
        except BaseException:
            self._lock.close()
            raise

    def save(self, state: State) -> None:
        """Keep where the run is; it outlasts a loss of power."""
        with atomic_path(self.folder / _STATE) as temporary, temporary.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "version": VERSION, **asdict(state)}, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        self.state = state

    def remove(self) -> None:
        """Remove the folder of a run that is done."""
        self.clear()
        self.close()

    def clear(self) -> None:
        """Forget an earlier run."""
        # The state goes last: what is killed here goes on removing.
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == _STATE):
            if path.name != _LOCK:
                path.unlink()
        self.state = None

    def close(self) -> None:
        """Let another process hold it; may be called twice. A folder in which nothing was kept is removed."""
        if self._lock.closed:
            return
        self._lock.close()
        if self.state is None:
            with suppress(OSError):
                (self.folder / _LOCK).unlink()
                self.folder.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hold(self) -> None:
        try:
            import fcntl
        except ModuleNotFoundError:  # Windows
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalHeldError(
                f"{self.folder}: expected a run that nobody works on, but another process does"
            ) from None
        except OSError:  # a file system without locks
            return


def is_blank(folder: Path) -> bool:
    """Whether a folder is what a run leaves that was killed before it kept anything."""
    try:
        return all(path.name == _LOCK or path.name.startswith(".state.") for path in folder.iterdir())
    except OSError:
        return False


def read_state(folder: Path) -> State | None:
    """The state in a journal's folder; None where there is none. Raises KnuckleError for one that is not ours."""
    path = folder / _STATE
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KnuckleError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise KnuckleError(f"{path}: expected the state of a run, got {error}") from error
    if not isinstance(data, dict) or (data.pop("format", None), data.pop("version", None)) != (
        FORMAT,
        VERSION,
    ):
        raise KnuckleError(
            f"{path}: expected the state of a run of this version of knuckle, got another file"
        )
    try:
        return State(**data)
    except TypeError as error:
        raise KnuckleError(f"{path}: expected the state of a run, got {error}") from error
