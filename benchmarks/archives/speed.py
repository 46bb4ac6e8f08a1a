"""Frames a second of `knuckle annotate`, decoding and start included; daft-physical-ai beside it on the same clips.

python -m benchmarks.archives.speed [--clips 4] [--seconds 20] [--rounds 1] [--photo FILE] [--env FOLDER] [--out
out/archives-speed]. Clips at 720p, 30 frames/s, of one whole hand that moves: a rendered one, or that of a photo. Each
way is run in turns: one worker, two workers, and, with --env (an environment that has daft-physical-ai 0.3 and
mediapipe 0.10.21), its `track_hands` by MediaPipe over the same frames, read by Daft. Printed of each: frames/s by the
clock and by the processor time of all its processes, which is what a machine that others work on tells truly; hands
that were found; and ratios.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.archives.made_clips import whole_hand, write_clip
from benchmarks.shared.arguments import make_parser, one_line_errors
from knuckle.archives.read import read_table
from knuckle.errors import KnuckleError

SIZE, RATE = (1280, 720), 30.0
PEER = Path(__file__).with_name("peer.py")


class Run(NamedTuple):
    """What a run took."""

    clock_s: float
    processor_s: float
    frames: int
    hands: int


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--photo", type=Path, default=None)
    parser.add_argument("--env", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("out/archives-speed"))
    with one_line_errors():
        run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    clips = options.out / "clips"
    shutil.rmtree(options.out, ignore_errors=True)
    clips.mkdir(parents=True)
    picture = whole_hand(options.photo)
    for number in range(options.clips):
        write_clip(
            clips / f"{number}.mp4", picture, seconds=options.seconds, size=SIZE, rate=RATE, seed=number
        )
    ways = {"1 worker": 1, "2 workers": 2}
    runs: dict[str, list[Run]] = {}
    for _ in range(options.rounds):
        for name, workers in ways.items():
            runs.setdefault(name, []).append(ours(clips, options.out / "table", workers))
        if options.env is not None:
            peer = runs.setdefault("daft-physical-ai", [])
            peer.append(theirs(clips, options.env, options.out / "peer.parquet"))
    best = {name: min(each, key=lambda run: run.processor_s) for name, each in runs.items()}
    for name, one in best.items():
        print(
            f"{name:18}{one.frames} frames, {one.hands} hands; {one.frames / one.clock_s:.1f} frames/s by the clock;"
            f" {1e3 * one.processor_s / one.frames:.1f} ms of one core a frame, so two cores give at most"
            f" {2 * one.frames / one.processor_s:.1f} frames/s"
        )
    one, two = best["1 worker"], best["2 workers"]
    print(f"two workers over one, by the clock: {one.clock_s / two.clock_s:.2f}")
    print(f"processor time of two workers over one's: {two.processor_s / one.processor_s:.2f}")
    if options.env is not None:
        peer = best["daft-physical-ai"]
        print(f"processor time over daft-physical-ai's: {one.processor_s / peer.processor_s:.2f}")


def ours(clips: Path, table: Path, workers: int) -> Run:
    shutil.rmtree(table, ignore_errors=True)
    command = [sys.executable, "-m", "knuckle", "annotate", str(clips), "--out", str(table)]
    clock_s, processor_s, _ = timed([*command, "--workers", str(workers)])
    frames = [frame for row in read_table(table) for frame in row["frames"]]
    return Run(clock_s, processor_s, len(frames), sum(len(frame["hands"]) for frame in frames))


def theirs(clips: Path, environment: Path, out: Path) -> Run:
    python = environment.absolute() / "bin" / "python"
    clock_s, processor_s, told = timed([str(python), str(PEER), str(clips), str(out)])
    counts = json.loads(told.strip().splitlines()[-1])
    return Run(clock_s, processor_s, counts["frames"], counts["hands"])


def timed(command: list[str]) -> tuple[float, float, str]:
    """Clock and processor time of a process and of all that it started and waited for; what it printed."""
    before, begin_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    clock_s, after = time.perf_counter() - begin_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise KnuckleError(f"{' '.join(command)}: expected to end well, got {done.stderr.strip()[-500:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return clock_s, spent, done.stdout


if __name__ == "__main__":
    main()
