"""Memory of `knuckle annotate` over many short clips, as figures and as a plot.

python -m benchmarks.archives.memory [--clips 200] [--seconds 1] [--workers 1] [--plot docs/archives/memory.png]
[--out out/archives-memory]. Clips of one moving hand, 10 frames/s, 320 x 240. Prints the resident memory of the
command and of its worker (of several the largest) when a tenth of the clips is done, two tenths and so on, and the
slope of the second half.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.archives.made_clips import half_sample, write_clip
from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.resident_memory import require_proc, resident_mb
from knuckle.errors import KnuckleError
from knuckle.view.charts import chart_sheet, chart_style, require_matplotlib, write_figure

POLL_S = 0.5


class Sample(NamedTuple):
    """Of the processes."""

    clips: int
    """That are done."""
    command_mb: float
    worker_mb: float


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--plot", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("out/archives-memory"))
    with one_line_errors():
        run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    require_proc()
    if options.plot is not None:
        require_matplotlib()
    shutil.rmtree(options.out, ignore_errors=True)
    (options.out / "clips").mkdir(parents=True)
    for number in range(options.clips):
        path = options.out / "clips" / f"{number:04d}.mp4"
        write_clip(path, half_sample(), seconds=options.seconds, size=(320, 240), rate=10.0, seed=number)
    table = options.out / "table"
    command = [sys.executable, "-m", "knuckle", "annotate", str(options.out / "clips"), "--out", str(table)]
    process = subprocess.Popen(
        [*command, "--workers", str(options.workers)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    samples = []
    while process.poll() is None:
        own = resident_mb(process.pid)
        workers = [resident_mb(pid) or 0.0 for pid in children(process.pid)]
        if own and workers:
            samples.append(Sample(len(list(table.glob("*.parquet"))), own, max(workers)))
        time.sleep(POLL_S)
    if process.returncode:
        raise KnuckleError(f"{table}: expected a run that succeeds, got exit code {process.returncode}")
    # The worker ends with the last clip.
    samples = [each for each in samples if 0 < each.clips < options.clips and each.worker_mb]
    report(samples, options.clips)
    if options.plot is not None:
        draw(
            samples, options.plot, f"{options.clips} clips of {options.seconds:g} s, {options.workers} worker"
        )


def children(process: int) -> list[int]:
    """The processes that one has started."""
    tasks = Path(f"/proc/{process}/task")
    found: list[int] = []
    for task in tasks.glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found


def report(samples: list[Sample], clips: int) -> None:
    for tenth in range(1, 11):
        before = [each for each in samples if each.clips <= tenth * clips / 10]
        if before:
            last = before[-1]
            print(
                f"after {last.clips:4d} clips: command {last.command_mb:.0f} MB, worker {last.worker_mb:.0f} MB"
            )
    later = np.array([each for each in samples if each.clips > clips / 2])
    if len(later) > 2:
        for name, column in (("command", 1), ("worker", 2)):
            slope = np.polyfit(later[:, 0], later[:, column], 1)[0]
            print(f"slope of the second half, {name}: {100 * slope:+.1f} MB a hundred clips")


@chart_style()
def draw(samples: list[Sample], path: Path, title: str) -> None:
    series = ("command", "worker")
    figure, (axes,) = chart_sheet(
        1, title="Memory of knuckle annotate", subtitle=title, series=series, panel=(7.0, 3.0)
    )
    clips = [each.clips for each in samples]
    axes.plot(clips, [each.command_mb for each in samples])
    axes.plot(clips, [each.worker_mb for each in samples])
    axes.set_xlabel("clips done")
    axes.set_ylabel("resident memory, MB")
    axes.set_ylim(bottom=0)
    write_figure(path, figure)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
