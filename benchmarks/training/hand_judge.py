"""Learn how probable a hand is where one was found: what `knuckle.inference.detection.judge` weighs, for one network.

python -m benchmarks.training.hand_judge --network palm|hand_boxes --scenes FOLDER [--count N] [--out FILE], with
KNUCKLE_DATA. Pictures: the first N rendered scenes of a folder that `knuckle synth --hands scene` wrote, which must not
have trained the network, and as many of what may train besides: photographs of subhih's train split, mosaics of them
(2x2 to 4x4), patches without hands and pieces of panoramas. Every finding of a normal search that never ends early is
one sample, before it is judged: a hand where its box overlaps a labelled one by IoU 0.5, none where it overlaps all by
less than 0.2; between, and on hidden hands, it is left out. Prints, for pictures that the fit has not seen (five
folds), how well hands and others are told apart, the calibration error, and what thresholds let through; takes the
least threshold that lets no more than one ghost in 20 pictures through; writes
src/knuckle/assets/detector/judge.json, whose other networks stay as they are.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_args

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.detection_scores import NO_HAND_IOU, SAME_IOU, grown
from benchmarks.shared.labelled_pictures import LabelledPicture, mosaics, photographs, read_index
from knuckle.files import atomic_path
from knuckle.inference.detection.boxes import overlaps
from knuckle.inference.detection.finder import HandFinder, proposal_network
from knuckle.inference.detection.judge import SIGNALS, TABLE, Judge, stacked, to_table
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.detection.search import ProposalName
from knuckle.photos.reading import read_image
from knuckle.progress import show_progress

FOLDS = 5
RIDGE = 1.0
"""What a standardised slope's square costs."""
MOST_GHOSTS = 0.05
"""A picture."""
LABEL_MARGIN = 0.1
"""From the extent of joints to the outline that photographs' labels give."""


