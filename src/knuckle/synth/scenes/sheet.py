"""Contact sheets of scenes: pictures with the boxes, sides and joints of their hands."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.files import write_image
from knuckle.skeleton import BONES
from knuckle.synth.scenes.labels import ScenePicture

TILE_PX = 480
_COLOURS = {"right": (255, 70, 60), "left": (60, 160, 255)}
_IGNORED = (150, 150, 150)
_JOINTS_FROM_PX = 70


def draw_scene(picture: ScenePicture) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with its boxes (right red, left blue, ignored grey), and the bones of large hands."""
    image = picture.image.copy()
    for hand in picture.hands:
        colour = _IGNORED if hand.ignore else _COLOURS[hand.side]
        x, y, w, h = np.rint(hand.box_px).astype(int).tolist()
        cv2.rectangle(image, (x, y), (x + w, y + h), colour, 1, cv2.LINE_AA)
        if max(w, h) >= _JOINTS_FROM_PX:
            px = np.rint(hand.joints_px * 16).astype(int).tolist()
            for a, b in BONES:
                cv2.line(image, px[a], px[b], colour, 1, cv2.LINE_AA, 4)
    return image


def write_scene_sheet(path: Path, pictures: Sequence[ScenePicture], *, columns: int = 4) -> None:
    """Write the pictures in rows, each fitted into a square, as PNG or JPEG."""
    tiles = []
    for picture in pictures:
        image = draw_scene(picture)
        scale = TILE_PX / max(image.shape[:2])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        tile = np.full((TILE_PX, TILE_PX, 3), 24, np.uint8)
        tile[: image.shape[0], : image.shape[1]] = image[:TILE_PX, :TILE_PX]
        tiles.append(tile)
    while len(tiles) % columns:
        tiles.append(np.full_like(tiles[0], 24))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    write_image(path, np.vstack(rows))
