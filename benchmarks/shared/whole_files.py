"""Whether a file is whole: each format is read to its end."""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{12}(\.[^.]*)?|partial)|.*\.tmp")


def is_temporary(path: Path) -> bool:
    """Whether a file, or a folder that it lies in, has the name of one that is being written, which nobody takes for a
    result; path: as seen from the folder of results."""
    return any(_TEMPORARY.fullmatch(part) for part in path.parts)


def faults(folder: Path, known: frozenset[Path] = frozenset(), *, leftovers: bool = True) -> Iterator[str]:
    """What is half in a folder and its subfolders; known: files that are not looked at. leftovers: whether files with
    temporary names count, as they do unless the writer was killed."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path in known:
            continue
        own = path.relative_to(folder)
        if is_temporary(own):
            if leftovers:
                yield f"{own} left behind"
        elif fault := fault_of(path):
            yield f"{own}: {fault}"


def fault_of(path: Path) -> str | None:
    """What is wrong with a file, by its suffix; None where it is whole or of no format known here."""
    check = _CHECKS.get(path.suffix.lower())
    try:
        if check is not None:
            check(path)
    except Exception as error:  # whatever a reader raises says that the file is half
        return f"half ({type(error).__name__}: {str(error)[:80]})"
    return None


def _json(path: Path) -> None:
    json.loads(path.read_text(encoding="utf-8"))


def _lines(path: Path) -> None:
    # The last line of a file that is being written may be cut: readers leave it out.
    *whole, _ = path.read_bytes().split(b"\n")
    for line in whole:
        json.loads(line)


def _picture(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()


def _glb(path: Path) -> None:
    data = path.read_bytes()
    magic, _, length = struct.unpack("<4sII", data[:12])
    if magic != b"glTF" or length != len(data):
        raise ValueError(f"{len(data)} bytes")
    (size,) = struct.unpack("<I", data[12:16])
    json.loads(data[20 : 20 + size])


def _npz(path: Path) -> None:
    with np.load(path, allow_pickle=False) as data:
        for name in data.files:
            data[name]


def _npy(path: Path) -> None:
    np.load(path, mmap_mode="r", allow_pickle=False)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("a wrong checksum")


def _parquet(path: Path) -> None:
    import pyarrow.parquet as parquet

    parquet.read_table(path)


def _video(path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        if not sum(1 for _ in container.decode(video=0)):
            raise ValueError("no frames")


def _safetensors(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        for name in file.keys():  # noqa: SIM118 - no dictionary
            file.get_slice(name)


def _onnx(path: Path) -> None:
    import onnx

    onnx.load(str(path), load_external_data=False)


def _bvh(path: Path) -> None:
    text = path.read_text()
    frames = int(text.split("Frames:")[1].split()[0])
    if len(text.split("Frame Time:")[1].strip().splitlines()) != frames + 1:
        raise ValueError("frames missing")


def _csv(path: Path) -> None:
    *rows, last = path.read_text(encoding="utf-8").split("\n")
    if last or len({row.count(",") for row in rows}) != 1:
        raise ValueError("a row missing or cut")


def _usda(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not text.endswith("}\n") or text.count("{") != text.count("}"):
        raise ValueError("braces that stay open")


def _rrd(path: Path) -> None:
    # Rerun's own reader, with a home of its own: it would write settings there.
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [sys.executable, "-m", "rerun", "rrd", "verify", str(path)],
            check=True,
            capture_output=True,
            env={**os.environ, "HOME": home},
        )


_CHECKS = {
    ".json": _json, ".jsonl": _lines, ".png": _picture, ".jpg": _picture, ".glb": _glb, ".npz": _npz,
    ".npy": _npy, ".zip": _zip, ".parquet": _parquet, ".webm": _video, ".safetensors": _safetensors,
    ".onnx": _onnx, ".bvh": _bvh, ".csv": _csv, ".usda": _usda, ".rrd": _rrd,
}  # fmt: skip
