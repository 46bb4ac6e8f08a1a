"""Whether confidence, side and errors of joints mean what they say.

python -m benchmarks.accuracy.confidence [--rendered FOLDER ...] [--limit 400] [--model auto] [--plot
docs/reliability.png]

Data: crops of the frozen synthetic benchmark, and of sets of `knuckle synth` (--rendered) that nothing was learnt from,
their hands reduced to many sizes; the photographs of eval-dev, each source of more than 20 hands and the others
together; beside them, as boxes without a hand, hand-free patches whose photographs trained nothing. Hands are seen as
`knuckle.estimate` sees them: six of ten as if a detector had found them (hands that the landmark network does not see
are left out, sides are decided), the others with box and side given.

Printed: expected calibration error (ten bins of equal count) of the confidence, that a box holds a hand, hands and
boxes without one counting alike; hands that are called doubtful, and boxes without one that are called observed; how
many of the sides that were decided are right, and the calibration error of their probability; which share of the joints
lies within its 68 % radius, in the picture ("in px", and by class) and in metres from the wrist on ("in m"), and the
median radius. --plot draws the first and the last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.photographs import data_folder
from benchmarks.shared.tables import plain_table
from benchmarks.training.certainty_cases import (
    Case,
    SeenCase,
    empty_cases,
    joint_errors,
    rendered_cases,
    see,
    set_cases,
)
from knuckle.datasets.eval_dev import by_source, read_eval_dev
from knuckle.evaluation.metrics.calibration import calibration_error, reliability_bins
from knuckle.hands import Hand
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.estimate import BoxedHands, predict
from knuckle.skeleton import JOINT_CLASSES
from knuckle.synth.benchmark import load_benchmark
from knuckle.view.charts import chart_sheet, chart_style, draw_bars, write_figure
from knuckle.view.palette import MUTED, chart_colour
from knuckle.weights import AUTO

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOUND = 0.6
SMALL_SOURCE = 20
RENDERED, PHOTOGRAPHS = "rendered hands", "photographs"


@dataclass(eq=False)
class Answers:
    """What was said of the boxes of one source, and what is true."""

    name: str
    confidence: list[float] = field(default_factory=list)
    is_hand: list[bool] = field(default_factory=list)
    side_confidence: list[float] = field(default_factory=list)
    side_right: list[bool] = field(default_factory=list)
    errors: list[np.ndarray] = field(default_factory=list)
    """Of each hand with known joints, px and metres: error over radius (2, 21), NaN where not known."""
    radii: list[np.ndarray] = field(default_factory=list)
    """Median radii: over the box's side, metres."""

    def add(self, hand: Hand, case: Case, *, decided: bool) -> None:
        """What was said of one box."""
        self.confidence.append(hand.confidence)
        self.is_hand.append(case.side is not None)
        if case.side is None:
            return
        if decided:
            self.side_confidence.append(hand.side_confidence)
            self.side_right.append(hand.side == case.side)
        if case.joints_px is None:
            return
        side = hand.box_px[2:].max()
        flat, space = joint_errors(hand, case)
        # The wrist's own error is nothing.
        radius_m = np.where(hand.joint_error_m > 0, hand.joint_error_m, np.nan)
        self.errors.append(np.stack([flat * side / hand.joint_error_px, space / radius_m]))
        self.radii.append(np.array([np.median(hand.joint_error_px) / side, np.nanmedian(radius_m)]))

    def extend(self, other: "Answers") -> "Answers":
        """These and others."""
        for name in ("confidence", "is_hand", "side_confidence", "side_right", "errors", "radii"):
            getattr(self, name).extend(getattr(other, name))
        return self


def ask(seen: Iterable[SeenCase], predictor: AnyPredictor, name: str) -> Answers:
    """What a predictor says of boxes."""
    answers = Answers(name)
    for case in seen:
        boxed = BoxedHands(case.boxes_px, case.sides, case.evidence, case.side_confidence)
        for hand, of in zip(predict(predictor, case.picture, boxed, case.camera), case.cases, strict=True):
            answers.add(hand, of, decided=case.side_confidence is not None)
    return answers


def photo_sources(folder: Path) -> Iterator[tuple[str, list[Case]]]:
    """The photographs of eval-dev by source, small ones together."""
    few: list[Case] = []
    for source, hands in by_source(read_eval_dev(folder)).items():
        cases = [Case(h.read(), h.camera, h.box_px, h.side, h.joints_px, h.joints_m) for h in hands]
        if len(cases) > SMALL_SOURCE:
            yield source, cases
        else:
            few += cases
    yield "other sources", few


