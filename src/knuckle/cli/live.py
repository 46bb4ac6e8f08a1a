"""`knuckle live [SOURCE]`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knuckle.cli.tracker_options import (
    CameraOption,
    GateOption,
    HandLengthOption,
    MirroredOption,
    ModelOption,
    RuntimeOption,
    SmoothOption,
    tracker_settings,
)
from knuckle.errors import KnuckleError

if TYPE_CHECKING:
    import numpy as np

    from knuckle.tracks.live_view import Screen
    from knuckle.tracks.osc import OscSender
    from knuckle.tracks.settings import Settings
    from knuckle.video import VideoSource
    from knuckle.video.mjpeg import PictureServer

QUALITY = 80
"""Of the page's JPEGs."""
TITLE = "knuckle"
"""Of the window."""


def live(
    source: Annotated[
        str,
        typer.Argument(
            help="A camera's number, a video file (played at its own speed), or an rtsp:// or http:// address."
        ),
    ] = "0",
    host: Annotated[
        str,
        typer.Option(
            help="Address of the page; all who reach it see the pictures. The default is this computer alone."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0: any that is free.")
    ] = 8765,
    window: Annotated[
        bool, typer.Option("--window", help="Show a window and no page; needs an OpenCV with windows.")
    ] = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the key for recording makes its folders.")
    ] = Path(),
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="What to ask a camera for; it may give another size."),
    ] = None,
    osc: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help='Send the hands as OSC messages too; needs the extra "osc".'),
    ] = None,
    camera: CameraOption = None,
    model: ModelOption = "auto",
    mirror: Annotated[bool, typer.Option("--mirror", help="Show the picture as a mirror does.")] = False,
    mirrored: MirroredOption = False,
    hand_length: HandLengthOption = None,
    gate: GateOption = True,
    smooth: SmoothOption = True,
    runtime: RuntimeOption = "auto",
) -> None:
    """Show a camera, stream or video with its hands drawn over it, on a page of this computer.

    The page's keys: m shows the picture as a mirror; s says that the source is a mirror image, as some cameras' are;
    r records (the frames as video.webm, the hands as video.hands.jsonl; needs the extra "video"); n takes the next
    installed model; q quits, as Ctrl-C does.
    """
    from knuckle.tracks.osc import OscSender
    from knuckle.video import open_video

    settings = tracker_settings(
        camera=camera,
        model=model,
        hand_length=hand_length,
        mirrored=mirrored,
        gate=gate,
        smooth=smooth,
        runtime=runtime,
    )
    if window:
        check_windows()
    sender = OscSender(osc) if osc else None
    opened = open_video(source, size=parse_size(size), paced=True, warn=_say)
    with opened:
        try:
            if window:
                _run(opened, settings, Window(), out, mirror=mirror, osc=sender)
            else:
                _serve(opened, settings, out, host=host, port=port, mirror=mirror, osc=sender)
        except KeyboardInterrupt:
            typer.echo("ended by Ctrl-C", err=True)
        finally:
            if sender is not None:
                sender.close()


def _serve(
    source: "VideoSource",
    settings: "Settings",
    out: Path,
    *,
    host: str,
    port: int,
    mirror: bool,
    osc: "OscSender | None",
) -> None:
    from knuckle.tracks.live_view import KEYS
    from knuckle.video.mjpeg import PictureServer

    with PictureServer(KEYS, title=f"knuckle: {source.info.name}", host=host, port=port) as server:
        typer.echo(f"{source.info.name} is shown at {server.url} (Ctrl-C ends)")
        _run(source, settings, Page(server), out, mirror=mirror, osc=osc)


def _run(
    source: "VideoSource",
    settings: "Settings",
    screen: "Screen",
    out: Path,
    *,
    mirror: bool,
    osc: "OscSender | None",
) -> None:
    from knuckle.tracks.live_view import LiveView
    from knuckle.weights import AUTO, available, valid_names

    # Systems, each with its best weights: a key does not go through all there are.
    systems = [name for name in valid_names() if name not in available()]
    models = list(dict.fromkeys((AUTO, settings.model, *systems)))
    view = LiveView(source, settings, screen, models=models, out=out, mirror=mirror, osc=osc, say=_say)
    try:
        view.run()
    finally:
        typer.echo(f"{view.frames} frames shown, {view.stale} left out for newer ones")


class Page:
    """The page as a screen."""

    def __init__(self, server: "PictureServer") -> None:
        self._server = server

    def show(self, picture: "np.ndarray") -> None:
        import cv2

        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if done:
            self._server.publish(jpeg.tobytes())

    def keys(self) -> list[str]:
        return self._server.keys()


class Window:
    """A window of OpenCV as a screen; closing it quits."""

    def show(self, picture: "np.ndarray") -> None:
        import cv2

        cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def keys(self) -> list[str]:
        import cv2

        key = chr(cv2.waitKey(1) & 0xFF)
        if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            return ["q"]
        return [key]


def check_windows() -> None:
    """Raise KnuckleError where this OpenCV, or this computer, shows no windows."""
    import cv2

    page = "without --window the same is shown on a page"
    gui = next(
        (line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GUI:")), ""
    )
    if gui.split()[-1:] in ([], ["NONE"]):
        raise KnuckleError(
            f"--window: expected an OpenCV with windows, got opencv-python-headless or the like, which has none; {page}"
        )
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise KnuckleError(f"--window: expected a display, got none (DISPLAY is not set); {page}")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of "1280x720"; raises KnuckleError for anything else."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) == 2 and all(
        part.isascii() and part.isdigit() and 0 < int(part) < 100_000 for part in parts
    ):
        return int(parts[0]), int(parts[1])
    raise KnuckleError(f"--size: expected WIDTHxHEIGHT such as 1280x720, got {text!r}")


def _say(note: str) -> None:
    from knuckle.files import printable

    typer.echo(printable(f"note: {note}"), err=True)
