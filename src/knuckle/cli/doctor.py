"""`knuckle doctor`: what this machine has for live video, how fast it is, and what follows from that."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from knuckle.errors import KnuckleError, install_command

CAMERAS_TRIED = 4
"""Where the system does not list them."""
CAMERA_TIMEOUT_S = 5.0
OPEN_SIDE = 256
"""Px of a picture shown to a network that takes any size."""
RUNS, LONGEST_S = 15, 1.0
"""Of a network that is timed: at most."""


def doctor(
    cameras: Annotated[
        bool, typer.Option(help="Open the cameras for a moment, to see what they give.")
    ] = True,
    speed: Annotated[bool, typer.Option(help="Time the networks, for some seconds.")] = True,
) -> None:
    """Show what there is for live video here (cameras, codecs, runtimes), how fast the networks are, and what is chosen
    by itself."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True, markup=False)
    found = _cameras() if cameras else None
    for title, lines in (
        ("machine", _machine()),
        ("cameras", ["not asked"] if found is None else [text for _, text in found] or ["none found"]),
        ("codecs", list(_codecs())),
        ("runtimes", list(_runtimes())),
    ):
        console.print(title)
        for line in lines:
            console.print(f"  {line}")
    if speed:
        table = Table(
            "network", *(f"{threads} thread{'s' * (threads > 1)}, ms" for threads in _threads()), box=None
        )
        for row in _speeds():
            table.add_row(*row)
        console.print("one run of a network, median")
        console.print(table)
    console.print("chosen by itself")
    for line in _choices(None if found is None else [number for number, _ in found if number is not None]):
        console.print(f"  {line}")


def _machine() -> list[str]:
    from knuckle.inference.onnx_model import available_cores

    return [
        f"knuckle {_version('knuckle') or '(not installed)'}, Python {sys.version.split()[0]}, {platform.platform()}",
        f"{available_cores()} cores for this process, of {os.cpu_count() or '?'}",
    ]


def _cameras() -> list[tuple[int | None, str]]:
    """The number of each camera that gives pictures, None for another one, and what there is to say of it."""
    from knuckle.video import open_video

    listed = _listed_cameras()
    found: list[tuple[int | None, str]] = []
    for number in range(CAMERAS_TRIED) if listed is None else listed:
        try:
            with open_video(number, timeout_s=CAMERA_TIMEOUT_S) as video:
                rate = f", {video.info.rate:g} frames/s" if video.info.rate else ""
                found.append((number, f"{video.info.name}: {video.info.width}x{video.info.height}{rate}"))
        except KnuckleError as error:
            if listed is not None:
                found.append((None, str(error)))
    return found


def _listed_cameras() -> list[int] | None:
    """The numbers of the devices there are, None where the system does not list them."""
    if not sys.platform.startswith("linux"):
        return None
    names = (path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    return sorted(int(name) for name in names if name.isdigit())


def _codecs() -> Iterator[str]:
    import cv2

    backends = cv2.videoio_registry.getBackends()
    built_in = dict.fromkeys(
        cv2.videoio_registry.getBackendName(one)
        for one in backends
        if cv2.videoio_registry.isBackendBuiltIn(one)
    )
    yield f"OpenCV {cv2.__version__} reads by {', '.join(built_in)}; {_window() or 'has no window'}"
    av = _version("av")
    if av is None:
        yield f"videos are not written, nor AV1 read: {install_command('video')}"
        return
    yield f"av {av}: VP9 {_written_and_read()}; AV1 {'is' if _has_av1() else 'is not'} read"


def _written_and_read() -> str:
    """What came of writing a video and reading it again."""
    import numpy as np

    from knuckle.video import open_video
    from knuckle.video.writer import VideoWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "try.webm"
        try:
            with VideoWriter(path, size=(64, 48), rate=30) as writer:
                for index in range(3):
                    writer.write(np.full((48, 64, 3), 80 * index, np.uint8), index / 30)
            with open_video(path) as video:
                count = sum(1 for _ in video)
        except KnuckleError as error:
            return f"fails ({error})"
    return "is written and read" if count == 3 else f"fails ({count} of 3 frames were read)"


def _has_av1() -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        return bool(Codec("libdav1d", "r"))
    except UnknownCodecError:
        return False


def _window() -> str | None:
    """What shows a window, None where this OpenCV has none."""
    import cv2

    framework = getattr(cv2, "currentUIFramework", str)()
    return f"has a window ({framework})" if framework else None


def _runtimes() -> Iterator[str]:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    yield f"onnxruntime {onnxruntime.__version__}: {', '.join(onnxruntime.get_available_providers())}"
    openvino = _version("openvino")
    yield f"openvino {openvino}" if openvino else "openvino is not installed"


def _threads() -> list[int]:
    from knuckle.inference.onnx_model import MOST_THREADS, available_cores

    return sorted({1, min(available_cores(), MOST_THREADS)})


def _speeds() -> Iterator[tuple[str, ...]]:
    from knuckle import weights
    from knuckle.inference.detection.landmarks import DETECTOR_FOLDER

    paths = sorted(DETECTOR_FOLDER.glob("*.onnx"))
    for name in (weights.ONE_HAND, weights.TWO_HANDS):
        try:
            paths.append(weights.resolve(name).path)
        except KnuckleError as error:
            yield name, f"unusable: {error}"
    for path in paths:
        try:
            yield path.stem, *(f"{_median_ms(path, threads):.1f}" for threads in _threads())
        except KnuckleError as error:
            yield path.stem, f"unusable: {error}"


def _median_ms(path: Path, threads: int) -> float:
    """Of one run on a patch or picture of one colour."""
    import numpy as np

    from knuckle.inference.onnx_model import open_session

    session = open_session(path, threads=threads)
    feed = {one.name: _ones(one) for one in session.get_inputs()}
    session.run(None, feed)
    spent: list[float] = []
    while len(spent) < RUNS and sum(spent) < LONGEST_S:
        start = time.perf_counter()
        session.run(None, feed)
        spent.append(time.perf_counter() - start)
    return 1000 * float(np.median(spent))


def _ones(value: Any) -> Any:
    import numpy as np

    types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64}
    first, *rest = value.shape
    shape = [
        first if isinstance(first, int) else 1,
        *(one if isinstance(one, int) else OPEN_SIDE for one in rest),
    ]
    return np.ones(shape, types.get(value.type, np.float32))


def _choices(cameras: list[int] | None) -> Iterator[str]:
    """What is taken where nothing is told. cameras: the numbers of those that give pictures, None: not known."""
    from knuckle import weights

    if cameras is None or cameras:
        yield f"camera: {cameras[0] if cameras else 0}"
    else:
        yield "camera: none; give a video, or an rtsp:// or http:// address"
    names = [weights.shipped_name(name) for name in (weights.ONE_HAND, weights.TWO_HANDS)]
    yield f"model: {weights.AUTO} ({', '.join(name for name in names if name) or 'no weights installed'})"
    yield f"runtime: onnxruntime on the CPU, {_threads()[-1]} threads a network"
    yield "picture: a page in your browser" + (", or a window" if _window() else "")
    written = _version("av") is not None
    yield "recording: VP9 in WebM" if written else f"recording: none; {install_command('video')}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
