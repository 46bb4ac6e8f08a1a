"""A camera, stream or video as a live picture with its hands drawn over it, and keys that change what is shown."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.inference.picture import in_picture_of
from knuckle.live.tracker import Tracker
from knuckle.tracks.osc import OscSender
from knuckle.tracks.overlay import draw_frame
from knuckle.tracks.recording import Recording
from knuckle.tracks.settings import Settings, rig_of, version_here, weights_of
from knuckle.video import Frame, VideoSource
from knuckle.video.clock import now
from knuckle.video.pipeline import Pipeline
from knuckle.view.status import draw_status

KEYS = {
    "m": "show as a mirror",
    "s": "the source is a mirror image",
    "r": "record",
    "n": "next model",
    "q": "quit",
}
LARGEST_SIDE = 1280
"""Of the picture that is shown, px."""
NOTE_S = 4.0
"""How long a note stands on the picture."""
_RATE_OVER_S = 2.0


class Screen(Protocol):
    """Where pictures are shown and keys come from."""

    def show(self, picture: UInt8[np.ndarray, "h w 3"]) -> None: ...
    def keys(self) -> list[str]: ...


@dataclass
class _Shown:
    """A frame on its way through the stages."""

    frame: Frame
    hands: Hands
    model: str
    picture: UInt8[np.ndarray, "h w 3"] | None = None


class LiveView:
    """Follows hands through a live source and shows them, until the source ends or somebody quits.

    A frame is read, followed, and drawn and encoded, each in its own thread; one that is waited for by nobody gives way
    to a newer one, so that the picture is never late by more than the work itself.

    Args:
        source: an open one.
        settings: of the tracker; mirrored and model are where the keys start.
        screen: shows pictures.
        models: those that the key for the next model goes through.
        out: the folder in which recordings are made.
        mirror: whether the picture is shown as a mirror at first.
        osc: where every frame's hands are sent too.
        say: takes sentences for the terminal.

    Attributes:
        frames: how many were shown.
        stale: how many were left out for newer ones.
    """

    def __init__(
        self,
        source: VideoSource,
        settings: Settings,
        screen: Screen,
        *,
        models: Sequence[str],
        out: Path,
        mirror: bool = False,
        osc: OscSender | None = None,
        say: Callable[[str], None],
    ) -> None:
        self._source, self._settings, self._screen = source, settings, screen
        self._models, self._out, self._mirror, self._say = tuple(models), out, mirror, say
        self._osc = osc
        self._tracker: tuple[Settings, Tracker] = (settings, settings.open_tracker(source.info))
        self._recording: Recording | None = None
        self._note: tuple[str, float] = ("", 0.0)
        self._shown_s: deque[float] = deque()
        self._late_s = 0.0
        self.frames = self.stale = 0

    def run(self) -> None:
        """Show frames. Raises KnuckleError where the source gives none any more; recordings are completed first."""
        try:
            with Pipeline(self._source, self._follow, self._draw, newest=True) as stages:
                for shown in stages:
                    self.stale = self._source.stale + stages.stale
                    self._screen.show(shown.picture)
                    self._count(shown.frame.time_s)
                    self._record(shown)
                    if not self._obey(self._screen.keys(), shown):
                        return
        finally:
            self._stop_recording()

    def _follow(self, frame: Frame) -> _Shown:
        settings = self._settings
        if self._tracker[0] != settings:
            try:
                self._tracker = settings, settings.open_tracker(self._source.info)
            except KnuckleError as error:
                self._settings = settings = self._tracker[0]
                self._tell(str(error))
        hands = self._tracker[1](frame.image, frame.time_s)
        if self._osc is not None:
            self._osc.send(hands)
        return _Shown(frame, hands, settings.model)

    def _draw(self, shown: _Shown) -> _Shown:
        image, hands = shown.frame.image, shown.hands
        if self._mirror:
            camera = hands.camera
            turned = camera.mirrored()
            hands = in_picture_of(hands, replace(turned, picture_mirrored=not camera.picture_mirrored))
            image = np.asarray(cv2.flip(image, 1))
        height, width = image.shape[:2]
        shrink = min(1.0, LARGEST_SIDE / max(width, height))
        shown.picture = draw_frame(
            image, hands, (max(1, round(width * shrink)), max(1, round(height * shrink)))
        )
        draw_status(shown.picture, self._status(shown))
        return shown

    def _status(self, shown: _Shown) -> list[str]:
        """Rate and lateness are those of the frames before: this one is not shown yet."""
        rate = f"{self._rate():.0f} frames/s   {1000 * self._late_s:.0f} ms from capture to picture"
        lines = [f"{shown.model}   {rate}"]
        recording = self._recording
        if recording is not None:
            lines.append(f"recording {recording.seconds:.0f} s")
        note, until_s = self._note
        return [*lines, note] if note and now() < until_s else lines

    def _count(self, taken_s: float) -> None:
        self.frames += 1
        self._late_s = now() - taken_s
        self._shown_s.append(now())
        while self._shown_s[-1] - self._shown_s[0] > _RATE_OVER_S:
            self._shown_s.popleft()

    def _rate(self) -> float:
        times = tuple(self._shown_s)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0

    def _tell(self, note: str) -> None:
        self._note = note, now() + NOTE_S
        self._say(note)

    def _obey(self, keys: Sequence[str], shown: _Shown) -> bool:
        """False once somebody quits."""
        for key in keys:
            if key == "q":
                return False
            if key == "m":
                self._mirror = not self._mirror
            elif key == "r":
                self._toggle_recording(shown)
            elif self._recording is not None:
                self._tell("model and mirror image stay while a recording runs")
            elif key == "s":
                self._settings = replace(self._settings, mirrored=not self._settings.mirrored)
                self._tell(f"the source is {'' if self._settings.mirrored else 'not '}a mirror image")
            elif key == "n":
                self._next_model()
        return True

    def _next_model(self) -> None:
        place = self._models.index(self._settings.model) if self._settings.model in self._models else -1
        model = self._models[(place + 1) % len(self._models)]
        self._settings = replace(self._settings, model=model)
        self._tell(f"model {model}")

    def _toggle_recording(self, shown: _Shown) -> None:
        if self._recording is not None:
            self._stop_recording()
            return
        settings = self._settings
        about = {
            "rig": rig_of(settings.model),
            "settings": settings.to_dict(),
            "weights": weights_of(settings.model),
            "knuckle": version_here(),
        }
        try:
            self._recording = Recording(self._out, rate=max(self._rate(), 1.0), about=about)
        except KnuckleError as error:
            self._tell(str(error))

    def _record(self, shown: _Shown) -> None:
        if self._recording is None:
            return
        try:
            self._recording.write(shown.frame, shown.hands)
        except KnuckleError as error:
            self._stop_recording()
            self._tell(str(error))

    def _stop_recording(self) -> None:
        if self._recording is None:
            return
        recording, self._recording = self._recording, None
        try:
            recording.close()
        except KnuckleError as error:
            self._tell(str(error))
        self._tell(f"{recording.folder}: {recording.frames} frames, {recording.seconds:.1f} s")
