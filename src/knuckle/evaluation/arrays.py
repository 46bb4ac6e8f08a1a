"""Truth and Predictions: the arrays every protocol compares, all of right hands (left ones mirrored)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_finite
from knuckle.skeleton import JOINT_COUNT

MESHES = ("vertices_m", "rough_vertices_m")
"""Predictions that hold a mesh."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of N hands. joints_px (N, 21, 2) px of the frame, joints_m (N, 21, 3) camera frame, metres: NaN
    where not labelled. camera (N, 4) = fx, fy, cx, cy. vertices_m (N, V, 3) and scale_m (N,), the metric
    length of the bone 9-10, where every hand has them. crop (N, 3) = centre u, centre v, side px of the window the
    model saw. names: what the hands are called in reports.
    """

    joints_px: Float[np.ndarray, "N 21 2"]
    joints_m: Float[np.ndarray, "N 21 3"]
    camera: Float[np.ndarray, "N 4"]
    vertices_m: Float[np.ndarray, "N V 3"] | None = None
    scale_m: Float[np.ndarray, "N"] | None = None
    crop: Float[np.ndarray, "N 3"] | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.joints_px)

    @property
    def has_3d(self) -> bool:
        """Whether every hand has at least three 3D joints, so that 3D errors mean something."""
        return len(self) > 0 and bool((np.isfinite(self.joints_m).all(-1).sum(-1) >= 3).all())


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's answers for the same N hands, in the same frames: joints_px (N, 21, 2) px of the frame,
    joints_m (N, 21, 3) camera frame, metres; where the model has them, joints_2d_px of its own 2D branch,
    confidence (N,), vertices_m (N, V, 3), rough_vertices_m (N, V, 3) of the mesh before its refinement,
    mesh_joints_m (N, 21, 3) of a mesh head beside the joints, and, of a system of two hands, pair_confidence (N, 2)
    that the right hand and a left one are there. Raises KnuckleError for wrong shapes and for NaN or
    infinity, naming how many samples.
    """

    joints_px: Float[np.ndarray, "N 21 2"]
    joints_m: Float[np.ndarray, "N 21 3"]
    joints_2d_px: Float[np.ndarray, "N 21 2"] | None = None
    confidence: Float[np.ndarray, "N"] | None = None
    vertices_m: Float[np.ndarray, "N V 3"] | None = None
    rough_vertices_m: Float[np.ndarray, "N V 3"] | None = None
    mesh_joints_m: Float[np.ndarray, "N 21 3"] | None = None
    pair_confidence: Float[np.ndarray, "N 2"] | None = None

    def __post_init__(self) -> None:
        count = len(self.joints_px)
        expected = {
            "joints_px": (count, JOINT_COUNT, 2),
            "joints_m": (count, JOINT_COUNT, 3),
            "joints_2d_px": (count, JOINT_COUNT, 2),
            "confidence": (count,),
            "mesh_joints_m": (count, JOINT_COUNT, 3),
            "pair_confidence": (count, 2),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise KnuckleError(f"{name}: expected predictions shaped {shape}, got {value.shape}")
        for name in MESHES:
            value = getattr(self, name)
            if value is not None and (value.ndim != 3 or value.shape[::2] != (count, 3)):
                raise KnuckleError(f"{name}: expected predictions shaped ({count}, V, 3), got {value.shape}")
        for name in (*expected, *MESHES):
            value = getattr(self, name)
            if value is not None:
                check_finite(value, name=name)

    def __len__(self) -> int:
        return len(self.joints_px)
