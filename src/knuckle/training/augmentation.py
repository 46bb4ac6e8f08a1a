"""How far training changes what a crop shows: the values, which a recipe's table `[augmentation]` may change."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields


@dataclass(frozen=True)
class Augmentation:
    """Ranges and shares; the defaults are those of one hand. Raises KnuckleError for values out of range."""

    roll: Literal["normal", "uniform"] = "normal"
    """How the camera is rolled: by N(0, roll_deg / 2), at most twice roll_deg, or evenly from -roll_deg to roll_deg."""
    roll_deg: float = 25.0
    roll_share: float = 1.0
    """Of the crops that are rolled at all."""
    scale: float = 0.12
    """The window's side changes by a factor of exp(-scale) to exp(scale)."""
    shift: float = 0.06
    """The window moves by up to this part of its side, along either axis."""
    border: Literal["reflect", "edge", "black"] = "reflect"
    """What a window shows beyond the stored crop: its reflection, its edge repeated, or nothing."""
    mirror: float = 0.5
    """Share of two-hand crops that are shown in a mirror; single hands are right ones by definition."""
    colour: float = 1.0
    """How strongly exposure, contrast and white balance change; 0 not at all."""
    grey: float = 0.05
    """Share of the crops that lose their colour."""
    blur: float = 0.15
    """Share that is blurred."""
    noise: float = 0.2
    """Share that gets noise."""
    cover: float = 0.15
    """Share in which a rectangle of one colour covers a part."""

    def __post_init__(self) -> None:
        check_fields(self, "augmentation")
        highest = {"roll_deg": 180.0, "colour": 5.0}
        for item in fields(self):
            value, most = getattr(self, item.name), highest.get(item.name, 1.0)
            # Written so that NaN fails too.
            if not isinstance(value, str) and not 0 <= value <= most:
                raise KnuckleError(f"augmentation {item.name}: expected 0 to {most:g}, got {value}")


TWO_HANDS = Augmentation(roll_deg=30.0, border="edge")
"""A reflected edge would show a hand of the other side, which no label names."""


def augmentation_of(hands: int, changes: dict[str, Any]) -> Augmentation:
    """The values of one hand or two with a recipe's changes; raises KnuckleError listing the valid names."""
    default = TWO_HANDS if hands == 2 else Augmentation()
    known = {item.name: getattr(default, item.name) for item in fields(default)}
    if unknown := sorted(set(changes) - set(known)):
        raise KnuckleError(f"augmentation: expected keys among {', '.join(known)}, got {', '.join(unknown)}")
    return Augmentation(**(known | changes))
