"""The benchmarks of which anybody's prediction file can be scored, by name."""

from collections.abc import Callable
from pathlib import Path

from knuckle.datasets.interhand import Chosen
from knuckle.errors import KnuckleError
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.arctic import score_arctic
from knuckle.evaluation.scoring.dexycb import score_dexycb
from knuckle.evaluation.scoring.frames import score_frames
from knuckle.evaluation.scoring.hot3d import score_hot3d
from knuckle.evaluation.scoring.points import FREIHAND, HO3D, score_points
from knuckle.evaluation.scoring.unseen_sets import score_egodexter, score_hic

_OF_POINTS = {"freihand": FREIHAND, "ho3d": HO3D}
INTERHAND = "interhand26m"
_BY_NAME = {"hic": score_hic, "egodexter": score_egodexter}
DEXYCB, ARCTIC, HOT3D = "dexycb", "arctic", "hot3d"
NAMES = (*_OF_POINTS, INTERHAND, *_BY_NAME, DEXYCB, ARCTIC, HOT3D)
_WITH_MANO, _WITH_VARIANT = (ARCTIC, HOT3D), (DEXYCB, ARCTIC)


def score_file(
    name: str,
    predictions: Path,
    truth: Path,
    *,
    chosen: Chosen | None = None,
    variant: str | None = None,
    mano: Path | None = None,
    as_is: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """Score a prediction file by the protocol of the benchmark of that name.

    Args:
        name: one of `NAMES`.
        predictions: the file, in the benchmark's own layout (`points`, `frames`, `unseen_sets`, `dexycb`, `arctic`,
            `hot3d`).
        truth: the folder of the data set.
        chosen: of interhand26m: which frames.
        variant: of dexycb: which set-up; of arctic: which protocol.
        mano: of hot3d and arctic: the user's MANO_RIGHT.pkl.
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
    for option, given, takes in (("--variant", variant, _WITH_VARIANT), ("--mano", mano, _WITH_MANO)):
        if given is not None and name not in takes:
            raise KnuckleError(f"{option}: expected with {' or '.join(takes)}, got {name}")
    if name == DEXYCB:
        return score_dexycb(predictions, truth, setup=variant, as_is=as_is)
    if name == ARCTIC:
        return score_arctic(predictions, truth, protocol=variant, mano=mano, as_is=as_is)
    if name == HOT3D:
        return score_hot3d(predictions, truth, mano=mano, as_is=as_is)
    if name == INTERHAND:
        return score_frames(predictions, truth, chosen=chosen, as_is=as_is)
    if name in _BY_NAME:
        return _BY_NAME[name](predictions, truth, as_is=as_is)
    return score_points(_OF_POINTS[name], predictions, truth, as_is=as_is, progress=progress)
