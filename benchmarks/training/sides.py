"""With which probability a hand is a right one: learns it, and writes src/knuckle/assets/sides.json.

python -m benchmarks.training.sides --rendered runs/certainty --rendered runs/evidence-plain --photos
$KNUCKLE_DATA/train-photos [--signals out/sides]. Sets: `knuckle synth --count 2000 --size 224 --negatives 0.15 --seed
711 --extra views --extra signs --extra partner --extra objects --extra flesh --extra wear --extra camera --extra sizes
--extra poses --out runs/certainty`; the other one's command is in evidence_weights.py. --signals: where the signals are
kept, which take minutes; delete them when a network changes. The weights are those of dahyf and dfl.

Signals and their use: `knuckle.inference.sides`. The logits of a right hand are slopes times signals times a sharpness
that the quality decides; their mean log loss is made small, each set counting as its number of hands, photographs
`PHOTOS_COUNT`: their sides are what the landmark network said of the larger picture. Printed of odds that were learnt
from the first 70 % of each set, for the rest: how many sides are right, log loss, expected calibration error (ten bins
of equal count); and with all stages one after another, as `decide_sides` takes them, how many hands come to the later
ones and how many wrong sides have a probability of more than 0.95. Written are those learnt from all.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.tables import plain_table
from benchmarks.training.certainty_cases import Case, found_hand, photo_cases, rendered_cases
from knuckle.evaluation.metrics.calibration import calibration_error
from knuckle.files import atomic_path
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.detection.mirrored import look_mirrored
from knuckle.inference.one_hand import Predictor
from knuckle.inference.sides import (
    DOUBT,
    DOUBT_AFTER_LOOKS,
    FIRST,
    FIRST_QUALITY,
    LOOKS,
    LOOKS_QUALITY,
    QUALITY,
    READ,
    SIGNALS,
    TABLE,
    qualities,
    read_both_ways,
    side_signals,
)
from knuckle.inference.trust import logit
from knuckle.inference.two_hands import PairPredictor
from knuckle.weights import ONE_HAND, TWO_HANDS

PAIR = 2.0
"""Logarithm of the odds by which two near hands of about one size are a left and a right one: of 180 such pairs of the
train and val splits of `detection` 179 are, but there one person sits before the camera; people who meet shake right
hands."""
PHOTOS_COUNT = 0.5
DETECTOR = 0.5
"""What the detector's logit counts beside the others: not learnt, as no detector that gives one saw these sets."""
DECAY, STEPS = 2e-3, 600
LEARNT = 0.7
"""Share of each set from which is learnt what is printed of the rest."""
STAGES = {
    "first": (FIRST, FIRST_QUALITY),
    "looks": (LOOKS, LOOKS_QUALITY),
    "read": (READ, QUALITY),
    "both": (SIGNALS, QUALITY),
}
"""What is known at first, after the look at the mirror image, and of hands read both ways without the two-hand system
and with it."""


class Told(NamedTuple):
    """Of N hands: the first look and the signals (N, 8) towards their true side, and qualities (N, 5)."""

    look: np.ndarray
    signals: np.ndarray
    qualities: np.ndarray


def collect(cases: Iterable[Case], reader: Predictor, pairs: PairPredictor) -> Told:
    """Signals of the hands that the landmark network sees, as detection would find them."""
    rng, rows = np.random.default_rng(0), []
    for case in cases:
        if case.side is None:
            continue
        box, evidence = found_hand(case, rng)
        if not evidence.found[0]:
            continue
        looks = (evidence, look_mirrored(landmark_network(), case.picture, evidence))
        both = read_both_ways(reader, case.picture, box[None], looks, pairs=pairs)
        signals = side_signals(both, box[None], np.array([0.5]))
        sign = 1 if case.side == "right" else -1
        rows.append((sign * logit(evidence.right)[0], sign * signals[0], qualities(both, box[None])[0]))
    return Told(*(np.stack(column) for column in zip(*rows, strict=True)))


def learn(
    told: list[Told], counts: list[float], signals: tuple[str, ...], quality: tuple[str, ...]
) -> dict[str, Any]:
    """The odds' numbers by name."""
    weight = np.concatenate([np.full(len(of.signals), count) for of, count in zip(told, counts, strict=True)])
    chosen = [name for name in signals if name != "detector"]
    given = torch.as_tensor(np.concatenate([_columns(of, chosen) for of in told]))
    seen = np.concatenate([of.qualities for of in told])[:, [QUALITY.index(name) for name in quality]]
    low, high = np.quantile(seen, [0.01, 0.99], axis=0)
    seen = torch.as_tensor(np.clip(seen, low, high))
    spread, middle, width = given.square().mean(0).sqrt(), seen.mean(0), seen.std(0)
    slopes = torch.full((len(chosen),), 0.3, dtype=torch.float64, requires_grad=True)
    sharper = torch.zeros(len(quality), dtype=torch.float64, requires_grad=True)
    weights = torch.as_tensor(weight / weight.sum())
    optimiser = torch.optim.Adam([slopes, sharper], lr=0.02)
    for _ in range(STEPS):
        sharpness = torch.exp(((seen - middle) / width) @ sharper)
        loss = weights @ torch.nn.functional.softplus(-((given / spread) @ slopes) * sharpness)
        loss = loss + DECAY * (slopes.square().sum() + sharper.square().sum())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = dict(zip(chosen, (slopes / spread).detach().tolist(), strict=True))
    tilts = (sharper / width).detach()
    return {
        "slopes": {name: round(found.get(name, DETECTOR), 4) for name in signals},
        "quality slopes": dict(zip(quality, tilts.numpy().round(4).tolist(), strict=True)),
        "quality range": dict(zip(quality, np.stack([low, high], 1).round(4).tolist(), strict=True)),
        "constant": round(float(-(middle @ tilts)), 4),
    }


