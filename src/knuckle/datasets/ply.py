"""Vertices of Stanford PLY files, text or binary: what data sets store meshes in."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError

_TYPES = {
    **{
        "char": "i1",
        "int8": "i1",
        "uchar": "u1",
        "uint8": "u1",
        "short": "i2",
        "int16": "i2",
        "ushort": "u2",
    },
    **{"uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4"},
    **{"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"},
}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MOST_HEADER = 65_536


def read_ply_vertices(path: Path) -> Float[np.ndarray, "V 3"]:
    """x, y and z of every vertex, as stored. Raises KnuckleError for a file that is missing, damaged or of another
    kind."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KnuckleError(f"{path}: expected a mesh, got {error.strerror}") from error
    end = data.find(b"end_header", 0, _MOST_HEADER)
    start = data.find(b"\n", end) + 1
    if not data.startswith(b"ply") or end < 0 or not start:
        raise KnuckleError(f"{path}: expected a PLY file, got one without its header")
    kind, count, properties = _header(data[:end].decode("ascii", "replace"), path)
    names = [name for name, _ in properties]
    if not {"x", "y", "z"} <= set(names):
        raise KnuckleError(f"{path}: expected vertices with x, y and z, got {', '.join(names) or 'none'}")
    try:
        if kind == "ascii":
            lines = data[start:].decode("ascii").splitlines()[:count]
            table = np.array([line.split()[: len(names)] for line in lines], dtype=float).reshape(count, -1)
            points = table[:, [names.index(axis) for axis in "xyz"]]
        else:
            record = np.dtype([(name, _FORMATS[kind] + form) for name, form in properties])
            rows = np.frombuffer(data, record, count=count, offset=start)
            points = np.stack([rows[axis].astype(float) for axis in "xyz"], axis=-1)
    except (ValueError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected {count} vertices, got a file cut short or damaged") from error
    if not np.isfinite(points).all():
        raise KnuckleError(f"{path}: expected finite vertices, got NaN or infinity")
    return points


def _header(text: str, path: Path) -> tuple[str, int, list[tuple[str, str]]]:
    """Format, number of vertices, and name and type of each of their properties."""
    kind, count, properties, inside = "", -1, [], False
    for words in (line.split() for line in text.splitlines()):
        if words[:1] == ["format"] and len(words) > 1:
            kind = words[1]
        elif words[:1] == ["element"] and len(words) == 3:
            inside = words[1] == "vertex"
            if inside and words[2].isdigit():
                count = int(words[2])
            elif count < 0:
                raise KnuckleError(f"{path}: expected vertices first, got {words[1]}")
        elif words[:1] == ["property"] and inside and len(words) == 3 and words[1] in _TYPES:
            properties.append((words[2], _TYPES[words[1]]))
        elif words[:1] == ["property"] and inside:
            raise KnuckleError(f"{path}: expected vertices of plain numbers, got {' '.join(words)}")
    if kind not in _FORMATS or count < 0:
        raise KnuckleError(f"{path}: expected a PLY header with a format and vertices, got another")
    return kind, count, properties
