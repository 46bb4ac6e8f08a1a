"""How hands are searched for: the choices that a user has."""

from typing import Any, Literal, get_args

from knuckle.errors import KnuckleError

Effort = Literal["fast", "normal", "thorough"]
"""How much time finding may take: one look at the whole picture, finer ones where something says that there are more
hands, or all there are."""
EFFORTS: tuple[Effort, ...] = get_args(Effort)
ProposalName = Literal["palm", "hand_boxes"]
"""A network that says where hands may be: MediaPipe's, which sees palms, or ours, which sees whole hands."""
DetectorName = Literal["palm", "hand_boxes", "both"]
"""Who is asked: one of the networks, or MediaPipe's first and ours wherever a closer look pays."""
DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)
DEFAULT_NETWORK: DetectorName = "both"


def check_search(effort: Any, network: Any) -> None:
    """Raises KnuckleError for an effort or a detector's name that there is not."""
    for what, given, known in (("effort", effort, EFFORTS), ("detector", network, DETECTORS)):
        if given not in known:
            raise KnuckleError(f"{what}: expected one of {', '.join(known)}, got {given!r}")
