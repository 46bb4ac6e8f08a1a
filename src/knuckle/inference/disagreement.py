"""How far the answers to a hand lie apart, which tells how exact it is; `certainty` reads it.

A network may answer twice (2D branch and projected hand, two looks, two systems), the landmark network answers too, and
the rig may not fit what came out. Distances are those of right hands and of left ones alike: mirroring keeps them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.hands import Hands
from knuckle.skeleton import JOINT_COUNT


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Of N hands; NaN where there is nothing to compare."""

    branches_px: Float[np.ndarray, "N 21"]
    """Between a system's own answers, px of the picture: its branches, its two looks, or two merged systems."""
    evidence_px: Float[np.ndarray, "N 21"]
    """Between the system's joints and the landmark network's, px of the picture, before they are joined."""
    evidence_m: Float[np.ndarray, "N 21"]
    """The same in 3D: wrists laid together, the landmark network's hand as large as the system's, metres."""
    residual_m: Float[np.ndarray, "N"]
    """How far the fitted rig stays from the joints it was fitted to, on average."""

    @classmethod
    def none(cls, count: int) -> "Disagreement":
        """Of hands of which nothing is known."""
        branches, flat, space = np.full((3, count, JOINT_COUNT), np.nan)
        return cls(branches, flat, space, np.full(count, np.nan))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray | None]) -> "Disagreement":
        """Of what a dict has of it by name, with residual_m at least."""
        found = {field.name: arrays.get(field.name) for field in fields(cls)}
        given = {name: value for name, value in found.items() if value is not None}
        return replace(cls.none(len(given["residual_m"])), **given)

    def rows(self, chosen: Int[np.ndarray, "n"] | slice) -> "Disagreement":
        """Of some of the hands."""
        return Disagreement(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def gathered(
        cls, count: int, parts: Sequence[tuple[Int[np.ndarray, "n"], "Disagreement"]]
    ) -> "Disagreement":
        """Of `count` hands, from parts and the hands that each is of."""
        result = cls.none(count)
        for chosen, part in parts:
            for field in fields(cls):
                getattr(result, field.name)[chosen] = getattr(part, field.name)
        return result


class Estimated(NamedTuple):
    """A predictor's hands, whose confidence is their network's own, and how far the answers to them lie apart."""

    hands: Hands
    disagreement: Disagreement
