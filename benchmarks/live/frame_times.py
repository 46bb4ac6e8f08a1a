"""What a frame of a video costs, part by part, and frames a second; MediaPipe on the same frames beside us.

python -m benchmarks.live.frame_times [--clips FOLDER] [--frames 120] [--env out/mediapipe-env]. Of the frozen clips, or
a folder of others, one with one hand and one with two; frames that show so many are counted. On one core (`taskset`
makes it so): processor time of decoding the JPEG, of `Tracker` as a whole and of its parts, medians; of MediaPipe
(0.10.21, model_complexity=1), asked for one and for two hands, in a process of its own on the same frames just before
and after, whose mean counts. Then frames a second on all cores, by the clock: reading and decoding in a thread of its
own, one frame ahead.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.clips import Clip, read_clip
from benchmarks.speed.photo_speed import peer_environment
from knuckle.live.tracker import Tracker
from knuckle.synth.clips.frozen import frozen_folder

CLIPS = {1: "20-shake", 2: "05-camera"}
"""Of so many hands."""
PARTS = {
    "landmark network": ("knuckle.inference.detection.landmarks", "LandmarkNetwork.batch"),
    "palm network, searches": ("knuckle.live.tracker", "search"),
    "estimator": ("knuckle.inference.onnx_model", "OnnxModel.__call__"),
    "fit": ("knuckle.inference.refine", "fit_joints"),
    "gate and filter": ("knuckle.live.gate", "Gate.push"),
    "posing and reporting": ("knuckle.live.tracker", "to_hands"),
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=Path, default=None)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--env", type=Path, default=None)
    options = parser.parse_args()
    with one_line_errors():
        folder = options.clips or frozen_folder()
        python = None if options.env is None else peer_environment(options.env)
        cores = os.sched_getaffinity(0)
        for hands, name in CLIPS.items():
            clip = read_clip(folder / name)
            os.sched_setaffinity(0, {min(cores)})
            before = None if python is None else [peer_ms(clip, python, most, hands) for most in (1, 2)]
            parts = our_ms(clip, options.frames, hands)
            after = None if python is None else [peer_ms(clip, python, most, hands) for most in (1, 2)]
            os.sched_setaffinity(0, cores)
            print(f"{name}: frames with {hands} hand{'s' * (hands > 1)}, ms of one core")
            for part, milliseconds in parts.items():
                print(f"  {part:26}{milliseconds:7.1f}")
            if before is not None and after is not None:
                for most, one, other in zip((1, 2), before, after, strict=True):
                    own = (one + other) / 2
                    print(
                        f"  MediaPipe asked for {most}     {own:7.1f}, ours over it {parts['in all'] / own:.2f}"
                    )
            print(f"  frames a second on {len(cores)} cores: {rate(clip):.1f}", flush=True)


def our_ms(clip: Clip, most: int, hands: int) -> dict[str, float]:
    """Median processor time of a frame and of its parts."""
    spent: dict[str, float] = defaultdict(float)
    undo = [_timed(part, *place, spent) for part, place in PARTS.items()]
    tracker, rows = Tracker(camera=clip.camera), []
    for number, time_s in enumerate(clip.times_s):
        spent.clear()
        start = time.process_time()
        frame = clip.frame(number)
        decoded = time.process_time()
        found = tracker(frame, float(time_s))
        done = time.process_time()
        if len(found) == hands:
            rows.append({"decoding": decoded - start, **spent, "in all": done - decoded})
        if len(rows) == most:
            break
    for each in undo:
        each()
    names = ["decoding", *PARTS, "in all"]
    # Searches are rare: their mean is what they cost a frame.
    means = {"palm network, searches"}
    return {
        name: 1000 * float((np.mean if name in means else np.median)([row.get(name, 0.0) for row in rows]))
        for name in names
    }


def _timed(part: str, module: str, name: str, spent: dict[str, float]) -> Callable[[], None]:
    """Add up the processor time of calls of a function; what it gives undoes that."""
    place: Any = import_module(module)
    *classes, function = name.split(".")
    for each in classes:
        place = getattr(place, each)
    own = getattr(place, function)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return own(*args, **kwargs)
        finally:
            spent[part] += time.process_time() - start

    setattr(place, function, timed)
    return lambda: setattr(place, function, own)


def peer_ms(clip: Clip, python: Path, most: int, hands: int) -> float:
    """MediaPipe's median of the frames in which it finds as many hands as it can and as there are."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.npz"
        script = Path(__file__).with_name("mediapipe_video.py")
        command = [str(python), str(script), str(clip.frames[0].parent), str(most), str(out)]
        subprocess.run(command, check=True, capture_output=True)
        found = dict(np.load(out))
    counts = np.bincount(found["frame"].astype(int), minlength=len(found["milliseconds"]))
    return float(np.median(found["milliseconds"][counts == min(most, hands)]))


def rate(clip: Clip) -> float:
    """Frames a second, by the clock, of the frames in which there are hands."""
    from concurrent.futures import ThreadPoolExecutor

    tracker = Tracker(camera=clip.camera)
    shown = [number for number, hands in enumerate(clip.truth) if len(hands.identities)]
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(clip.frame, shown[0])
        start = time.perf_counter()
        for number, following in zip(shown, [*shown[1:], shown[-1]], strict=True):
            frame, ahead = ahead.result(), reader.submit(clip.frame, following)
            tracker(frame, float(clip.times_s[number]))
        return len(shown) / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
