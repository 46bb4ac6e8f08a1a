"""Which part of which hand every pixel shows, at half the crop's resolution."""

import numpy as np
from jaxtyping import Bool, UInt8

from knuckle.raster.numba_raster import fill_buffers
from knuckle.synth.camera.placement import frame_window
from knuckle.synth.labels import Scene
from knuckle.synth.look.render import Renderer


class PartMask:
    """Rasterises scenes at pixel centres of the halved crop; its buffers are reused."""

    def __init__(self, size: int) -> None:
        self._face_id = np.zeros((size // 2, size // 2), np.int32)
        self._depth = np.zeros((size // 2, size // 2), np.float32)

    def draw(self, renderer: Renderer, scene: Scene) -> UInt8[np.ndarray, "m m"]:
        """The part plus 1 of the renderer's mesh, 0 off the hands, behind an object, and beyond the frame."""
        self._face_id[:] = -1
        self._depth[:] = np.inf
        # Pixel h of the mask is the middle of pixels 2 h and 2 h + 1 of the crop.
        fill_buffers(renderer.projected, scene.faces, 0.5, -0.25, -1, self._face_id, self._depth)
        part = np.where(self._face_id < 0, -1, renderer.mesh.face_part[self._face_id])
        return np.where(_hidden(scene), 0, part + 1).astype(np.uint8)


def _hidden(scene: Scene) -> Bool[np.ndarray, "m m"]:
    hidden = scene.occluder > 127
    left, top, right, bottom = frame_window(scene.placement)
    hidden[:top], hidden[bottom + 1 :] = True, True
    hidden[:, :left], hidden[:, right + 1 :] = True, True
    half = len(hidden) // 2
    return hidden.reshape(half, 2, half, 2).sum((1, 3)) >= 2