class Findings(NamedTuple):
    """What a search finds in pictures, before it is judged."""

    signals: Float[np.ndarray, "N k"]
    is_hand: Bool[np.ndarray, "N"]
    picture: Int[np.ndarray, "N"]
    pictures: int
    """Searched, findings or not."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--network", choices=get_args(ProposalName), required=True)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    if "KNUCKLE_DATA" not in os.environ:
        raise SystemExit("KNUCKLE_DATA: expected the folder with detection/ and backgrounds/, got nothing")
    with one_line_errors():
        found = search(options.network, options.scenes, Path(os.environ["KNUCKLE_DATA"]), options.count)
        print(f"{len(found.is_hand)} findings, {found.is_hand.mean():.2f} of them hands")
        probable = held_out(found)
        show(found, probable)
        threshold = least_threshold(found, probable)
        judge = replace(fit(found.signals, found.is_hand), threshold=threshold)
        print(f"  threshold       {threshold:7.2f}")
        for name, slope in zip(SIGNALS, judge.slopes, strict=True):
            print(f"  {name:<16}{slope:7.3f}")
        table = json.loads(options.out.read_text()) if options.out.exists() else {}
        table[options.network] = to_table(judge)
        with atomic_path(options.out) as path:
            path.write_text(json.dumps(table, indent=1) + "\n")


def search(network: str, scenes: Path, data: Path, count: int) -> Findings:
    """Every finding in the pictures of all sources."""
    unjudged = Judge(np.zeros(len(SIGNALS)), 0.0, 0.0)
    finder = HandFinder(effort="normal", network=proposal_network(network), judge=unjudged)
    sources = [(0.0, picture) for picture in photographs(scenes, read_index(scenes)[:count])]
    sources += [(LABEL_MARGIN, picture) for picture in trainable(data, count)]
    rows, labels, numbers = [], [], []
    with show_progress("pictures", len(sources)) as advance:
        for number, (margin, picture) in enumerate(sources):
            for told, is_hand in findings(finder, picture, margin):
                rows.append(told)
                labels.append(is_hand)
                numbers.append(number)
            advance(1)
    return Findings(stacked(rows), np.array(labels, dtype=bool), np.array(numbers), len(sources))


def findings(
    finder: HandFinder, picture: LabelledPicture, margin: float
) -> Iterator[tuple[Float[np.ndarray, "k"], bool]]:
    """The signals of each finding in a picture, and whether it is a hand."""
    image = picture.read()
    seen = Proposals.joined([])
    for view in finder.views(image):
        places, cut = finder.propose(image, view)
        new = finder.unseen(seen, places, cut, least=view.network.look_score)
        seen = Proposals.joined([seen, new])
        for hand in finder.look(image, new, view):
            iou = overlaps(grown(hand.box_px, margin), picture.boxes_px)
            best = iou.max(initial=0)
            if best >= NO_HAND_IOU and (best < SAME_IOU or picture.ignored[iou.argmax()]):
                continue
            yield hand.signals, bool(best >= SAME_IOU)


def trainable(data: Path, count: int) -> Iterator[LabelledPicture]:
    """Photographs that may train, mosaics of them, and pictures without hands: about `count` in all."""
    rows = read_index(data / "detection", source="subhih", split="train")
    yield from photographs(data / "detection", rows[:: max(1, 3 * len(rows) // count)])
    for grid in (2, 3, 4):
        yield from mosaics(data / "detection", rows, grid, max(1, count // 20))
    patches = [
        data / "backgrounds" / line["file"]
        for name in ("no_hand.jsonl", "index.jsonl")
        for line in map(json.loads, (data / "backgrounds" / name).read_text().splitlines())
        if line.get("detection_split", "train") == "train"
    ]
    rng = np.random.default_rng(0)
    for _ in range(count // 6):
        # Nine to a picture, so that they are searched as closely as a photograph.
        chosen = rng.choice(len(patches), 9, replace=False)
        yield _without_hands([patches[i] for i in chosen])


def _without_hands(patches: Iterable[Path]) -> LabelledPicture:
    def read() -> np.ndarray:
        cells = [cv2.resize(read_image(path), (300, 300)) for path in patches]
        return np.vstack([np.hstack(cells[start : start + 3]) for start in range(0, 9, 3)])

    return LabelledPicture(read, np.zeros((0, 4)), (), np.zeros(0, dtype=bool))


def fit(signals: Float[np.ndarray, "N k"], is_hand: Bool[np.ndarray, "N"]) -> Judge:
    """The logistic model of least loss, its standardised slopes held small."""
    mean, spread = signals.mean(0), signals.std(0) + 1e-9
    inputs = np.column_stack([(signals - mean) / spread, np.ones(len(signals))])
    sign = np.where(is_hand, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        slopes = np.append(weights[:-1], 0)
        margins = sign * (inputs @ weights)
        gradient = -(inputs.T @ (sign / (1 + np.exp(margins)))) + RIDGE * slopes
        return float(np.logaddexp(0, -margins).sum() + RIDGE / 2 * (slopes**2).sum()), gradient

    weights = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x
    slopes = weights[:-1] / spread
    return Judge(slopes, float(weights[-1] - slopes @ mean), 0.5)


def held_out(found: Findings) -> Float[np.ndarray, "N"]:
    """The probability of each finding by a fit that has not seen its picture."""
    probable = np.zeros(len(found.is_hand))
    for fold in range(FOLDS):
        held = found.picture % FOLDS == fold
        if held.any():
            probable[held] = fit(found.signals[~held], found.is_hand[~held]).probabilities(
                found.signals[held]
            )
    return probable


def least_threshold(found: Findings, probable: Float[np.ndarray, "N"]) -> float:
    """The least that lets no more ghosts a picture through than `MOST_GHOSTS`."""
    others = probable[~found.is_hand]
    thresholds = np.arange(0.3, 0.96, 0.05)
    few = [(others >= one).sum() <= MOST_GHOSTS * found.pictures for one in thresholds]
    return round(float(thresholds[few.index(True) if any(few) else -1]), 2)


def show(found: Findings, probable: Float[np.ndarray, "N"]) -> None:
    """Prints how well findings are judged whose pictures the fit has not seen."""
    order = np.argsort(np.argsort(probable))
    hands, others = int(found.is_hand.sum()), int((~found.is_hand).sum())
    auc = (order[found.is_hand].sum() - hands * (hands - 1) / 2) / max(hands * others, 1)
    bins = np.minimum((probable * 10).astype(int), 9)
    error = sum(
        abs(probable[bins == one].mean() - found.is_hand[bins == one].mean()) * (bins == one).mean()
        for one in np.unique(bins)
    )
    print(f"held out: ROC-AUC {auc:.3f}, calibration error {error:.3f}")
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        kept = probable >= threshold
        print(
            f"  from {threshold:.1f}: {kept[found.is_hand].mean():.3f} of the hands,"
            f" {kept[~found.is_hand].mean():.3f} of the others"
        )


if __name__ == "__main__":
    main()
