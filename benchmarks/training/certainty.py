"""How sure a hand is: learns confidence and joint errors, and writes src/knuckle/assets/certainty.json.

python -m benchmarks.training.certainty --rendered runs/certainty --rendered runs/evidence-plain --pairs
runs/evidence-pairs --photos $KNUCKLE_DATA/train-photos --backgrounds $KNUCKLE_DATA/backgrounds [--weights dahyf ...]
[--signals out/certainty]. The sets' commands are in sides.py and evidence_weights.py; they must not have trained any of
the weights. --weights: names or .onnx files, calibrated each by itself; default: all installed ones. All systems
together, without the signal that only some have, are the standard for others. --signals: where signals are kept, which
take minutes; delete them when a network, `assets/sides.json` or `assets/evidence.json` changes.

Hands are seen as `knuckle.estimate` sees them: most as if a detector had found them, with the side that
`knuckle.inference.sides` decides, the others as if box and side were given. Boxes without a hand: crops of the sets,
photographs of rooms, landscapes and people's surroundings, noise. Signals and their use:
`knuckle.inference.certainty`. Confidence: a logistic model; hands and boxes without one count alike. Errors: the
logarithm of each joint's radius with the least pinball loss at 68 %; what disagreement counts is never negative. The
figures written are learnt from all. Printed of figures learnt from the first 70 % of each set, for the rest: expected
calibration error (ten bins of equal count), and which share of the joints lies within its radius.
"""

import json
import pickle
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.tables import plain_table
from benchmarks.training.certainty_cases import (
    Case,
    SeenCase,
    empty_cases,
    joint_errors,
    pair_cases,
    photo_cases,
    rendered_cases,
    see,
)
from knuckle import weights
from knuckle.evaluation.metrics.calibration import calibration_error
from knuckle.files import atomic_path
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.certainty import (
    ALONE,
    HOLDS,
    JOINT_SIGNALS,
    SEEN,
    SIGNALS,
    TABLE,
    hand_signals,
    joint_signals,
    to_calibration,
)
from knuckle.inference.trust import STANDARD
from knuckle.skeleton import JOINT_CLASSES

FOUND = 0.6
"""Share of the hands that are seen as if a detector had found them."""
LEARNT = 0.7
LEAST = 100
"""Hands that figures of a system's own need; of boxes without one a third of that."""
DECAY, STEPS, RADIUS_STEPS = 1e-3, 800, 300
NOT_NEGATIVE = ("branches", "apart", "apart 3D", "residual")
"""Signals that never make a radius smaller."""
NOT_FALLING = ("presence", "side", "confidence")
"""Signals that never make the confidence smaller."""


class Told(NamedTuple):
    """Of N boxes: signals, whether there is a hand, and its joints' errors over the box's side and in metres from the
    wrist on, NaN where nobody knows them."""

    hand: np.ndarray
    joint: np.ndarray
    is_hand: np.ndarray
    error: np.ndarray
    error_m: np.ndarray

    def rows(self, chosen: slice | np.ndarray) -> "Told":
        return Told(*(values[chosen] for values in self))

    @classmethod
    def joined(cls, parts: Iterable["Told"]) -> "Told":
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def collect(seen: Sequence[SeenCase], predictor: AnyPredictor) -> dict[str, Told]:
    """What a predictor's answers tell, by the name of the system that answered."""
    rows: dict[str, list[tuple[np.ndarray, ...]]] = {}
    for case in seen:
        boxes, sides, known = case.boxes_px, case.sides, case.evidence
        estimated = predictor.estimate(case.picture, boxes, sides, case.camera, evidence=known)
        hand = hand_signals(estimated, known if predictor.uses_evidence else None)
        joint = joint_signals(estimated)
        for row, of in enumerate(case.cases):
            error, error_m = joint_errors(estimated.hands[row], of)
            told = (hand[row], joint[row], np.array(of.side is not None), error, error_m)
            rows.setdefault(estimated.hands.models[row], []).append(told)
    return {name: Told(*(np.stack(column) for column in zip(*of, strict=True))) for name, of in rows.items()}


