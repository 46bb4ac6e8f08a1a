"""How many hands our detector finds by itself, in one look at the whole picture, and how long that takes.

python -m benchmarks.accuracy.hand_boxes [--photos INDEX] [--scenes FOLDER] [--input-px 224 320 448] [--record FILE].
INDEX is what tools/hand_boxes/label_photos.py wrote, of which the validation split is shown, below KNUCKLE_DATA;
FOLDER is one that `knuckle synth --hands scene` wrote, with a seed that trained nothing. A hand is found by a box of
IoU 0.5 with the extent of its joints. Recall is that at one ghost in 20 pictures, of all hands and of those of a longer
side of so many px in the picture; the time is that of the network alone on one thread, over MediaPipe's palm network's
on its square of 192 px, the two taking turns.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser
from knuckle.geometry.cells import FoundBoxes
from knuckle.inference.detection.hand_boxes import RECORD, HandBoxNetwork
from knuckle.inference.detection.landmarks import open_network
from knuckle.inference.detection.windows import show_window, whole
from knuckle.training.hand_boxes.mixing import Mixed
from knuckle.training.hand_boxes.pictures import read_pictures
from knuckle.training.hand_boxes.validation import as_mixed, detection_scores

SIZES = (0, 16, 32, 64, 128, 10_000)
"""Px of the longer side, between the classes."""
PHOTO = 521, 640
"""Height and width of the picture that is timed."""
ROUNDS = 40


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--photos", type=Path, default=None)
    parser.add_argument("--scenes", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=None, help="scenes, the first ones")
    parser.add_argument("--input-px", type=int, nargs="+", default=[224, 320, 448])
    parser.add_argument("--record", type=Path, default=RECORD)
    options = parser.parse_args()
    network = HandBoxNetwork(record=options.record, threads=1)
    kinds = {}
    if options.photos:
        root = Path(os.environ["KNUCKLE_DATA"])
        kinds["photographs"] = list(read_pictures(options.photos, root, split="val"))
    if options.scenes:
        index = options.scenes / "boxes.jsonl"
        kinds["scenes"] = list(read_pictures(index, options.scenes, most=options.limit))
    for kind, pictures in kinds.items():
        shown = [as_mixed(picture, longest=max(picture.width, picture.height)) for picture in pictures]
        for input_px in options.input_px:
            show_scores(f"{kind} at {input_px} px", network, shown, input_px)
    for input_px, ratio in times(network, options.input_px).items():
        print(f"{PHOTO[1]} x {PHOTO[0]} px shown at {input_px} px: {ratio:.2f} of the palm network's time")


def show_scores(title: str, network: HandBoxNetwork, pictures: list[Mixed], input_px: int) -> None:
    """Print the figures of all hands, and recall by their size."""
    answers = {id(one.image): find(network, one.image, input_px) for one in pictures}
    told = detection_scores(lambda image: answers[id(image)], pictures)
    sizes = []
    for low, high in pairwise(SIZES):
        some = [only(one, low, high) for one in pictures]
        by_size = detection_scores(lambda image: answers[id(image)], some)
        sizes.append(f"{low}-{high}: {by_size.recall:.3f} of {by_size.hands}")
    print(
        f"{title}: {len(pictures)} pictures, {told.hands} hands, AP50 {told.ap50:.3f}, recall {told.recall:.3f} at"
        f" score {told.threshold:.2f}, sides right {told.side:.3f}, turn {told.turn_deg:.1f} deg; by size "
        + ", ".join(sizes)
    )


def only(picture: Mixed, low: float, high: float) -> Mixed:
    """The same picture whose hands of other sizes are ignored."""
    longer = picture.boxes[:, 2:].max(-1, initial=0)
    kept = (longer >= low) & (longer < high)
    ignored = np.concatenate([picture.ignored, picture.boxes[~kept]])
    fields = {name: getattr(picture, name)[kept] for name in ("boxes", "right", "direction")}
    return replace(picture, **fields, ignored=ignored)


def find(network: HandBoxNetwork, image: np.ndarray, input_px: int) -> FoundBoxes:
    """What the network proposes in the whole picture, in px from its edges."""
    places = network.propose(image, whole(image), input_px=input_px)
    boxes = places.boxes_px + np.array([0.5, 0.5, 0, 0])
    return FoundBoxes(boxes, places.scores, places.right, np.array([s.rotation_rad for s in places.squares]))


def times(network: HandBoxNetwork, sizes: list[int]) -> dict[int, float]:
    """Fastest run of the network at each size over that of the palm network."""
    image = np.random.default_rng(0).integers(0, 256, (*PHOTO, 3), dtype=np.uint8)
    palm = open_network("palm_detection_full", threads=1)
    square = np.zeros((1, 192, 192, 3), np.uint8)
    runs: dict[int, Callable[[], object]] = {0: lambda: palm.run(None, {"picture": square})}
    for input_px in sizes:
        shown = show_window(image, whole(image), input_px).picture
        runs[input_px] = lambda shown=shown: network.find(shown)
    taken: dict[int, list[float]] = {size: [] for size in runs}
    for _ in range(ROUNDS):
        for size, run in runs.items():
            start = time.process_time()
            run()
            taken[size].append(time.process_time() - start)
    return {size: float(np.median(taken[size]) / np.median(taken[0])) for size in sizes}


if __name__ == "__main__":
    main()
