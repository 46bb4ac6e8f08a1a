"""Hands of a photo as a NumPy archive, and back, without rounding."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

_ARRAYS = ("confidence", "boxes_px", "joints_px", "joints_m", "vertices_m", "pose_rad", "shape", "faces")
_NEW_ARRAYS = ("side_confidence", "joint_error_px", "joint_error_m")
"""What files of before do not have."""


def write_npz(path: str | Path, hands: Hands) -> None:
    """Write all arrays of the hands, their sides, states, camera and models, whole or not at all.

    Raises KnuckleError naming a path that cannot be written.
    """
    arrays = {name: getattr(hands, name) for name in (*_ARRAYS, *_NEW_ARRAYS)}
    arrays |= {f"camera_{name}": np.array(value) for name, value in asdict(hands.camera).items()}
    arrays |= {"sides": np.array(hands.sides, dtype="U5"), "model": np.array(hands.model)}
    arrays |= {"mesh": np.array(hands.mesh)}
    arrays |= {
        "models": np.array(hands.models, dtype=np.str_),
        "states": np.array(hands.states, dtype=np.str_),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_npz(path: str | Path) -> Hands:
    """Read a file of `write_npz`; raises KnuckleError naming the path and the problem."""
    try:
        with np.load(path, allow_pickle=False) as data:
            names = [name for name in data.files if name.startswith("camera_")]
            camera = {name.removeprefix("camera_"): data[name].item() for name in names}
            return Hands(
                Camera(**camera),
                sides=tuple(str(side) for side in data["sides"]),  # pyright: ignore[reportArgumentType]
                model=str(data["model"]),
                models=tuple(str(model) for model in data["models"]),
                mesh=str(data["mesh"]) if "mesh" in data.files else "rig",  # pyright: ignore[reportArgumentType]
                states=tuple(str(state) for state in data["states"]) if "states" in data.files else (),  # pyright: ignore[reportArgumentType]
                **{
                    name: data[name]
                    for name in (*_ARRAYS, *_NEW_ARRAYS)
                    if name in data.files or name in _ARRAYS
                },
            )
    except KnuckleError as error:
        raise KnuckleError(f"{path}: {error}") from error
    except Exception as error:  # numpy, zipfile and zlib raise errors of many kinds for what is not theirs
        raise KnuckleError(f"{path}: expected an .npz of knuckle's hands, got {error!r}") from error
