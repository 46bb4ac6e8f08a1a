"""Which files are knuckle's own results: those may be replaced, and nothing else ever is."""

import json
import os
import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.export.json import FORMAT
from knuckle.export.meshes import GENERATOR

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33  # of a PNG's signature and header
_SOFTWARE = b"Software\0knuckle"
# Before .glb files named knuckle, they had the exporter's name and nodes such as "left_hand_0".
_EARLIER_GENERATOR = "https://github.com/mikedh/trimesh"
_EARLIER_NODE = re.compile(r"(left|right)_hand_\d+|world")
_OVERLAY = ".overlay.png"
_EARLIER_KEYS = {"image", "width", "height", "camera", "hands"}


def is_ours(path: Path) -> bool:
    """Whether a file is a result of knuckle: JSON, picture or .glb. Files of earlier versions are recognised by their
    contents, except pictures, which said nothing."""
    return {".json": _is_our_json, ".png": _is_our_png, ".glb": _is_our_glb}.get(
        path.suffix.lower(), lambda _: False
    )(path)


def photo_of(path: Path) -> Path | None:
    """The photo that one of our JSON files is about, as an absolute path; None for any other file, and of earlier
    versions the name alone."""
    data = _json_object(path)
    if data is None or not _is_ours_by_keys(data):
        return None
    if "photo" in data:
        return Path(os.path.abspath(path.parent / str(data["photo"])))  # noqa: PTH100 - resolves no links
    return Path(str(data["image"]))


def is_earlier_overlay(path: Path) -> bool:
    """Whether a picture is the overlay of a knuckle that did not yet mark pictures: the JSON beside it tells."""
    if not path.name.endswith(_OVERLAY):
        return False
    named = photo_of(path.with_name(path.name.removesuffix(_OVERLAY) + ".json"))
    return named is not None and not named.is_absolute()


def png_bytes(image_rgb: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """A picture as PNG that says it is knuckle's."""
    data = cv2.imencode(".png", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    # OpenCV writes no text into pictures, and Pillow takes twice its time.
    text = b"tEXt" + _SOFTWARE
    chunk = struct.pack(">I", len(_SOFTWARE)) + text + struct.pack(">I", zlib.crc32(text))
    return data[:_HEADER_END] + chunk + data[_HEADER_END:]


def _is_our_json(path: Path) -> bool:
    data = _json_object(path)
    return data is not None and _is_ours_by_keys(data)


def _is_ours_by_keys(data: dict[str, object]) -> bool:
    return data.get("format") == FORMAT or data.keys() == _EARLIER_KEYS


def _json_object(path: Path) -> dict[str, object] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_our_png(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER_END + 8 + len(_SOFTWARE))
    except OSError:
        return False
    return start.startswith(_SIGNATURE) and start.endswith(b"tEXt" + _SOFTWARE)


def _is_our_glb(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            magic, _, _, length, kind = struct.unpack("<4sIIII", file.read(20))
            if magic != b"glTF" or kind != 0x4E4F534A:
                return False
            tree = json.loads(file.read(length))
        generator = tree["asset"].get("generator")
        names = [node.get("name", "") for node in tree.get("nodes", [])]
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError):
        return False
    if generator == _EARLIER_GENERATOR:
        return bool(names) and all(_EARLIER_NODE.fullmatch(name) for name in names)
    return generator == GENERATOR
