"""How exact a hand's size and place are: learns the figures of src/knuckle/assets/metric.json.

python -m benchmarks.training.metric --rendered runs/metric [--limit 600] [--checked 300] [--persons 44]

The set: knuckle synth --count 640 --seed 4040 --size 320 --extra views --extra sizes --extra camera --extra wear
--negatives 0 --out runs/metric. It must not have trained the weights of "auto", whose hands these are. They are seen as
`knuckle.estimate` sees hands that a detector found.

Size: every person of --persons, half of them from a child to a very large man, is rendered in seven poses, views and
looks. How far the network's length (`hand_length`) follows the true one, and how much it differs within a person and
between persons, is printed and written. What people's hands are like is a fact of others: `PEOPLE`.

Place: of hands brought to their true length, by how much the network puts them too far away, by signals of the hand
(`knuckle.inference.root_error`), by median regression; and how far they are then off along the line of sight, by
regression of the 68th percentile.

Printed for hands of the frozen synthetic benchmark, from which nothing is learnt: how far wrists are off, before and
after, with true and with assumed cameras; which share of the wrists lies within one standard deviation along the line
of sight (68 is right), within the 68 % radius across it, and within the ellipsoid that should hold 68 %. "people's"
sizes: one camera sees a hand and one twice as large and far alike, so the truth of every picture is scaled to a length
drawn from `PEOPLE`; "as rendered": as the benchmark has them.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.crop_hands import crop_hand
from benchmarks.shared.tables import plain_table
from benchmarks.training.certainty_cases import Case, found_hand, reduced
from knuckle.evaluation.benchmarks.rendered import set_patches, split
from knuckle.files import atomic_path
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.estimate import BoxedHands, predict
from knuckle.inference.root_error import (
    CHI_68,
    FIGURES,
    RADIUS_68,
    SIGNALS,
    place_better,
    root_covariance,
    root_figures,
    root_signals,
)
from knuckle.live.hand_size import GIVEN_SD, LENGTH_PATH, hand_length, rescaled, size_figures
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import WRIST
from knuckle.synth.benchmark import load_benchmark
from knuckle.synth.body.sizes import draw_size, resize_shape
from knuckle.synth.camera.placement import sample_camera
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions
from knuckle.weights import AUTO

PEOPLE = {"mean_m": 0.181, "people": 0.09}
"""Mean hand length and standard deviation of its logarithm. Grown-ups' hands: men 190 mm, women 176 mm from the wrist's
crease to the tip of the middle finger, each +- 9 to 10 mm (300 students; Ibeachu, Abu and Didia 2011; surveys of other
peoples differ by a few mm), together 183 +- 12 mm or .065. One hand in twenty that is a child's, of 140 mm on average,
makes it 181 mm and .09."""
FOCAL_SD = {"calibrated": 0.01, "exif": 0.04}
"""Not learnt: standard deviations of the logarithm of focal lengths that are known. What `knuckle calibrate` reaches;
and of EXIF, whose focal length in 35 mm film is a whole number, is meant along the diagonal or across the width, and
may be that of more of the sensor than the picture shows."""
ALIKE_S = 1.5
"""Not learnt: how long a hand of a video keeps its pose and view, roughly."""
VIEWS = 7
PERSON_STEP = 100
SEED = 4141


class Seen(NamedTuple):
    """One rendered hand: the truth, and what was said of it, with the true camera and with the assumed one."""

    joints_m: np.ndarray
    hands: tuple[Hands, ...]


def seen_hands(rendered: SynthSet, rows: slice, predictor: AnyPredictor, *, cameras: int) -> Iterator[Seen]:
    """Hands of a set as they are seen with the true camera, and with the assumed one where `cameras` is 2."""
    rng = np.random.default_rng(7)
    hands, _ = split(rendered)
    chosen = hands[rows]
    patches = set_patches(rendered, chosen, size=rendered.images.shape[1])
    for row, patch in zip(chosen, patches, strict=True):
        hand = crop_hand(patch, str(row))
        whole = Case(hand.pixels, hand.camera, hand.box_px, "right", hand.joints_px, hand.joints_m)
        case = reduced(whole, rng)
        box, evidence = found_hand(case, rng)
        if not evidence.found[0]:
            continue
        boxed = BoxedHands(box[None], ("right",), evidence, np.ones(1))
        focal, *_ = (float(v) for v in rendered.labels["camera"][row])
        guessed = Camera.from_size(*(int(n) for n in rendered.labels["frame_size"][row]))
        scale = guessed.fx / focal
        assumed = replace(
            case.camera, fx=case.camera.fx * scale, fy=case.camera.fx * scale, assumed=True, source="assumed"
        )
        said = [predict(predictor, case.picture, boxed, one) for one in (case.camera, assumed)[:cameras]]
        yield Seen(np.asarray(case.joints_m), tuple(said))


def learn_size(predictor: AnyPredictor, persons: int) -> dict[str, float]:
    """The figures of the network's lengths."""
    options = SynthOptions(size=160, backgrounds="procedural", extras=("views",))
    engine, rng = SynthEngine(SEED, options), np.random.default_rng(5)
    who, true, said = [], [], []
    for person in range(persons):
        shape = engine.draw(person * PERSON_STEP).shape
        if person % 2:
            shape = resize_shape(shape, draw_size(rng))
        for view in range(VIEWS):
            draw = engine.draw(person * PERSON_STEP + view)
            draw.__dict__["shape"] = shape  # instead of the drawn one
            sample, _ = engine.hand(draw)
            (scale, _, left), (_, _, top) = sample.patch_from_frame.astype(float)
            fx, fy, cx, cy = sample.camera.astype(float)
            camera = Camera(fx * scale, fy * scale, cx * scale + left, cy * scale + top, 160, 160)
            low, high = sample.joints_px.min(0), sample.joints_px.max(0)
            box = np.concatenate([low, high - low]).astype(float)
            box, evidence = found_hand(Case(sample.image, camera, box, "right"), rng)
            if evidence.found[0]:
                hand = predictor.estimate(
                    sample.image, box[None], ("right",), camera, evidence=evidence
                ).hands
                who.append(person)
                true.append(float(np.log(hand_length(sample.joints_m) / PEOPLE["mean_m"])))
                said.append(float(np.log(hand_length(hand.joints_m[0]) / PEOPLE["mean_m"])))
    people, size, told = np.array(who), np.array(true), np.array(said)
    slope, offset = np.polyfit(size, told, 1)
    rest = told - slope * size - offset
    means = np.array([rest[people == one].mean() for one in np.unique(people)])
    counts = np.array([(people == one).sum() for one in np.unique(people)])
    within = rest - means[np.searchsorted(np.unique(people), people)]
    frame = float(np.sqrt((within**2).sum() / (counts - 1).sum()))
    between = float(np.sqrt(max(means.var(ddof=1) - frame**2 * np.mean(1 / counts), 0.0)))
    print(
        f"{len(people)} views of {len(means)} persons: true lengths differ by {size.std():.3f} (logarithm), the"
        f" network's by {told.std():.3f}; it follows them by {slope:.3f} (correlation"
        f" {np.corrcoef(size, told)[0, 1]:.2f}), differs by {frame:.3f} within a person and {between:.3f} between them"
    )
    return {
        **PEOPLE,
        "slope": round(max(float(slope), 0.0), 4),
        "offset": round(float(offset), 4),
        "frame": round(frame, 4),
        "person": round(max(between, 0.005), 4),
        "alike_s": ALIKE_S,
    }


