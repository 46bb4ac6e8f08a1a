"""Whether new weights should ship: rules that compare their scores with the shipped model's."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from knuckle.standing.recipe import Scoring

Word = Literal["ship", "keep", "discard"]


class Scores(NamedTuple):
    """Scores of one model on one benchmark: PA-MPJPE (mm), 2D error (% of the box), number of hands."""

    mm: float
    percent: float
    hands: int


class Pair(NamedTuple):
    """Scores of the shipped model and of the new weights on the same hands."""

    today: Scores
    new: Scores


@dataclass(frozen=True)
class Verdict:
    """What to do with the weights, and why in one line."""

    word: Word
    line: str


def judge(*, photographs: Pair | None, rendered: Pair, margins: Scoring) -> Verdict:
    """Decide what to do with the new weights. A score is better or worse if it differs by more than its margin; NaN is
    worse.

    - ship: on photographs mm or % is better, and no score is worse.
    - keep: no score is worse. Without photographs to score on, this is the best verdict.
    - discard: a score is worse.
    """
    found = {
        "rendered hands": _compare(rendered, margins.rendered_mm, margins.rendered_percent),
    }
    pairs = {"rendered hands": rendered}
    if photographs is not None:
        kind = _compare(photographs, margins.photographs_mm, margins.photographs_percent)
        found, pairs = {"photographs": kind, **found}, {"photographs": photographs, **pairs}
    by_kind = {
        kind: " and ".join(f"on {name} ({_figures(pairs[name])})" for name in found if found[name] == kind)
        for kind in ("better", "same", "worse")
    }
    if by_kind["worse"]:
        though = f", though better {by_kind['better']}" if by_kind["better"] else ""
        return Verdict("discard", f"discard: worse {by_kind['worse']}{though}")
    if found.get("photographs") == "better":
        same = f", no worse {by_kind['same']}" if by_kind["same"] else ""
        return Verdict("ship", f"ship: better {by_kind['better']}{same}")
    better = f", better {by_kind['better']}" if by_kind["better"] else ""
    same = f" {by_kind['same']}" if by_kind["same"] else ""
    alone = "" if photographs is not None else "; scored on no photographs, so it does not ship"
    return Verdict("keep", f"keep as the next start: no worse{same}{better}{alone}")


def _compare(pair: Pair, margin_mm: float, margin_percent: float) -> Literal["better", "same", "worse"]:
    """Worse if mm or % is worse; else better if one of them is better."""
    gains = [
        (pair.today.mm - pair.new.mm, margin_mm),
        (pair.today.percent - pair.new.percent, margin_percent),
    ]
    # In this form NaN is worse.
    if not all(gain >= -margin for gain, margin in gains):
        return "worse"
    return "better" if any(gain > margin for gain, margin in gains) else "same"


def _figures(pair: Pair) -> str:
    today, new = pair
    return f"{today.mm:.2f} -> {new.mm:.2f} mm, {today.percent:.2f} -> {new.percent:.2f} %"
