"""What stands behind the hands of a clip: a procedural room, fixed in the world, so that cameras move before it."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.synth.clips import room_kernels
from knuckle.synth.look.background import procedural_scene

_SIDE = 768
"""Px of a wall's picture: about a fifth of a degree at three metres."""
_FACES = 6
_FLOOR, _CEILING = 3, 2


class Room:
    """A room with furniture about a camera that starts at the world's origin and looks along z.

    rng: what it is drawn from.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        low = [[rng.uniform(-2.4, -1.3), rng.uniform(-1.5, -1.1), rng.uniform(-2.5, -1.5)]]
        high = [[rng.uniform(1.3, 2.4), rng.uniform(1.0, 1.4), rng.uniform(1.9, 3.6)]]
        walls = [_wall(rng, face) for face in range(_FACES)]
        if rng.random() < 0.7:
            # Walls are mostly of one paint.
            paint = _paint(rng)
            walls = [
                _wall(rng, face, paint=None if face in (_FLOOR, _CEILING) else paint) for face in range(6)
            ]
        pictures, shade = [np.stack(walls)], [np.array([0.9, 0.95, 1.05, 0.9, 0.85, 1.0])]
        floor, back = high[0][1], high[0][2]
        for _ in range(int(rng.integers(3, 8))):
            size = rng.uniform([0.15, 0.1, 0.12], [0.9, 0.9, 0.5])
            standing = rng.random() < 0.7
            x = rng.uniform(low[0][0], high[0][0] - size[0])
            y = floor - size[1] * 1.6 if standing else rng.uniform(-0.9, 0.4)
            tall = size[1] * (1.6 if standing else 0.4)
            z = back - size[2] - (rng.uniform(0, 0.6) if standing else 0.0)
            low.append([x, y, z])
            high.append([x + size[0], y + tall, z + size[2]])
            pictures.append(np.repeat(_thing(rng)[None], _FACES, 0))
            shade.append(np.array([0.75, 0.85, 1.05, 0.5, 0.95, 0.6]))
        self.low, self.high = np.array(low), np.array(high)
        self.pictures, self.shade = np.stack(pictures), np.stack(shade)
        self.defocus = float(rng.uniform(0.7, 1.9))

    def seen(self, camera: Camera, camera_from_world: Float[np.ndarray, "4 4"]) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of the room, slightly out of focus; a camera outside the room sees the wall that is before it."""
        image = np.zeros((camera.height, camera.width, 3), np.uint8)
        turn = np.ascontiguousarray(camera_from_world[:3, :3].T)
        place = -turn @ camera_from_world[:3, 3]
        room_kernels.view_room(
            camera.vector, turn, place, self.low, self.high, self.pictures, self.shade, image
        )
        return cv2.GaussianBlur(image, (0, 0), self.defocus)


def _paint(rng: np.random.Generator) -> np.ndarray:
    """Of walls: mostly light, sometimes strong or dark."""
    kind = rng.random()
    if kind < 0.6:
        return rng.uniform(120, 225) + rng.normal(0, 9, 3)
    if kind < 0.8:
        return rng.uniform(35, 90) + rng.normal(0, 12, 3)
    return rng.uniform(70, 170) + rng.normal(0, 35, 3)


def _wall(rng: np.random.Generator, face: int, *, paint: np.ndarray | None = None) -> np.ndarray:
    """A picture of a wall, floor or ceiling."""
    image = np.empty((_SIDE, _SIDE, 3), np.float32)
    image[:] = np.clip(_paint(rng) if paint is None else paint, 15, 240)
    for cells, size in ((3, 14.0), (12, 5.0), (90, 3.0)):
        noise = rng.normal(0, size, (cells, cells, 1)).astype(np.float32)
        image += cv2.resize(noise, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)[..., None]
    if face == _FLOOR:
        _planks(image, rng)
    elif face != _CEILING:
        for _ in range(int(rng.integers(2, 7))):
            w, h = (int(value) for value in rng.integers(60, 300, 2))
            x, y = int(rng.integers(0, _SIDE - w)), int(rng.integers(0, _SIDE * 3 // 4 - h // 2))
            h = min(h, _SIDE - y)
            picture = cv2.resize(_muted(procedural_scene(rng, 160)), (w, h), interpolation=cv2.INTER_AREA)
            rim = tuple(float(c) for c in rng.uniform(20, 235, 3))
            image[y : y + h, x : x + w] = picture
            cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), rim, int(rng.integers(2, 9)))
    return np.clip(image, 0, 255).astype(np.uint8)


def _muted(image: np.ndarray) -> np.ndarray:
    """The picture with less of its colour: procedural ones are louder than rooms."""
    grey = image.mean(-1, keepdims=True)
    return (grey + 0.45 * (image - grey)).astype(np.uint8)


def _planks(image: np.ndarray, rng: np.random.Generator) -> None:
    count = int(rng.integers(8, 24))
    width = _SIDE / count
    for k in range(count):
        strip = image[:, int(k * width) : int((k + 1) * width)]
        strip *= float(rng.uniform(0.8, 1.1))
        strip[:, :2] *= 0.6


def _thing(rng: np.random.Generator) -> np.ndarray:
    """The picture of a side of furniture: plain with doors or shelves, or patterned."""
    if rng.random() < 0.4:
        return cv2.resize(_muted(procedural_scene(rng, 256)), (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    image = np.empty((_SIDE, _SIDE, 3), np.float32)
    image[:] = np.clip(rng.uniform(25, 215) + rng.normal(0, 25, 3), 8, 240)
    grain = rng.normal(0, 5, (_SIDE // 4, 12, 1)).astype(np.float32)
    image += cv2.resize(grain, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)[..., None]
    shelves = int(rng.integers(1, 5))
    for k in range(shelves):
        top, bottom = int(k * _SIDE / shelves) + 12, int((k + 1) * _SIDE / shelves) - 12
        if rng.random() < 0.5:
            cv2.rectangle(image, (12, top), (_SIDE - 12, bottom), (20.0, 20.0, 20.0), 4)
            continue
        x = 16
        while x < _SIDE - 60:
            w = int(rng.integers(14, 60))
            colour = tuple(float(c) for c in np.clip(rng.uniform(20, 220) + rng.normal(0, 40, 3), 5, 245))
            cv2.rectangle(
                image,
                (x, top + int(rng.integers(0, max((bottom - top) // 3, 1)))),
                (x + w, bottom),
                colour,
                -1,
            )
            x += w + 2
    return np.clip(image, 0, 255).astype(np.uint8)
