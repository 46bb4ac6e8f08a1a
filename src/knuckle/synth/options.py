"""What a synthetic set is made of; two sets of equal options and seed hold the same samples."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from knuckle.errors import KnuckleError

LabelKind = Literal["joints", "full"]
BackgroundKind = Literal["auto", "procedural"]
HandCount = Literal["one", "two"]


@dataclass(frozen=True)
class SynthOptions:
    """size: side of the crops, px. negatives: share of crops without a hand. labels: "joints" is what
    training takes; "full" adds vertices, masks, depth and normals. backgrounds: "auto" takes photographs and
    measured light where `$KNUCKLE_DATA/backgrounds` is, "procedural" never. hands: "one" right hand a crop, or
    "two" interacting ones. singles: share of the crops with hands that hold only one, left or right equally
    often; of two-hand sets only. Raises KnuckleError for values out of range.
    """

    size: int = 128
    negatives: float = 0.0
    labels: LabelKind = "joints"
    backgrounds: BackgroundKind = "auto"
    hands: HandCount = "one"
    singles: float = 0.25

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise KnuckleError(f"size: expected 32 to 1024 px, got {self.size}")
        if not 0 <= self.negatives <= 1:
            raise KnuckleError(f"negatives: expected a share from 0 to 1, got {self.negatives}")
        if self.labels not in ("joints", "full"):
            raise KnuckleError(f"labels: expected joints or full, got {self.labels!r}")
        if self.backgrounds not in ("auto", "procedural"):
            raise KnuckleError(f"backgrounds: expected auto or procedural, got {self.backgrounds!r}")
        if self.hands not in ("one", "two"):
            raise KnuckleError(f"hands: expected one or two, got {self.hands!r}")
        if not 0 <= self.singles <= 1:
            raise KnuckleError(f"singles: expected a share from 0 to 1, got {self.singles}")
        if self.hands == "two" and self.size % 2:
            raise KnuckleError(
                f"size: expected an even number of px for two hands (masks have half the side), got {self.size}"
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain values; what only two-hand sets have is left out of a one-hand set's."""
        values = asdict(self)
        if self.hands == "one":
            del values["hands"], values["singles"]
        return values
