"""Memory of `knuckle track` through an hour of video, as figures and as a plot.

python -m benchmarks.live.one_hour [VIDEO] [--seconds 3600] [--plot docs/video/memory.png] [--out out/one-hour]
[--offline]. A video of a minute (without a VIDEO the package's sample photo moved about, at 10 frames/s) is repeated
without encoding it again, followed once, and joined and tabulated as always. Prints the process's resident memory when
the frames begin, at the end of each tenth of them and while files are put together, the slope of their second half,
sizes of the files, and how the time was spent, as a ratio to the video's length.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.resident_memory import MB, require_proc, resident_mb
from benchmarks.shared.sample_video import write_sample_video
from knuckle.errors import KnuckleError
from knuckle.tracks.results import Results
from knuckle.video.writer import import_av
from knuckle.view.charts import chart_sheet, chart_style, require_matplotlib, write_figure

_POLL_S = 1.0


class Sample(NamedTuple):
    """Of the running process."""

    s: float
    """Since it began."""
    frames: int
    """Lines written."""
    mb: float
    """Resident memory."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("video", type=Path, nargs="?", default=None)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--plot", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("out/one-hour"))
    parser.add_argument("--offline", action="store_true")
    options = parser.parse_args()
    with one_line_errors():
        run(options)


def run(options: argparse.Namespace) -> None:
    require_proc()
    if options.plot is not None:
        require_matplotlib()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    short = options.video
    if short is None:
        short = options.out / "minute.webm"
        write_sample_video(short, seconds=min(60.0, options.seconds))
    looped = options.out / "looped.webm"
    count = repeat(short, looped, seconds=options.seconds)
    results = Results.of(options.out, "looped")
    command = [sys.executable, "-m", "knuckle", "track", str(looped), "--out", str(options.out)]
    command += ["--offline"] if options.offline else []
    samples = watch(
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), results.lines
    )
    report(samples, count, options.seconds, results)
    if options.plot is not None:
        draw(samples, options.plot, f"{options.seconds / 60:.0f} minutes of video, {count} frames")


def repeat(short: Path, path: Path, *, seconds: float) -> int:
    """Write a video again and again, its encoded frames as they are, for so many seconds; the number of frames."""
    av = import_av()
    with av.open(str(path), "w", format="webm") as joined:
        stream, count, shift_s = None, 0, 0.0
        while shift_s < seconds:
            last_s = step_s = 0.0
            with av.open(str(short)) as opened:
                video = opened.streams.video[0]
                if stream is None:
                    stream = joined.add_stream_from_template(video)
                for packet in opened.demux(video):
                    if packet.dts is None:
                        continue
                    time_s = float(packet.pts * packet.time_base)
                    if shift_s + time_s >= seconds:
                        break
                    step_s, last_s = time_s - last_s, time_s
                    shift = round(shift_s / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    joined.mux(packet)
                    count += 1
            shift_s += last_s + step_s
            if last_s == 0:
                raise KnuckleError(f"{short}: expected a video of more than one frame")
    return count


def watch(process: "subprocess.Popen[bytes]", lines: Path) -> list[Sample]:
    """Memory and progress of a process until it ends. Raises KnuckleError where it fails."""
    samples: list[Sample] = []
    started, counted, place = time.monotonic(), 0, 0
    while process.poll() is None:
        if lines.exists():
            with lines.open("rb") as file:
                file.seek(place)
                data = file.read()
            counted, place = counted + data.count(b"\n"), place + len(data)
        if (memory := resident_mb(process.pid)) is not None:
            samples.append(Sample(time.monotonic() - started, max(counted - 1, 0), memory))
        time.sleep(_POLL_S)
    if process.returncode != 0:
        raise KnuckleError(f"{lines}: expected a run that succeeds, got exit code {process.returncode}")
    return samples


def report(samples: list[Sample], count: int, seconds: float, results: Results) -> None:
    following = [each for each in samples if 0 < each.frames < count]
    if not following:
        raise KnuckleError(f"{results.lines}: expected a longer video, so that its memory can be watched")
    print(f"memory when frames begin: {following[0].mb:.0f} MB")
    for tenth in range(1, 11):
        before = [each for each in following if each.frames <= tenth * count / 10]
        if before:
            print(f"after {10 * tenth:3d} % of {count} frames: {before[-1].mb:.0f} MB")
    later = np.array([(each.frames, each.mb) for each in following if each.frames > count / 2])
    if len(later) > 2:
        slope = np.polyfit(later[:, 0], later[:, 1], 1)[0]
        print(f"slope of the second half: {slope * count / seconds * 3600:+.1f} MB an hour of video")
    ending = [each for each in samples if each.frames >= count]
    if ending:
        print(f"most while files are put together: {max(each.mb for each in ending):.0f} MB")
        print(f"time that took: {ending[-1].s - ending[0].s:.0f} s")
    print(f"time in all over the video's length: {samples[-1].s / seconds:.2f}")
    for path in (results.lines, results.overlay, results.npz, results.parquet):
        if path.exists():
            print(f"{path.name}: {path.stat().st_size / MB:.1f} MB")


@chart_style()
def draw(samples: list[Sample], path: Path, title: str) -> None:
    figure, (axes,) = chart_sheet(1, title="Memory of knuckle track", subtitle=title, panel=(7.0, 3.0))
    axes.plot([each.s / 60 for each in samples], [each.mb for each in samples])
    axes.set_xlabel("minutes since the start")
    axes.set_ylabel("resident memory, MB")
    axes.set_ylim(bottom=0)
    write_figure(path, figure)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
