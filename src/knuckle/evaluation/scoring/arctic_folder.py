"""The folder of predictions that ARCTIC's server takes (`knuckle.evaluation.scoring.arctic`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.datasets import arctic_things
from knuckle.datasets.arctic_things import Motion, Thing
from knuckle.datasets.label_numbers import checked_numbers
from knuckle.errors import KnuckleError
from knuckle.evaluation.protocols.arctic_task import Scene
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.skeleton import HAND_SIDES, Side

_LARGEST = 4 * 2**30
_TOLERANCE = 0.02
"""How far a rotation may be from one: they are stored in half precision."""


def read_view(
    folder: Path,
    recording: str,
    view: int,
    names: tuple[str, ...],
    rigs: Mapping[Side, HandRig],
    thing: Thing,
) -> Scene:
    """The hands and the thing of a recording's pictures in a view, as they are asked for by name.

    Raises KnuckleError naming the file that is missing, damaged or of another shape, and for pictures that are missing.
    """
    top = folder / "eval" if (folder / "eval").is_dir() else folder
    where = top / f"{recording.replace('/', '_')}_{view}"
    rows = _rows(where / "meta_info" / "meta_info.imgname.pt", names)
    vertices, joints = [], []
    for side in HAND_SIDES:
        letter = side[0]
        turns = _numbers(where, f"pred.mano.pose.{letter}", (None, 16, 3, 3), rows)
        _check_rotations(turns, where / "preds" / f"pred.mano.pose.{letter}.pt")
        shape = _numbers(where, f"pred.mano.beta.{letter}", (None, 10), rows)
        place = _numbers(where, f"pred.mano.cam_t.{letter}", (None, 3), rows)
        posed = rigs[side].posed(matrix_to_axis_angle(turns), shape, place)
        vertices.append(posed.vertices)
        joints.append(posed.joints)
    angle = _numbers(where, "pred.object.radian", (None,), rows)
    motion = Motion(
        angle,
        _numbers(where, "pred.object.rot", (None, 3), rows),
        _numbers(where, "pred.object.cam_t", (None, 3), rows),
    )
    return Scene(np.stack(joints, 1), np.stack(vertices, 1), arctic_things.posed(thing, motion), angle)


def _rows(path: Path, names: tuple[str, ...]) -> np.ndarray:
    """The place of each picture in the files."""
    stored = _load(path)
    if not isinstance(stored, list | tuple) or not all(isinstance(each, str) for each in stored):
        raise KnuckleError(f"{path}: expected a list of paths of pictures, got something else")
    at = {"/".join(each.split("/")[-4:]).removesuffix(".jpg"): row for row, each in enumerate(stored)}
    missing = [name for name in names if name not in at]
    if missing:
        raise KnuckleError(
            f"{path}: expected {len(names)} pictures, {len(missing)} of them are missing, the first {missing[0]}"
        )
    return np.array([at[name] for name in names], int)


def _numbers(folder: Path, key: str, shape: tuple[int | None, ...], rows: np.ndarray) -> np.ndarray:
    path = folder / "preds" / f"{key}.pt"
    values = _load(path)
    numpy = getattr(values, "numpy", None)
    if numpy is None:
        raise KnuckleError(f"{path}: expected a tensor of numbers, got {type(values).__name__}")
    # Of one number a picture, with an axis too many or without.
    numbers = checked_numbers(values.float().numpy(), shape, str(path), flat=len(shape) == 1)
    if len(rows) and len(numbers) <= rows.max():
        raise KnuckleError(f"{path}: expected a row for each of the pictures, got {len(numbers)}")
    return numbers[rows]


def _check_rotations(turns: np.ndarray, path: Path) -> None:
    off = np.abs(turns @ np.swapaxes(turns, -1, -2) - np.eye(3)).max(initial=0.0)
    if off > _TOLERANCE:
        raise KnuckleError(f"{path}: expected rotations, got matrices that are {off:.2g} off")


def _load(path: Path) -> Any:
    """What torch.save wrote, numbers and lists alone: nothing in it is run."""
    try:
        import torch
    except ImportError as error:
        raise KnuckleError(
            "ARCTIC's folder of predictions: expected torch, which reads it, got none; install knuckle[train]"
        ) from error
    try:
        if path.stat().st_size > _LARGEST:
            raise KnuckleError(f"{path}: expected at most 4 GiB of predictions, got more")
        return torch.load(path, map_location="cpu", weights_only=True)
    except KnuckleError:
        raise
    except OSError as error:
        raise KnuckleError(
            f"{path}: expected predictions of ARCTIC, got {error.strerror or 'a damaged file'}"
        ) from error
    except Exception as error:
        # torch, zipfile and pickle raise errors of many kinds for bytes that are not theirs.
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise KnuckleError(
            f"{path}: expected what torch.save writes of numbers, got a damaged or hostile file ({first})"
        ) from error