def to_length(hands: Hands, length_m: float) -> Hands:
    """Hands brought to a length."""
    return rescaled(hands, length_m / hand_length(hands.joints_m))


def learn_place(seen: list[Seen], focal: float) -> dict[str, Any]:
    """The figures of `root_error`."""
    hands = [to_length(one.hands[0], float(hand_length(one.joints_m))) for one in seen]
    signals = np.concatenate([root_signals(hand) for hand in hands])
    span = np.percentile(signals, [1, 99], axis=0).T
    terms = np.concatenate([np.ones((len(signals), 1)), np.clip(signals, *span.T)], axis=1)
    middle = np.array([hand.joints_m[0].mean(0) for hand in hands])
    true = np.array([one.joints_m.mean(0) for one in seen])
    farther = np.log(np.linalg.norm(middle, axis=1) / np.linalg.norm(true, axis=1))
    bias = quantile_fit(terms, farther, 0.5)
    left = np.log(np.abs(farther - terms @ bias) + 1e-4)
    along = quantile_fit(terms, left, 0.68)
    radius = np.array([hand.joint_error_px[0, WRIST] for hand in hands])
    off = np.array(
        [
            np.linalg.norm(hand.camera.project(one.joints_m[WRIST]) - hand.joints_px[0, WRIST])
            for hand, one in zip(hands, seen, strict=True)
        ]
    )
    # Never less than the joint's own radius says.
    across = max(float(np.quantile(np.log(off / radius), 0.68)), 0.0)

    def named(values: np.ndarray) -> dict[str, float]:
        return {name: round(float(v), 4) for name, v in zip(("constant", *SIGNALS), values, strict=True)}

    return {
        "range": {name: [round(float(v), 3) for v in ends] for name, ends in zip(SIGNALS, span, strict=True)},
        "farther": named(bias),
        "along": named(along),
        "across": round(across, 4),
        **FOCAL_SD,
        "assumed": round(focal, 3),
    }


