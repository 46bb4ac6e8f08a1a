"""Left hands: the network knows right ones, so it is shown the mirrored frame and its answer is mirrored
back."""

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE, MIRROR_POINT, mirror_px


def mirror_outputs(
    outputs: dict[str, Float[np.ndarray, "b ..."]], where: Float[np.ndarray, "b"], width: int
) -> dict[str, Float[np.ndarray, "b ..."]]:
    """A hand's joints_px, joints_m, vertices_m and pose_rad, those that are there, mirrored for the hands where `where`
    is true."""
    changes = {
        "joints_px": lambda value: mirror_px(value, width),
        "joints_m": lambda value: value * MIRROR_POINT,
        "vertices_m": lambda value: value * MIRROR_POINT,
        "pose_rad": lambda value: value * MIRROR_AXIS_ANGLE,
    }
    result = dict(outputs)
    for name, change in changes.items():
        if name not in outputs:
            continue
        value = outputs[name]
        chosen = np.asarray(where, dtype=bool).reshape(-1, *(1,) * (value.ndim - 1))
        result[name] = np.where(chosen, change(value), value)
    return result
