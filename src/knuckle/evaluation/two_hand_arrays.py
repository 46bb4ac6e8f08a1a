"""TwoHandTruth and TwoHandPredictions: the arrays that two-hand protocols compare, the right hand first, left hands as
they are (not mirrored).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_finite
from knuckle.skeleton import JOINT_COUNT


@dataclass(frozen=True, eq=False)
class TwoHandTruth:
    """Labels of N crops. joints_px (N, 2, 21, 2) px of the frame, joints_m (N, 2, 21, 3) camera frame, metres: NaN
    where not labelled, anything where `is_hand` (N, 2) says that the hand is not there. camera (N, 4) = fx, fy, cx,
    cy. vertices_m (N, 2, V, 3) where every crop has them. names: what the crops are called in reports. kinds: what
    each crop shows, where the data tells. Raises KnuckleError for wrong shapes.
    """

    joints_px: Float[np.ndarray, "N 2 21 2"]
    joints_m: Float[np.ndarray, "N 2 21 3"]
    is_hand: Bool[np.ndarray, "N 2"]
    camera: Float[np.ndarray, "N 4"]
    vertices_m: Float[np.ndarray, "N 2 V 3"] | None = None
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joints_px)
        expected = {
            "joints_px": (count, 2, JOINT_COUNT, 2),
            "joints_m": (count, 2, JOINT_COUNT, 3),
            "is_hand": (count, 2),
            "camera": (count, 4),
        }
        for name, shape in expected.items():
            if (found := getattr(self, name).shape) != shape:
                raise KnuckleError(f"{name}: expected ground truth shaped {shape}, got {found}")
        _check_vertices(self.vertices_m, count, "ground truth")

    def __len__(self) -> int:
        return len(self.joints_px)

    @property
    def has_3d(self) -> bool:
        """Whether there is a hand, and every hand has a 3D wrist and two more joints at least."""
        labelled = np.asarray(np.isfinite(self.joints_m[self.is_hand]).all(-1))
        return len(labelled) > 0 and bool((labelled[:, 0] & (labelled.sum(1) >= 3)).all())


@dataclass(frozen=True, eq=False)
class TwoHandPredictions:
    """A model's answers for the same N crops, in the same frames; finite for absent hands too. confidence (N, 2): that
    each hand is there, None where the model does not tell. vertices_m (N, 2, V, 3) where it has meshes. Raises
    KnuckleError for wrong shapes and for NaN or infinity, naming how many samples.
    """

    joints_px: Float[np.ndarray, "N 2 21 2"]
    joints_m: Float[np.ndarray, "N 2 21 3"]
    confidence: Float[np.ndarray, "N 2"] | None = None
    vertices_m: Float[np.ndarray, "N 2 V 3"] | None = None

    def __post_init__(self) -> None:
        count = len(self.joints_px)
        expected = {
            "joints_px": (count, 2, JOINT_COUNT, 2),
            "joints_m": (count, 2, JOINT_COUNT, 3),
            "confidence": (count, 2),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise KnuckleError(f"{name}: expected predictions shaped {shape}, got {value.shape}")
        _check_vertices(self.vertices_m, count, "predictions")
        for name in (*expected, "vertices_m"):
            value = getattr(self, name)
            if value is not None:
                check_finite(value, name=name)

    def __len__(self) -> int:
        return len(self.joints_px)


def _check_vertices(vertices: np.ndarray | None, count: int, what: str) -> None:
    if vertices is not None and (
        vertices.ndim != 4 or (*vertices.shape[:2], vertices.shape[3]) != (count, 2, 3)
    ):
        raise KnuckleError(f"vertices_m: expected {what} shaped ({count}, 2, V, 3), got {vertices.shape}")
