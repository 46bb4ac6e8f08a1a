"""What all golden data share: the page's system, random hands, and how they are written."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.files import atomic_path
from knuckle.poses.prior import sample_orientations, sample_poses, sample_shapes
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle

GOLDEN = Path("web/golden")
"""Git-ignored: made from the package where the page's tests run."""
MODEL = "dahyf-photo"
"""The one-hand system."""


class RandomHands(NamedTuple):
    """Hands of the pose prior in any orientation, before a camera, of one side."""

    pose_rad: Float[np.ndarray, "n 16 3"]
    shape: Float[np.ndarray, "n 10"]
    translation_m: Float[np.ndarray, "n 3"]


def random_hands(rig: HandRig, count: int, seed: int) -> RandomHands:
    """Hands of the rig's side; the same seed gives the same hands."""
    rng = np.random.default_rng(seed)
    pose = sample_poses(rig, count, rng).astype(np.float64)
    pose[:, 0] = matrix_to_axis_angle(sample_orientations(count, rng))
    shape = sample_shapes(count, rng).astype(np.float64)
    return RandomHands(pose, shape, rng.uniform((-0.2, -0.15, 0.3), (0.2, 0.15, 1.0), (count, 3)))


def plain(values: np.ndarray, digits: int = 9) -> Any:
    """Nested lists of numbers, of so many digits after the point."""
    return np.round(np.asarray(values, dtype=float), digits).tolist()


def write_golden(name: str, data: Any, folder: Path = GOLDEN) -> Path:
    """A file of golden data; its place."""
    place = folder / name
    with atomic_path(place) as path:
        path.write_text(json.dumps(data, separators=(",", ":"), allow_nan=False))
    return place
