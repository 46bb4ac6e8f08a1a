"""Rig files: the open rig shipped with the package, or another of the same format, as a `HandRig`."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.tips import MANO_TIPS, OPEN
from knuckle.skeleton import MANO16_PARENTS, SIDES, Side


@lru_cache(maxsize=8)
def load_rig(source: str | Path = "open", *, side: Side = "right") -> HandRig:
    """The open rig shipped with the package, a rig file (.npz) of the same format, or the user's own MANO file
    (.pkl, read by `load_mano` as it reads by default), as a left or right hand.

    "MANO_RIGHT.pkl#ho3d" reads it with the fingertips of a convention (`knuckle.rig.tips`); without, FreiHAND's.
    Cached: every caller shares one object, treat its arrays as constants. Raises KnuckleError for an unknown side
    and for a file that is missing or not a rig.
    """
    if side not in SIDES:
        raise KnuckleError(f"side: expected one of {', '.join(SIDES)}, got {side!r}")
    name, tips = rig_file(source)
    path = Path(__file__).with_name("open.npz") if name == "open" else Path(name)
    if not path.is_file():
        raise KnuckleError(f"rig: expected 'open' or a rig file, found no file {path}")
    if path.suffix == ".pkl":
        # Imported here: the MANO reader itself needs this module.
        from knuckle.rig.mano import load_mano

        return load_mano(path, side, tips=tips or "freihand")  # pyright: ignore[reportArgumentType]
    if tips:
        raise KnuckleError(f"rig: expected a MANO file (.pkl) before #{tips}, got {name!r}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            right = rig_from_arrays({key: archive[key] for key in archive.files})
    except KnuckleError:
        raise
    except Exception as error:
        raise KnuckleError(f"rig: {path} is not a rig file ({error})") from error
    return right if side == "right" else right.mirrored()


def rig_file(source: str | Path) -> tuple[str, str]:
    """The file in a rig's name as `load_rig` takes it, and the fingertips it asks for, "" for none."""
    name, _, tips = str(source).rpartition("#")
    return (name, tips) if tips in MANO_TIPS else (str(source), "")


def rig_from_arrays(data: Mapping[str, np.ndarray]) -> HandRig:
    """A right-hand rig from the arrays of a rig file (sparse skin weights and regressor become dense).

    Raises KnuckleError for a missing array or a joint tree that is not MANO's.
    """
    required = ("vertices", "faces", "skin_index", "skin_weight", "shape_basis", "regressor_joint")
    required += ("regressor_vertex", "regressor_value", "tip_vertices", "axes", "rest_angles")
    if missing := [key for key in required if key not in data]:
        raise KnuckleError(
            f"rig file: expected the arrays {', '.join(required)}; missing {', '.join(missing)}"
        )
    if tuple(np.asarray(data.get("parents", MANO16_PARENTS)).tolist()) != MANO16_PARENTS:
        raise KnuckleError("rig file: expected the joint tree of MANO's 16 joints, got another 'parents'")
    vertices = np.asarray(data["vertices"], np.float32)
    faces = np.asarray(data["faces"], np.int32)
    count = len(vertices)
    weights = np.zeros((count, 16), np.float32)
    rows = np.broadcast_to(np.arange(count)[:, None], data["skin_index"].shape)
    np.add.at(weights, (rows, data["skin_index"].astype(np.intp)), data["skin_weight"].astype(np.float32))
    weights /= weights.sum(1, keepdims=True)
    regressor = np.zeros((16, count), np.float32)
    np.add.at(regressor, (data["regressor_joint"], data["regressor_vertex"]), data["regressor_value"])
    optional: dict[str, Any] = {
        key: np.asarray(data[key])
        for key in ("part_label", "finger_label", "nail", "palm_side", "wrist_loop")
        if key in data
    }
    if "uv_corner" in data:
        optional["uv_corner"] = np.asarray(data["uv_corner"], np.float32)
    elif "uv" in data:
        optional["uv_corner"] = np.asarray(data["uv"], np.float32)[faces]
    return HandRig(
        name=str(data.get("name", "open")),
        side="right",
        vertices=vertices,
        faces=faces,
        skin_weights=weights,
        shape_basis=np.asarray(data["shape_basis"], np.float32),
        pose_basis=np.asarray(data.get("pose_basis", np.zeros((count, 3, 0))), np.float32),
        pose_map=np.asarray(data.get("pose_map", np.zeros((0, 135))), np.float32),
        joint_regressor=regressor,
        tip_vertices=np.asarray(data["tip_vertices"], np.int64),
        tips=str(data.get("tips", OPEN)),
        parents=np.array(MANO16_PARENTS),
        axes=np.asarray(data["axes"], np.float32),
        rest_angles=np.asarray(data["rest_angles"], np.float32),
        cap_vertex=int(data["cap_vertex"]) if "cap_vertex" in data else None,
        licence=str(data.get("licence", "")),
        source=str(data.get("source", "")),
        **optional,
    )
