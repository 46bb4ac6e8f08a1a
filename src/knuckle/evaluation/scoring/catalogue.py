"""The benchmarks of which anybody's prediction file can be scored, by name."""

from collections.abc import Callable
from pathlib import Path

from knuckle.datasets.interhand import Chosen
from knuckle.errors import KnuckleError
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.frames import score_frames
from knuckle.evaluation.scoring.points import FREIHAND, HO3D, score_points
from knuckle.evaluation.scoring.unseen_sets import score_egodexter, score_hic

_OF_POINTS = {"freihand": FREIHAND, "ho3d": HO3D}
INTERHAND = "interhand26m"
_BY_NAME = {"hic": score_hic, "egodexter": score_egodexter}
NAMES = (*_OF_POINTS, INTERHAND, *_BY_NAME)


def score_file(
    name: str,
    predictions: Path,
    truth: Path,
    *,
    chosen: Chosen | None = None,
    as_is: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """Score a prediction file by the protocol of the benchmark of that name.

    Args:
        name: one of `NAMES`.
        predictions: the file, in the benchmark's own layout (`points`, `frames`, `unseen_sets`).
        truth: the folder of the data set.
        chosen: of interhand26m: which frames.
        as_is: score a file that looks wrong, and say so in the report.
        progress: called with the number of hands that were finished.

    Raises KnuckleError for an unknown name, and as the functions of these modules do.
    """
    name = INTERHAND if name == "interhand" else name
    if name not in NAMES:
        raise KnuckleError(f"benchmark: expected one of {', '.join(NAMES)}, got {name!r}")
    if chosen is not None and chosen != Chosen() and name != INTERHAND:
        raise KnuckleError(
            f"--split, --annotators, --shown, --filtered: expected with {INTERHAND}, got {name}"
        )
    if name == INTERHAND:
        return score_frames(predictions, truth, chosen=chosen, as_is=as_is)
    if name in _BY_NAME:
        return _BY_NAME[name](predictions, truth, as_is=as_is)
    return score_points(_OF_POINTS[name], predictions, truth, as_is=as_is, progress=progress)
