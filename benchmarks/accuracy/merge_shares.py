"""What `--model auto` scores on a rendered two-hand set with other shares of its two systems, other answers to how far
the wrists are, one look of the two-hand system or two, and other distances up to which two hands are seen together. The
landmark network is not used here.

python -m benchmarks.accuracy.merge_shares --data runs/synth-pairs-held [--one dahyf] [--two dfl] [--limit 800].
--one, --two: a model's name or an .onnx file. The set must not be one that trained either, nor a benchmark: what is
chosen here is `REACH` of `knuckle.inference.merge`, `CONTRADICT` beside it, and `MARGIN` of `pairing`; the
shares are learnt by `evidence_weights.py`. Such a set: `knuckle synth --hands two --count 800 --singles 0 --negatives 0
--seed 47 --size 160 --out runs/synth-pairs-held`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.tables import plain_table
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.metrics.two_hands import mpjpe, mrrpe, with_root_depth
from knuckle.evaluation.model import by_boxes
from knuckle.evaluation.run import run_frames
from knuckle.geometry.camera import Camera
from knuckle.geometry.pyramid import Pyramid
from knuckle.hands import HandPredictor
from knuckle.inference.auto import AutoPredictor, Merge
from knuckle.inference.merge import SIGNALS, Merged, MergeOdds, join_looks, merge_pairs
from knuckle.inference.one_hand import Predictor, SeenHands
from knuckle.inference.pairing import PairEstimate, PairWindow
from knuckle.inference.trust import CLASSES, Odds, merge_odds
from knuckle.inference.two_hands import PairPredictor
from knuckle.skeleton import WRIST, Side

SHARES = (0.3, 0.5, 0.7)
REACHES = (1.0, 1.1, 1.2, 1.35, 1.5, 2.0)
CONTRADICTIONS = (0.1, 0.15, 0.25, 0.4, np.inf)
MARGINS = (0.0, 0.1, 0.25, 0.5, 1.0)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--data", required=True, help="folder of a rendered two-hand set")
    parser.add_argument("--one", default="dahyf", help="the one-hand system")
    parser.add_argument("--two", default="dfl", help="the two-hand system")
    parser.add_argument("--limit", type=int, default=800, help="crops")
    options = parser.parse_args()
    (benchmark,) = open_benchmarks(options.data, limit=options.limit)
    if not isinstance(benchmark, TwoHandBenchmark):
        parser.error(f"--data: expected a set of two hands, got {options.data}")
    frames = list(benchmark.frames())
    one = OnceAsked(options.one, threads=1, evidence=False)
    two = OnceAskedPair(options.two, threads=1, evidence=False)
    odds = MergeOdds(*merge_odds(f"{two.record.name}+{one.record.name}", SIGNALS))
    console = Console(width=120)
    systems: dict[str, HandPredictor] = {one.record.name: one, two.record.name: two}
    console.print(table(frames, systems, "system"), "")
    shares = {f"{share:g}": AutoPredictor(one, two, merge=with_share(share)) for share in SHARES}
    shares["learnt"] = AutoPredictor(one, two)
    console.print(table(frames, shares, f"share of {two.record.name}"), "")
    merged = {
        rule: AutoPredictor(one, two, merge=at_depths(depths, odds)) for rule, depths in WRIST_DEPTHS.items()
    }
    console.print(table(frames, merged, "wrist depths"), "")
    looks = {"one look": OnceAskedPair(options.two, threads=1, evidence=False, of=two, looks=1)}
    looks |= {
        f"two, {limit:g}": OnceAskedPair(
            options.two, threads=1, evidence=False, of=two, join=partial(join_looks, contradict=limit)
        )
        for limit in CONTRADICTIONS
    }
    asked = {name: AutoPredictor(one, predictor) for name, predictor in looks.items()}
    console.print(table(frames, asked, "looks, limit from which on they contradict each other"), "")
    reach = {
        f"{factor:g}": AutoPredictor(one, two, merge=partial(merge_pairs, odds=odds, reach=factor))
        for factor in REACHES
    }
    console.print(table(frames, reach, "reach of hands not seen"), "")
    margins = {f"{margin:g}": AutoPredictor(one, two, margin=margin) for margin in MARGINS}
    console.print(table(frames, margins, "margin round boxes"))


def with_share(share: float) -> Merge:
    """A merge with the same share of the two-hand system in every joint, wherever boxes meet."""
    logit = np.full(len(CLASSES), np.log(share / (1 - share)))
    same = Odds(np.zeros(len(SIGNALS)), logit)
    return partial(merge_pairs, odds=MergeOdds(same, same))


def table(frames: Sequence[TwoHandFrame], predictors: Mapping[str, HandPredictor], what: str) -> Table:
    """A row a predictor: MPJPE of all crops and of those of both hands, the latter at its own depths too, MRRPE."""
    result = plain_table((what, "MPJPE all (mm)", "two", "two, own depth", "MRRPE (mm)"))
    for name, predictor in predictors.items():
        truth, found = run_frames(by_boxes(predictor), frames)
        wrist_m = np.nan_to_num(truth.joints_m[..., WRIST, 2])
        at_truth = with_root_depth(found.joints_px, found.joints_m, truth.camera, wrist_m)
        errors = mpjpe(truth.joints_m, at_truth, truth.is_hand)
        own = mpjpe(truth.joints_m, found.joints_m, truth.is_hand)
        place = mrrpe(truth.joints_m, found.joints_m, truth.is_hand)
        result.add_row(name, *(f"{v:.1f}" for v in (errors.all_mm, errors.two_mm, own.two_mm, place)))
    return result


Depths = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Wrist depths (P, 2), m, of the two-hand and of the one-hand system to those of the merged hands."""

