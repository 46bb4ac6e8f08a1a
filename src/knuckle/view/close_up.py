"""Close-ups: a part of a photo with its hands, enlarged."""

import numpy as np
from jaxtyping import UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.hands import Hands


def draw_close_up(
    image_rgb: UInt8[np.ndarray, "H W 3"], hands: Hands, window: Crop
) -> tuple[UInt8[np.ndarray, "S S 3"], Hands]:
    """Resample the window to window.size px; returns the picture, and the hands in pixels of it.

    Outside the photo its edge is repeated. What is in px and the camera change; fields in metres and radians stay as
    they are.
    """
    matrix = window.patch_from_frame
    scale, (left, top) = matrix[0, 0], matrix[:, 2]
    old = hands.camera
    camera = Camera(
        old.fx * scale,
        old.fy * scale,
        old.cx * scale + left,
        old.cy * scale + top,
        window.size,
        window.size,
        old.assumed,
        old.picture_mirrored,
        old.source,
    )
    boxes = np.concatenate(
        [apply_affine(matrix, hands.boxes_px[:, :2]), hands.boxes_px[:, 2:] * scale], axis=1
    )
    moved = hands.changed(
        camera=camera,
        boxes_px=boxes,
        joints_px=apply_affine(matrix, hands.joints_px),
        joint_error_px=hands.joint_error_px * scale,
    )
    return window.warp(image_rgb), moved