def learn_confidence(told: Told) -> dict[str, Any]:
    """A logistic model's numbers by name."""
    given = torch.as_tensor(_within(told.hand, _range(told, told.hand)))
    middle, spread = given.mean(0), given.std(0).clamp(min=1e-3)
    is_hand = torch.as_tensor(told.is_hand, dtype=torch.float64)
    share = is_hand.mean()
    weight = torch.where(is_hand > 0, 0.5 / share, 0.5 / (1 - share)) / len(is_hand)
    slopes = torch.zeros(len(SIGNALS), dtype=torch.float64, requires_grad=True)
    constant = torch.zeros((), dtype=torch.float64, requires_grad=True)
    rising = torch.tensor([name in NOT_FALLING for name in SIGNALS])
    optimiser = torch.optim.Adam([slopes, constant], lr=0.03)
    for _ in range(STEPS):
        odds = ((given - middle) / spread) @ slopes + constant
        losses = torch.nn.functional.binary_cross_entropy_with_logits(odds, is_hand, reduction="none")
        loss = weight @ losses + DECAY * slopes.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            slopes.copy_(torch.where(rising, slopes.clamp(min=0), slopes))
    found = (slopes / spread).detach()
    return {"slopes": _named(SIGNALS, found), "constant": round(float(constant.detach() - middle @ found), 4)}


def learn_radii(told: Told, errors: np.ndarray) -> dict[str, Any]:
    """Numbers by name of the radii that hold `HOLDS` of the errors (N, 21).

    The offsets are those that hold as many of hands that the slopes were not learnt from: half by half."""
    known = np.isfinite(errors).all(1)
    hand = torch.as_tensor(_within(told.hand, _range(told, told.hand))[known])
    joint = torch.as_tensor(_within(told.joint, _range(told, told.joint))[known])
    aim = torch.as_tensor(np.log(errors[known] + 1e-5))
    # The wrist's own error in space is nothing.
    counts = torch.as_tensor((errors[known] > 0).any(0), dtype=torch.float64)
    halves = torch.arange(len(aim)) % 2 == 0
    off = torch.zeros_like(aim)
    for half in (halves, ~halves):
        slopes, joint_slopes = _fit_radii(hand[half], joint[half], aim[half], counts)
        off[~half] = aim[~half] - (hand[~half] @ slopes)[:, None] - joint[~half] @ joint_slopes
    slopes, joint_slopes = _fit_radii(hand, joint, aim, counts)
    # Both halves' slopes differ a little: their offsets are laid on those of all.
    level = aim - (hand @ slopes)[:, None] - joint @ joint_slopes
    for half in (halves, ~halves):
        off[half] += level[half].median() - off[half].median()
    return {
        "slopes": _named(SIGNALS, slopes),
        "joint slopes": _named(JOINT_SIGNALS, joint_slopes),
        "joints": torch.quantile(off, HOLDS, dim=0).numpy().round(4).tolist(),
    }