def probability(told: Told, odds: dict[str, Any]) -> np.ndarray:
    """Of the true side of each hand."""
    signals = _columns(told, list(odds["slopes"])) @ list(odds["slopes"].values())
    names, ranges = list(odds["quality slopes"]), np.array(list(odds["quality range"].values()))
    seen = np.clip(told.qualities[:, [QUALITY.index(name) for name in names]], *ranges.T)
    sharpness = np.exp(seen @ list(odds["quality slopes"].values()) + odds["constant"])
    return 1 / (1 + np.exp(-signals * sharpness))


def in_stages(told: Told, table: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probability of the true side as `decide_sides` comes to it; which hands it looks at mirrored, and which of
    those it reads both ways."""
    p, looks, both = (probability(told, table[stage]) for stage in ("first", "looks", "both"))
    looked = np.minimum(p, 1 - p) >= DOUBT
    read = looked & (np.minimum(looks, 1 - looks) >= DOUBT_AFTER_LOOKS)
    return np.where(read, both, np.where(looked, looks, p)), looked, read


def _stages_table(folders: Sequence[Path], held: Sequence[Told], checked: dict[str, Any]) -> Table:
    columns = ("% looked at mirrored", "% read both ways", "% right", "% wrong though sure", "log loss")
    shown = plain_table(("held out", "hands", *columns), title="one after another")
    for folder, of in zip(folders, held, strict=True):
        p, looked, read = in_stages(of, checked)
        shares = (f"{100 * which.mean():.1f}" for which in (looked, read, p > 0.5, p < 0.05))
        shown.add_row(folder.name, str(len(p)), *shares, f"{-np.log(p).mean():.3f}")
    return shown


def _columns(told: Told, names: Sequence[str]) -> np.ndarray:
    """Signals by name (N, k)."""
    of = dict(zip(SIGNALS, told.signals.T, strict=True)) | {"look": told.look}
    return np.stack([of[name] for name in names], axis=1)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rendered", type=Path, action="append", required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=1200, help="of each set")
    parser.add_argument("--photo-step", type=int, default=10, help="every so manyth photograph")
    parser.add_argument("--signals", type=Path, default=Path("out/sides"))
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    reader, pairs = Predictor(ONE_HAND, threads=1), PairPredictor(TWO_HANDS, threads=1)
    options.signals.mkdir(parents=True, exist_ok=True)
    told = []
    for folder in [*options.rendered, options.photos]:
        kept = options.signals / f"{folder.name}-{reader.record.sha256[:8]}.npz"
        if not kept.is_file():
            if folder == options.photos:
                cases = photo_cases(folder, slice(0, None, options.photo_step))
            else:
                cases = rendered_cases(folder, slice(0, options.limit))
            np.savez_compressed(kept, **collect(cases, reader, pairs)._asdict())
        with np.load(kept) as arrays:
            told.append(Told(**arrays))
    counts = [1.0] * len(options.rendered) + [PHOTOS_COUNT]
    ends = [round(LEARNT * len(of.signals)) for of in told]
    learnt = [Told(*(values[:end] for values in of)) for of, end in zip(told, ends, strict=True)]
    held = [Told(*(values[end:] for values in of)) for of, end in zip(told, ends, strict=True)]
    checked, table = (
        {name: learn(of, counts, *names) for name, names in STAGES.items()} for of in (learnt, told)
    )
    console = Console(width=140)
    for stage in STAGES:
        shown = plain_table(("held out", "hands", "right side", "log loss", "ECE"), title=stage)
        for folder, of in zip([*options.rendered, options.photos], held, strict=True):
            p = probability(of, checked[stage])
            error = calibration_error(np.maximum(p, 1 - p), p > 0.5)
            shown.add_row(
                folder.name,
                str(len(p)),
                f"{(p > 0.5).mean():.3f}",
                f"{-np.log(p).mean():.3f}",
                f"{error:.3f}",
            )
        console.print(shown, "")
    console.print(_stages_table([*options.rendered, options.photos], held, checked))
    if not options.dry:
        with atomic_path(TABLE) as temporary:
            temporary.write_text(json.dumps(table | {"pair": PAIR}, indent=1) + "\n")
        console.print(f"wrote {TABLE}")


if __name__ == "__main__":
    main()
