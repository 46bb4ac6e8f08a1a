"""A clip: who moves before which camera, and any of its frames as picture and truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.skeleton import Side
from knuckle.synth.clips.labels import ClipFrame, ClipHand, ClipKind
from knuckle.synth.clips.moving import Moment
from knuckle.synth.clips.room import Room
from knuckle.synth.look.lighting import Light, srgb_to_linear
from knuckle.synth.scenes import kernels
from knuckle.synth.scenes.figure import Figure, FigureHand
from knuckle.synth.scenes.painter import Drawn, draw, paint
from knuckle.synth.scenes.visibility import hand_samples

EXPOSURE_S = 1 / 60
STEP_PX, MOST_STEPS = 2.0, 14
"""Exposures in which something moves by more than STEP_PX are averaged from pictures about so far apart."""
_NEAREST_M = 0.03
_ROOM_PX = 3
_LINEAR = srgb_to_linear(np.arange(256)).astype(np.float32)
_LEVELS = 8192
_KEY = 0xC11F


class Actor(Protocol):
    """Something with hands that moves: `MovingArm`, `MovingPerson`."""

    sides: tuple[Side, ...]

    def at(self, time_s: float) -> Moment:
        """Where it is."""
        ...

    def figure(self, moment: Moment) -> Figure:
        """What is drawn of it then, in the world's axes."""
        ...


