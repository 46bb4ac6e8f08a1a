"""Whether a real RTSP server is read well: GStreamer's, as Debian packages it, in a process of its own.

The server draws this computer's clock into every picture, so that what arrives tells how old it is and how true its
time. Per codec: how long opening takes, how old pictures are when they are handed over, how far `Frame.time_s` is from
the clock in the picture, and how evenly times are spaced beside how evenly pictures come. Then the server is killed and
started again, and at last stays away.

Needs /usr/bin/python3 with Debian's packages python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base, -good
(vp8enc, jpegenc, the payloaders) and -ugly (x264enc). Usage: python benchmarks/live/rtsp.py [--seconds 4]
"""

import argparse
import signal
import socket
import subprocess
import time

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.video import Frame, VideoSource, open_video

SYSTEM_PYTHON = "/usr/bin/python3"
RATE, BITS, WIDTH, HEIGHT = 30, 20, 640, 480
CODECS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! rtph264pay config-interval=1",
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=30 ! rtpvp8pay",
    "jpeg": "jpegenc ! rtpjpegpay",
}
SERVER = """
import sys, time
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
port, encoder, rate, bits, width, height = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])
Gst.init(None)

def picture():
    ms = int(time.monotonic() * 1000)
    bar = width // bits
    row = b"".join((b"\\xff" if ms >> bit & 1 else b"\\x10") * (3 * bar) for bit in range(bits))
    return row.ljust(3 * width, b"\\x10") * height

class Factory(GstRtspServer.RTSPMediaFactory):
    def do_create_element(self, url):
        caps = f"video/x-raw,format=RGB,width={width},height={height},framerate={rate}/1"
        return Gst.parse_launch(f"appsrc name=src is-live=true format=time do-timestamp=true caps={caps}"
                                f" ! videoconvert ! video/x-raw,format=I420 ! {encoder} name=pay0 pt=96")
    def do_configure(self, media):
        source = media.get_element().get_by_name("src")
        def push():
            return source.emit("push-buffer", Gst.Buffer.new_wrapped(picture())) == Gst.FlowReturn.OK
        GLib.timeout_add(1000 // rate, push)

server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1"); server.set_service(port)
factory = Factory(); factory.set_shared(True)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


def start_server(port: int, codec: str) -> subprocess.Popen[str]:
    arguments = [str(port), CODECS[codec], *map(str, (RATE, BITS, WIDTH, HEIGHT))]
    server = subprocess.Popen([SYSTEM_PYTHON, "-c", SERVER, *arguments], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stdout.readline() == "ready\n"
    return server


def drawn_ms(frame: Frame) -> int:
    """The clock in the picture, ms modulo 2**BITS."""
    row = frame.image[HEIGHT // 2].mean(axis=-1)
    bar = WIDTH // BITS
    return sum(int(row[int((bit + 0.5) * bar)] > 128) << bit for bit in range(BITS))


def behind_ms(time_s: float, drawn: int) -> float:
    """How much later a time is than the clock in a picture, ms."""
    span = 1 << BITS
    return (time_s * 1000 - drawn + span / 2) % span - span / 2


def measure(video: VideoSource, seconds: float) -> str:
    ages, errors, times, came = [], [], [], []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        frame = next(video)
        now = time.monotonic()
        drawn = drawn_ms(frame)
        ages.append(behind_ms(now, drawn))
        errors.append(behind_ms(frame.time_s, drawn))
        times.append(frame.time_s)
        came.append(now)
    half = len(ages) // 2  # The first half holds what had been waiting in the decoder.
    rate = (len(came) - half - 1) / (came[-1] - came[half])
    return (
        f"{rate:.1f} frames/s, {video.stale} stale; age when handed over: median"
        f" {np.median(ages[half:]):.0f} ms, 95 % {np.percentile(ages[half:], 95):.0f} ms; time_s after the drawn clock:"
        f" median {np.median(errors[half:]):.0f} ms, spread {np.std(errors[half:]):.1f} ms; spacing"
        f" {_unevenness_ms(times[half:]):.1f} ms uneven, as they come {_unevenness_ms(came[half:]):.1f} ms"
    )


def _unevenness_ms(times_s: list[float]) -> float:
    return 1000 * float(np.std(np.diff(times_s)))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of measuring, a codec")
    seconds = parser.parse_args().seconds
    port = free_port()
    address = f"rtsp://127.0.0.1:{port}/live"
    for codec in CODECS:
        server = start_server(port, codec)
        try:
            start = time.monotonic()
            with open_video(address) as video:
                print(
                    f"{codec}: {video.info.width}x{video.info.height} at {video.info.rate} frames/s,", end=" "
                )
                print(f"opened in {time.monotonic() - start:.2f} s; {measure(video, seconds)}", flush=True)
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
    server = start_server(port, "h264")
    notes: list[str] = []
    try:
        with open_video(address, warn=notes.append, reconnect_s=5, timeout_s=5) as video:
            before = after = next(video)
            server.send_signal(signal.SIGKILL)
            server.wait()
            killed = time.monotonic()
            time.sleep(1)
            server = start_server(port, "h264")
            while not any("again" in note.rpartition(":")[2] and "come" in note for note in notes):
                after = next(video)
            print(
                f"killed and started again 1 s later: pictures again after {time.monotonic() - killed:.1f} s",
                end="",
            )
            print(f", time_s grew by {after.time_s - before.time_s:.1f} s")
            server.send_signal(signal.SIGKILL)
            server.wait()
            killed = time.monotonic()
            try:
                while True:
                    next(video)
            except KnuckleError as error:
                print(f"killed for good: after {time.monotonic() - killed:.1f} s: {error}")
    finally:
        server.kill()
        server.wait()
    print(*notes, sep="\n")
    try:
        open_video(address)
    except KnuckleError as error:
        print(f"absent: {error}")


if __name__ == "__main__":
    main()
