"""Milliseconds by stage of what the page does in the browser, in Python with onnxruntime on one thread, as JSON.

    python -m tools.web_golden.estimation && python -m benchmarks.speed.web_native > native.json

Beside it: web/benchmarks/estimation.mjs, which prints the browser's and the ratio. The same picture, networks and hands
(web/golden/estimation.json). Milliseconds of the processor, the least of all rounds: what other work on the computer
disturbs least.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.geometry.pyramid import Pyramid
from knuckle.inference.certainty import annotate
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.finder import HandFinder
from knuckle.inference.detection.landmarks import LandmarkNetwork
from knuckle.inference.detection.looks import look_at_squares
from knuckle.inference.detection.palm import PalmNetwork
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import PairWindow, pair_boxes
from knuckle.inference.tracked import Predicted
from knuckle.inference.two_hands import PairPredictor
from knuckle.rig.fit.joints import FitStart

GOLDEN = Path("web/golden")
MODEL = "dahyf-photo"


def measure(golden: Path = GOLDEN, *, rounds: int) -> dict[str, float]:
    """The least milliseconds by stage, those of followed hands, and of pairs of them, over their number."""
    frame = json.loads((golden / "estimation.json").read_text())["frames"][0]
    image, hands = _picture(golden / "estimation.bin", frame["picture"]), frame["alone"]
    camera = Camera(*frame["camera"].values(), width=image.shape[1], height=image.shape[0], assumed=True)
    landmarks, predictor = LandmarkNetwork(threads=1), Predictor(MODEL, threads=1, mesh="rig")
    both = PairPredictor(threads=1)
    finder = HandFinder(effort="fast", network=PalmNetwork(threads=1), landmarks=landmarks)
    joints = np.array([hand["joints_px"] for hand in hands]).reshape(-1, 21, 2)
    pose = np.array([hand["pose_rad"] for hand in hands]).reshape(-1, 16, 3)
    start = FitStart(pose, np.array([hand["shape"] for hand in hands]))
    predicted = Predicted.of_joints(joints, [hand["side"] for hand in hands], start=start)
    least: dict[str, float] = {}

    @contextmanager
    def timed(name: str, share: int = 1) -> Iterator[None]:
        began = time.process_time()
        yield
        taken_ms = 1000 * (time.process_time() - began) / share
        least[name] = min(least.get(name, np.inf), taken_ms)

    count = len(hands)
    for _ in range(rounds):
        with timed("detect, a whole picture"):
            finder(image)
        pyramid = Pyramid(image)
        with timed("landmarks, a followed hand", count):
            looks = look_at_squares(landmarks, image, predicted.squares, side_known=True, pyramid=pyramid)
        evidence = Evidence.joined(
            [Evidence.of_look(look.box_px, look.joints_px, look.landmarks, look.square) for look in looks]
        )
        boxes, rolls = evidence.box_px, evidence.rotation_rad
        with timed("estimate, a followed hand", count):
            seen = predictor.ask(
                image, boxes, predicted.sides, camera, rolls=rolls, again=False, pyramid=pyramid
            )
        pairs = pair_boxes(boxes, predicted.sides).pairs
        windows = [PairWindow.of_pair(boxes[right], boxes[left]) for right, left in pairs]
        with timed("pairs, two followed hands", len(pairs)):
            both.ask(image, windows, camera)
        with timed("fit, a followed hand", count):
            annotate(predictor.fit(seen, evidence, start=start), evidence)
    return least


def _picture(path: Path, place: dict[str, int]) -> np.ndarray:
    """A picture out of the golden bytes."""
    shape = place["height"], place["width"], 3
    return np.fromfile(path, np.uint8, int(np.prod(shape)), offset=place["offset"]).reshape(shape)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    print(json.dumps(measure(rounds=parser.parse_args().rounds), indent=1))
