"""The files of the package in which a function is called while one photo is estimated."""

import inspect
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from parts import knuckle_command, sample_photo


def files_walked(model: str | None) -> list[str]:
    """Their paths under src, sorted: `knuckle estimate PHOTO --box X,Y,W,H --side right` on the sample photo, in this
    process, by all of its threads. Bodies of modules and classes, which run at the import, are no functions."""
    photo, about = sample_photo()
    package = f"{photo.parents[1]}/"
    seen: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # The compiler gives fast locals to functions alone.
        is_function = code.co_flags & inspect.CO_OPTIMIZED
        if event == "call" and is_function and code.co_filename.startswith(package):
            seen.add(code.co_filename)

    box = ",".join(str(number) for number in about["boxes"][0])
    options = [] if model is None else ["--model", model]
    with tempfile.TemporaryDirectory() as folder:
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            knuckle_command("estimate", photo, "--box", box, "--side", "right", "--out", folder, *options)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # pyright: ignore[reportArgumentType]
    return sorted(str(Path(name).relative_to(photo.parents[2])) for name in seen)
