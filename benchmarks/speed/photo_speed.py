"""One photo without boxes from pixels to hands: `knuckle.estimate` against MediaPipe's own pipeline.

python -m benchmarks.speed.photo_speed [--cores 1] [--rounds 60] [--photo FILE] [--env out/mediapipe-env]. Unless
another is given, the photo is the package's sample reduced to 640 px and cut to 521 rows; it shows two hands that
touch, of which MediaPipe is asked for one: to compare one hand, give a photo of one. Each runs in a process of its own
on the first cores of this machine, in turns; medians, and their ratio. Processor
time is what all threads of a process worked: the fairer figure where the machine does other things as well. MediaPipe
(0.10.21, `mp.solutions.hands.Hands(static_image_mode=True, max_num_hands=1, model_complexity=1)`) lives in an
environment of its own, which the first run makes (about 1 GB). It gives joints and no mesh.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.shared.arguments import make_parser

PEER = "mediapipe==0.10.21"
WIDTH, HEIGHT, TOP = 640, 521, 60
"""Of the photo, px, and where its first row is in the sample photo reduced to that width."""
WARM_UP = 5
PARTS = {
    "finding the hand": ("knuckle.inference.detection.finder", "HandFinder.find"),
    "the network": ("knuckle.inference.onnx_model", "OnnxModel.__call__"),
    "fitting the rig": ("knuckle.inference.one_hand", "fuse"),
}
"""Where the time goes: the functions that are timed while `estimate` runs."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--photo", type=Path, default=None)
    parser.add_argument("--env", type=Path, default=Path("out/mediapipe-env"))
    parser.add_argument("--answer", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer(np.load(options.answer))
        return
    python = peer_environment(options.env)
    os.sched_setaffinity(
        0, sorted(os.sched_getaffinity(0))[: options.cores]
    )  # what the two processes inherit
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.npy"
        np.save(picture, photo(options.photo))
        times = in_turns(
            {
                "knuckle": [sys.executable, "-m", "benchmarks.speed.photo_speed", "--answer", str(picture)],
                "mediapipe": [
                    str(python),
                    str(Path(__file__).with_name("mediapipe_pipeline.py")),
                    str(picture),
                ],
            },
            options.rounds,
        )
    show(times, options.cores, options.rounds)


def photo(path: Path | None) -> np.ndarray:
    from knuckle.photos.reading import read_image
    from knuckle.photos.sample import SAMPLE_PHOTO

    if path is not None:
        return read_image(path)
    sample = read_image(SAMPLE_PHOTO)
    height = round(WIDTH * sample.shape[0] / sample.shape[1])
    reduced = cv2.resize(sample, (WIDTH, height), interpolation=cv2.INTER_AREA)
    return reduced[TOP : TOP + HEIGHT].copy()


def peer_environment(folder: Path) -> Path:
    """The interpreter of an environment with MediaPipe in it, made where it is not there yet."""
    python = folder.absolute() / "bin" / "python"
    installed = [str(python), "-c", "import mediapipe"]
    if not python.exists() or subprocess.run(installed, capture_output=True, check=False).returncode:
        print(f"making {folder} with {PEER} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True)
    return python


def in_turns(commands: dict[str, list[str]], rounds: int) -> dict[str, list[dict[str, float]]]:
    """What each process measures in each round."""
    running = {
        name: subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for name, command in commands.items()
    }
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for number in range(rounds + WARM_UP):
        for name, process in running.items():
            assert process.stdin and process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"error: {name} ended; to see why: {' '.join(commands[name])}")
            if number >= WARM_UP:
                answers[name].append(json.loads(line))
    for process in running.values():
        process.communicate()
    return answers


def answer(picture: np.ndarray) -> None:
    """Our side: one run a line of the input, with the time that each of `PARTS` took of it."""
    import knuckle

    spent: dict[str, float] = {}
    with timed(spent, PARTS, time.perf_counter):
        for _ in sys.stdin:
            spent.update(dict.fromkeys(PARTS, 0.0))
            start, busy = time.perf_counter(), time.process_time()
            hands = knuckle.estimate(picture)
            spent["all"] = 1000 * (time.perf_counter() - start)
            spent["processor"] = 1000 * (time.process_time() - busy)
            print(json.dumps({**spent, "hands": len(hands)}), flush=True)


@contextmanager
def timed(
    spent: dict[str, float], parts: dict[str, tuple[str, str]], clock: Callable[[], float]
) -> Iterator[None]:
    """Adds up the milliseconds of functions by name meanwhile. parts: module and path in it of each."""
    undo: list[Callable[[], None]] = []
    for part, (module, path) in parts.items():
        *owners, name = path.split(".")
        owner: Any = import_module(module)
        for attribute in owners:
            owner = getattr(owner, attribute)
        original = getattr(owner, name)

        def call(*args: Any, part: str = part, original: Any = original, **kwargs: Any) -> Any:
            start = clock()
            try:
                return original(*args, **kwargs)
            finally:
                spent[part] += 1000 * (clock() - start)

        setattr(owner, name, call)
        undo.append(lambda owner=owner, name=name, original=original: setattr(owner, name, original))
    try:
        yield
    finally:
        for back in undo:
            back()


def show(times: dict[str, list[dict[str, float]]], cores: int, rounds: int) -> None:
    median = {
        name: {part: float(np.median([run[part] for run in runs])) for part in runs[0]}
        for name, runs in times.items()
    }
    ours, peer = median["knuckle"], median["mediapipe"]
    print(f"{'one core' if cores == 1 else f'{cores} cores'}, median of {rounds}, in turns:")
    print(f"  knuckle.estimate   {_times(ours)}")
    for part in PARTS:
        print(f"    {part:<17}{ours[part]:6.1f} ms")
    rest = ours["all"] - sum(ours[part] for part in PARTS)
    print(f"    {'the rest':<17}{rest:6.1f} ms")
    print(f"  MediaPipe          {_times(peer)}")
    ratios = [ours[name] / peer[name] for name in ("all", "processor")]
    print(f"  ratio              {ratios[0]:6.2f}     processor time {ratios[1]:6.2f}")


def _times(median: dict[str, float]) -> str:
    return f"{median['all']:6.1f} ms, processor time {median['processor']:6.1f} ms, {median['hands']:.0f} hand(s)"


if __name__ == "__main__":
    main()