WRIST_DEPTHS: dict[str, Depths] = {
    "two-hand": lambda two, one: two,
    "mean of both": lambda two, one: (two + one) / 2,
    "mean of both, difference two-hand": lambda two, one: two + (one - two).mean(-1, keepdims=True) / 2,
    "one-hand, difference two-hand": lambda two, one: two + (one - two).mean(-1, keepdims=True),
}


def at_depths(depths: Depths, odds: MergeOdds) -> Merge:
    """A merge with the wrists elsewhere: the two-hand system's hands are put there first."""

    def merge(
        two: PairEstimate, one: PairEstimate, boxes_px: np.ndarray, camera: Camera, believed: np.ndarray
    ) -> Merged:
        wrists = depths(two.joints_m[..., WRIST, 2], one.joints_m[..., WRIST, 2])
        moved = two.joints_m.copy()
        moved[..., 2] += (wrists - two.joints_m[..., WRIST, 2])[..., None]
        return merge_pairs(replace(two, joints_m=moved), one, boxes_px, camera, believed, odds=odds)

    return merge


class OnceAsked(Predictor):
    """Asks its network once a picture: the rows of a table share the answers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answers: dict[int, SeenHands] = {}

    def ask(
        self,
        image: np.ndarray,
        boxes_px: np.ndarray,
        sides: Sequence[Side],
        camera: Camera,
        *,
        rolls: np.ndarray | None = None,
        again: bool = True,
        pyramid: Pyramid | None = None,
    ) -> SeenHands:
        if id(image) not in self._answers:
            self._answers[id(image)] = super().ask(
                image, boxes_px, sides, camera, rolls=rolls, again=again, pyramid=pyramid
            )
        return self._answers[id(image)]


class OnceAskedPair(PairPredictor):
    """The same of a two-hand system, before the fit; it may share the answers of another one of the same weights."""

    def __init__(self, *arguments: Any, of: "OnceAskedPair | None" = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._joints: dict[tuple[object, ...], PairEstimate] = {} if of is None else of._joints

    def ask_once(self, image: np.ndarray, windows: Sequence[PairWindow], camera: Camera) -> PairEstimate:
        key = (id(image), *(window.mirrored for window in windows))
        if key not in self._joints:
            self._joints[key] = super().ask_once(image, windows, camera)
        return self._joints[key]


if __name__ == "__main__":
    main()
