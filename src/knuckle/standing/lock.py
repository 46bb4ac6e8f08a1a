"""One run a folder: a lock that the system lets go of when its process dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knuckle.errors import KnuckleError

LOCK = "standing.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the file holds the number of the process, for people. One that a dead process left is
    taken over. Raises KnuckleError while another run is in the folder."""
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
        # The file stays: removing it would let two runs lock two files of one name.
        yield