@dataclass(frozen=True, eq=False)
class Look:
    """Light and exposure of a clip, the same in all frames."""

    light: Light
    """In the world's axes."""
    turn: Float[np.ndarray, "3 3"]
    """Of the axes along which ambient light is blocked."""
    exposure: float
    tone: UInt8[np.ndarray, "256 3"]
    """From the value of a colour to the one in the picture."""
    noise: float
    """Standard deviation, in levels of 255."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Everything that the frames of a clip are rendered from."""

    name: str
    kind: ClipKind
    seed: int
    index: int
    """Number of the clip among those of its seed."""
    camera: Camera
    actors: Sequence[Actor]
    camera_path: Callable[[float], Float[np.ndarray, "4 4"]] | None
    """camera_from_world at a time (s); None for a camera that stands still at the world's origin."""
    room: Room
    look: Look
    rate: float
    """Frames a second."""
    duration_s: float

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return round(self.rate * self.duration_s)

    def frame(self, index: int) -> ClipFrame:
        """Render frame `index`; it depends on the clip and the index alone."""
        time_s = index / self.rate
        ends = [time_s - EXPOSURE_S / 2, time_s, time_s + EXPOSURE_S / 2]
        views = [_View(self, time) for time in ends]
        hands = [hand for figure in views[1].figures for hand in figure.hands]
        tracks = np.stack([view.joints_px for view in views]) if hands else np.zeros((3, 0, 21, 2))
        moved = np.linalg.norm(np.diff(tracks, axis=0), axis=-1).sum(0)
        drawn = views[1].drawn
        counts = np.zeros(len(hands), np.int64)
        nothing = np.zeros((drawn.face_id.shape[0] // 2, drawn.face_id.shape[1] // 2), np.uint8)
        kernels.count_samples(drawn.face_id, drawn.face_hand, len(hands), nothing, counts)
        found = []
        for number, hand in enumerate(hands):
            # What `hand_samples` counts by are figures drawn in the window: its camera is the window's.
            whole, inside = hand_samples(drawn, number, views[1].window.camera)
            if not counts[number] and not inside:
                continue
            shown = float(np.clip(counts[number] / max(whole, 1e-9), 0, 1))
            found.append(
                ClipHand(number, hand.side, hand.joints, tracks[1, number], shown, float(moved[number].mean()))
            )
        blur = max((float(moved[hand.identity].max()) for hand in found), default=0.0)
        blur = max(blur, self._swept_px(time_s))
        return ClipFrame(
            self._develop(self._exposed(time_s, blur), index),
            time_s,
            found,
            None if self.camera_path is None else self.camera_path(time_s),
        )

    def pose(self, time_s: float) -> Float[np.ndarray, "4 4"]:
        """camera_from_world."""
        return np.eye(4) if self.camera_path is None else self.camera_path(time_s)

    def _exposed(self, time_s: float, blur_px: float) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of what moves by so many px while it is taken."""
        steps = 1 if blur_px <= STEP_PX else min(int(np.ceil(blur_px / STEP_PX)), MOST_STEPS)
        views = [_View(self, time_s + EXPOSURE_S * ((k + 0.5) / steps - 0.5)) for k in range(steps)]
        if self.camera_path is None:
            image = self._backdrop.copy()
            window = views[0].window
            for view in views[1:]:
                window = window.joined(view.window)
            if window.empty:
                return image
            part = window.of(image)
            part[:] = _mean([self._painted(view, window, part) for view in views])
            return image
        whole = _Window.whole(self.camera)
        return _mean(
            [self._painted(view, whole, self.room.seen(self.camera, view.pose)) for view in views]
        )

    def _painted(self, view: "_View", window: "_Window", behind: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
        image = np.ascontiguousarray(behind).copy()
        look, turn = self.look, view.pose[:3, :3]
        paint(
            image, view.draw(window), _turned(look.light, turn), turn @ look.turn,
            exposure=look.exposure, metered=self._metered,
        )  # fmt: skip
        return image

    def _develop(self, image: UInt8[np.ndarray, "h w 3"], index: int) -> UInt8[np.ndarray, "h w 3"]:
        """Tone and noise."""
        rng = np.random.default_rng([self.seed, self.index, index, _KEY])
        image = cv2.LUT(image, self.look.tone[None])
        noise = rng.standard_normal(image.shape[:2], np.float32)[..., None] * np.float32(self.look.noise)
        return np.clip(image + noise + np.float32(0.5), 0, 255).astype(np.uint8)

    def _swept_px(self, time_s: float) -> float:
        """How far the background moves during an exposure."""
        if self.camera_path is None:
            return 0.0
        corners = np.array([[0, 0], [self.camera.width, 0], [self.camera.width / 2, self.camera.height]])
        far = self.camera.backproject(corners, np.full(3, 2.5))
        start, end = self.pose(time_s - EXPOSURE_S / 2), self.pose(time_s + EXPOSURE_S / 2)
        world = (far - start[:3, 3]) @ start[:3, :3]
        return float(np.linalg.norm(self.camera.project(world @ end[:3, :3].T + end[:3, 3]) - corners, axis=1).max())

    @cached_property
    def _backdrop(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.room.seen(self.camera, np.eye(4))

    @cached_property
    def _metered(self) -> float | None:
        """Brightness of the figures at the first of some times at which any shows."""
        for share in (0.5, 0.35, 0.65, 0.25, 0.75):
            view = _View(self, share * self.duration_s)
            image = np.zeros((*view.window.shape, 3), np.uint8)
            turn = view.pose[:3, :3]
            if not view.window.empty:
                found = paint(
                    image, view.drawn, _turned(self.look.light, turn), turn @ self.look.turn,
                    exposure=self.look.exposure,
                )  # fmt: skip
                if found is not None:
                    return found
        return None


@dataclass(frozen=True)
class _Window:
    """A part of the picture, and its camera."""

    left: int
    top: int
    right: int
    bottom: int
    full: Camera

    @classmethod
    def whole(cls, camera: Camera) -> "_Window":
        return cls(0, 0, camera.width, camera.height, camera)

    @property
    def empty(self) -> bool:
        return self.right <= self.left or self.bottom <= self.top

    @property
    def shape(self) -> tuple[int, int]:
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    @property
    def camera(self) -> Camera:
        return replace(
            self.full, cx=self.full.cx - self.left, cy=self.full.cy - self.top,
            width=max(self.right - self.left, 1), height=max(self.bottom - self.top, 1),
        )  # fmt: skip

    def joined(self, other: "_Window") -> "_Window":
        if self.empty or other.empty:
            return other if self.empty else self
        return replace(
            self, left=min(self.left, other.left), top=min(self.top, other.top),
            right=max(self.right, other.right), bottom=max(self.bottom, other.bottom),
        )  # fmt: skip

    def of(self, image: np.ndarray) -> np.ndarray:
        return image[self.top : self.bottom, self.left : self.right]


class _View:
    """The figures of a clip in the camera's frame at one time."""

    def __init__(self, clip: Clip, time_s: float) -> None:
        self.camera, self.pose = clip.camera, clip.pose(time_s)
        turn, by = self.pose[:3, :3], self.pose[:3, 3]
        self.figures = []
        for actor in clip.actors:
            figure = actor.figure(actor.at(time_s))
            hands = [FigureHand(hand.side, hand.joints @ turn.T + by) for hand in figure.hands]
            self.figures.append(replace(figure, vertices=figure.vertices @ turn.T + by, hands=hands))

    @property
    def joints_px(self) -> Float[np.ndarray, "n 21 2"]:
        """Of all hands."""
        joints = np.stack([hand.joints for figure in self.figures for hand in figure.hands])
        return self.camera.project(np.concatenate([joints[..., :2], np.maximum(joints[..., 2:], _NEAREST_M)], -1))

    @cached_property
    def window(self) -> _Window:
        """What the figures can cover."""
        camera = self.camera
        if not self.figures:
            return _Window(0, 0, 0, 0, camera)
        points = np.concatenate([figure.vertices for figure in self.figures])
        points = points[points[:, 2] > 0]
        if not len(points):
            return _Window(0, 0, 0, 0, camera)
        px = camera.project(points)
        limit = [camera.width, camera.height]
        low = np.clip(np.floor(px.min(0)) - _ROOM_PX, 0, limit).astype(int)
        high = np.clip(np.ceil(px.max(0)) + _ROOM_PX, 0, limit).astype(int)
        return _Window(int(low[0]), int(low[1]), int(high[0]), int(high[1]), camera)

    @cached_property
    def drawn(self) -> Drawn:
        return self.draw(self.window)

    def draw(self, window: _Window) -> Drawn:
        """The figures rasterised in a part of the picture."""
        return draw(self.figures, window.camera)


def _turned(light: Light, turn: Float[np.ndarray, "3 3"]) -> Light:
    """The light of the world's axes in the camera's."""
    return replace(
        light,
        directions=np.ascontiguousarray(light.directions @ turn.T),
        env_from_camera=np.ascontiguousarray(light.env_from_camera @ turn.T),
    )


def _mean(images: list[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """What a sensor sees of pictures that follow each other: the mean of their light."""
    if len(images) == 1:
        return images[0]
    light = np.zeros(images[0].shape, np.float32)
    for image in images:
        light += cv2.LUT(image, _LINEAR)
    return _encoding()[(light * ((_LEVELS - 1) / len(images)) + 0.5).astype(np.int16)]


@lru_cache(maxsize=1)
def _encoding() -> UInt8[np.ndarray, "levels"]:
    linear = np.linspace(0, 1, _LEVELS)
    srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * srgb).astype(np.uint8)
