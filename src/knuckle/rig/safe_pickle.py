"""Reading a Python 2 pickle of numpy, scipy.sparse and chumpy objects without running anything in it.

An ordinary unpickler calls whatever function the file names. This one hands out the few constructors numpy
arrays need, and inert stand-ins for scipy's and chumpy's classes; any other name is refused before it is
looked up.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from knuckle.errors import KnuckleError

_ARRAY_RECONSTRUCT: Any = np.zeros(0).__reduce__()[0]
_SCALAR: Any = np.float64(0).__reduce__()[0]
_SPARSE_NAMES = frozenset(f"{kind}_{form}" for kind in ("csc", "csr", "coo") for form in ("matrix", "array"))
MAX_BYTES = 256 * 2**20


class Inert:
    """Stands in for an object of a foreign class: keeps the state it was pickled with, does nothing."""

    class_name = ""

    def __init__(self, *args: Any) -> None:
        self.state: dict[str, Any] = {}
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.args = getattr(self, "args", ())
        parts = state if isinstance(state, tuple) else (state,)
        self.state = {str(k): v for part in parts if isinstance(part, dict) for k, v in part.items()}


class _LatinEncode:
    """`_codecs.encode` for the one codec that pickles of bytes use."""

    __slots__ = ()

    def __call__(self, text: str, codec: str = "latin1") -> bytes:
        if codec not in ("latin1", "latin-1") or not isinstance(text, str):
            raise pickle.UnpicklingError("bytes in another encoding than latin1")
        return text.encode("latin1")


class _EmptyBytes:
    """`bytes()`, which is how protocol 2 spells an empty byte string."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


class _FromBuffer:
    """`numpy._core.numeric._frombuffer` of protocol 5: an array over bytes in the file."""

    __slots__ = ()

    def __call__(self, buffer: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
        return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


class _Reconstructor:
    """`copy_reg._reconstructor` for stand-ins only."""

    __slots__ = ()

    def __call__(self, cls: Any, base: Any, state: Any) -> Inert:
        if not (isinstance(cls, type) and issubclass(cls, Inert)):
            raise pickle.UnpicklingError("an object of an unexpected class")
        return cls()


class _WhitelistUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        module, name = str(module_name), str(global_name)
        top = module.split(".")[0]
        plain = "." not in name
        if top == "numpy" and plain:
            known = {
                "ndarray": np.ndarray,
                "dtype": np.dtype,
                "_frombuffer": _FromBuffer(),
                "_reconstruct": _ARRAY_RECONSTRUCT,
                "scalar": _SCALAR,
            }
            if name in known:
                return known[name]
        if (top == "chumpy" and plain) or (module.startswith("scipy.sparse") and name in _SPARSE_NAMES):
            return type(name, (Inert,), {"class_name": f"{top}.{name}"})
        if (module, name) == ("_codecs", "encode"):
            return _LatinEncode()
        if module in ("copy_reg", "copyreg") and name == "_reconstructor":
            return _Reconstructor()
        if module in ("__builtin__", "builtins") and name in ("object", "bytes"):
            return Inert if name == "object" else _EmptyBytes()
        raise KnuckleError(
            f"refused: the file asks for {module}.{name}; "
            "expected nothing but numpy, scipy.sparse and chumpy objects"
        )


def load_whitelisted_pickle(path: str | Path, *, what: str = "a MANO file") -> Any:
    """The pickled object, scipy and chumpy objects in it as `Inert`; use `to_array` on those.

    what: the kind of file, for errors. Raises KnuckleError for a missing, oversized, truncated or corrupt file and
    for one that names any other global, of which nothing is imported or called.
    """
    path = Path(path)
    if not path.is_file():
        raise KnuckleError(f"{path}: expected {what} (.pkl), found no such file")
    return _load(path, lambda file: _WhitelistUnpickler(file, encoding="latin1").load(), what, MAX_BYTES)


def load_whitelisted_npy(path: str | Path, *, what: str, max_bytes: int = MAX_BYTES) -> Any:
    """What `numpy.save` wrote: an array, or an object that it pickled, read as `load_whitelisted_pickle` does.

    Raises KnuckleError as that does.
    """
    path = Path(path)
    if not path.is_file():
        raise KnuckleError(f"{path}: expected {what} (.npy), found no such file")
    return _load(path, _npy, what, max_bytes)


def _npy(file: BinaryIO) -> Any:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"an .npy file of version {version}")
    start = file.tell()
    shape, _, dtype = read[version](file)
    if not dtype.hasobject:
        file.seek(start - np.lib.format.MAGIC_LEN)
        return np.lib.format.read_array(file, allow_pickle=False)
    array = _WhitelistUnpickler(file, encoding="latin1").load()
    return array.item() if shape == () and isinstance(array, np.ndarray) else array


def _load(path: Path, read: Callable[[BinaryIO], Any], what: str, max_bytes: int) -> Any:
    if path.stat().st_size > max_bytes:
        raise KnuckleError(
            f"{path}: expected {what} of at most {max_bytes / 2**20:.0f} MB, got {path.stat().st_size / 2**20:.0f} MB"
        )
    try:
        with path.open("rb") as file:
            return read(file)
    except KnuckleError as error:
        raise KnuckleError(f"{path}: {error}") from None
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise KnuckleError(f"{path}: not {what}, or a truncated or corrupt one ({reason})") from error


def to_array(value: Any) -> np.ndarray:
    """A float or integer array of an ndarray, a chumpy constant or selection, or a scipy sparse matrix (made
    dense).

    Raises ValueError for anything else, malformed matrices included.
    """
    if isinstance(value, Inert):
        value = _sparse_to_array(value) if value.class_name.startswith("scipy.") else _chumpy_to_array(value)
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"expected numbers, got {array.dtype}")
    return array


def _chumpy_to_array(value: Inert) -> np.ndarray:
    state = value.state
    if "x" in state:
        return to_array(state["x"])
    if "a" in state and "idxs" in state:  # chumpy.reordering.Select: elements of another array
        picked = to_array(state["a"]).reshape(-1)[to_array(state["idxs"]).astype(np.int64)]
        shape = state.get("preferred_shape")
        return picked if shape is None else picked.reshape(tuple(int(size) for size in shape))
    raise ValueError(f"{value.class_name} without a value")


def _sparse_to_array(value: Inert) -> np.ndarray:
    state, kind = value.state, value.class_name.split(".")[1][:3]
    rows, columns = (int(size) for size in state.get("_shape", state.get("shape", ())))
    if rows * columns > MAX_BYTES:
        raise ValueError(f"a sparse matrix of {rows} x {columns}")
    data = to_array(state["data"])
    dense = np.zeros((rows, columns), np.float64)
    if kind == "coo":
        row, column = (to_array(index) for index in state.get("coords", (state.get("row"), state.get("col"))))
    else:
        inner, starts = to_array(state["indices"]), to_array(state["indptr"])
        outer = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        row, column = (inner, outer) if kind == "csc" else (outer, inner)
    np.add.at(dense, (row.astype(np.intp), column.astype(np.intp)), data)
    return dense
