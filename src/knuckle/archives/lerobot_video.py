"""A clip's frames in an MP4 file whose times are those that LeRobot asks for: frame i at i / rate, none left out.

Where the clip has its frames at an even rate, they are copied as they are; otherwise they are encoded again (VP9, which
needs no encoder under the GPL).
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.video.file_source import FileSource
from knuckle.video.writer import QUALITY, import_av

COPIED = ("h264", "hevc", "av1", "vp9")
"""Codecs that MP4 players and LeRobot's decoders know."""
TICKS = 90_000
"""A second, in the files' clock: whole rates divide it."""
LOOKS, LOOKED_PX = 8, 160
"""Frames of a clip that its colours are taken of, and how wide they are then."""


def write_episode_video(
    clip: Path, path: Path, *, name: str, frames: int, rate: int
) -> Float[np.ndarray, "N 3"]:
    """Write a clip's frames as an MP4 file, whole or not at all; some of its pixels' colours, 0..1, for statistics.

    Args:
        clip: the video.
        path: to be written.
        name: of the clip, for messages.
        frames: how many it has.
        rate: frames/s of the data set.

    Raises KnuckleError where it has another number of frames, and naming a path that cannot be written.
    """
    av = import_av()
    with atomic_path(path) as temporary:
        if not _copied(av, clip, temporary, frames, rate):
            _encoded(av, clip, temporary, name, frames, rate)
        return _colours(av, temporary, frames, rate)


def describe(path: Path, rate: int) -> dict[str, Any]:
    """What meta/info.json says of the data set's videos."""
    av = import_av()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {
            "video.height": stream.height,
            "video.width": stream.width,
            "video.codec": stream.codec.canonical_name,
            "video.pix_fmt": stream.pix_fmt,
            "video.is_depth_map": False,
            "video.fps": rate,
            "video.channels": 3,
            "has_audio": False,
        }


def _copied(av: Any, clip: Path, path: Path, frames: int, rate: int) -> bool:
    """Copy the frames with new times; False where they cannot be, and the file is to be written anew."""
    try:
        with av.open(str(clip)) as source:
            stream = source.streams.video[0]
            square = stream.sample_aspect_ratio in (None, 0, 1)
            if stream.codec_context.name not in COPIED or not square or not stream.average_rate:
                return False
            if next(source.decode(stream)).rotation:
                return False
            source.seek(0)
            rate_told = Fraction(stream.average_rate)
            times_s = [
                packet.pts * packet.time_base for packet in source.demux(stream) if packet.pts is not None
            ]
        places = _places(times_s, rate_told)
        if places is None or len(places) != frames:
            return False
        tick = TICKS // rate if TICKS % rate == 0 else Fraction(TICKS, rate)
        with av.open(str(clip)) as source, av.open(str(path), "w", format="mp4") as target:
            stream = source.streams.video[0]
            copy = target.add_stream_from_template(stream)
            copy.time_base = Fraction(1, TICKS)
            delay = _delay(places)
            for number, (packet, place) in enumerate(
                zip((each for each in source.demux(stream) if each.pts is not None), places, strict=True)
            ):
                # Decoding comes in the order of the file, and never after showing.
                packet.stream, packet.time_base = copy, Fraction(1, TICKS)
                packet.pts, packet.duration = round(place * tick), round(tick)
                packet.dts = round((number - delay) * tick)
                target.mux(packet)
        return True
    except (av.error.FFmpegError, StopIteration, IndexError, OSError):
        return False


def _places(times_s: list[Fraction], rate: Fraction) -> list[int] | None:
    """Which frame is shown at each of some times, by number; None where the times are not even."""
    first_s = min(times_s, default=Fraction(0))
    exact = [float((time_s - first_s) * rate) for time_s in times_s]
    places = [round(place) for place in exact]
    even = all(abs(place - near) < 0.25 for place, near in zip(exact, places, strict=True))
    return places if even and sorted(places) == list(range(len(places))) else None


def _delay(places: list[int]) -> int:
    """How many frames decoding is ahead of showing."""
    return max(number - place for number, place in enumerate(places))


def _encoded(av: Any, clip: Path, path: Path, name: str, frames: int, rate: int) -> None:
    with FileSource(clip, name=name, warn=lambda _: None) as source:
        options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "row-mt": "1",
            "b": "0",
            "crf": str(QUALITY),
            "g": "30",
        }
        count = 0
        with av.open(str(path), "w", format="mp4") as target:
            stream = target.add_stream("libvpx-vp9", rate=rate, options=options)
            # Chroma is of half the size.
            stream.width, stream.height = source.info.width // 2 * 2, source.info.height // 2 * 2
            stream.pix_fmt = "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, rate)
            for each in source:
                image = np.ascontiguousarray(each.image[: stream.height, : stream.width])
                picture = av.VideoFrame.from_ndarray(image, format="rgb24")
                picture.pts, picture.time_base = count, Fraction(1, rate)
                for packet in stream.encode(picture):
                    target.mux(packet)
                count += 1
            for packet in stream.encode(None):
                target.mux(packet)
        if count != frames:
            raise KnuckleError(f"{name}: expected the {frames} frames that the table has, got {count}")


def _colours(av: Any, path: Path, frames: int, rate: int) -> Float[np.ndarray, "N 3"]:
    """Of pictures that need no others, spread over the clip."""
    colours = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for look in range(min(LOOKS, frames)):
            container.seek(int(look * frames / LOOKS / rate / stream.time_base), stream=stream)
            picture = next(container.decode(stream), None)
            if picture is not None:
                image = picture.to_ndarray(format="rgb24")
                height = max(1, round(image.shape[0] * LOOKED_PX / image.shape[1]))
                colours.append(
                    cv2.resize(image, (LOOKED_PX, height), interpolation=cv2.INTER_AREA).reshape(-1, 3)
                )
    return np.concatenate(colours) / 255.0
