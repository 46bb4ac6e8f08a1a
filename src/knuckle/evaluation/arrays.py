"""What protocols compare: the truth of N samples, and a model's predictions for the same ones.

`Truth` and `Predictions` are of single hands, all right ones (left ones mirrored). `TwoHandTruth` and
`TwoHandPredictions` have an axis of hands, the right one first, left hands as they are. Points in px are of the frame,
points in metres of its camera frame (x right, y down, z forward). All raise KnuckleError for wrong shapes; predictions
also for NaN or infinity, saying in how many samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_finite

MESHES = ("vertices_m", "rough_vertices_m")
"""Predictions that hold a mesh."""

_TAILS: dict[str, tuple[int | str, ...]] = {
    "joints_px": (21, 2),
    "joints_m": (21, 3),
    "joints_2d_px": (21, 2),
    "mesh_joints_m": (21, 3),
    "rough_joints_m": (21, 3),
    "vertices_m": ("V", 3),
    "rough_vertices_m": ("V", 3),
    "confidence": (),
    "is_hand": (),
}
"""Of every array of a hand, the axes behind those of samples and hands."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of N right hands."""

    joints_px: Float[np.ndarray, "N 21 2"]
    """px of the frame; NaN where not labelled."""
    joints_m: Float[np.ndarray, "N 21 3"]
    """Camera frame, metres; NaN where not labelled."""
    camera: Float[np.ndarray, "N 4"]
    """fx, fy, cx, cy, px of the frame."""
    vertices_m: Float[np.ndarray, "N V 3"] | None = None
    """Camera frame, metres; None unless every hand has them."""
    scale_m: Float[np.ndarray, "N"] | None = None
    """Metric length of the bone 9-10; None unless every hand has it."""
    crop: Float[np.ndarray, "N 3"] | None = None
    """Centre u, centre v, side, px of the frame, of the window that the model saw."""
    names: tuple[str, ...] = ()
    """What the hands are called in reports."""

    def __post_init__(self) -> None:
        lead = (len(self.joints_px),)
        _check(self, lead, "ground truth", {"camera": (*lead, 4), "scale_m": lead, "crop": (*lead, 3)})

    def __len__(self) -> int:
        return len(self.joints_px)

    @property
    def has_3d(self) -> bool:
        """Whether every hand has at least three 3D joints, so that 3D errors mean something."""
        return len(self) > 0 and bool((np.isfinite(self.joints_m).all(-1).sum(-1) >= 3).all())


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's answers for the same N hands, in the same frames."""

    joints_px: Float[np.ndarray, "N 21 2"]
    """px of the frame."""
    joints_m: Float[np.ndarray, "N 21 3"]
    """Camera frame, metres."""
    joints_2d_px: Float[np.ndarray, "N 21 2"] | None = None
    """Joints of the model's own 2D branch, px of the frame."""
    confidence: Float[np.ndarray, "N"] | None = None
    """0..1, that a hand is there."""
    vertices_m: Float[np.ndarray, "N V 3"] | None = None
    """Camera frame, metres."""
    rough_vertices_m: Float[np.ndarray, "N V 3"] | None = None
    """The mesh before the model's refinement of it."""
    rough_joints_m: Float[np.ndarray, "N 21 3"] | None = None
    """The joints of that mesh."""
    mesh_joints_m: Float[np.ndarray, "N 21 3"] | None = None
    """Joints of a mesh head beside `joints_m`."""
    pair_confidence: Float[np.ndarray, "N 2"] | None = None
    """Of a two-hand system: that the right hand and that a left one are there."""

    def __post_init__(self) -> None:
        lead = (len(self.joints_px),)
        _check(self, lead, "predictions", {"pair_confidence": (*lead, 2)}, finite=True)

    def __len__(self) -> int:
        return len(self.joints_px)


@dataclass(frozen=True, eq=False)
class TwoHandTruth:
    """Labels of N crops of a right hand, a left one or both."""

    joints_px: Float[np.ndarray, "N 2 21 2"]
    """px of the frame; NaN where not labelled, anything for absent hands."""
    joints_m: Float[np.ndarray, "N 2 21 3"]
    """Camera frame, metres; NaN where not labelled, anything for absent hands."""
    is_hand: Bool[np.ndarray, "N 2"]
    """Which hands are there."""
    camera: Float[np.ndarray, "N 4"]
    """fx, fy, cx, cy, px of the frame."""
    vertices_m: Float[np.ndarray, "N 2 V 3"] | None = None
    """Camera frame, metres; None unless every crop has them."""
    names: tuple[str, ...] = ()
    """What the crops are called in reports."""
    kinds: tuple[str, ...] = ()
    """What each crop shows, where the data says so."""
    mesh_joints_m: Float[np.ndarray, "N 2 21 3"] | None = None
    """Joints of the meshes where `joints_m` are others; None unless every crop has them."""

    def __post_init__(self) -> None:
        count = len(self.joints_px)
        _check(self, (count, 2), "ground truth", {"camera": (count, 4)})

    def __len__(self) -> int:
        return len(self.joints_px)

    @property
    def has_3d(self) -> bool:
        """Whether there is a hand, and every hand has a 3D wrist and two more joints at least."""
        labelled = np.asarray(np.isfinite(self.joints_m[self.is_hand]).all(-1))
        return len(labelled) > 0 and bool((labelled[:, 0] & (labelled.sum(1) >= 3)).all())


@dataclass(frozen=True, eq=False)
class TwoHandPredictions:
    """A model's answers for the same N crops, in the same frames; finite for absent hands too."""

    joints_px: Float[np.ndarray, "N 2 21 2"]
    """px of the frame."""
    joints_m: Float[np.ndarray, "N 2 21 3"]
    """Camera frame, metres."""
    confidence: Float[np.ndarray, "N 2"] | None = None
    """0..1, that each hand is there; None where the model does not say."""
    vertices_m: Float[np.ndarray, "N 2 V 3"] | None = None
    """Camera frame, metres."""
    mesh_joints_m: Float[np.ndarray, "N 2 21 3"] | None = None
    """Joints of the meshes where `joints_m` are others."""

    def __post_init__(self) -> None:
        _check(self, (len(self.joints_px), 2), "predictions", finite=True)

    def __len__(self) -> int:
        return len(self.joints_px)


def _check(
    arrays: Truth | Predictions | TwoHandTruth | TwoHandPredictions,
    lead: tuple[int, ...],
    what: str,
    more: Mapping[str, tuple[int, ...]] | None = None,
    *,
    finite: bool = False,
) -> None:
    """Check the arrays that are there: `lead` (samples, hands) before their own axes, or the shapes in `more`."""
    expected = {name: (*lead, *tail) for name, tail in _TAILS.items()} | dict(more or {})
    given = {name: value for name in expected if (value := getattr(arrays, name, None)) is not None}
    for name, value in given.items():
        shape = expected[name]
        fits = value.ndim == len(shape) and all(
            want in (got, "V") for want, got in zip(shape, value.shape, strict=True)
        )
        if not fits:
            text = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
            raise KnuckleError(f"{name}: expected {what} shaped {text}, got {value.shape}")
    for name, value in given.items() if finite else ():
        check_finite(value, name=name)