def quantile_fit(terms: np.ndarray, values: np.ndarray, share: float) -> np.ndarray:
    """Coefficients of the linear model below which that share of the values lies, by reweighted least squares."""
    weights = np.ones(len(values))
    found = np.zeros(terms.shape[1])
    for _ in range(200):
        rows = terms * np.sqrt(weights)[:, None]
        ridge = 1e-4 * len(values) * np.diag([0.0, *np.ones(terms.shape[1] - 1)])
        found = np.linalg.solve(rows.T @ rows + ridge, rows.T @ (values * np.sqrt(weights)))
        rest = values - terms @ found
        weights = np.where(rest > 0, share, 1 - share) / np.maximum(np.abs(rest), 1e-3)
        weights /= weights.mean()
    return found


def focal_deviation() -> float:
    """By how much, in logarithms, 68 of 100 focal lengths of rendered hands differ at most from the assumed ones."""
    rng = np.random.default_rng(1)
    cameras = [sample_camera(rng) for _ in range(5000)]
    off = [np.log(camera.fx / np.hypot(camera.width, camera.height)) for camera in cameras]
    return float(np.quantile(np.abs(off), 0.68))


def table_of(seen: list[Seen]) -> Any:
    """How exact wrists and their covariances are."""
    rng, figures = np.random.default_rng(9), size_figures()
    drawn = figures.mean_m * np.exp(rng.normal(0, figures.people, len(seen)))
    table = plain_table(
        (
            "camera",
            "sizes",
            "length",
            "network's, mm",
            "placed",
            "network's, .3-.8 m",
            "placed",
            "along 68 %",
            "across",
            "ellipsoid",
        )
    )
    for camera, number in (("true", 0), ("assumed", 1)):
        for sizes in ("people's", "as rendered"):
            for given in (False, True):
                rows = []
                for one, length in zip(seen, drawn, strict=True):
                    own = float(hand_length(one.joints_m))
                    truth = one.joints_m * (length / own if sizes == "people's" else 1.0)
                    known = length if sizes == "people's" else own
                    hand = one.hands[number]
                    better = place_better(to_length(hand, known if given else figures.mean_m))
                    sd = GIVEN_SD if given else figures.people
                    rows.append(_off(truth, hand, better, root_covariance(better, relative_size_sd=sd)[0]))
                off = np.array(rows)
                near = (off[:, 2] > 0.3) & (off[:, 2] < 0.8)
                table.add_row(
                    camera,
                    sizes,
                    "given" if given else "people's",
                    f"{1e3 * off[:, 0].mean():.0f}",
                    f"{1e3 * off[:, 1].mean():.0f}",
                    *(f"{1e3 * off[near, k].mean():.0f} ({near.sum()})" for k in (0, 1)),
                    *(f"{100 * off[:, k].mean():.1f}" for k in (3, 4, 5)),
                )
    return table


