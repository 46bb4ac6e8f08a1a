"""Which joints EHPE's first stage predicts, by the letters of the paper's Table 4."""

from knuckle.errors import KnuckleError
from knuckle.skeleton import JOINT_CLASSES

LETTERS = "WMPDT"
"""Wrist, MCP, PIP, DIP, tip: the order along a finger."""

TABLE_4 = ("WTD", "WTDP", "TD", "TDP", "T", "W", "WDPM", "WT")


def check_joint_set(letters: str) -> None:
    """Raise KnuckleError unless some, but not all, of the five classes are named once each, in any order."""
    unknown = not isinstance(letters, str) or not set(letters) <= set(LETTERS)
    if unknown or len(set(letters)) < len(letters):
        raise KnuckleError(
            f"ehpe tw_joint_set: expected letters among {', '.join(LETTERS)}, each at most once, got {letters!r}"
        )
    if len(letters) in (0, len(LETTERS)):
        raise KnuckleError(
            f"ehpe tw_joint_set: expected some but not all of {', '.join(LETTERS)}, got {letters!r}. "
            "A joint set that leaves a stage empty is refused"
        )


def joints_of(letters: str) -> tuple[int, ...]:
    """Indices of the classes' joints in the common order, ascending."""
    return tuple(sorted(joint for letter in letters for joint in JOINT_CLASSES[letter]))
