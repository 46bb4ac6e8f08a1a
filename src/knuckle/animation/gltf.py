"""Binary glTF 2.0: numbers into one buffer, and the file's two chunks."""

import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Shaped

_COMPONENTS = {"f4": 5126, "u1": 5121, "u2": 5123, "u4": 5125}
_TYPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
ARRAY, ELEMENTS = 34962, 34963
"""What a view is for: vertices, or triangles. Views of animations say nothing."""


class Buffer:
    """The numbers of a file, accessor by accessor."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, array: Shaped[np.ndarray, "n ..."], *, target: int | None = None) -> int:
        """The accessor of an array: numbers, vectors or matrices (row by row here, column by column in the file), in
        float32 or unsigned integers; with its bounds, which glTF wants of places and times."""
        kind = f"{array.dtype.kind}{array.dtype.itemsize}"
        if array.ndim == 3:
            array = array.swapaxes(1, 2)
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes}
        self.views.append(view if target is None else view | {"target": target})
        self.data += np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": _COMPONENTS[kind],
            "count": len(array),
            "type": _TYPES[array.shape[1:]],
        }
        if array.ndim < 3 and array.shape[1:] != (4,):
            accessor |= {"min": _plain(array.min(0)), "max": _plain(array.max(0))}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def to_bytes(tree: dict[str, Any], buffer: Buffer) -> bytes:
    """The file: the tree of all that is not numbers, with the buffer's parts put in, and the buffer."""
    chunks = b""
    if buffer.data:
        tree = tree | {
            "accessors": buffer.accessors,
            "bufferViews": buffer.views,
            "buffers": [{"byteLength": len(buffer.data)}],
        }
        padded = bytes(buffer.data) + b"\0" * (-len(buffer.data) % 4)
        chunks = struct.pack("<II", len(padded), 0x004E4942) + padded
    text = json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + chunks
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _plain(values: Any) -> list[float]:
    return np.atleast_1d(values).tolist()
