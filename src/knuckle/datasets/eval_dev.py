"""Reader of an index of real photographs: `index.json`, one object a hand.

Keys: id, image (relative to the folder), width, height, source, hand (left, right or null), joints_2d_px (21
x 2, a joint null where not labelled), joints_3d_mm (21 x 3 or null; camera frame), K (3 x 3 or null), bbox
(x, y, w, h), optional verts_npy (mesh vertices, mm). Joints are in the common order.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT

INDEX = "index.json"
_KEYS = ("id", "image", "width", "height", "source", "hand", "joints_2d_px", "joints_3d_mm", "K", "bbox")
_MM = 1e-3


def read_eval_dev(folder: Path) -> list[LabelledHand]:
    """All hands of known side in the order of the index; pictures are read later.

    Hands whose side the index gives as null are left out: a system of right hands cannot be scored on them.
    Raises KnuckleError naming the file, the entry and the key that is missing or malformed.
    """
    index = folder / INDEX
    return [hand for entry in _entries(index) if (hand := _hand(entry, folder, index)) is not None]


def by_source(hands: list[LabelledHand]) -> dict[str, list[LabelledHand]]:
    """Hands of each source apart, largest source first: sources are never averaged into one number."""
    groups: dict[str, list[LabelledHand]] = {}
    for hand in hands:
        groups.setdefault(hand.source, []).append(hand)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _entries(index: Path) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(read_json(index, kind=list)):
        missing = [k for k in _KEYS if k not in entry] if isinstance(entry, dict) else list(_KEYS)
        if missing:
            raise KnuckleError(
                f"{index}: entry {number}: expected an object with {', '.join(_KEYS)}, missing {missing}"
            )
        yield entry


def _hand(entry: dict[str, Any], folder: Path, index: Path) -> LabelledHand | None:
    side = entry["hand"]
    if side not in ("left", "right", None):
        raise KnuckleError(f'{index}: {entry["id"]}: hand: expected "left", "right" or null, got {side!r}')
    if side is None:
        return None
    width, height = int(entry["width"]), int(entry["height"])
    where = f"{index}: {entry['id']}"
    joints_px = _points(entry["joints_2d_px"], 2, f"{where}: joints_2d_px")
    joints_mm = _points(entry["joints_3d_mm"], 3, f"{where}: joints_3d_mm")
    verts = entry.get("verts_npy")
    if entry["K"] is None:
        camera = Camera.from_size(width, height)
    else:
        camera = Camera.from_matrix(np.array(entry["K"], dtype=float), width, height)
    return LabelledHand(
        name=str(entry["id"]),
        source=str(entry["source"]),
        image=folder / entry["image"],
        side=side,
        camera=camera,
        box_px=_box(entry["bbox"], where),
        joints_px=joints_px,
        joints_m=None if joints_mm is None else joints_mm * _MM,
        vertices_m=None if verts is None else _vertices(folder / verts),
    )


def _points(rows: Any, last: int, where: str) -> np.ndarray | None:
    """Rows of numbers, a null row becoming NaN; None stays None."""
    if rows is None:
        return None
    try:
        points = np.array([[np.nan] * last if row is None else row for row in rows], dtype=float)
    except (TypeError, ValueError) as error:
        raise KnuckleError(f"{where}: expected {JOINT_COUNT} x {last} numbers, got {error}") from error
    if points.shape != (JOINT_COUNT, last):
        raise KnuckleError(f"{where}: expected {JOINT_COUNT} x {last} numbers, got shape {points.shape}")
    return points


def _box(values: Any, where: str) -> np.ndarray:
    try:
        box = np.array(values, dtype=float)
    except (TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= 0).any():
        raise KnuckleError(f"{where}: bbox: expected x, y, w, h with w, h > 0, got {values}")
    return box


def _vertices(path: Path) -> np.ndarray:
    try:
        vertices = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{path}: expected V x 3 vertices in mm, got {error}") from error
    return np.asarray(vertices, dtype=float) * _MM
