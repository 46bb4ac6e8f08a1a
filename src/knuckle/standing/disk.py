"""A full disk as one sentence, wherever in the work it shows."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from knuckle.errors import KnuckleError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SPOKEN = ("No space left on device", "Disk quota exceeded")
"""How libraries that raise errors of their own spell the same."""


@contextmanager
def room_on_disk(folder: Path, *, needed: int) -> Iterator[None]:
    """Turn whatever a full disk raised into a KnuckleError that says what to do. needed: bytes the folder takes in
    all, as far as is known."""
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        missing = max(needed - held, 0)
        with suppress(OSError):
            missing = max(missing - shutil.disk_usage(folder).free, 0)
        raise KnuckleError(
            f"{folder}: the disk is full; free {max(missing, 1e8) / 1e9:.1f} GB or more there and run the same command"
            f" again, which goes on, or name another disk with --folder (a run takes {needed / 1e9:.1f} GB)"
        ) from error


def is_full_disk(error: BaseException | None) -> bool:
    """Whether an error, or one it was raised from, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(words in str(error) for words in _SPOKEN):
            return True
        error = error.__cause__ or error.__context__
    return False
