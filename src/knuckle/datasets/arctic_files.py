"""ARCTIC's label files (`knuckle.datasets.arctic`), each number checked: what is of another shape, or NaN, is named."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.mano_sides import Parameters
from knuckle.errors import KnuckleError
from knuckle.rig.safe_pickle import load_whitelisted_npy
from knuckle.skeleton import SIDES, Side

_LETTER: dict[Side, str] = {"right": "r", "left": "l"}


class World(NamedTuple):
    """What a recording says of the world: the hands, and the camera on the head; arrays have a row a frame."""

    hands: dict[Side, Parameters]
    head: Float[np.ndarray, "n 4 4"]
    """The head's camera from the world."""
    matrix: Float[np.ndarray, "3 3"]
    distortion: tuple[float, ...]


def read_raw(mano: Path, head: Path) -> World:
    """A recording of raw_seqs by its two files; raises KnuckleError naming the file and what is wrong in it."""
    data = load_whitelisted_npy(mano, what="MANO's parameters of ARCTIC")
    hands: dict[Side, Parameters] = {
        side: _parameters(part(data, side, str(mano)), ("rot", "pose", "trans", "shape"), f"{mano}: {side}")
        for side in SIDES
    }
    data, where = load_whitelisted_npy(head, what="the head's camera of ARCTIC"), str(head)
    rotation = entry_numbers(data, "R_k_cam_np", (None, 3, 3), where)
    place = entry_numbers(data, "T_k_cam_np", (len(rotation), None), where, flat=True)
    moved = np.tile(np.eye(4), (len(rotation), 1, 1))
    moved[:, :3, :3], moved[:, :3, 3] = rotation, place
    matrix = entry_numbers(data, "intrinsics", (3, 3), where)
    return World(hands, moved, matrix, tuple(entry_numbers(data, "dist8", (8,), where, flat=True).tolist()))


def of_params(where: str, data: dict[str, Any]) -> World:
    """The same of a processed recording; where: its file, for messages."""
    params = part(data, "params", where)
    hands: dict[Side, Parameters] = {
        side: _parameters(
            params, tuple(f"{key}_{letter}" for key in ("rot", "pose", "trans", "shape")), where
        )
        for side, letter in _LETTER.items()
    }
    head = entry_numbers(params, "world2ego", (None, 4, 4), where)
    matrix = entry_numbers(params, "K_ego", (len(head), 3, 3), where)[0]
    return World(hands, head, matrix, tuple(entry_numbers(params, "dist", (len(head), 8), where)[0].tolist()))


def _parameters(data: dict[str, Any], keys: tuple[str, ...], where: str) -> Parameters:
    rotation = entry_numbers(data, keys[0], (None, 3), where)
    count = len(rotation)
    fingers = entry_numbers(data, keys[1], (count, 45), where)
    # One shape of a recording, or the same one of every frame.
    shape = entry_numbers(data, keys[3], (None, 10), where, rows=True)
    pose = np.concatenate([rotation, fingers], axis=1).reshape(-1, 16, 3)
    return Parameters(
        pose, np.broadcast_to(shape, (count, 10)), entry_numbers(data, keys[2], (count, 3), where)
    )


def part(data: Any, key: str, where: str) -> dict[str, Any]:
    """A dictionary in a dictionary; raises KnuckleError where there is none."""
    if not isinstance(data, dict) or not isinstance(data.get(key), dict):
        raise KnuckleError(f"{where}: expected {key} as in ARCTIC, got none")
    return data[key]
