"""What a decoder says of a picture that it read all the same.

OpenCV fills up a JPEG that is damaged in its middle and returns it as if nothing were wrong; libjpeg's warning goes to
the process's stderr, past Python. Here it is caught there. Looking costs next to nothing beside decoding
(`benchmarks/speed/decoder_warnings.py`), but stderr belongs to the whole process, so it is done where sets are checked
and made, not where pictures are loaded. Of single bytes that changed most leave data that decode without a word:
nothing but another copy can tell those.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from knuckle.errors import KnuckleError

_STDERR = 2
_OURS = (
    b"Corrupt JPEG data",
    b"Premature end of JPEG",
    b"Unsupported marker type",
    b"libpng ",
    b"Invalid SOS",
)
"""How the lines of libjpeg and libpng begin; other lines are other parts' and go where they were meant to."""
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_PADDING = 16
"""Bytes left over once the whole picture is there that are none of damage: some cameras pad. Damage leaves hundreds."""
_LOCK = threading.Lock()

Read = TypeVar("Read")


def read_whole(read: Callable[[], Read], path: Path) -> Read:
    """What `read` returns; raises KnuckleError naming the file where its decoder found damage while it did."""
    value, told = listen(read)
    if told and not is_harmless(told):
        raise KnuckleError(f"{path}: expected a picture, got one that is damaged inside ({told})")
    return value


def is_harmless(told: str) -> bool:
    """Whether a decoder's sentence is of a few bytes left over after the picture."""
    found = _LEFT_OVER.search(told)
    return found is not None and int(found[1]) <= _PADDING


def listen(read: Callable[[], Read]) -> tuple[Read, str]:
    """What `read` returns, and what decoders said meanwhile; "" for nothing, or where stderr is closed."""
    lines: list[bytes] = []
    with _LOCK:
        try:
            kept = os.dup(_STDERR)
        except OSError:
            return read(), ""
        heard = _heard(os.getpid())
        try:
            os.dup2(heard, _STDERR)
            try:
                value = read()
            finally:
                os.dup2(kept, _STDERR)
                lines = _taken(heard)
                others = b"".join(line for line in lines if not line.startswith(_OURS))
                if others:
                    os.write(kept, others)
        finally:
            os.close(kept)
    told = [line.decode(errors="replace").strip() for line in lines if line.startswith(_OURS)]
    return value, "; ".join(dict.fromkeys(told))


@lru_cache(maxsize=1)
def _heard(process: int) -> int:
    """A file without a name that takes what is written to stderr; one a process, as making it costs more than all
    else here."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _taken(heard: int) -> list[bytes]:
    """The lines written to the file, which is empty afterwards."""
    size = os.fstat(heard).st_size
    if not size:
        return []
    os.lseek(heard, 0, os.SEEK_SET)
    data = os.read(heard, size)
    os.ftruncate(heard, 0)
    os.lseek(heard, 0, os.SEEK_SET)
    return data.splitlines(keepends=True)
