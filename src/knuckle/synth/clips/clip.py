"""A clip: who moves before which camera, and any of its frames as picture and truth."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.skeleton import Side
from knuckle.synth.clips.labels import ClipFrame, ClipHand, ClipKind, FrameTruth
from knuckle.synth.clips.moving import Bones, Moment
from knuckle.synth.clips.room import Room
from knuckle.synth.look.lighting import Light, srgb_to_linear
from knuckle.synth.scenes import kernels
from knuckle.synth.scenes.figure import Figure, FigureHand
from knuckle.synth.scenes.painter import Drawn, Lit, draw, light_figures, shade
from knuckle.synth.scenes.visibility import hand_samples

EXPOSURE_S = 1 / 60
STEP_PX, MOST_STEPS = 2.5, 12
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

    def bones(self, time_s: float) -> Bones:
        """The same without its surface."""
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
        view = _View(self, index / self.rate)
        truth, fastest_px = self._known(view)
        image = self._exposed(view, max(fastest_px, self._swept_px(view.time_s)))
        return ClipFrame(self._develop(image, index), truth)

    def truth(self, index: int) -> FrameTruth:
        """What is known of frame `index`, which is not painted."""
        return self._known(_View(self, index / self.rate))[0]

    def _known(self, view: "_View") -> tuple[FrameTruth, float]:
        """What is known of a frame, and how far the fastest joint in the picture moves during its exposure, px."""
        time_s = view.time_s
        hands = [hand for figure in view.figures for hand in figure.hands]
        ends = (time_s - EXPOSURE_S / 2, time_s, time_s + EXPOSURE_S / 2)
        tracks = np.stack([self._joints_px(time) for time in ends])
        moved = np.linalg.norm(np.diff(tracks, axis=0), axis=-1).sum(0)
        drawn = view.drawn
        counts = np.zeros(len(hands), np.int64)
        nothing = np.zeros((drawn.face_id.shape[0] // 2, drawn.face_id.shape[1] // 2), np.uint8)
        kernels.count_samples(drawn.face_id, drawn.face_hand, len(hands), nothing, counts)
        found = []
        for number, hand in enumerate(hands):
            # Figures are drawn in the window, so its camera is the one to measure by.
            whole, inside = hand_samples(drawn, number, view.window.camera)
            if not counts[number] and not inside:
                continue
            shown = float(np.clip(counts[number] / max(whole, 1e-9), 0, 1))
            px, blur = tracks[1, number], float(moved[number].mean())
            found.append(ClipHand(number, hand.side, hand.joints, px, shown, blur))
        fastest = max((float(moved[hand.identity].max()) for hand in found), default=0.0)
        return FrameTruth(time_s, found, None if self.camera_path is None else view.pose), fastest

    def _joints_px(self, time_s: float) -> Float[np.ndarray, "n 21 2"]:
        """Of all hands."""
        pose = self.pose(time_s)
        joints = np.stack([own for actor in self.actors for own in actor.bones(time_s).joints])
        joints = joints @ pose[:3, :3].T + pose[:3, 3]
        # Behind the camera nothing is seen, whatever its projection.
        joints[..., 2] = np.maximum(joints[..., 2], _NEAREST_M)
        return self.camera.project(joints)

    def pose(self, time_s: float) -> Float[np.ndarray, "4 4"]:
        """camera_from_world."""
        return np.eye(4) if self.camera_path is None else self.camera_path(time_s)

    def _exposed(self, view: "_View", blur_px: float) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of what moves by so many px while it is taken. view: at the middle of the exposure."""
        steps = 1 if blur_px <= STEP_PX else min(int(np.ceil(blur_px / STEP_PX)), MOST_STEPS)
        shares = (np.arange(steps) + 0.5) / steps - 0.5
        moments = [view]
        if steps > 1:
            start, end = (_View(self, view.time_s + sign * EXPOSURE_S / 2) for sign in (-1, 1))
            moments = [_between([start, view, end], float(share)) for share in shares]
        window = _Window.whole(self.camera)
        if self.camera_path is None:
            window = moments[0].window
            for moment in moments[1:]:
                window = window.joined(moment.window)
            image = self._backdrop.copy()
            if window.empty:
                return image
            behind = [window.of(image)] * steps
        else:
            image = np.zeros((self.camera.height, self.camera.width, 3), np.uint8)
            behind = [
                self.room.seen(self.camera, self.pose(view.time_s + EXPOSURE_S * float(share)))
                for share in shares
            ]
        drawn = [moment.draw(window) for moment in moments]
        seen: set[int] = set().union(*(one.seen for one in drawn))
        lit = self._lit(view, seen) if seen else None
        painted = []
        for one, picture in zip(drawn, behind, strict=True):
            picture = picture.copy()
            if lit is not None:
                shade(picture, one, lit, gain=self._gain)
            painted.append(picture)
        window.of(image)[:] = _mean(painted)
        return image

    def _lit(self, view: "_View", seen: set[int]) -> Lit:
        turn = view.pose[:3, :3]
        return light_figures(view.figures, seen, _turned(self.look.light, turn), turn @ self.look.turn)

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
        return float(
            np.linalg.norm(self.camera.project(world @ end[:3, :3].T + end[:3, 3]) - corners, axis=1).max()
        )

    @cached_property
    def _backdrop(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.room.seen(self.camera, np.eye(4))

    @cached_property
    def _gain(self) -> float:
        """Of the light on figures, by their brightness at the first of some times at which any shows."""
        for share in (0.5, 0.35, 0.65, 0.25, 0.75):
            view = _View(self, share * self.duration_s)
            if seen := view.drawn.seen:
                return self.look.exposure / self._lit(view, seen).mean
        return self.look.exposure


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
        self.time_s, self.camera, self.pose = time_s, clip.camera, clip.pose(time_s)
        turn, by = self.pose[:3, :3], self.pose[:3, 3]
        self.figures: list[Figure] = []
        for actor in clip.actors:
            figure = actor.figure(actor.at(time_s))
            hands = [FigureHand(hand.side, hand.joints @ turn.T + by) for hand in figure.hands]
            self.figures.append(replace(figure, vertices=figure.vertices @ turn.T + by, hands=hands))

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


def _between(views: list[_View], share: float) -> _View:
    """The view at a share (-0.5..0.5) of the exposure, on the parabola through its start, middle and end: motion of
    people is no rougher within a sixtieth of a second."""
    weights = np.array([2 * share * share - share, 1 - 4 * share * share, 2 * share * share + share])
    found = copy(views[1])
    found.figures = [
        replace(own[1], vertices=sum(weight * one.vertices for weight, one in zip(weights, own, strict=True)))
        for own in zip(*(view.figures for view in views), strict=True)
    ]
    for kept in ("window", "drawn"):
        found.__dict__.pop(kept, None)
    return found


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