def row(answers: Answers, empty: Answers | None = None) -> list[str]:
    """A row of the table. empty: boxes without a hand that count too."""
    confidence, is_hand = pooled(answers, empty)
    within = np.array(answers.errors).reshape(-1, 2, 21)
    inside = np.where(np.isfinite(within), within <= 1, np.nan)
    radius = np.nanmedian(np.array(answers.radii).reshape(-1, 2), axis=0)
    none = confidence[~is_hand]

    def share(values: np.ndarray) -> str:
        return f"{100 * np.nanmean(values):.1f}" if np.isfinite(values).any() else "-"

    sides = np.array(answers.side_right)
    return [
        answers.name,
        f"{int(is_hand.sum())} + {len(none)}",
        f"{balanced_error(confidence, is_hand):.3f}" if len(none) else "-",
        share(confidence[is_hand] < 0.5),
        share(none >= 0.5) if len(none) else "-",
        str(len(sides)),
        share(sides),
        f"{calibration_error(np.array(answers.side_confidence), sides):.3f}" if len(sides) else "-",
        share(inside[:, 0]),
        *(share(inside[:, 0, list(joints)]) for joints in JOINT_CLASSES.values()),
        share(inside[:, 1]),
        f"{100 * radius[0]:.1f}",
        f"{1e3 * radius[1]:.1f}" if np.isfinite(radius[1]) else "-",
    ]


def pooled(answers: Answers, empty: Answers | None) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of all boxes, and whether they hold a hand."""
    extra = [] if empty is None else empty.confidence
    is_hand = np.array([*answers.is_hand, *([False] * len(extra))], dtype=bool)
    return np.array([*answers.confidence, *extra]), is_hand


def balanced_error(confidence: np.ndarray, is_hand: np.ndarray) -> float:
    """Calibration error where hands and boxes without one count alike: the fewer ones are repeated."""
    return calibration_error(*_balanced(confidence, is_hand))


def _balanced(confidence: np.ndarray, is_hand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kinds = [np.flatnonzero(is_hand), np.flatnonzero(~is_hand)]
    most = max(map(len, kinds))
    rows = np.concatenate([np.resize(kind, most) for kind in kinds])
    return confidence[rows], is_hand[rows]


HEADINGS = (
    *("source", "hands + none", "ECE", "% hands doubtful", "% none observed"),
    *("sides", "% right", "side ECE", "in px", *JOINT_CLASSES, "in m", "% of box", "mm"),
)


@chart_style()
def draw(path: Path, groups: dict[str, tuple[Answers, Answers]]) -> None:
    """The reliability of confidence and side, and what the radii hold, as a picture."""
    figure, axes = chart_sheet(
        3, title="What confidence means", series=list(groups), columns=3, panel=(4.2, 3.4)
    )
    for number, (answers, empty) in enumerate(groups.values()):
        _line(axes[0], number, *_balanced(*pooled(answers, empty)))
        _line(axes[1], number, np.array(answers.side_confidence), np.array(answers.side_right))
    axes[0].set_title("confidence: is it a hand")
    axes[1].set_title("side: is it the right one")
    for one, start in zip(axes[:2], (0.0, 0.5), strict=True):
        one.plot([start, 1], [start, 1], color=MUTED, linewidth=0.8, linestyle="--")
        one.set_xlabel("said")
        one.set_ylabel("true")
    held = {}
    for name, (answers, _) in groups.items():
        ratios = np.array(answers.errors)[:, 0]
        held[name] = [
            100 * np.nanmean(np.where(np.isfinite(of), of <= 1, np.nan))
            for of in (ratios[:, list(joints)] for joints in JOINT_CLASSES.values())
        ]
    draw_bars(axes[2], list(JOINT_CLASSES), held, unit="% of joints within their 68 % radius", digits=0)
    axes[2].axhline(68, color=MUTED, linewidth=0.8, linestyle="--")
    axes[2].set_title("errors of joints, by class")
    write_figure(path, figure)


def _line(axes: "Axes", number: int, said: np.ndarray, true: np.ndarray) -> None:
    bins = reliability_bins(said, true)
    axes.plot([b.stated for b in bins], [b.true for b in bins], marker="o", color=chart_colour(number))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rendered", type=Path, action="append", default=[])
    parser.add_argument("--limit", type=int, default=400, help="hands of each rendered set")
    parser.add_argument("--model", default=AUTO)
    parser.add_argument("--plot", type=Path, default=None)
    options = parse(parser)
    predictor, data = open_predictor(options.model, threads=1), data_folder()
    chosen, table = slice(0, options.limit), plain_table(HEADINGS)

    def answers_of(name: str, cases: Iterable[Case], found_share: float = FOUND) -> Answers:
        return ask(see(([case] for case in cases), found_share=found_share), predictor, name)

    empty_cases_ = empty_cases(data / "backgrounds", slice(None), held_out=True)
    empty = answers_of("hand-free patches", empty_cases_)
    rendered, photographs = Answers(RENDERED), Answers(PHOTOGRAPHS)
    sets = {"synthetic": set_cases(load_benchmark(), chosen)}
    sets |= {folder.name: rendered_cases(folder, chosen, seed=3) for folder in options.rendered}
    for name, cases in sets.items():
        answers = answers_of(name, cases)
        rendered.extend(answers)
        table.add_row(*row(answers))
    for name, cases in photo_sources(data / "eval-dev"):
        answers = answers_of(name, cases)
        photographs.extend(answers)
        table.add_row(*row(answers, empty))
    for answers, beside in ((rendered, None), (photographs, empty)):
        table.add_row(*row(answers, beside))
    Console(width=240).print(table)
    if options.plot is not None:
        nothing = Answers("")
        draw(options.plot, {RENDERED: (rendered, nothing), PHOTOGRAPHS: (photographs, empty)})
        print(f"wrote {options.plot}")


if __name__ == "__main__":
    with one_line_errors():
        main()
