"""A full disk is reported in one sentence, wherever the work finds it."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from knuckle.errors import KnuckleError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MESSAGES = ("No space left on device", "Disk quota exceeded")
"""Texts of the same error in libraries that raise their own exceptions."""


@contextmanager
def explain_full_disk(folder: Path, *, needed: int) -> Iterator[None]:
    """Turn any error of a full disk into a KnuckleError that says what to do.

    needed: estimate of the bytes that the whole folder takes.
    """
    try:
        yield
    except Exception as error:
        if not is_disk_full(error):
            raise
        held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        missing = max(needed - held, 0)
        with suppress(OSError):
            missing = max(missing - shutil.disk_usage(folder).free, 0)
        raise KnuckleError(
            f"{folder}: the disk is full; free {max(missing, 1e8) / 1e9:.1f} GB or more there and repeat the command"
            f" to resume, or name another disk with --folder (a run takes {needed / 1e9:.1f} GB)"
        ) from error


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, says that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(words in str(error) for words in _MESSAGES):
            return True
        error = error.__cause__ or error.__context__
    return False
