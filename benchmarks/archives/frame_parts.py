"""Where the processor time of a frame of `knuckle track` and `knuckle annotate` goes, from the file to a table's row.

python -m benchmarks.archives.frame_parts [VIDEO | --photo FILE] [--frames 300] [--rounds 3]. Without a video: a clip of
one moving hand at 720p, 30 frames/s, as `benchmarks.archives.speed` makes it. One thread, one process, no engine and no
start. Each part counts what it does itself, without the parts that it calls; calls are those of a frame, on average. Of
several rounds over the same frames the one that took least counts, as other work on the machine only adds. The unit
beside the milliseconds is a run of the float landmark network, timed between the rounds: what to compare machines by.
"""

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.archives.made_clips import whole_hand, write_clip
from benchmarks.archives.speed import RATE, SIZE
from benchmarks.shared.arguments import make_parser, one_line_errors

PARTS = {
    "decoding": [("knuckle.video.file_source", "FileSource._grab")],
    "to RGB": [("knuckle.video.file_source", "FileSource._retrieved")],
    "frame halved, crops cut": [("knuckle.geometry.pyramid", "Pyramid.warp")],
    "landmark network": [("knuckle.inference.detection.landmarks", "LandmarkNetwork.batch")],
    "looks, beside the network": [("knuckle.inference.tracked", "_look")],
    "estimator's network": [("knuckle.inference.onnx_model", "OnnxModel.__call__")],
    "evidence joined": [("knuckle.inference.refine", "with_evidence")],
    "fit of the rig": [("knuckle.inference.refine", "fit_joints")],
    "mesh posed": [
        ("knuckle.rig.hand_rig", "HandRig.posed_by_matrices"),
        ("knuckle.rig.hand_rig", "HandRig.posed"),
    ],
    "the rest of fitting": [("knuckle.inference.one_hand", "Predictor.fit")],
    "confidence and errors": [("knuckle.inference.tracked", "annotate")],
    "the rest of estimating": [("knuckle.live.tracker", "estimate_tracked")],
    "searching, proposal networks": [
        ("knuckle.inference.detection.palm", "PalmNetwork.propose"),
        ("knuckle.inference.detection.hand_boxes", "HandBoxNetwork.propose"),
    ],
    "searching, the rest": [("knuckle.live.tracker", "search"), ("knuckle.live.tracker", "look_for")],
    "gate and filter": [("knuckle.live.gate", "Gate.push")],
    "reporting": [("knuckle.live.tracker", "to_hands")],
    "the rest of tracking": [("knuckle.live.tracker", "Tracker.__call__")],
    "numbers to lines": [("knuckle.archives.segments", "frame_to_json")],
}
"""The functions that count as a part."""
ELSE, ROWS = "elsewhere", "rows to Parquet"


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("video", nargs="?", type=Path, default=None)
    parser.add_argument("--photo", type=Path, default=None)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    with one_line_errors():
        run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    from knuckle.inference.onnx_model import set_threads

    cv2.setNumThreads(1)
    set_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = options.video
        if video is None:
            video = Path(folder) / "clip.mp4"
            write_clip(video, whole_hand(options.photo), seconds=options.frames / RATE, size=SIZE, rate=RATE)
        rounds, units = [], []
        for _ in range(options.rounds):
            units.append(unit_ms())
            rounds.append(measured(video, options.frames, Path(folder) / "row.parquet"))
        units.append(unit_ms())
    best, unit = min(rounds, key=lambda one: sum(one.spent_ms.values())), min(units)
    print(f"{best.frames} frames, {best.hands} hands; a run of the float landmark network: {unit:.1f} ms")
    print(f"{'':30}  calls       ms  of the unit")
    for part in [*PARTS, ROWS, ELSE]:
        ms = best.spent_ms.get(part, 0.0)
        calls = best.calls.get(part, 0) / best.frames
        print(f"{part:30}{calls:7.2f}{ms:9.2f}{ms / unit:13.2f}")
    total = sum(best.spent_ms.values())
    print(f"{'in all':30}{'':7}{total:9.2f}{total / unit:13.2f}")


class Measured:
    """What a round took, a frame: processor time in ms of each part, and how often it was called in all."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.frames = self.hands = 0


def measured(video: Path, most: int, out: Path) -> Measured:
    """A walk over a video's frames, and its rows written."""
    from pyarrow import parquet

    from knuckle.archives.rows import parquet_options, row_of, table_of
    from knuckle.archives.segments import LONGEST_S, walk
    from knuckle.tracks.settings import Settings
    from knuckle.video.file_source import FileSource

    told, settings = Measured(), Settings(overlay=False)
    with FileSource(video, name=str(video), warn=print) as source:
        follower = settings.open_tracker(source.info)
        with parts_counted(told) as enter:
            enter(ELSE)
            segments = list(walk(_Some(source, most), follower, segment_s=LONGEST_S))  # pyright: ignore[reportArgumentType]
            enter(ROWS)
            rows = [row_of(each, clip=str(video), rate=source.info.rate, rig="open") for each in segments]
            parquet.write_table(table_of(rows), out, **parquet_options())
            enter(None)
    told.frames = sum(len(segment.frames) for segment in segments)
    told.hands = sum(segment.hands for segment in segments)
    for part in told.spent_ms:
        told.spent_ms[part] /= told.frames
    return told


class _Some:
    """The first frames of a source."""

    def __init__(self, source: Any, most: int) -> None:
        self._frames = islice(source, most)

    def __iter__(self) -> Iterator[Any]:
        return self._frames


@contextmanager
def parts_counted(told: Measured) -> Iterator[Callable[[str | None], None]]:
    """Counts processor time to the part that is at work; what it gives says what is, outside of all parts."""
    at_work: list[str | None] = [None]
    since = time.process_time()

    def change() -> None:
        nonlocal since
        now = time.process_time()
        if at_work[-1] is not None:
            told.spent_ms[at_work[-1]] += 1000 * (now - since)
        since = now

    def counted(part: str, own: Any) -> Any:
        @wraps(own)
        def call(*args: Any, **kwargs: Any) -> Any:
            change()
            at_work.append(part)
            told.calls[part] += 1
            try:
                return own(*args, **kwargs)
            finally:
                change()
                at_work.pop()

        return call

    def enter(part: str | None) -> None:
        change()
        at_work[0] = part

    with ExitStack() as undo:
        for part, places in PARTS.items():
            for module, path in places:
                owner: Any = import_module(module)
                *classes, name = path.split(".")
                for each in classes:
                    owner = getattr(owner, each)
                undo.enter_context(patch.object(owner, name, counted(part, getattr(owner, name))))
        yield enter


def unit_ms(runs: int = 25) -> float:
    """Least processor time of a run of the float landmark network."""
    from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork

    network, picture = LandmarkNetwork(threads=1), np.zeros((LANDMARK_PX, LANDMARK_PX, 3), np.uint8)
    times = []
    for _ in range(runs):
        start = time.process_time()
        network(picture)
        times.append(time.process_time() - start)
    return 1000 * min(times)


if __name__ == "__main__":
    main()
