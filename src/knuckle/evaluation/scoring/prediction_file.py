"""Reading a prediction file: JSON, a .zip with one JSON file in it as the servers take it, or a NumPy archive."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.errors import KnuckleError

MOST_BYTES = 4 * 2**30
"""A larger file is refused: HO-3D v3's, the largest of the sets, has about 1 GB."""


def read_json_predictions(path: Path) -> Any:
    """What a .json file, or the JSON file in a .zip, holds: lists and numbers, NaN among them.

    Raises KnuckleError naming the file where it is neither, damaged, too large, or a .zip of several.
    """
    if path.suffix.lower() == ".zip":
        data, where = _from_zip(path)
    else:
        where = str(path)
        try:
            if path.stat().st_size > MOST_BYTES:
                raise KnuckleError(f"{path}: expected at most 4 GiB of predictions, got more")
            data = path.read_bytes()
        except OSError as error:
            raise KnuckleError(f"{path}: expected a file of predictions, got {error.strerror}") from error
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KnuckleError(f"{where}: expected JSON, got {error}") from error


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The arrays of these names of an .npz file; nothing in it is run. Raises KnuckleError naming what is missing."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive]
            if missing:
                raise KnuckleError(
                    f"{path}: expected arrays {', '.join(names)}, missing {', '.join(missing)}"
                )
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise KnuckleError(f"{path}: expected a NumPy archive (.npz), got {error}") from error


def _from_zip(path: Path) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            files = [info for info in archive.infolist() if info.filename.lower().endswith(".json")]
            named = [info for info in files if Path(info.filename).name == "pred.json"]
            if len(named or files) != 1:
                found = ", ".join(info.filename for info in files[:5]) or "none"
                raise KnuckleError(f"{path}: expected one pred.json in it, got {found}")
            (chosen,) = named or files
            if chosen.file_size > MOST_BYTES:
                raise KnuckleError(f"{path}: expected at most 4 GiB of predictions, got more")
            return archive.read(chosen), f"{path}: {chosen.filename}"
    except OSError as error:
        raise KnuckleError(f"{path}: expected a .zip file, got {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        # RuntimeError: an encrypted file.
        raise KnuckleError(f"{path}: expected a .zip file with pred.json in it, got {error}") from error
