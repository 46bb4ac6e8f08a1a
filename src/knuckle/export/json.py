"""Hands of a photo as JSON, and back: PHOTO.json of `knuckle estimate`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from knuckle.errors import KnuckleError
from knuckle.export.schema import CAMERA_FIELDS, HAND_FIELDS, VERTICES_DECIMALS
from knuckle.files import atomic_path, parse_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

FORMAT = "knuckle hands"
"""The first value of every file, by which it is known to be ours."""
VERSION = 1

_DECIMALS = {name: field.decimals for name, field in HAND_FIELDS.items()} | {"vertices_m": VERTICES_DECIMALS}


def hands_to_json(hands: Hands, *, image: str, photo: str | None = None) -> dict[str, Any]:
    """The contents of PHOTO.json, as plain lists and numbers; `image` is the photo's name, `photo` where it lies as
    seen from the file.

    {"format", "version", "image", "photo" (where given), "width", "height", "camera": {"fx", "fy", "cx", "cy",
    "assumed", "picture_mirrored", "source"}, "mesh": "rig" or "network", "hands": [{"side", "confidence", "box_px",
    "joints_px", "joints_m", "vertices_m", "pose_rad", "shape", "model", "side_confidence", "state", "joint_error_px",
    "joint_error_m"}]}. Units and frames are those of `Hands`; an error of a joint that is not known is null. A frame of
    a video has "time_s" before the width, and each of its hands "identity"; "root_covariance_m2" is there where it is
    known.
    """
    data = hands.to_dict()
    return {
        "format": FORMAT,
        "version": VERSION,
        "image": image,
        **({} if photo is None else {"photo": photo}),
        **{key: data[key] for key in ("time_s", "width", "height") if key in data},
        "camera": camera_to_json(hands.camera),
        "mesh": data["mesh"],
        "hands": [rounded_hand(hand) for hand in data["hands"]],
    }


def camera_to_json(camera: Camera) -> dict[str, Any]:
    """The intrinsics as files have them."""
    values = {name: getattr(camera, name) for name in CAMERA_FIELDS}
    return {name: v if isinstance(v, bool | str) else round(float(v), 4) for name, v in values.items()}


def rounded_hand(hand: dict[str, Any]) -> dict[str, Any]:
    """One hand of `Hands.to_dict` with its numbers as files have them."""
    rounded = {}
    for key, value in hand.items():
        if key not in _DECIMALS:
            rounded[key] = value
            continue
        # Adding zero turns -0.0 into 0.0.
        numbers = (np.round(np.asarray(value, dtype=float), _DECIMALS[key]) + 0.0).tolist()
        if key in ("joint_error_px", "joint_error_m"):
            numbers = [None if np.isnan(number) else number for number in numbers]
        rounded[key] = numbers
    return rounded


def write_json(path: str | Path, hands: Hands, *, image: str) -> None:
    """Write PHOTO.json, whole or not at all; `image` is the photo's name.

    Raises KnuckleError naming a path that cannot be written.
    """
    text = json.dumps(hands_to_json(hands, image=image), allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path, *, faces: Int[np.ndarray, "F 3"] | None = None) -> Hands:
    """Read PHOTO.json. It does not hold the triangles; give them as `faces` (`load_rig("open").faces`) if needed.

    Raises KnuckleError naming the path and the problem.
    """
    try:
        data = parse_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise KnuckleError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise KnuckleError(f"{path}: expected JSON of knuckle's hands, got {error}") from error
    if not isinstance(data, dict):
        raise KnuckleError(f"{path}: expected an object with the key hands, got {type(data).__name__}")
    try:
        return Hands.from_dict(data, faces=faces)
    except KnuckleError as error:
        raise KnuckleError(f"{path}: {error}") from error