def _fit_radii(
    hand: torch.Tensor, joint: torch.Tensor, aim: torch.Tensor, counts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Slopes of hand and joint with the least pinball loss of the logarithms `aim` (N, 21); counts: of joints."""
    hand_middle, hand_spread = hand.mean(0), hand.std(0).clamp(min=1e-3)
    joint_middle, joint_spread = joint.mean((0, 1)), joint.std((0, 1)).clamp(min=1e-3)
    hand, joint = (hand - hand_middle) / hand_spread, (joint - joint_middle) / joint_spread
    slopes = torch.zeros(len(SIGNALS), dtype=torch.float64, requires_grad=True)
    joint_slopes = torch.zeros(len(JOINT_SIGNALS), dtype=torch.float64, requires_grad=True)
    offsets = torch.quantile(aim, HOLDS, dim=0).clone().requires_grad_()
    parts = ((SIGNALS, slopes), (JOINT_SIGNALS, joint_slopes))
    positive = [(torch.tensor([name in NOT_NEGATIVE for name in names]), of) for names, of in parts]
    optimiser = torch.optim.Adam([slopes, joint_slopes, offsets], lr=0.03)
    for _ in range(RADIUS_STEPS):
        off = aim - ((hand @ slopes)[:, None] + joint @ joint_slopes + offsets)
        pinball = torch.maximum(HOLDS * off, (HOLDS - 1) * off) * counts
        loss = pinball.mean() + DECAY * (slopes.square().sum() + joint_slopes.square().sum())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for which, of in positive:
                of.copy_(torch.where(which, of.clamp(min=0), of))
    return (slopes / hand_spread).detach(), (joint_slopes / joint_spread).detach()


def learn_entry(told: Told) -> dict[str, Any]:
    """All figures of a system, with or without evidence."""
    return {
        "range": dict(zip(SIGNALS, _range(told, told.hand).round(4).tolist(), strict=True)),
        "joint range": dict(zip(JOINT_SIGNALS, _range(told, told.joint).round(4).tolist(), strict=True)),
        "confidence": learn_confidence(told),
        "picture": learn_radii(told, told.error),
        "space": learn_radii(told, told.error_m),
    }


def scores(name: str, told: Told, entry: dict[str, Any]) -> list[str]:
    """A row of the printed table: of hands that the figures were not learnt from."""
    figures = to_calibration(entry)
    confidence = figures.confidence(told.hand)
    radius, radius_m = figures.radii(told.hand, told.joint)
    known = np.isfinite(told.error).all(1)
    within, within_m = told.error[known] <= radius[known], told.error_m[known] <= radius_m[known]
    cells = [
        f"{calibration_error(confidence, told.is_hand):.3f}",
        f"{100 * (confidence[told.is_hand] < 0.5).mean():.1f}",
        f"{100 * (confidence[~told.is_hand] >= 0.5).mean():.1f}" if (~told.is_hand).any() else "-",
        f"{100 * within.mean():.1f}",
        f"{100 * within_m[:, 1:].mean():.1f}",
        *(f"{100 * within[:, list(joints)].mean():.1f}" for joints in JOINT_CLASSES.values()),
        f"{100 * np.median(radius[known]):.1f}",
        f"{1e3 * np.median(radius_m[known][:, 1:]):.1f}",
    ]
    return [name, f"{told.is_hand.sum()} + {(~told.is_hand).sum()}", *cells]


HEADINGS = (
    *("system, held out", "hands + none", "ECE", "% hands doubtful", "% none observed"),
    *("% in px radius", "% in m radius", *(f"{name} px" for name in JOINT_CLASSES)),
    *("radius, % of box", "mm"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rendered", type=Path, action="append", required=True)
    parser.add_argument("--pairs", type=Path, default=None)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--weights", action="append", default=None)
    parser.add_argument("--limit", type=int, default=800, help="of each rendered set")
    parser.add_argument(
        "--cases", type=int, default=800, help="of each source that every system is asked about"
    )
    parser.add_argument("--signals", type=Path, default=Path("out/certainty"))
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.signals.mkdir(parents=True, exist_ok=True)
    names = options.weights or list(weights.available())
    found: dict[str, dict[str, list[Told]]] = {}
    for source, cases in _sources(options).items():
        seen = _seen(options.signals / f"seen-{source}.pickle", cases)
        seen = seen[:: -(-len(seen) // options.cases)]
        # A lone hand is the one-hand system's with auto too.
        for name in [*names, *([weights.AUTO] if source == "pairs" else [])]:
            for kind in (SEEN, ALONE):
                told = _kept(options.signals, name, kind, source, seen)
                for system, of in told.items():
                    found.setdefault(system, {}).setdefault(kind, []).append(of)
    table: dict[str, Any] = {"systems": {}}
    if TABLE.is_file():
        table = json.loads(TABLE.read_text())
    console, shown = Console(width=190), plain_table(HEADINGS)
    standard: dict[str, list[Told]] = {SEEN: [], ALONE: []}
    for system, kinds in found.items():
        entry = {}
        if not all(_is_enough(told) for told in kinds.values()):
            console.print(f"{system}: too few hands, the standard figures stand for it")
            continue
        for kind, told in kinds.items():
            learnt, held = _parts(told)
            entry[kind] = learn_entry(Told.joined(told))
            shown.add_row(*scores(f"{system}, {kind}", held, learn_entry(learnt)))
            standard[kind] += [_unbranched(of) for of in told]
        table["systems"][system] = entry
    if options.weights is None or STANDARD not in table["systems"]:
        table["systems"][STANDARD] = {}
        for kind, told in standard.items():
            learnt, held = _parts(told)
            table["systems"][STANDARD][kind] = learn_entry(Told.joined(told))
            shown.add_row(*scores(f"{STANDARD}, {kind}", held, learn_entry(learnt)))
    console.print(shown)
    if not options.dry:
        with atomic_path(TABLE) as temporary:
            temporary.write_text(json.dumps(table, indent=1) + "\n")
        console.print(f"wrote {TABLE}")


def _sources(options: Any) -> dict[str, Callable[[], Iterable[list[Case]]]]:
    """What is seen, by name; made when it is needed."""
    limit, sources = options.limit, {}
    for folder in options.rendered:
        sources[folder.name] = partial(_alone, partial(rendered_cases, folder, slice(0, limit), seed=1))
    sources["photos"] = partial(_alone, partial(photo_cases, options.photos, slice(5, None, 12)))
    sources["empty"] = partial(_alone, partial(empty_cases, options.backgrounds, slice(0, None, 2), seed=1))
    if options.pairs:
        sources["pairs"] = partial(pair_cases, options.pairs, slice(0, limit // 2))
    return sources


def _alone(cases: Callable[[], Iterable[Case]]) -> Iterable[list[Case]]:
    return ([case] for case in cases())


def _seen(path: Path, cases: Callable[[], Iterable[list[Case]]]) -> list[SeenCase]:
    """Cases as they are seen, read where they were kept before."""
    if not path.is_file():
        path.write_bytes(pickle.dumps(list(see(cases(), found_share=FOUND))))
    # Written by this script alone.
    return pickle.loads(path.read_bytes())


def _kept(folder: Path, name: str, kind: str, source: str, seen: Sequence[SeenCase]) -> dict[str, Told]:
    """What one predictor tells of one source, read where it was kept before."""
    path = folder / f"{Path(name).stem}-{kind}-{source}.npz"
    if not path.is_file():
        told = collect(seen, open_predictor(name, threads=1, evidence=kind == SEEN))
        arrays = {
            f"{system}/{key}": value for system, of in told.items() for key, value in of._asdict().items()
        }
        np.savez_compressed(path, **arrays)
    with np.load(path) as arrays:
        systems = dict.fromkeys(key.split("/")[0] for key in arrays.files)
        return {
            system: Told(**{key: arrays[f"{system}/{key}"] for key in Told._fields}) for system in systems
        }


def _parts(told: list[Told]) -> tuple[Told, Told]:
    """What is learnt from, and what is held out: of each source by itself, hands and boxes without one apart."""
    learnt, held = [], []
    for of in told:
        for chosen in (np.flatnonzero(of.is_hand), np.flatnonzero(~of.is_hand)):
            end = round(LEARNT * len(chosen))
            learnt.append(of.rows(chosen[:end]))
            held.append(of.rows(chosen[end:]))
    return Told.joined(learnt), Told.joined(held)


def _is_enough(told: list[Told]) -> bool:
    """Whether there are hands and boxes without one enough to learn from."""
    is_hand = np.concatenate([of.is_hand for of in told])
    return min(is_hand.sum(), 3 * (~is_hand).sum()) >= LEAST


def _unbranched(told: Told) -> Told:
    hand, joint = told.hand.copy(), told.joint.copy()
    hand[:, SIGNALS.index("branches")] = 0.0
    joint[..., JOINT_SIGNALS.index("branches")] = 0.0
    return told._replace(hand=hand, joint=joint)


def _range(told: Told, values: np.ndarray) -> np.ndarray:
    """Between which numbers nearly all hands lie, signal by signal (k, 2)."""
    values = values[told.is_hand]
    return np.quantile(values.reshape(-1, values.shape[-1]), [0.005, 0.995], axis=0).T


def _within(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    return np.clip(values, *bounds.T)


def _named(names: tuple[str, ...], values: torch.Tensor) -> dict[str, float]:
    return dict(zip(names, values.numpy().round(4).tolist(), strict=True))


if __name__ == "__main__":
    main()
