"""The options of a synthetic set: sets of equal options and seed hold the same samples."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from knuckle.errors import KnuckleError

LabelKind = Literal["joints", "full"]
BackgroundKind = Literal["auto", "procedural"]
HandCount = Literal["one", "two"]

EXTRAS = {
    "poses": "more fists, thumbs-up and fingers against each other or the palm",
    "signs": "more hands whose fingers are each straight or curled",
    "views": "more hands from the side, and from the wearer's own eyes",
    "sizes": "hands from a child's to a very large one",
    "wear": "rings, watches, rarely a glove",
    "camera": "long motion blur, low light and its noise, hands out of focus",
    "partner": "the other hand touching, crossing or hiding this one",
    "flesh": "knuckles, pads and the thumb's web on bent hands, more or less; lone hands only",
    "objects": "simple solids and blobs held in the hand, before and behind the fingers",
}
"""What may be added to the hands of a set, each by itself (docs/accuracy.md has what each brought)."""


PARTNERS = 0.3
"""Default share of the hands that the extra "partner" gives a partner."""


@dataclass(frozen=True)
class SynthOptions:
    """What is rendered. Raises KnuckleError for values out of range."""

    size: int = 128
    """Side of the crops, px."""
    negatives: float = 0.0
    """Share of the crops that hold no hand."""
    labels: LabelKind = "joints"
    """"joints" is what training takes; "full" adds vertices, masks, depth and normals."""
    backgrounds: BackgroundKind = "auto"
    """"auto" takes photographs and measured light where `$KNUCKLE_DATA/backgrounds` is; "procedural" never does."""
    hands: HandCount = "one"
    """"one" right hand a crop, or "two" interacting ones."""
    singles: float = 0.25
    """Of two-hand sets: share of the crops with hands that hold only one, left and right equally often."""
    extras: tuple[str, ...] = ()
    """Of one-hand sets: names out of EXTRAS; kept sorted."""
    partners: float = PARTNERS
    """Share of the hands that the extra "partner" gives the other hand."""

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
        if not 0 <= self.partners <= 1:
            raise KnuckleError(f"partners: expected a share from 0 to 1, got {self.partners}")
        object.__setattr__(self, "extras", tuple(sorted(set(self.extras))))
        if unknown := sorted(set(self.extras) - set(EXTRAS)):
            raise KnuckleError(f"extras: expected some of {', '.join(EXTRAS)}, got {', '.join(unknown)}")
        if self.extras and self.hands == "two":
            raise KnuckleError(f"extras: expected none for two hands, got {', '.join(self.extras)}")
        if "partner" in self.extras and (self.labels == "full" or self.size % 2):
            raise KnuckleError(
                "extras: expected labels of joints and an even size for partner, got "
                f"{self.labels} and {self.size} px"
            )
        if "partner" not in self.extras and self.partners != PARTNERS:
            raise KnuckleError(
                f"partners: expected the extra partner beside them, got {self.partners} without"
            )
        if self.hands == "two" and self.size % 2:
            raise KnuckleError(
                f"size: expected an even number of px for two hands (masks have half the side), got {self.size}"
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain values, without those that say nothing: of one-hand sets hands and singles, extras where there are
        none, partners where their share is the default."""
        values = {**asdict(self), "extras": list(self.extras)}
        if not self.extras:
            del values["extras"]
        if self.partners == PARTNERS:
            del values["partners"]
        if self.hands == "one":
            del values["hands"], values["singles"]
        return values
