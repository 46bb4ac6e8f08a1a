"""What a proposal network is: a part of a picture in, places out where a hand may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.inference.detection.landmarks import TurnedSquare
from knuckle.inference.detection.search import Effort, ProposalName


class Window(NamedTuple):
    """The part of a picture that a network is shown; it may reach beyond the picture, where it is black.

    Px of the picture, counted from pixel edges: the whole picture is (0, 0, width, height).
    """

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Proposals:
    """N places in a picture where a hand may be."""

    boxes_px: Float[np.ndarray, "N 4"]
    """x, y, w, h of the extent of the 21 joints as the network guesses it; px of the picture, pixel centres at
    integers."""
    squares: tuple[TurnedSquare, ...]
    """What to show the landmark network: about the square that `joints_to_square` would give."""
    scores: Float[np.ndarray, "N"]
    """That there is a hand, 0 to 1."""
    right: Float[np.ndarray, "N"]
    """That it is a right one, 0 to 1; 0.5 where the network does not say."""

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def joined(cls, parts: Sequence["Proposals"]) -> "Proposals":
        """All places of all parts, in their order."""
        return cls(
            np.concatenate([np.zeros((0, 4)), *(part.boxes_px for part in parts)]),
            tuple(square for part in parts for square in part.squares),
            np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
            np.concatenate([np.zeros(0), *(part.right for part in parts)]),
        )

    def rows(self, chosen: Int[np.ndarray, "M"] | Bool[np.ndarray, "N"]) -> "Proposals":
        """Some of the places, in the order chosen."""
        numbers = np.arange(len(self))[chosen]
        squares = tuple(self.squares[number] for number in numbers)
        return Proposals(self.boxes_px[numbers], squares, self.scores[numbers], self.right[numbers])


class ProposalNetwork(Protocol):
    """Anything that proposes places in a part of a picture; any number of threads may ask it at once."""

    name: ProposalName
    """What users call it."""
    input_px: int
    """Of the longer side of the pictures that it was made for."""
    whole_px: Mapping[Effort, tuple[int, ...]]
    """Of the longer side of the whole picture as it is shown first, once for each size."""
    tile_px: int
    """Of the longer side of the most that it is shown at once."""
    small_px: float
    """A hand whose square is smaller in what it is shown may have neighbours that it does not see."""
    look_score: float
    """Places of a lower score are not worth a look, but ..."""
    hints: float
    """... there may be more to see where the scores of small ones add up to more than this."""

    def propose(
        self, image: UInt8[np.ndarray, "H W 3"], window: Window, /, *, input_px: int | None = None
    ) -> Proposals:
        """Places in a window of an RGB picture, in px of the picture, without doubles; input_px: the longer side of
        what the network is shown of it, `self.input_px` where it is not given."""
        ...
