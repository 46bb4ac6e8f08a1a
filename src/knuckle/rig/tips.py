"""Which vertices of a mesh count as fingertips: projects differ, by millimetres, and so do their tip joints.

A convention has a name. Labels, rigs, sets and weights carry it; what carries none is from before and means the open
rig's. Joints go from one convention to another by the mesh that they are of.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.skeleton import JOINT_CLASSES

TipSource: TypeAlias = Literal["freihand", "ho3d", "manopth", "i2l", "smplx"]
"""The conventions on MANO's mesh."""

MANO_TIPS: dict[TipSource, tuple[int, int, int, int, int]] = {
    "freihand": (744, 320, 443, 555, 672),
    "ho3d": (744, 333, 444, 555, 672),
    "manopth": (745, 317, 444, 556, 673),
    "i2l": (745, 317, 445, 556, 673),
    "smplx": (744, 320, 443, 554, 671),
}
"""Vertices of thumb, index, middle, ring and pinky. manopth's are ObMan's and DexYCB's too, smplx's ARCTIC's and
HOT3D's."""

OPEN = "open"
"""The open rig's own vertices; also what sets and records from before tips had a name mean."""
OPEN_TIPS = (782, 32, 221, 416, 605)
CUSTOM = "custom"
"""Five vertices that no convention here has."""

TIP_JOINTS = JOINT_CLASSES["T"]


def named_tips(tips: TipSource | Sequence[int], vertex_count: int) -> tuple[str, Int[np.ndarray, "5"]]:
    """Name and vertices of a convention on MANO's mesh, given by its name or as five vertices.

    Raises KnuckleError for an unknown name, and for anything but five vertices below `vertex_count`.
    """
    chosen = tip_vertices(tips) if isinstance(tips, str) else tips
    ids = np.asarray(chosen)
    if ids.shape != (5,) or ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= vertex_count:
        raise KnuckleError(f"tips: expected five vertex ids below {vertex_count}, got {chosen!r}")
    same = (name for name, known in MANO_TIPS.items() if known == tuple(ids.tolist()))
    return next(same, CUSTOM), ids.astype(np.int64)


def tip_vertices(tips: str) -> tuple[int, int, int, int, int]:
    """The vertices of a convention on MANO's mesh. Raises KnuckleError for another name."""
    if tips not in MANO_TIPS:
        raise KnuckleError(f"tips: expected one of {', '.join(MANO_TIPS)} or five vertex ids, got {tips!r}")
    return MANO_TIPS[tips]


def convert_tips(
    joints_m: Float[np.ndarray, "*batch 21 3"],
    vertices_m: Float[np.ndarray, "*batch v 3"],
    *,
    source: str,
    target: str,
) -> Float[np.ndarray, "*batch 21 3"]:
    """Joints of one convention as joints of another: each tip moves as far as the mesh's two vertices lie apart.

    joints_m: common order, metres. vertices_m: MANO's mesh of the same hands, same frame. A tip that is off its
    vertex, as a label is, stays off by as much. Raises KnuckleError for names that are not conventions on MANO's mesh,
    and for a mesh that lacks the vertices.
    """
    if source == target:
        return joints_m
    before, after = (list(tip_vertices(name)) for name in (source, target))
    if vertices_m.shape[-2] <= max(*before, *after):
        raise KnuckleError(
            f"tips: expected MANO's mesh to go from {source}'s to {target}'s, got {vertices_m.shape[-2]} vertices"
        )
    moved = np.array(joints_m, copy=True)
    moved[..., list(TIP_JOINTS), :] += vertices_m[..., after, :] - vertices_m[..., before, :]
    return moved


def check_same_tips(found: str, expected: str, *, what: str, fix: str) -> None:
    """Raise KnuckleError, one sentence with the way out, where two conventions meet."""
    if found != expected:
        raise KnuckleError(
            f"{what}: expected fingertips of {expected}, got {found}'s, which lie millimetres off; {fix}"
        )
