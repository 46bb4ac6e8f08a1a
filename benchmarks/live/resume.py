"""A run of `knuckle track` that is killed again and again, beside one that is not: what both wrote, compared.

python -m benchmarks.live.resume [VIDEO] [--seconds 60] [--kills 10] [--seed 0] [--out out/resume]. Without a VIDEO the
package's sample photo is moved about for that many seconds, at 10 frames/s. The run is killed by SIGKILL: once before
its first frame, once while its files are put together at the end, else once so many frames are done as chance has it,
and started again by the same command. Prints when it was killed, where it went on, and whether lines, arrays, tables
and decoded frames of the overlay are the same.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.sample_video import write_sample_video
from knuckle.errors import KnuckleError
from knuckle.tracks.journal import read_state
from knuckle.tracks.results import Results
from knuckle.video import open_video

_POLL_S = 0.01


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("video", type=Path, nargs="?", default=None)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the video that is made")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/resume"))
    options = parser.parse_args()
    with one_line_errors():
        run(options)


def run(options: argparse.Namespace) -> None:
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    video = options.video
    if video is None:
        video = options.out / "moved.webm"
        write_sample_video(video, seconds=options.seconds)
    whole, killed = (Results.of(options.out / name, video.stem) for name in ("whole", "killed"))
    started = time.monotonic()
    if _start(video, whole).wait() != 0:
        raise KnuckleError(f"{video}: expected a run that succeeds")
    whole_s = time.monotonic() - started
    frames = _lines(whole.lines)
    print(f"{video.name}: {frames} frames, {whole_s:.0f} s without interruption", flush=True)
    chance = random.Random(options.seed)
    goals = sorted(chance.randrange(1, frames) for _ in range(max(options.kills - 2, 0)))
    moments: list[tuple[str, Callable[[Results], bool]]] = [("before the first frame", _is_begun)]
    moments += [(f"after {goal} frames", lambda r, goal=goal: _lines(r.lines) >= goal) for goal in goals]
    moments += [("while files are put together", _is_read)]
    started, kills = time.monotonic(), 0
    for when, reached in moments[: options.kills]:
        process = _start(video, killed)
        while process.poll() is None and not reached(killed):
            time.sleep(_POLL_S)
        time.sleep(chance.uniform(0, 0.05))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        state = read_state(killed.journal) if killed.journal.exists() else None
        goes_on = "nothing" if state is None else f"{state.frames} frames"
        print(f"killed {when}: {_lines(killed.lines)} lines there, goes on after {goes_on}", flush=True)
    if _start(video, killed).wait() != 0:
        raise KnuckleError(f"{killed.lines}: expected a last run that succeeds")
    print(f"killed {kills} times: {time.monotonic() - started:.0f} s in all")
    print(f"lines the same: {_yes(whole.lines.read_bytes() == killed.lines.read_bytes())}")
    print(f"arrays the same: {_yes(_same_arrays(whole.npz, killed.npz))}")
    if whole.parquet.exists():
        print(f"table the same: {_yes(whole.parquet.read_bytes() == killed.parquet.read_bytes())}")
    pictures = [_decoded(results.overlay) for results in (whole, killed)]
    same = sum(one == other for one, other in zip(*pictures, strict=False))
    print(f"overlay's frames the same: {same} of {len(pictures[0])} and {len(pictures[1])}")
    print(f"journal removed: {_yes(not killed.journal.exists())}")


def _start(video: Path, results: Results) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "knuckle", "track", str(video), "--out", str(results.lines.parent)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}, cwd=Path.cwd()
    )


def _lines(path: Path) -> int:
    """How many frames have a whole line."""
    return max(path.read_bytes().count(b"\n") - 1, 0) if path.exists() else 0


def _is_begun(results: Results) -> bool:
    return results.journal.exists()


def _is_read(results: Results) -> bool:
    try:
        state = read_state(results.journal)
    except KnuckleError:
        return False
    return state is not None and state.read


def _same_arrays(one: Path, other: Path) -> bool:
    with np.load(one) as a, np.load(other) as b:
        return a.files == b.files and all(a[name].tobytes() == b[name].tobytes() for name in a.files)


def _decoded(path: Path) -> list[tuple[float, str]]:
    """Time and checksum of every frame."""
    with open_video(path) as source:
        return [(frame.time_s, hashlib.sha256(frame.image.tobytes()).hexdigest()) for frame in source]


def _yes(value: bool) -> str:
    return "yes" if value else "NO"


if __name__ == "__main__":
    main()
