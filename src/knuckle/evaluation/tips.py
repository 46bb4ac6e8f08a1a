"""Predictions with the fingertips of the data: a model that learned others is not charged for the difference."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.arrays import Predictions
from knuckle.geometry.projection import project
from knuckle.rig.tips import MANO_TIPS, convert_tips


def to_tips(
    predictions: Predictions, camera: Float[np.ndarray, "N 4"], *, source: str, target: str
) -> tuple[Predictions, tuple[str, ...]]:
    """Joints of `source`'s fingertips as those of `target`, and what a reader must know of it.

    Where both are conventions on MANO's mesh the model's own mesh converts them, in 3D and, by as many px, in 2D; else
    they stay. camera: fx, fy, cx, cy a hand. target "": the data does not say.
    """
    if not target or source == target:
        return predictions, ()
    ours = f"fingertips: the data's are {target}'s, the model's {source}'s"
    vertices = predictions.vertices_m
    if vertices is None or source not in MANO_TIPS or target not in MANO_TIPS:
        return predictions, (f"{ours}; not converted, as they are not vertices of one mesh",)
    joints_m = convert_tips(predictions.joints_m, vertices, source=source, target=target)
    moved_px = project(joints_m, camera[:, None]) - project(predictions.joints_m, camera[:, None])
    changed = {"joints_m": joints_m, "joints_px": predictions.joints_px + moved_px}
    if predictions.joints_2d_px is not None:
        changed["joints_2d_px"] = predictions.joints_2d_px + moved_px
    if predictions.mesh_joints_m is not None:
        changed["mesh_joints_m"] = convert_tips(
            predictions.mesh_joints_m, vertices, source=source, target=target
        )
    return replace(predictions, **changed), (f"{ours}; converted by the model's mesh",)
