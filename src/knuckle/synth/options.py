"""What a synthetic set is made of; two sets of equal options and seed hold the same samples."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from knuckle.errors import KnuckleError

LabelKind = Literal["joints", "full"]
BackgroundKind = Literal["auto", "procedural"]


@dataclass(frozen=True)
class SynthOptions:
    """size: side of the crops, px. negatives: share of crops without a hand. labels: "joints" is what
    training takes; "full" adds vertices, masks, depth and normals. backgrounds: "auto" takes photographs and
    measured light where `$KNUCKLE_DATA/backgrounds` is, "procedural" never. Raises KnuckleError for values
    out of range.
    """

    size: int = 128
    negatives: float = 0.0
    labels: LabelKind = "joints"
    backgrounds: BackgroundKind = "auto"

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise KnuckleError(f"size: expected 32 to 1024 px, got {self.size}")
        if not 0 <= self.negatives <= 1:
            raise KnuckleError(f"negatives: expected a share from 0 to 1, got {self.negatives}")
        if self.labels not in ("joints", "full"):
            raise KnuckleError(f"labels: expected joints or full, got {self.labels!r}")
        if self.backgrounds not in ("auto", "procedural"):
            raise KnuckleError(f"backgrounds: expected auto or procedural, got {self.backgrounds!r}")

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)
