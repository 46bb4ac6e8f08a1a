"""How exactly the place of a hand is known: a covariance of its wrist, and how much too far away networks put hands.

Along the line of sight the distance is as uncertain as the hand's size, and as the network's answer once that is known;
across it the wrist is as uncertain as in the picture. A focal length that is off moves hands along the camera's axis.
How much a network is off was learnt on rendered hands (`benchmarks/training/metric.py` writes `assets/metric.json`), by
what hands tell of themselves: how exact their joints are in the picture, how much they point at the camera, how large
they are there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import SOURCES, CameraSource
from knuckle.hands import Hands
from knuckle.skeleton import JOINT_COUNT, WRIST

FIGURES = Path(__file__).parent.parent / "assets" / "metric.json"
SIGNALS = ("spread", "end-on", "size")
"""Of a hand, in the order of `root_signals`."""
RADIUS_68 = float(np.sqrt(-2 * np.log(1 - 0.68)))
"""Of a normal distribution in a plane, in standard deviations of either axis."""
CHI_68 = 3.5059
"""The square of the same in space."""
_UNKNOWN_RADIUS = 0.1
"""Of joints whose errors nobody said, in sides of the box."""
_NEAREST_M = 1e-3


@dataclass(frozen=True, eq=False)
class RootFigures:
    """Natural logarithms of distances; linear in the signals of a hand, kept within the range they were learnt in."""

    range: Float[np.ndarray, "k 2"]
    farther: Float[np.ndarray, "k+1"]
    """By how much the network puts a hand of known size too far away: a constant, and slopes."""
    along: Float[np.ndarray, "k+1"]
    """The logarithm of the standard deviation of what is left."""
    across: float
    """Logarithm of what the standard deviation across, as the joint's error in the picture says it, is to be multiplied
    with."""
    focal: Mapping[CameraSource, float]
    """Standard deviation of the logarithm of a focal length, by where it comes from."""

    def terms(self, signals: Float[np.ndarray, "N k"]) -> Float[np.ndarray, "N k+1"]:
        """What constant and slopes are multiplied with."""
        return np.concatenate([np.ones((len(signals), 1)), np.clip(signals, *self.range.T)], axis=1)


def root_covariance(hands: Hands, *, relative_size_sd: Float[np.ndarray, "N"] | float) -> np.ndarray:
    """Covariance (N, 3, 3) of the wrists, m², camera frame, of hands as `place_better` gives them.

    relative_size_sd: standard deviation of the hands' lengths, as a share of them (`HandSize.relative_sd`). The focal
    length adds its own where it was not given. Errors of two hands in one picture share much: the sum of their
    covariances is not that of their difference. Raises KnuckleError when the figures are missing or damaged.
    """
    figures = root_figures()
    wrist = hands.joints_m[:, WRIST]
    distance = np.maximum(np.linalg.norm(wrist, axis=-1), _NEAREST_M)
    known = np.exp(figures.terms(root_signals(hands)) @ figures.along)
    along = distance * np.sqrt(known**2 + np.asarray(relative_size_sd) ** 2)
    radius = _radii_px(hands)[:, WRIST]
    depth = np.maximum(wrist[:, 2], _NEAREST_M)
    across = np.exp(figures.across) * radius / RADIUS_68 / hands.camera.fx * depth
    ray = wrist / distance[:, None]
    outer = ray[:, :, None] * ray[:, None, :]
    covariance = along[:, None, None] ** 2 * outer + across[:, None, None] ** 2 * (np.eye(3) - outer)
    # Another focal length sees the same hand as far to the side, and farther away or nearer.
    covariance[:, 2, 2] += (figures.focal[hands.camera.source] * depth) ** 2
    return covariance


def place_better(hands: Hands) -> Hands:
    """Hands brought nearer by how much networks put them too far away, each as a whole along the line of sight to its
    middle: sizes stay, and px follow a little. Raises KnuckleError when the figures are missing or damaged."""
    if not len(hands):
        return hands
    figures = root_figures()
    farther = figures.terms(root_signals(hands)) @ figures.farther
    move = np.expm1(-farther)[:, None, None] * hands.joints_m.mean(1, keepdims=True)
    joints = hands.joints_m + move
    behind = joints[..., 2].min(1) <= _NEAREST_M
    move[behind], joints[behind] = 0.0, hands.joints_m[behind]
    px = np.where(behind[:, None, None], hands.joints_px, hands.camera.project(joints))
    return hands.changed(joints_m=joints, vertices_m=hands.vertices_m + move, joints_px=px)


def root_signals(hands: Hands) -> Float[np.ndarray, "N k"]:
    """What tells how exact the distance of a hand of known size is, in the order of `SIGNALS`."""
    side_px = hands.boxes_px[:, 2:].max(1, initial=1e-6)
    extent = (hands.joints_m - hands.joints_m.mean(1, keepdims=True)).std(1)
    columns = [
        # The median of 21, in a fifth of numpy's time.
        np.log(np.sort(_radii_px(hands), axis=1)[:, JOINT_COUNT // 2] / side_px + 1e-3),
        np.log((extent[:, 2] + 1e-4) / (np.hypot(extent[:, 0], extent[:, 1]) + 1e-4)),
        np.log(side_px / 100),
    ]
    return np.stack(columns, axis=-1).reshape(len(hands), len(SIGNALS))


def _radii_px(hands: Hands) -> Float[np.ndarray, "N 21"]:
    side_px = hands.boxes_px[:, 2:].max(1, initial=1e-6)[:, None]
    return np.where(np.isnan(hands.joint_error_px), _UNKNOWN_RADIUS * side_px, hands.joint_error_px)


def load_figures() -> dict[str, Any]:
    """All figures of sizes and places; raises KnuckleError where they are missing or damaged."""
    try:
        figures = json.loads(FIGURES.read_text())
        return {name: dict(figures[name]) for name in ("size", "root")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(f"{FIGURES}: expected figures of sizes and places, got {error!r}") from error


@lru_cache(maxsize=1)
def root_figures() -> RootFigures:
    """Those that come with the package; raises KnuckleError where they are missing or damaged."""
    root = load_figures()["root"]
    names = ("constant", *SIGNALS)
    try:
        return RootFigures(
            np.array([root["range"][name] for name in SIGNALS], dtype=float),
            np.array([root["farther"][name] for name in names], dtype=float),
            np.array([root["along"][name] for name in names], dtype=float),
            float(root["across"]),
            {source: float(root[source]) if source != "given" else 0.0 for source in SOURCES},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise KnuckleError(f"{FIGURES}: expected figures of places, got {error!r}") from error
