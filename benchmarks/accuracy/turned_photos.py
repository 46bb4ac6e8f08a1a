"""Labelled photographs turned by quarters: what a system makes of hands in any direction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.datasets.labelled import LabelledHand
from knuckle.geometry.camera import Camera

QUARTERS = (0, 1, 2, 3)


@dataclass(frozen=True, eq=False)
class TurnedHand(LabelledHand):
    """A hand whose photograph is turned clockwise by so many quarters when it is read; labels and camera are those of
    the turned photograph."""

    quarters: int = 0

    def read(self) -> UInt8[np.ndarray, "H W 3"]:
        camera = self.camera
        if self.quarters % 2:
            camera = replace(camera, width=camera.height, height=camera.width)
        as_taken = LabelledHand(self.name, self.source, self.image, self.side, camera, self.box_px)
        return np.ascontiguousarray(np.rot90(as_taken.read(), k=-self.quarters))


def turned(hands: Sequence[LabelledHand], quarters: int) -> list[TurnedHand]:
    """The hands with their photographs turned clockwise by so many quarters; meshes are left out."""
    return [_turned(hand, quarters) for hand in hands]


def _turned(hand: LabelledHand, quarters: int) -> TurnedHand:
    camera, px, joints_m = hand.camera, hand.joints_px, hand.joints_m
    x, y, w, h = (float(value) for value in hand.box_px)
    corners = np.array([[x, y], [x + w, y + h]])
    for _ in range(quarters):
        last = camera.height - 1
        px = None if px is None else _quarter(px, last)
        corners = _quarter(corners, last)
        joints_m = (
            None if joints_m is None else np.stack([-joints_m[:, 1], joints_m[:, 0], joints_m[:, 2]], axis=-1)
        )
        camera = Camera(
            camera.fy, camera.fx, last - camera.cy, camera.cx, camera.height, camera.width, camera.assumed
        )
    low = corners.min(0)
    return TurnedHand(
        name=hand.name,
        source=hand.source,
        image=hand.image,
        side=hand.side,
        camera=camera,
        box_px=np.concatenate([low, corners.max(0) - low]),
        joints_px=px,
        joints_m=joints_m,
        quarters=quarters,
    )


def _quarter(points_px: Float[np.ndarray, "n 2"], last: float) -> Float[np.ndarray, "n 2"]:
    """Points of a picture whose last row is `last`, after a quarter turn clockwise."""
    return np.stack([last - points_px[:, 1], points_px[:, 0]], axis=-1)
