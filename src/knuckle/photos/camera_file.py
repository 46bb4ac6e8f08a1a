"""A device's intrinsics on disk: camera.json of `knuckle calibrate`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path, parse_json
from knuckle.geometry.camera import Camera

FORMAT = "knuckle camera"
"""The first value of every file."""
_NUMBERS = ("fx", "fy", "cx", "cy")


def write_camera(path: str | Path, camera: Camera, **more: Any) -> None:
    """Write a camera, whole or not at all. more: what else there is to say of it, as JSON takes it. Raises KnuckleError
    where it cannot be written."""
    data = {
        "format": FORMAT,
        "width": camera.width,
        "height": camera.height,
        **{name: round(float(getattr(camera, name)), 4) for name in _NUMBERS},
        **more,
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n")


def names_camera_file(given: str | Path) -> bool:
    """Whether what a user gave as a camera is a file rather than numbers."""
    path = Path(given)
    return path.suffix.lower() == ".json" or path.is_file()


def read_camera(path: str | Path) -> Camera:
    """The camera of a file, for pictures of its device of any size (`Camera.fitted`).

    Raises KnuckleError naming the file: missing, not JSON, without width, height, fx, fy, cx and cy, or with numbers
    that no camera has.
    """
    expected = f"{path}: expected a camera as `knuckle calibrate` writes it"
    try:
        data = parse_json(Path(path).read_text(encoding="utf-8"))
        camera = Camera(
            *(float(data[name]) for name in _NUMBERS), width=int(data["width"]), height=int(data["height"])
        )
    except FileNotFoundError:
        raise KnuckleError(f"{expected}, but there is no such file") from None
    except OSError as error:
        raise KnuckleError(f"{expected}, got a file that cannot be read ({error.strerror})") from None
    except KnuckleError as error:
        raise KnuckleError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else "another kind of file"
        raise KnuckleError(f"{expected}, got {reason}") from None
    return replace(camera, source="calibrated")
