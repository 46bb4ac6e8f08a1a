"""Video files: OpenCV's reader beside av's, what our reader and writer cost, and the memory 8K takes.

Clips are made in a temporary folder: variable rate, B-frames, a late start, turned by metadata, cut off, without times.
Per clip and reader: frames, the largest difference of their times and of their pixels. Then, on 720p and in turns: CPU
time of a frame read by either and through `open_video`, and of a frame written, as ratios to OpenCV's bare reading.
Then the peak memory of reading 8K, in a process of its own, after few frames and after many. On Linux, with the extra
"video": python -m benchmarks.live.video_files
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.metadata import files
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from knuckle.video import VideoSource, file_source, open_video
from knuckle.video.av_capture import AvCapture
from knuckle.video.capture import open_capture
from knuckle.video.writer import VideoWriter

GAPS_S = (0.02, 0.05, 0.1)
VARIABLE_S = [sum(GAPS_S[gap % 3] for gap in range(frame)) for frame in range(40)]
TURNED = np.array([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], ">i4").tobytes()


def picture(index: int, width: int, height: int) -> np.ndarray:
    """A moving pattern with some noise, RGB."""
    noise = np.random.default_rng(index).integers(-6, 7, (height, width, 1))
    rows, columns = np.mgrid[:height, :width]
    waves = [
        128 + 100 * np.sin((columns * a + rows * b) / 40 + index / 5) for a, b in ((1, 0), (0, 1), (1, 1))
    ]
    return np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def write_clip(path: Path, times: Sequence[float], codec: str, ticks: int, *, b_frames: int = 0) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=20)
        stream.width, stream.height = 320, 240
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, ticks)
        stream.codec_context.max_b_frames = b_frames
        for index, time_s in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index, 320, 240), format="rgb24")
            frame.pts, frame.time_base = round(time_s * ticks), Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def make_clips(folder: Path) -> list[Path]:
    even = [index / 25 for index in range(40)]
    late = [2.5 + time_s for time_s in VARIABLE_S]
    clips = [
        write_clip(folder / "variable.webm", VARIABLE_S, "libvpx-vp9", 1000),
        write_clip(folder / "variable-b-frames.mp4", VARIABLE_S, "mpeg4", 1000, b_frames=2),
        write_clip(folder / "variable.mkv", VARIABLE_S, "mpeg4", 1000),
        write_clip(folder / "variable.ts", VARIABLE_S, "mpeg4", 1000),
        write_clip(folder / "late.webm", late, "libvpx-vp9", 1000),
        write_clip(folder / "even.avi", even, "mjpeg", 25),
        write_clip(folder / "no-times.mjpeg", even, "mjpeg", 25),
    ]
    data = clips[1].read_bytes()
    place = data.index(b"tkhd") + 44
    turned, cut = folder / "turned.mp4", folder / "cut-off.mkv"
    turned.write_bytes(data[:place] + TURNED + data[place + 36 :])
    cut.write_bytes(clips[2].read_bytes()[: clips[2].stat().st_size * 6 // 10])
    return [*clips, turned, cut]


def read_all(path: Path, *, by_av: bool) -> tuple[list[tuple[float, np.ndarray]], int]:
    """Times and pictures, and how many notes there were."""
    notes: list[str] = []
    file_source.open_capture = (lambda target, _: AvCapture(target, threads=2)) if by_av else open_capture
    try:
        with open_video(path, warn=notes.append) as video:
            return [(frame.time_s, frame.image) for frame in video], len(notes)
    finally:
        file_source.open_capture = open_capture


def compare(folder: Path) -> None:
    print("| clip | frames, OpenCV | frames, av | largest difference of times, ms | of pixels | notes |")
    print("|---|---|---|---|---|---|")
    for path in make_clips(folder):
        (ours, notes), (theirs, _) = read_all(path, by_av=False), read_all(path, by_av=True)
        times = max(abs(a[0] - b[0]) for a, b in zip(ours, theirs, strict=False))
        pixels = max(int(cv2.absdiff(a[1], b[1]).max()) for a, b in zip(ours, theirs, strict=False))
        print(f"| {path.name} | {len(ours)} | {len(theirs)} | {1000 * times:.2f} | {pixels} | {notes} |")


def drain(source: VideoSource) -> int:
    with source:
        return sum(1 for _ in source)


def bare(capture: file_source.Capture) -> int:
    count = 0
    while capture.grab():
        capture.retrieve()
        count += 1
    capture.release()
    return count


def cost(folder: Path, rounds: int = 5, count: int = 60) -> None:
    pictures = [picture(index, 1280, 720) for index in range(count)]
    path = folder / "720p.webm"

    def write() -> int:
        with VideoWriter(path, size=(1280, 720), rate=30, threads=1) as writer:
            for index, image in enumerate(pictures):
                writer.write(image, index / 30)
        return count

    write()
    ways: dict[str, Callable[[], int]] = {
        "OpenCV, bare": lambda: bare(open_capture(str(path))),
        "av, bare": lambda: bare(AvCapture(path, threads=2)),
        "open_video": lambda: drain(open_video(path)),
        "VideoWriter": write,
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            done = way()
            spent[name].append((time.process_time() - start) / done)
    unit = np.median(spent["OpenCV, bare"])
    print("\n| VP9, 1280x720 | CPU ms a frame | ratio |\n|---|---|---|")
    for name, values in spent.items():
        print(f"| {name} | {1000 * np.median(values):.1f} | {np.median(values) / unit:.2f} |")


def memory(folder: Path) -> None:
    path = folder / "8k.webm"
    image = cv2.resize(picture(0, 960, 540), (7680, 4320))
    with VideoWriter(path, size=(7680, 4320), rate=30) as writer:
        for index in range(40):
            writer.write(image, index / 30)
    for count in (5, 40):
        code = f"from benchmarks.live.video_files import peak_mb; peak_mb({str(path)!r}, {count})"
        subprocess.run([sys.executable, "-c", code], check=True)


def peak_mb(path: str, count: int) -> None:
    """Print the peak memory of this process after some frames of a file."""
    before = _peak_kb()
    with open_video(path) as video:
        for _ in range(count):
            next(video)
    print(f"8K, {count} frames: {(_peak_kb() - before) / 1024:.0f} MB more than before")


def _peak_kb() -> int:
    # Not getrusage, whose peak includes that of the process which started this one.
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1])


def main() -> None:
    paths = [Path(str(one.locate())) for one in files("av") or []]
    weight = sum(path.stat().st_size for path in paths if path.is_file())
    print(f"av {av.__version__}: {weight / 1e6:.0f} MB installed; OpenCV {cv2.__version__}\n")
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name))
        cost(Path(name))
        memory(Path(name))


if __name__ == "__main__":
    main()
