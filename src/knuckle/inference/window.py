"""What a network is shown of a picture, and how its answer comes back: crops cut, mirrored, turned and normalised.

One-hand networks know right hands alone: of a left one they are shown the mirrored picture, and their answer is
mirrored back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE, MIRROR_POINT, mirror_px
from knuckle.geometry.pyramid import Pyramid
from knuckle.inference.onnx_model import OnnxModel

BATCH = 16
"""Crops that a network is shown at once."""


@dataclass(frozen=True, eq=False)
class Shown:
    """N crops as a network takes them, those of mirrored pictures in the mirrored picture."""

    patches: UInt8[np.ndarray, "N S S 3"]
    """RGB."""
    crops: Float[np.ndarray, "N 3"]
    """Centre u, centre v, side, px."""
    cameras: Float[np.ndarray, "N 4"]
    """fx, fy, cx, cy, px."""
    rolls: Float[np.ndarray, "N"]
    """How far each crop is turned clockwise, radians."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A network's answer to N crops; fields but the first as of `Shown`."""

    outputs: dict[str, Float[np.ndarray, "N ..."]]
    """As `OnnxModel` gives them, in the pictures as they were shown; empty without crops."""
    crops: Float[np.ndarray, "N 3"]
    cameras: Float[np.ndarray, "N 4"]
    rolls: Float[np.ndarray, "N"]


def show(
    image: UInt8[np.ndarray, "H W 3"],
    camera: Camera,
    crops: Sequence[Crop],
    mirrored: Bool[np.ndarray, "N"],
    *,
    mirror_first: bool = False,
    pyramid: Pyramid | None = None,
) -> Shown:
    """Cut crops (at least one) out of a picture, or where `mirrored` says so out of its mirror image.

    mirror_first: mirror the picture before it is resampled, not the patch after it. Only then are the patches of a
    picture and of its mirror image the same to the bit, as resampling rounds; it takes longer.
    pyramid: of the picture, from which patches are then cut, in less time.
    """
    turned = cv2.flip(image, 1) if mirror_first and mirrored.any() else image
    framed = [
        crop.mirrored(image.shape[1]) if flip else crop for crop, flip in zip(crops, mirrored, strict=True)
    ]
    patches = []
    for crop, shown, flip in zip(crops, framed, mirrored, strict=True):
        if pyramid is not None:
            patch = pyramid.warp(crop.patch_from_frame, crop.size)
            patches.append(patch[:, ::-1] if flip else patch)
        elif not flip:
            patches.append(crop.warp(image))
        else:
            patches.append(shown.warp(turned) if mirror_first else crop.warp(image)[:, ::-1])
    return Shown(
        np.stack(patches),
        np.stack([crop.vector for crop in framed]),
        np.stack([(camera.mirrored() if flip else camera).vector for flip in mirrored]),
        np.array([crop.roll_rad for crop in framed]),
    )


def ask_network(
    network: OnnxModel,
    image: UInt8[np.ndarray, "H W 3"],
    camera: Camera,
    crops: Sequence[Crop],
    mirrored: Bool[np.ndarray, "N"],
    *,
    mirror_first: bool = False,
    pyramid: Pyramid | None = None,
) -> Answer:
    """A network's answer to crops of a picture, `BATCH` at a time; arguments as of `show`."""
    if not len(crops):
        return Answer({}, np.zeros((0, 3)), np.zeros((0, 4)), np.zeros(0))
    parts = []
    for start in range(0, len(crops), BATCH):
        chunk = slice(start, start + BATCH)
        shown = show(image, camera, crops[chunk], mirrored[chunk], mirror_first=mirror_first, pyramid=pyramid)
        outputs = network(normalise(shown.patches), shown.crops, shown.cameras, roll=shown.rolls)
        parts.append(Answer(outputs, shown.crops, shown.cameras, shown.rolls))
    return Answer(
        {name: np.concatenate([part.outputs[name] for part in parts]) for name in parts[0].outputs},
        np.concatenate([part.crops for part in parts]),
        np.concatenate([part.cameras for part in parts]),
        np.concatenate([part.rolls for part in parts]),
    )


def mirror_hands(
    hands: dict[str, Float[np.ndarray, "N ..."]], where: Bool[np.ndarray, "N"], width: int
) -> dict[str, Float[np.ndarray, "N ..."]]:
    """Hands' joints_px, joints_m, vertices_m and pose_rad, mirrored in a picture of that width where `where` is true;
    other fields stay."""
    if not where.any():
        return hands
    mirrored = {
        "joints_px": mirror_px(hands["joints_px"], width),
        "joints_m": hands["joints_m"] * MIRROR_POINT,
        "vertices_m": hands["vertices_m"] * MIRROR_POINT,
        "pose_rad": hands["pose_rad"] * MIRROR_AXIS_ANGLE,
    }
    return hands | {
        name: np.where(where.reshape(-1, *(1,) * (value.ndim - 1)), value, hands[name])
        for name, value in mirrored.items()
    }


def normalise(patches: UInt8[np.ndarray, "B S S 3"]) -> Float[np.ndarray, "B 3 S S"]:
    """RGB bytes to the networks' input: (v / 255 - 0.5) / 0.5, channels first, float32."""
    scaled = np.ascontiguousarray(patches.transpose(0, 3, 1, 2), dtype=np.float32)
    scaled /= np.float32(127.5)
    scaled -= np.float32(1)
    return scaled
