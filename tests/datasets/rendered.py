"""Pictures of posed rigs for made-up data sets, and the tests' MANO files, with components of poses and a left hand."""

import pickle
from pathlib import Path

import cv2
import numpy as np

from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE
from knuckle.raster.numpy_raster import rasterise
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.tips import MANO_TIPS

from .conftest import write_mano
from .interhand_miniature import write_left

GREY = 60


def write_mano_pair(folder: Path) -> Path:
    """MANO_RIGHT.pkl and, as published with the right hand's shape basis, MANO_LEFT.pkl; both with components."""
    right = write_mano(folder / "MANO_RIGHT.pkl")
    components, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(45, 45)))
    data = pickle.loads(right.read_bytes())
    order = tips_at_the_tips(data["v_template"])
    for key in ("v_template", "shapedirs", "posedirs", "weights"):
        data[key] = data[key][order]
    data["J_regressor"] = data["J_regressor"][:, order]
    data["f"] = np.argsort(order)[data["f"]].astype(np.uint32)
    right.write_bytes(pickle.dumps(data | {"hands_components": components}, protocol=2))
    left = write_left(right)
    # The left hand's components are its own.
    data = pickle.loads(left.read_bytes())
    components = data["hands_components"][::-1] * np.tile(MIRROR_AXIS_ANGLE, 15)
    left.write_bytes(pickle.dumps(data | {"hands_components": components}, protocol=2))
    return right


def tips_at_the_tips(vertices: np.ndarray) -> np.ndarray:
    """An order of the vertices in which the fingertips of all conventions lie on fingertips: FreiHAND's stay, the
    others are the nearest ones to them."""
    order = np.arange(len(vertices))
    for finger, tip in enumerate(MANO_TIPS["freihand"]):
        wanted = {tips[finger] for tips in MANO_TIPS.values()} - {tip}
        near = np.argsort(np.linalg.norm(vertices - vertices[tip], axis=1))[1 : 1 + len(wanted)]
        for number, vertex in zip(sorted(wanted), near, strict=True):
            here, there = int(np.flatnonzero(order == vertex)[0]), number
            order[[there, here]] = order[[here, there]]
    return order


def draw(
    picture: np.ndarray, points_px: np.ndarray, depth_m: np.ndarray, rig: HandRig, *, bright: int = 220
) -> np.ndarray:
    """Draw a posed hand into a picture, nearer parts brighter; returns where it is. points_px: of its vertices."""
    height, width = picture.shape[:2]
    # Only its surroundings, for speed.
    low = np.clip(np.floor(points_px.min(0)).astype(int) - 1, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(points_px.max(0)).astype(int) + 2, low + 1, [width, height])
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    face, depth, _ = rasterise(np.column_stack([points_px - low, depth_m]), rig.faces, *shape)
    seen = face >= 0
    near, far = depth_m.min(), depth_m.max()
    shade = bright - 90 * (np.where(seen, depth, near) - near) / (far - near)
    part = picture[low[1] : high[1], low[0] : high[0]]
    part[seen] = shade[seen].astype(np.uint8).reshape(-1, *[1] * (picture.ndim - 2))
    mask = np.zeros((height, width), bool)
    mask[low[1] : high[1], low[0] : high[0]] = seen
    return mask


def jpeg(picture: np.ndarray) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return data.tobytes()
