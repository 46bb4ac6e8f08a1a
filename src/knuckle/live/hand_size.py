"""How large a hand is: what is known before it is seen, what its frames say, and hands brought to that size.

One camera sees a small hand near and a large one far alike. A network's size is therefore nearly the same for every
hand (docs/metric.md has how nearly), and the size that counts is that of people's hands, or the one that is given. What
the network says counts by how much it was found to follow true sizes, as one answer for as long as frames resemble each
other; `benchmarks/training/metric.py` learns these figures.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.inference.root_error import load_figures
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig

LENGTH_PATH = (0, 9, 10, 11, 12)
"""The joints along which a hand's length is measured: from the wrist to the tip of the middle finger."""
SHORTEST_M, LONGEST_M = 0.08, 0.28
"""Between a newborn's hand and the longest known: other lengths are no hand's."""
GIVEN_SD = 0.01
"""Of a length that was given, relative: a ruler's 2 mm."""
_MEMORY_S = 10.0
_OUTLIER = 3.0


@dataclass(frozen=True)
class SizeFigures:
    """Natural logarithms throughout: of a length over `mean_m`, or standard deviations of such."""

    mean_m: float
    """Of people's hands."""
    people: float
    """How much people's hands differ."""
    slope: float
    """How much a network's answer follows the true size: 1 wholly, 0 not at all."""
    offset: float
    """What it says of a hand of the mean length."""
    frame: float
    """How much its answers to different views of one hand differ."""
    person: float
    """How much it is off with one person, whatever the view."""
    alike_s: float
    """For how long frames count as one answer, seconds."""


def size_figures() -> SizeFigures:
    """Those that come with the package; raises KnuckleError where they are missing or damaged."""
    return SizeFigures(**load_figures()["size"])


def hand_length(joints_m: Float[np.ndarray, "*batch 21 3"]) -> Float[np.ndarray, "*batch"]:
    """Metres from the wrist to the tip of the middle finger, along the bones: bent fingers count as straight ones."""
    along = np.diff(np.asarray(joints_m, dtype=float)[..., LENGTH_PATH, :], axis=-2)
    return np.linalg.norm(along, axis=-1).sum(-1)


class HandSize:
    """The length of one person's hand, learnt from frames.

    Args:
        given_m: the length, if it is known; then no frame changes it.
        figures: instead of the package's.

    Raises KnuckleError for a length that no hand has.
    """

    def __init__(self, given_m: float | None = None, *, figures: SizeFigures | None = None) -> None:
        self._figures = size_figures() if figures is None else figures
        self._given_m = None if given_m is None else check_length(given_m)
        self._mean, self._answers, self._seen_s = 0.0, 0.0, math.nan

    def observe(self, length_m: float, time_s: float) -> None:
        """Take in what one frame's network says (`hand_length` of its joints), in the order of time.

        Lengths that no hand has tell nothing, and one that is far from those before counts as a little off.
        """
        if not SHORTEST_M <= length_m <= LONGEST_M or not math.isfinite(time_s):
            return
        figures = self._figures
        said = math.log(length_m / figures.mean_m)
        if self._answers:
            # Frames shortly after each other resemble each other: together they are hardly more than one answer.
            new = 1 - math.exp(-max(time_s - self._seen_s, 0.0) / figures.alike_s)
            far = _OUTLIER * figures.frame
            said = self._mean + min(max(said - self._mean, -far), far)
        else:
            new = 1.0
        # What was said long ago fades: a track may have passed to another hand.
        self._answers = min(self._answers + new, _MEMORY_S / figures.alike_s)
        self._mean += new / self._answers * (said - self._mean)
        self._seen_s = time_s

    @property
    def length_m(self) -> float:
        """The best guess of the hand's length."""
        return self._figures.mean_m * math.exp(self._belief()[0]) if self._given_m is None else self._given_m

    @property
    def relative_sd(self) -> float:
        """Its standard deviation, as a share of it."""
        return self._belief()[1] if self._given_m is None else GIVEN_SD

    @property
    def sd_m(self) -> float:
        """Its standard deviation, metres."""
        return self.length_m * self.relative_sd

    def ratio(self, length_m: Float[np.ndarray, "*batch"] | float) -> Float[np.ndarray, "*batch"]:
        """By how much to scale hands of that length (`rescaled`); 1 for lengths that no hand has."""
        length = np.asarray(length_m, dtype=float)
        is_hand = (length >= SHORTEST_M) & (length <= LONGEST_M)
        return np.where(is_hand, self.length_m / np.where(is_hand, length, 1.0), 1.0)

    def saved(self) -> dict[str, Any]:
        """Plain numbers, from which `restored` makes the same."""
        return {
            "given_m": self._given_m,
            "mean": self._mean,
            "answers": self._answers,
            "seen_s": None if math.isnan(self._seen_s) else self._seen_s,
        }

    @classmethod
    def restored(cls, state: dict[str, Any], *, figures: SizeFigures | None = None) -> "HandSize":
        """Inverse of `saved`; raises KnuckleError for anything else."""
        try:
            size = cls(state["given_m"], figures=figures)
            size._mean, size._answers = float(state["mean"]), float(state["answers"])
            size._seen_s = math.nan if state["seen_s"] is None else float(state["seen_s"])
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(
                f"hand size: expected the keys and numbers that saved() gives, got {error!r}"
            ) from error
        return size

    def _belief(self) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm of the length over that of people's."""
        figures = self._figures
        if not self._answers or not figures.slope:
            return 0.0, figures.people
        noise = figures.person**2 + figures.frame**2 / self._answers
        weight = figures.slope**2 / noise
        precision = 1 / figures.people**2 + weight
        said = (self._mean - figures.offset) / figures.slope
        return weight * said / precision, precision**-0.5


