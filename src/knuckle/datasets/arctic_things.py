"""The things of ARCTIC that hands hold: two parts that turn about an axis, and how they move through a recording.

    meta/object_vtemplates/THING/mesh.obj      v x y z, mm
    meta/object_vtemplates/THING/parts.json    a number a vertex: 0 of the part that turns, 1 of the base
    meta/object_meta.json                      THING: diameter, metres
    raw_seqs/SUBJECT/SEQUENCE.object.npy       a row a frame: angle (rad), axis-angle, place (mm), of the world

or obj_arti, obj_rot and obj_trans of a processed recording's params. The part that turns does so first, about -z of the
thing; then the whole is turned and moved. The facts are those of the authors' `object_tensors.py`, which made the
labels and scores predictions; their `data_doc.md` names the parts the other way round.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.datasets.arctic import Arctic, Sequence
from knuckle.datasets.label_numbers import checked_numbers, entry_numbers
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.rig.rotations import rodrigues
from knuckle.rig.safe_pickle import load_whitelisted_npy

_MM = 1e-3
_TURNS_ABOUT = np.array([0.0, 0.0, -1.0])
_LARGEST = 256 * 2**20


class Thing(NamedTuple):
    """A thing at rest."""

    name: str
    vertices_m: Float[np.ndarray, "P 3"]
    is_base: Bool[np.ndarray, "P"]
    """Of the part that does not turn; the middle of its vertices is the thing's place."""
    diameter_m: float


class Motion(NamedTuple):
    """How a thing lies, frame by frame."""

    angle_rad: Float[np.ndarray, "n"]
    """By which its part is turned."""
    rotation: Float[np.ndarray, "n 3"]
    """Axis-angle."""
    translation_m: Float[np.ndarray, "n 3"]


def thing_of(recording: str) -> str:
    """The name of the thing of a recording SUBJECT/SEQUENCE."""
    return recording.rpartition("/")[2].partition("_")[0]


def read_thing(folder: Path, name: str) -> Thing:
    """A thing's mesh, parts and size; raises KnuckleError naming what is missing or damaged."""
    where = folder / "meta" / "object_vtemplates" / name
    vertices = _obj_vertices(where / "mesh.obj") * _MM
    path = where / "parts.json"
    try:
        parts = np.asarray(read_json(path, kind=list), dtype=float)
    except (TypeError, ValueError) as error:
        raise KnuckleError(f"{path}: expected a number a vertex, got something else") from error
    if parts.shape != (len(vertices),) or not np.isin(parts, (0, 1)).all() or not parts.any():
        raise KnuckleError(
            f"{path}: expected {len(vertices)} numbers, 0 or 1, as mesh.obj has vertices, got {parts.shape}"
        )
    path = folder / "meta" / "object_meta.json"
    entry = read_json(path, kind=dict).get(name)
    diameter = entry.get("diameter") if isinstance(entry, dict) else None
    if isinstance(diameter, bool) or not isinstance(diameter, int | float) or not 0 < diameter < 10:
        raise KnuckleError(f"{path}: {name}: expected its diameter in metres, got {diameter!r}")
    return Thing(name, vertices, parts > 0, float(diameter))


def read_motion(data: Arctic, sequence: Sequence) -> Motion:
    """How the thing of a recording moves in the world; raises KnuckleError naming what is missing or damaged."""
    raw = data.folder / "raw_seqs" / f"{sequence.name}.object.npy"
    count = sequence.frames
    if raw.is_file():
        rows = load_whitelisted_npy(raw, what="a thing's motion of ARCTIC")
        rows = checked_numbers(rows, (count, 7), str(raw))
        return Motion(rows[:, 0], rows[:, 1:4], rows[:, 4:] * _MM)
    params = data.processed_params(sequence.name)
    if params is None:
        raise KnuckleError(f"{raw}: expected how the recording's thing moves, got no such file")
    where, found = params
    return Motion(
        entry_numbers(found, "obj_arti", (count,), where, flat=True),
        entry_numbers(found, "obj_rot", (count, 3), where),
        entry_numbers(found, "obj_trans", (count, 3), where) * _MM,
    )


def posed(thing: Thing, motion: Motion) -> Float[np.ndarray, "n P 3"]:
    """The thing's vertices in every frame."""
    turned = np.tile(thing.vertices_m, (len(motion.angle_rad), 1, 1))
    top = ~thing.is_base
    about = rodrigues(motion.angle_rad[:, None] * _TURNS_ABOUT)
    turned[:, top] = np.einsum("nij,pj->npi", about, thing.vertices_m[top])
    return np.einsum("nij,npj->npi", rodrigues(motion.rotation), turned) + motion.translation_m[:, None]


def _obj_vertices(path: Path) -> Float[np.ndarray, "P 3"]:
    """The vertices of a Wavefront file in its order."""
    try:
        if path.stat().st_size > _LARGEST:
            raise KnuckleError(f"{path}: expected a mesh of a few MB, got more than 256")
        lines = [line.split() for line in path.read_text().splitlines() if line.startswith("v ")]
    except OSError as error:
        raise KnuckleError(f"{path}: expected a mesh of ARCTIC, got {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnuckleError(f"{path}: expected a mesh as text, got bytes that are none") from error
    try:
        found: Any = np.array([line[1:4] for line in lines], dtype=float)
    except ValueError as error:
        raise KnuckleError(f"{path}: expected three numbers a vertex, got {error}") from error
    if found.ndim != 2 or found.shape[1] != 3 or not len(found) or not np.isfinite(found).all():
        raise KnuckleError(f"{path}: expected vertices of three finite numbers, got none")
    return found
