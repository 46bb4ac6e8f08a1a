"""A data set's labels over its picture, to see whether they are read by the right convention."""

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.datasets.labelled import LabelledHand
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.view.overlay import draw_skeleton

_SHIFT = 4
_MESH = (255, 214, 120)
_BOX = (255, 255, 255)
_CELL_PX = 320
_ROOM = 1.6


def draw_labelled(hand: LabelledHand) -> UInt8[np.ndarray, "320 320 3"]:
    """The hand's surroundings with its box, vertices and joints; those not labelled are left out.

    Joints are drawn where 2D labels say, else where the 3D ones project. Vertices are dots, as faces are not part of
    the labels. Raises KnuckleError for a picture that is missing, damaged or of another size.
    """
    photo = hand.read()
    crop = Crop.from_box(np.asarray(hand.box_px, dtype=float), _CELL_PX, expand=_ROOM)
    cell, affine = np.ascontiguousarray(crop.warp(photo)), crop.patch_from_frame
    left, top, width, height = hand.box_px
    corners = np.array([[left, top], [left + width, top + height]])
    (x0, y0), (x1, y1) = _fixed(apply_affine(affine, corners))
    cv2.rectangle(cell, (x0, y0), (x1, y1), _BOX, 1, cv2.LINE_AA, _SHIFT)
    if hand.vertices_m is not None:
        seen = np.isfinite(hand.vertices_m).all(-1) & (hand.vertices_m[:, 2] > 0)
        for x, y in _fixed(apply_affine(affine, hand.camera.project(hand.vertices_m[seen]))):
            cv2.circle(cell, (x, y), 1 << (_SHIFT - 1), _MESH, -1, cv2.LINE_AA, _SHIFT)
    joints_px = hand.joints_px
    if joints_px is None and hand.joints_m is not None:
        joints_px = np.full((len(hand.joints_m), 2), np.nan)
        before = np.isfinite(hand.joints_m).all(-1) & (hand.joints_m[:, 2] > 0)
        joints_px[before] = hand.camera.project(hand.joints_m[before])
    if joints_px is not None:
        drawn = np.asarray(np.isfinite(joints_px).all(-1))
        draw_skeleton(cell, np.nan_to_num(apply_affine(affine, joints_px)), drawn)
    return cell


def _fixed(points_px: np.ndarray) -> list[tuple[int, int]]:
    """OpenCV's fixed-point numbers, kept from overflowing."""
    return [
        tuple(point)
        for point in np.clip(points_px * (1 << _SHIFT), -(2**24), 2**24).round().astype(int).tolist()
    ]