def _off(truth: np.ndarray, hand: Hands, better: Hands, covariance: np.ndarray) -> tuple[float, ...]:
    """Distances before and after, the true distance, and whether the error lies within what is said."""
    wrist = better.joints_m[0, WRIST]
    ray = wrist / np.linalg.norm(wrist)
    error = truth[WRIST] - wrist
    along = abs(error @ ray) / np.sqrt(ray @ covariance @ ray)
    # Two axes across the line of sight.
    plane = np.linalg.svd(ray[None])[2][1:]
    side, across = plane @ error, plane @ covariance @ plane.T
    return (
        float(np.linalg.norm(hand.joints_m[0, WRIST] - truth[WRIST])),
        float(np.linalg.norm(error)),
        float(np.linalg.norm(truth[WRIST])),
        float(along < 1),
        float(side @ np.linalg.solve(across, side) < RADIUS_68**2),
        float(error @ np.linalg.solve(covariance, error) < CHI_68),
    )


def seen_short(seen: list[Seen]) -> str:
    """How long flat hands look in the picture, beside how long they are."""
    path, short = list(LENGTH_PATH), []
    for one in seen:
        true = one.joints_m[path]
        length, whole = float(hand_length(one.joints_m)), true[-1] - true[0]
        if np.linalg.norm(whole) < 0.97 * length or np.linalg.norm(whole[:2]) < 0.9 * length:
            continue
        hand = one.hands[0]
        seen_px, true_px = hand.joints_px[0, path], hand.camera.project(true)
        short.append(np.log(np.linalg.norm(np.diff(seen_px, axis=0), axis=1).sum()))
        short[-1] -= np.log(np.linalg.norm(np.diff(true_px, axis=0), axis=1).sum())
    low, high = np.percentile(short, [16, 84])
    return (
        f"{len(short)} straight hands across the line of sight look {100 * np.median(short):+.1f} % longer in the"
        f" picture than they are, 68 % within +- {50 * (high - low):.1f} %, standard deviation"
        f" {100 * np.std(short):.1f} %"
    )


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rendered", type=Path, default=None, help="learns from it; without it only checks")
    parser.add_argument("--limit", type=int, default=600, help="hands to learn from")
    parser.add_argument("--checked", type=int, default=300, help="hands of the frozen benchmark")
    parser.add_argument("--persons", type=int, default=44)
    options = parse(parser)
    predictor = open_predictor(AUTO, threads=1)
    if options.rendered is not None:
        rendered = SynthSet(options.rendered)
        figures = {
            "size": learn_size(predictor, options.persons),
            "root": learn_place(
                list(seen_hands(rendered, slice(0, options.limit), predictor, cameras=1)),
                focal_deviation(),
            ),
        }
        with atomic_path(FIGURES) as temporary:
            temporary.write_text(json.dumps(figures, indent=2) + "\n")
        root_figures.cache_clear()
        print(f"wrote {FIGURES}")
    checked = list(seen_hands(load_benchmark(), slice(0, options.checked), predictor, cameras=2))
    print(f"{len(checked)} hands of the frozen benchmark")
    Console(width=160).print(table_of(checked))
    print(seen_short(checked))


if __name__ == "__main__":
    with one_line_errors():
        main()
