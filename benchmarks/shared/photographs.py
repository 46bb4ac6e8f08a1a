"""The labelled photographs that accuracy is measured on, where $KNUCKLE_DATA has them: as taken, turned, mirrored."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.datasets.eval_dev import by_source, read_eval_dev
from knuckle.datasets.labelled import LabelledHand
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.one_hand import DATA_VARIABLE
from knuckle.evaluation.protocols import handgraph
from knuckle.geometry.camera import Camera
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px

EVAL_DEV = "eval-dev"
QUARTERS = (0, 1, 2, 3)
"""By how many quarters photographs are turned."""


def have_photographs() -> bool:
    """Whether they are on this machine."""
    return _folder().is_dir()


def labelled_photographs() -> list[LabelledHand]:
    """All labelled hands. Raises KnuckleError where there are none on this machine."""
    if not have_photographs():
        raise KnuckleError(f"photographs: expected {DATA_VARIABLE} to name a folder with {EVAL_DEV} in it")
    return read_eval_dev(_folder())


def hand_graph_photographs() -> list[LabelledHand]:
    """Those of hand-graph-cnn's real-world test set."""
    return by_source(labelled_photographs())[handgraph.SOURCE]


def data_folder() -> Path:
    """Where real photographs lie; raises KnuckleError where the environment does not say."""
    value = os.environ.get(DATA_VARIABLE)
    if not value or not Path(value).is_dir():
        raise KnuckleError(f"{DATA_VARIABLE}: expected the folder of the photographs, got {value!r}")
    return Path(value)


def _folder() -> Path:
    return Path(os.environ.get(DATA_VARIABLE, "")) / EVAL_DEV


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


class MirroredHand(LabelledHand):
    """A labelled hand of the mirrored photograph."""

    def read(self) -> np.ndarray:
        """The photograph, mirrored."""
        return np.ascontiguousarray(super().read()[:, ::-1])


def mirrored(hand: LabelledHand) -> MirroredHand:
    """The hand in its photograph's mirror image: side, box, camera and labels mirrored."""
    width = hand.camera.width
    x, y, w, h = hand.box_px
    values = {field.name: getattr(hand, field.name) for field in fields(hand)}
    values |= {
        "side": "right" if hand.side == "left" else "left",
        "camera": hand.camera.mirrored(),
        "box_px": np.array([width - 1 - x - w, y, w, h]),
        "joints_px": None if hand.joints_px is None else mirror_px(hand.joints_px, width),
        "joints_m": None if hand.joints_m is None else hand.joints_m * MIRROR_POINT,
        "vertices_m": None if hand.vertices_m is None else hand.vertices_m * MIRROR_POINT,
    }
    return MirroredHand(**values)
