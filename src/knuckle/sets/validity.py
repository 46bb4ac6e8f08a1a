"""What is labelled in a set's rows, and the refusal of labels that are said to be there and are not."""

import numpy as np
from jaxtyping import Bool

from knuckle.errors import KnuckleError
from knuckle.sets.reader import SynthSet
from knuckle.truth import Validity, array_name, validity_table

_TOLD_BY = {"joints_px": "joints_2d", "joints_m": "joints_3d", "pose": "pose", "shape": "shape"}
"""The labels that may be missing, and the part of `Validity` that says so."""
_ALWAYS = ("camera", "patch_from_frame")
_OWN = ("own_mesh_m",)
"""Labels that a set need not have."""
_ROWS = 1 << 15
"""Rows looked at together: a set may be larger than memory."""


def is_partial(found: SynthSet) -> bool:
    """Whether a set says of some label that it may be missing."""
    return any(name in found.labels for name in validity_table(found.hands))


def row_validity(found: SynthSet, row: int) -> Validity:
    """What is labelled in a row; everything where the set stores nothing of it."""
    table = validity_table(found.hands)

    def stored(kind: str, otherwise: np.ndarray | bool) -> np.ndarray:
        shape, _ = table[array_name(kind)]
        array = found.labels.get(array_name(kind))
        return np.full(shape, otherwise) if array is None else np.asarray(array[row])

    pose, shape = stored("pose", True), stored("shape", True)
    masked = found.hands == 1 or "part_mask" in found.labels
    return Validity(
        joints_2d=stored("joints_2d", True),
        joints_3d=stored("joints_3d", True),
        pose=pose,
        shape=shape,
        mesh=stored("mesh", pose & shape),
        mask=stored("mask", masked),
    )


def has_any(found: SynthSet, kind: str) -> bool:
    """Whether some row has a label of a kind (a field of `Validity`)."""
    if kind == "mask" and found.hands == 2 and "part_mask" not in found.labels:
        return False
    if kind == "mesh" and array_name(kind) not in found.labels:
        return has_any(found, "pose") and has_any(found, "shape")
    told = found.labels.get(array_name(kind))
    return told is None or bool(np.any(told))


def check_labels(found: SynthSet) -> None:
    """Raise KnuckleError naming file and row of a label that is NaN or infinite though nothing says that it is missing,
    and of an array of validity of another shape or dtype."""
    for name, (shape, dtype) in validity_table(found.hands).items():
        array = found.labels.get(name)
        whole = (len(found), *shape)
        if array is not None and (array.shape != whole or str(array.dtype) != dtype):
            raise KnuckleError(
                f"{found.path / name}.npy: expected {whole} of {dtype}, got {array.shape} of {array.dtype}"
            )
    own = [name for name in _OWN if name in found.labels]
    for name in (*_TOLD_BY, *_ALWAYS, *own):
        for first in range(0, len(found), _ROWS):
            _check_rows(found, name, slice(first, first + _ROWS))


def _check_rows(found: SynthSet, name: str, rows: slice) -> None:
    values = np.asarray(found.labels[name][rows])
    broken = ~np.isfinite(values)
    if not broken.any():
        return
    broken &= _counts(found, name, rows, values.ndim)
    if not broken.any():
        return
    place = np.argwhere(broken)[0]
    told = f"; a missing label is told in {array_name(_TOLD_BY[name])}.npy" if name in _TOLD_BY else ""
    where, got = f"{found.path / name}.npy: row {rows.start + place[0]}", values[tuple(place)]
    raise KnuckleError(f"{where}: expected finite numbers, got {got}{told}")


def _counts(found: SynthSet, name: str, rows: slice, dimensions: int) -> Bool[np.ndarray, "..."]:
    """Which entries of some rows are said to be there, with trailing axes of size one."""
    if name not in _TOLD_BY:
        return np.ones((1,) * dimensions, bool)
    here = np.asarray(found.labels["is_hand"][rows])
    told = found.labels.get(array_name(_TOLD_BY[name]))
    if told is not None:
        told = np.asarray(told[rows])
        here = here.reshape(here.shape + (1,) * (told.ndim - here.ndim)) & told
    return here.reshape(here.shape + (1,) * (dimensions - here.ndim))
