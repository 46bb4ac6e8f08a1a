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
    """The arrays of these names of an .npz file; nothing in it is run.

    Raises KnuckleError naming what is missing, and for a file that is none, damaged or too large.
    """
    if path.is_file() and not zipfile.is_zipfile(path):
        raise KnuckleError(
            f"{path}: expected a NumPy archive (.npz), got a file that is none, or is cut short"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            if sum(member.file_size for member in archive.zip.infolist()) > MOST_BYTES:
                raise KnuckleError(f"{path}: expected at most 4 GiB of predictions, got more")
            missing = [name for name in names if name not in archive]
            if missing:
                raise KnuckleError(
                    f"{path}: expected arrays {', '.join(names)}, missing {', '.join(missing)}"
                )
            return {name: archive[name] for name in names}
    except KnuckleError:
        raise
    except Exception as error:
        # zipfile, zlib and numpy raise errors of many kinds for bytes that are not theirs.
        raise KnuckleError(f"{path}: expected a NumPy archive (.npz), got {error}") from error


def keys_of(path: Path) -> set[str]:
    """The names of the entries of a JSON object, in a .zip or not, or of a NumPy archive. Raises KnuckleError as the
    functions that read them."""
    if path.suffix.lower() == ".npz":
        read_arrays(path, ())
        with np.load(path, allow_pickle=False) as archive:
            return set(archive.files)
    data = read_json_predictions(path)
    return set(data) if isinstance(data, dict) else set()


def read_named(
    path: Path, names: tuple[str, ...], key: str, shape: tuple[int, ...], split: str
) -> np.ndarray:
    """Of a file with `names` of pictures and, under `key`, (*shape) numbers each, those of `names` in their order, NaN
    where it has null; split: what to call the frames.

    Raises KnuckleError for a file of another layout, and frames that are missing, unknown or given twice.
    """
    keys = ("names", key)
    if path.suffix.lower() == ".npz":
        data: Any = read_arrays(path, keys)
        data["names"] = [str(name) for name in np.atleast_1d(data["names"]).tolist()]
    else:
        data = read_json_predictions(path)
    if not isinstance(data, dict) or any(each not in data for each in keys):
        got = (
            f"one with {', '.join(list(data)[:5])}" if isinstance(data, dict) else f"a {type(data).__name__}"
        )
        raise KnuckleError(f"{path}: expected an object with {' and '.join(keys)}, got {got}")
    given = data["names"]
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise KnuckleError(f"{path}: names: expected a list of names of pictures, got something else")
    numbers = _numbers(path, data[key], key, (len(given), *shape))
    rows = {name: row for row, name in enumerate(given)}
    if len(rows) != len(given):
        twice = next(name for row, name in enumerate(given) if rows[name] != row)
        raise KnuckleError(f"{path}: names: expected every frame once, got {twice} more than once")
    missing = [name for name in names if name not in rows]
    if missing:
        raise KnuckleError(
            f"{path}: expected the {len(names)} frames of {split}, {len(missing)} of them are missing, the first"
            f" {missing[0]}"
        )
    wanted = set(names)
    unknown = [name for name in given if name not in wanted]
    if unknown:
        raise KnuckleError(
            f"{path}: expected the {len(names)} frames of {split} alone, got {len(unknown)} others, the first"
            f" {unknown[0]}"
        )
    return numbers[[rows[name] for name in names]]


def _numbers(path: Path, values: Any, key: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        numbers = None
    if numbers is None or numbers.shape != shape:
        got = "rows that differ" if numbers is None else f"{numbers.shape}"
        raise KnuckleError(
            f"{path}: {key}: expected {' x '.join(map(str, shape))} numbers, as there are {shape[0]} names, got {got}"
        )
    return numbers


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
