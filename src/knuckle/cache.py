"""The folder for files that are made at first use, such as the rendered benchmarks."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder of knuckle; this function does not create it.

    It is $KNUCKLE_CACHE if set; else `knuckle` in $XDG_CACHE_HOME, in %LOCALAPPDATA% on Windows, or in ~/.cache.
    """
    if own := os.environ.get("KNUCKLE_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    if not base and sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "knuckle"
