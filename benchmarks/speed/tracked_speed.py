"""A frame of tracked hands, from pixels to joints, mesh and errors: ours against MediaPipe's own pipeline.

python -m benchmarks.speed.tracked_speed [--photo FILE] [--hands 1] [--cores 1] [--rounds 60] [--env out/mediapipe-env].
The frames are a photo of one hand that slowly moves, turns and grows; with --hands 2 they are the part round the hand,
its mirror image beside it. Ours are
tracked from frame to frame (`knuckle.inference.tracked`), expected where they were, in several ways: with the float
networks, with the 8-bit ones, and with the estimator or the landmark network left out of every other frame (of two
hands in turns). MediaPipe (0.10.21, model_complexity=1) is asked for as many hands as there are, and for two. Each is a
process of its own on the first cores of this machine, in turns; medians of the processor time that all threads of a
process worked, the fairer figure where the machine does other things as well, and least wall time. MediaPipe lives in
an environment of its own, which the first run makes (about 1 GB). It gives joints and no mesh.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.shared.arguments import make_parser
from benchmarks.speed.photo_speed import in_turns, peer_environment, photo, timed

FRAMES = 40
WAYS = {
    "float": (False, 1, 1),
    "8-bit": (True, 1, 1),
    "8-bit, estimator in every 2nd frame": (True, 1, 2),
    "8-bit, landmarks in every 2nd frame": (True, 2, 1),
    "8-bit, both by turns": (True, 2, 2),
}
"""8-bit files, and in which frames the landmark network looks and the estimator is asked."""
PARTS = {
    "landmark network": ("knuckle.inference.detection.landmarks", "LandmarkNetwork.batch"),
    "estimator": ("knuckle.inference.onnx_model", "OnnxModel.__call__"),
    "cutting crops": ("knuckle.geometry.pyramid", "Pyramid.warp"),
    "fit": ("knuckle.inference.refine", "fit_joints"),
    "evidence joined": ("knuckle.inference.refine", "with_evidence"),
    "confidence and errors": ("knuckle.inference.tracked", "annotate"),
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--photo", type=Path, default=None)
    parser.add_argument("--hands", type=int, choices=(1, 2), default=1)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--env", type=Path, default=Path("out/mediapipe-env"))
    parser.add_argument("--answer", nargs=2, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer(np.load(options.answer[0]), *WAYS[options.answer[1]])
        return
    python = peer_environment(options.env)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames.npy"
        np.save(frames, moving(photo(options.photo), options.hands))
        ours = [sys.executable, "-m", "benchmarks.speed.tracked_speed", "--answer", str(frames)]
        peer = [str(python), str(Path(__file__).with_name("mediapipe_pipeline.py")), str(frames)]
        commands = {way: [*ours, way] for way in WAYS}
        commands |= {f"MediaPipe asked for {count}": [*peer, str(count)] for count in {options.hands, 2}}
        show(in_turns(commands, options.rounds), options)


def moving(picture: UInt8[np.ndarray, "H W 3"], hands: int) -> UInt8[np.ndarray, "N H W 3"]:
    """Frames of a picture, with its mirror image beside it for two hands, that moves as a held camera does."""
    if hands == 2:
        import knuckle

        x, y, w, h = knuckle.estimate(picture, model="dahyf").boxes_px[0]
        low = np.maximum([x - 0.3 * w, y - 0.3 * h], 0).astype(int)
        high = np.array([x + 1.3 * w, y + 1.3 * h]).astype(int)
        part = picture[low[1] : high[1], low[0] : high[0]]
        picture = np.concatenate([part, part[:, ::-1]], axis=1)
    height, width = picture.shape[:2]
    frames = []
    for phase in 2 * np.pi * np.arange(FRAMES) / FRAMES:
        turned = cv2.getRotationMatrix2D((width / 2, height / 2), 6 * np.sin(phase), 1 + 0.08 * np.sin(phase))
        turned[:, 2] += 18 * np.sin(phase), 12 * np.cos(phase)
        frames.append(cv2.warpAffine(picture, turned, (width, height), borderMode=cv2.BORDER_REFLECT))
    return np.stack(frames)


def answer(frames: UInt8[np.ndarray, "N H W 3"], int8: bool, look_every: int, ask_every: int) -> None:
    """Our side: a frame a line of the input, with the processor time that each of `PARTS` took of it."""
    import knuckle
    from knuckle.geometry.camera import Camera
    from knuckle.inference.auto import open_predictor
    from knuckle.inference.detection.landmarks import landmark_network
    from knuckle.inference.tracked import Predicted, estimate_tracked

    camera = Camera.from_size(frames.shape[2], frames.shape[1])
    predictor, network = open_predictor("dahyf", int8=int8), landmark_network(int8=int8)
    first = knuckle.estimate(frames[0], model="dahyf")
    predicted = Predicted.of_joints(first.joints_px, first.sides)
    turns = np.arange(len(first))
    spent: dict[str, float] = {}
    with timed(spent, PARTS, time.process_time):
        for _, (number, frame) in zip(sys.stdin, enumerate(itertools.cycle(frames))):  # noqa: B905
            spent.update(dict.fromkeys(PARTS, 0.0))
            start, busy = time.perf_counter(), time.process_time()
            found = estimate_tracked(
                predictor,
                frame,
                camera,
                predicted,
                look=None if look_every == 1 else (number + turns) % look_every == 0,
                # By turns: the estimator where the landmark network does not look.
                ask=None if ask_every == 1 else (number + turns + look_every - 1) % ask_every == 0,
                landmarks=network,
            )
            predicted = Predicted.of_joints(
                found.hands.joints_px, found.hands.sides, start=found.start, memory=found.memory
            )
            spent["all"] = 1000 * (time.perf_counter() - start)
            spent["processor"] = 1000 * (time.process_time() - busy)
            seen = int((found.hands.confidence >= 0.5).sum())
            print(json.dumps({**spent, "hands": seen}), flush=True)


def show(times: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    peer = f"MediaPipe asked for {options.hands}"
    # The mean over frames of which every other one costs more.
    cost = {name: _typical([run["processor"] for run in runs]) for name, runs in times.items()}
    cores = "one core" if options.cores == 1 else f"{options.cores} cores"
    print(
        f"{cores}, {options.rounds} frames of {options.hands} hand(s), in turns; processor time of a frame:"
    )
    for name, runs in times.items():
        hands, wall = np.mean([run["hands"] for run in runs]), min(run["all"] for run in runs)
        print(
            f"  {name:<37}{cost[name]:6.1f} ms, {cost[name] / cost[peer]:5.2f} of MediaPipe's,"
            f" least wall time {wall:6.1f} ms, {hands:.1f} hand(s) seen"
        )
        if name in ("float", "8-bit"):
            parts = {part: _typical([run[part] for run in runs]) for part in PARTS}
            parts["the rest"] = cost[name] - sum(parts.values())
            print("    " + ", ".join(f"{part} {value:.1f}" for part, value in parts.items()))


def _typical(values: list[float]) -> float:
    """The mean of the middle halves of even and odd frames."""
    return float(np.mean([np.percentile(values[first::2], 50) for first in (0, 1)]))


if __name__ == "__main__":
    main()
