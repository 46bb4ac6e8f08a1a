"""What the palm network's second, smaller pass over a photograph is worth where the first one is sure of a place.

python -m benchmarks.accuracy.small_passes [--limit 120] [--scores 0.3 0.5 0.7 0.8 0.9]. Of each source and split of the
labelled photographs (KNUCKLE_DATA, detection/boxes.jsonl) so many, drawn at random by a fixed seed. For each score: the
share of pictures whose first pass (192 px) has places, all at least so sure, which spares the second one (128 px); of
those pictures, the places of the second pass alone, each of which would have been looked at, and the labelled hands
that only such a place meets (IoU 0.3): what is lost, of how many hands that either pass meets.
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.labelled_pictures import LabelledPicture, photographs, read_index
from knuckle.errors import KnuckleError
from knuckle.inference.detection.boxes import overlaps
from knuckle.inference.detection.merging import distinct_places
from knuckle.inference.detection.palm import LOOK_SCORE, PalmNetwork
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.detection.windows import whole

MET_IOU = 0.3


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--limit", type=int, default=120)
    parser.add_argument("--scores", type=float, nargs="+", default=[0.3, 0.5, 0.7, 0.8, 0.9])
    with one_line_errors():
        run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    if "KNUCKLE_DATA" not in os.environ:
        raise KnuckleError("KNUCKLE_DATA: expected a folder with detection/boxes.jsonl, got none")
    folder = Path(os.environ["KNUCKLE_DATA"]) / "detection"
    groups: dict[str, list[dict]] = defaultdict(list)
    for row in read_index(folder):
        groups[f"{row['source']}, {row['split']}"].append(row)
    network, rng = PalmNetwork(threads=1), np.random.default_rng(0)
    cv2.setNumThreads(1)
    print(f"{'':30}{'score':>6}{'spared':>9}{'places':>8}{'lost':>6}{'of':>6}")
    for name, rows in sorted(groups.items()):
        chosen = [rows[number] for number in rng.permutation(len(rows))[: options.limit]]
        told = np.array([passes(network, picture) for picture in photographs(folder, chosen)])
        for score in options.scores:
            spared = told[told[:, 0] >= score]
            print(
                f"{name:30}{score:6.1f}{len(spared) / len(told):9.0%}{spared[:, 1].sum():8.0f}{spared[:, 2].sum():6.0f}"
                f"{told[:, 3].sum():6.0f}",
                flush=True,
            )


def passes(network: PalmNetwork, picture: LabelledPicture) -> tuple[float, int, int, int]:
    """The first pass's least score; places of the second alone; labelled hands that only those meet; that either
    meets."""
    image = picture.read()
    told = [network.propose(image, whole(image), input_px=px) for px in network.whole_px["normal"]]
    first, second = (places.rows(places.scores >= LOOK_SCORE) for places in told)
    least = float(told[0].scores.min()) if len(told[0]) else 0.0
    both = Proposals.joined([first, second])
    kept = distinct_places(both, np.zeros(len(both), bool), first=0)
    alone = int((kept >= len(first)).sum())
    by_first, by_second = meets(picture.boxes_px, first), meets(picture.boxes_px, second)
    only, either = (by_second & ~by_first).sum(), (by_first | by_second).sum()
    return least, alone, int(only), int(either)


def meets(boxes_px: np.ndarray, places: Proposals) -> np.ndarray:
    """Which of some hands a place meets."""
    return np.array([(overlaps(box, places.boxes_px) > MET_IOU).any() for box in boxes_px], dtype=bool)


if __name__ == "__main__":
    main()
