"""Only one run in a folder: a lock, which the system releases when its process ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knuckle.errors import KnuckleError

LOCK = "standing.lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; its file names the process, for people to read. Raises KnuckleError if another run holds
    it."""
    import fcntl

    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise KnuckleError(f"{folder}: expected a folder to write to, got {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise KnuckleError(
                f"{folder}: expected no other standing run in it, got process {holder}; wait for it or choose another"
                " --folder"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        # The file is not removed, or two runs could lock two files of the same name.
        yield
