"""Pictures of a two-hand network's attention: where each joint looks in each iteration, by appearance and by position
(after DFL, Fig. 1 and 6)."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.skeleton import FINGERS, HAND_SIDES, JOINT_NAMES, Side
from knuckle.view.palette import FINGER_COLOURS

STREAMS = ("appearance", "position")
DEFAULT_JOINTS = tuple(JOINT_NAMES.index(name) for name in ("wrist", "thumb_tip", "index_tip", "middle_mcp"))

_PAPER = (246, 246, 244)
_INK = (60, 60, 64)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LINE_PX = 20
_GAP_PX = 4
_DIM = 0.6
"""Brightness of the crop below the heat."""
_STRONGEST = 0.9
"""Opacity of the heat at its peak."""
_LEAST_PEAK = 3.0
"""Times the map's mean: a map with a lower peak is nearly even and stays dark."""


def draw_attention(
    patch: UInt8[np.ndarray, "S S 3"],
    joints_patch: Float[np.ndarray, "2 21 2"],
    attention: Float[np.ndarray, "T 2 2 21 m m"],
    *,
    joints: Sequence[int] = DEFAULT_JOINTS,
    sides: Sequence[Side] = HAND_SIDES,
    cell_px: int = 160,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a block for each hand, with a row for each iteration and two columns for each joint: appearance, position.

    Heat is the attention above the map's mean, brightest at the map's peak. A ring marks where the joint was found.

    Args:
        patch: RGB crop.
        joints_patch: px of the crop, the right hand first.
        attention: maps by iteration, stream, hand and joint. They cover the crop from edge to edge.
        joints: which ones to draw.
        sides: which hands to draw.
        cell_px: side of each map in the picture.
    """
    blocks = []
    for side in sides:
        hand = HAND_SIDES.index(side)
        pairs = [
            _draw_joint(patch, joints_patch[hand, j], attention[:, :, hand, j], j, cell_px) for j in joints
        ]
        blocks.append(_add_margin(np.concatenate(pairs, axis=1), side, len(attention), cell_px))
    foot = np.full((3 * _LINE_PX, blocks[0].shape[1], 3), _PAPER, dtype=np.uint8)
    for row, text in enumerate(
        ("heat: where a joint looked, brightest = most", "ring: where the joint was found")
    ):
        _write(foot, text, 8, (row + 1.2) * _LINE_PX)
    return np.concatenate([*blocks, foot])


def _draw_joint(
    patch: np.ndarray, joint_patch: np.ndarray, maps: np.ndarray, joint: int, cell_px: int
) -> np.ndarray:
    """Draw the maps of one joint (iterations x streams) below its name."""
    rows = [
        np.concatenate(
            [_add_gap(_draw_cell(patch, joint_patch, heat, joint, cell_px)) for heat in streams], axis=1
        )
        for streams in maps
    ]
    head = np.full((2 * _LINE_PX + _GAP_PX, rows[0].shape[1], 3), _PAPER, dtype=np.uint8)
    _write(head, JOINT_NAMES[joint].replace("_", " "), _GAP_PX, 0.8 * _LINE_PX, weight=2)
    for column, name in enumerate(STREAMS):
        _write(head, name, _GAP_PX + column * (cell_px + _GAP_PX), 1.8 * _LINE_PX)
    return np.concatenate([head, *rows])


def _draw_cell(
    patch: np.ndarray, joint_patch: np.ndarray, heat: np.ndarray, joint: int, cell_px: int
) -> np.ndarray:
    """Draw the crop in grey, one map over it, and where the joint was found."""
    size = (cell_px, cell_px)
    grey = cv2.cvtColor(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    even = float(heat.mean())
    relative = (heat.astype(np.float32) - even) / max(float(heat.max()) - even, _LEAST_PEAK * even, 1e-12)
    relative = np.clip(cv2.resize(relative, size, interpolation=cv2.INTER_LINEAR), 0, 1)
    colours = cv2.applyColorMap((255 * relative).round().astype(np.uint8), cv2.COLORMAP_INFERNO)
    alpha = _STRONGEST * relative[..., None] ** 0.5
    under = _DIM * grey[..., None].astype(np.float32)
    cell = (under * (1 - alpha) + colours[..., ::-1] * alpha).round().astype(np.uint8)
    _draw_mark(cell, (joint_patch + 0.5) * (cell_px / len(patch)) - 0.5, joint)
    return cell


def _draw_mark(cell: np.ndarray, place_px: np.ndarray, joint: int) -> None:
    if not (np.isfinite(place_px).all() and (np.abs(place_px) < 2 * len(cell)).all()):
        return
    colour = FINGER_COLOURS[(joint - 1) // (len(JOINT_NAMES) // len(FINGERS))] if joint else (255, 255, 255)
    radius = max(4, len(cell) // 28)
    centre = np.round(place_px * 16).astype(int).tolist()
    for width, shade in ((4, (20, 20, 24)), (2, tuple(int(c) for c in colour))):
        cv2.circle(cell, centre, radius * 16, shade, width, cv2.LINE_AA, 4)


def _add_margin(block: np.ndarray, side: Side, iterations: int, cell_px: int) -> np.ndarray:
    """Write the hand's side above its block and the iterations' numbers to the left."""
    left = np.full((len(block), 5 * _LINE_PX, 3), _PAPER, dtype=np.uint8)
    head = 2 * _LINE_PX + _GAP_PX
    _write(left, f"{side} hand", 8, 0.8 * _LINE_PX, weight=2)
    for row in range(iterations):
        _write(left, f"iteration {row + 1}", 8, head + (row + 0.5) * (cell_px + _GAP_PX))
    return np.concatenate([left, block], axis=1)


def _add_gap(cell: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(cell, 0, _GAP_PX, _GAP_PX, 0, cv2.BORDER_CONSTANT, value=_PAPER)


def _write(sheet: np.ndarray, text: str, left: float, baseline: float, *, weight: int = 1) -> None:
    cv2.putText(sheet, text, (round(left), round(baseline)), _FONT, 0.45, _INK, weight, cv2.LINE_AA)