def check_length(length_m: float) -> float:
    """The length itself; raises KnuckleError for one that no hand has."""
    if not SHORTEST_M <= length_m <= LONGEST_M:
        raise KnuckleError(
            f"hand length: expected metres between {SHORTEST_M} and {LONGEST_M}, from the wrist to the tip of the"
            f" middle finger, got {length_m:g}"
        )
    return float(length_m)


def rescaled(hands: Hands, ratio: Float[np.ndarray, "N"] | float, *, rig: HandRig | None = None) -> Hands:
    """Hands made larger or smaller, and moved away or nearer with it, so that they look the same in the picture.

    Args:
        hands: of one picture.
        ratio: times the length, one for all or one a hand.
        rig: whose meshes the hands are, of either side; None for the open rig.

    Joints, mesh and distance are scaled about the camera's centre: px stay. `joint_error_m` grows along. `shape`
    becomes that of the rig's nearest hand of the new size: with the open rig, whose first coefficient is the size,
    exactly it.
    Raises KnuckleError for a ratio that is not positive, or hands of another rig.
    """
    ratios = np.broadcast_to(np.asarray(ratio, dtype=float), (len(hands),))
    if not (np.isfinite(ratios).all() and (ratios > 0).all()):
        raise KnuckleError(f"ratio: expected numbers above 0, got {ratios.tolist()}")
    if not len(hands):
        return hands
    scale = ratios[:, None, None]
    return hands.changed(
        joints_m=hands.joints_m * scale,
        vertices_m=hands.vertices_m * scale,
        shape=resized_shape(hands.shape, ratios, rig=rig, vertex_count=hands.vertices_m.shape[1]),
        joint_error_m=hands.joint_error_m * ratios[:, None],
    )


def resized_shape(
    shape: Float[np.ndarray, "N 10"],
    ratio: Float[np.ndarray, "N"],
    *,
    rig: HandRig | None = None,
    vertex_count: int | None = None,
) -> Float[np.ndarray, "N 10"]:
    """Shape coefficients of the rig's hands that come nearest to those of `shape`, `ratio` times as large. Raises
    KnuckleError where `vertex_count` is not the rig's."""
    rig = load_rig("open") if rig is None else rig
    if vertex_count is not None and vertex_count != len(rig.vertices):
        raise KnuckleError(
            f"rig: expected that of the hands, with {vertex_count} vertices, got one with {len(rig.vertices)}"
        )
    larger = ratio[:, None]
    return larger * np.asarray(shape, dtype=float) + (larger - 1) * _shape_of_mean(rig)


@lru_cache(maxsize=4)
def _shape_of_mean(rig: HandRig) -> Float[np.ndarray, "10"]:
    """What of a rig's shapes adds the mean hand once more, as seen from the wrist, by least squares."""
    wrist = rig.joint_regressor[0].astype(float)
    hands = np.concatenate([rig.vertices[..., None], rig.shape_basis], axis=-1).astype(float)
    hands -= np.einsum("v,vcs->cs", wrist, hands)
    mean, directions = hands[..., 0].ravel(), hands[..., 1:].reshape(-1, hands.shape[-1] - 1)
    return np.linalg.lstsq(directions, mean, rcond=None)[0]
