"""Classes of pose and view, by the true joints: what errors of single hands are broken down by."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.skeleton import FINGERS, MIDDLE_MCP, WRIST

PoseClass = Literal["open", "fist", "pointing", "pinch", "thumbs-up", "other"]
ViewClass = Literal["palm", "back", "side-on", "end-on"]

POSES: tuple[PoseClass, ...] = get_args(PoseClass)
VIEWS: tuple[ViewClass, ...] = get_args(ViewClass)

STRAIGHT_DEG, CURLED_DEG = 75.0, 150.0
"""A finger whose three joints turn by less, together, is straight; by more, curled. Between them it is neither."""

PINCH_PALMS, THUMB_OUT_PALMS = 0.25, 0.55
"""Distances in palm lengths (wrist to middle MCP): of the thumb's tip to the index's or middle's tip, at most, in a
pinch; to the index's other joints, at least, when the thumb stands off."""

FACING_COSINE, ALONG_COSINE = 0.5, 0.7
"""Of the angle between palm normal, or hand axis, and line of sight: 60 and 45 degrees."""

_INDEX_TIP, _MIDDLE_TIP, _THUMB_TIP = 8, 12, 4
_INDEX_LOWER = slice(5, 8)
_ROOTS = (0, 5, 9, 13, 17)


def pose_classes(joints_m: Float[np.ndarray, "N 21 3"]) -> list[PoseClass]:
    """The pose of each hand, of either side.

    thumbs-up: four fingers curled, the thumb off the index. fist: the same with the thumb at it. pointing: the index
    straight, the other three curled. pinch: the thumb's tip at the index's or middle's. open: the four straight. The
    first that fits counts, else "other". Raises KnuckleError for wrong shapes and joints that are not labelled.
    """
    _check(joints_m)
    bend = finger_bends(joints_m)[:, 1:]
    palm = np.linalg.norm(joints_m[:, MIDDLE_MCP] - joints_m[:, WRIST], axis=-1)
    thumb_tip = joints_m[:, _THUMB_TIP, None]
    to_tips, to_index = (
        np.linalg.norm(joints_m[:, joints] - thumb_tip, axis=-1).min(1) / palm
        for joints in ([_INDEX_TIP, _MIDDLE_TIP], _INDEX_LOWER)
    )
    rows = zip(bend, to_tips, to_index, strict=True)
    return [_pose(bends, float(at_tips), float(at_index)) for bends, at_tips, at_index in rows]


def view_classes(joints_m: Float[np.ndarray, "N 21 3"]) -> list[ViewClass]:
    """From where each RIGHT hand is seen (left ones mirrored), joints in the camera frame.

    palm, back: that side within 60 degrees of facing the camera. Else the palm's edge is seen: end-on where the hand
    points along the line of sight within 45 degrees (fingers or wrist first), side-on where it does not. Raises
    KnuckleError as `pose_classes` does.
    """
    _check(joints_m)
    wrist = joints_m[:, WRIST]
    normal = _unit(np.cross(joints_m[:, 5] - wrist, joints_m[:, 17] - wrist))
    axis, sight = _unit(joints_m[:, MIDDLE_MCP] - wrist), _unit(joints_m[:, _ROOTS].mean(1))
    facing, along = -(normal * sight).sum(-1), np.abs((axis * sight).sum(-1))
    return [_view(float(f), float(a)) for f, a in zip(facing, along, strict=True)]


def signs(joints_m: Float[np.ndarray, "N 21 3"]) -> list[str]:
    """Which of the four fingers each hand holds straight, the others curled: "index + middle", "none", "all"; or
    "between" where a finger is neither. Raises KnuckleError as `pose_classes` does.
    """
    _check(joints_m)
    return [_sign(bends) for bends in finger_bends(joints_m)[:, 1:]]


def finger_bends(joints_m: Float[np.ndarray, "N 21 3"]) -> Float[np.ndarray, "N 5"]:
    """By how many degrees each finger turns, its joints together: thumb CMC, MCP and IP, others MCP, PIP and DIP."""
    wrist = np.broadcast_to(joints_m[:, None, None, WRIST], (len(joints_m), 5, 1, 3))
    chains = np.concatenate([wrist, joints_m[:, 1:].reshape(-1, 5, 4, 3)], axis=2)
    bones = _unit(np.diff(chains, axis=2))
    turns = np.arccos(np.clip((bones[:, :, 1:] * bones[:, :, :-1]).sum(-1), -1, 1))
    return np.degrees(turns).sum(-1)


def _pose(bends: np.ndarray, to_tips: float, to_index: float) -> PoseClass:
    curled, straight = (bends > CURLED_DEG).tolist(), (bends < STRAIGHT_DEG).tolist()
    if all(curled):
        return "thumbs-up" if to_index > THUMB_OUT_PALMS else "fist"
    if straight[0] and all(curled[1:]):
        return "pointing"
    if to_tips < PINCH_PALMS:
        return "pinch"
    return "open" if all(straight) else "other"


def _sign(bends: np.ndarray) -> str:
    if ((bends >= STRAIGHT_DEG) & (bends <= CURLED_DEG)).any():
        return "between"
    straight = [name for name, bend in zip(FINGERS[1:], bends, strict=True) if bend < STRAIGHT_DEG]
    return {0: "none", len(bends): "all"}.get(len(straight), " + ".join(straight))


def _view(facing: float, along: float) -> ViewClass:
    if abs(facing) >= FACING_COSINE:
        return "palm" if facing > 0 else "back"
    return "end-on" if along >= ALONG_COSINE else "side-on"


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _check(joints_m: np.ndarray) -> None:
    if joints_m.ndim != 3 or joints_m.shape[1:] != (21, 3):
        raise KnuckleError(f"joints_m: expected (N, 21, 3), got {joints_m.shape}")
    if missing := int((~np.isfinite(joints_m)).any((1, 2)).sum()):
        raise KnuckleError(f"joints_m: expected hands with all joints labelled, got {missing} without")
