"""Videos: damaged ones of several formats, without pictures, of one pixel, with odd times."""

from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.hostile.attempt import Attempt, command, exhaust
from benchmarks.hostile.damage import damaged


class Videos:
    """Read to the end by `knuckle.video.open_video`, and now and then followed by `knuckle track`."""

    def __init__(self, materials: Path) -> None:
        self._model = materials / "fake.onnx"
        names = ("video.webm", "video.mp4", "video.avi", "sound.wav")
        self._files = {name: (materials / name).read_bytes() for name in names}

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        if chance.random() < 0.75:
            source = chance.choice(list(self._files))
            name, data = damaged(self._files[source], chance)
            path = folder / f"input{Path(source).suffix}"
            path.write_bytes(data)
            name = f"{source} {name}"
        else:
            path, name = chance.choice((_odd_times, _small, _no_frames, _text))(chance, folder)
        if chance.random() < 0.3:
            options = ("--out", folder / "out", "--model", self._model)
            if chance.random() < 0.5:
                options = (*options, "--no-video")
            return Attempt(f"{name}, tracked", command("track", path, *options))
        return Attempt(name, exhaust(_frames, path))


def _frames(path: Path):
    from knuckle.video import open_video

    with open_video(path, warn=lambda note: None) as source:
        yield from source


def _odd_times(chance: Random, folder: Path) -> tuple[Path, str]:
    import av

    path = folder / "input.webm"
    times = sorted({chance.choice((0, 1, 2, 5, 1000, 10**6, 10**9)) * (i + 1) for i in range(6)})
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=chance.choice((1, 1000)))
        stream.width = stream.height = 64
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path, f"frames at {times} ms"


def _small(chance: Random, folder: Path) -> tuple[Path, str]:
    import av

    path = folder / "input.avi"
    width, height = chance.choice(((1, 1), (2, 2), (16, 2), (2, 4000), (8000, 2)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path, f"{width}x{height}"


def _no_frames(chance: Random, folder: Path) -> tuple[Path, str]:
    import av

    path = folder / "input.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 64
        stream.pix_fmt = "yuv420p"
        container.start_encoding()
    return path, "no frames"


def _text(chance: Random, folder: Path) -> tuple[Path, str]:
    """What FFmpeg takes for a list of other files or addresses."""
    suffix, text = chance.choice(
        (
            (".m3u8", "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
            (".ffconcat", "ffconcat version 1.0\nfile '/etc/passwd'\n"),
            (".sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"),
            (".mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"),
        )
    )
    path = folder / f"input{suffix}"
    path.write_text(text)
    return path, f"a list of other files, {suffix}"
