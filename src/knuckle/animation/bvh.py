"""A hand's motion as BVH: a skeleton with rest offsets, and its angles frame by frame.

Axes as in the .glb files: x right, y up, z towards the camera, which is at the origin. BVH knows one frame time and no
hands that are away: frames are those of the whole video at its average rate, so that the files of all hands run side by
side, and while a hand is away its last pose stands (before its first frame, that one).
"""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from knuckle.animation.motion import JOINTS, HandMotion, Motion
from knuckle.files import atomic_path
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

Unit = Literal["m", "cm"]
UNITS: dict[Unit, float] = {"m": 1.0, "cm": 100.0}
_EVEN = 1e-3
"""How far, in frames, times may be off an even beat and still count as on it: the rounding of the lines."""


def write_bvh(path: str | Path, hand: HandMotion, motion: Motion, *, unit: Unit = "cm") -> None:
    """Write one hand, whole or not at all; raises KnuckleError naming the path when it cannot be."""
    text = hand_to_bvh(hand, motion, unit=unit)
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def hand_to_bvh(hand: HandMotion, motion: Motion, *, unit: Unit = "cm") -> str:
    """The file. Channels: the wrist's position, and every joint's rotations about z, then y, then x of the axes that
    it then has, degrees, relative to its parent in the axes of the rest hand.

    unit: of lengths; BVH says none itself, and most programs take centimetres.
    """
    times = beats(motion)
    root, turns = _sampled(hand, motion, times)
    degrees = np.degrees(to_zyx(turns))
    rows = np.concatenate([root * UNITS[unit], degrees.reshape(len(times), -1)], 1)
    lines = ["HIERARCHY", *_joint(hand, 0, 0, UNITS[unit]), "MOTION", f"Frames: {len(times)}"]
    lines.append(f"Frame Time: {1 / motion.rate:.9f}")
    lines += [" ".join(f"{value:.6f}" for value in row) for row in (rows + 0.0).tolist()]
    return "\n".join(lines) + "\n"


def beats(motion: Motion) -> Float[np.ndarray, "n"]:
    """Times of a BVH's frames: the video's own where they keep an even beat, else evenly from first to last."""
    times = motion.times_s
    even = times[0] + np.arange(len(times)) / motion.rate
    if np.abs(times - even).max() * motion.rate < _EVEN:
        return times
    count = round((times[-1] - times[0]) * motion.rate) + 1
    return times[0] + np.arange(count) / motion.rate


def to_zyx(turns: Float[np.ndarray, "*n 3 3"]) -> Float[np.ndarray, "*n 3"]:
    """Angles (radians) about z, y and x with turns = Rz Ry Rx. At y = +-90 degrees, x is 0."""
    y = np.arcsin(np.clip(-turns[..., 2, 0], -1, 1))
    locked = np.abs(turns[..., 2, 0]) > 1 - 1e-12
    z = np.where(
        locked,
        np.arctan2(-turns[..., 0, 1], turns[..., 1, 1]),
        np.arctan2(turns[..., 1, 0], turns[..., 0, 0]),
    )
    x = np.where(locked, 0.0, np.arctan2(turns[..., 2, 1], turns[..., 2, 2]))
    return np.stack([z, y, x], -1)


def _joint(hand: HandMotion, joint: int, depth: int, scale: float) -> list[str]:
    """A joint and all beyond it, in the file's order: that of MANO's 16 joints, each finger from its base out."""
    pad, inner = "\t" * depth, "\t" * (depth + 1)
    x, y, z = (hand.rest_offsets_m[joint] * scale + 0.0).tolist()
    offset = f"{inner}OFFSET {x:.6f} {y:.6f} {z:.6f}"
    if joint >= len(JOINTS):
        return [f"{pad}End Site", f"{pad}{{", offset, f"{pad}}}"]
    kind = "JOINT" if depth else "ROOT"
    turns = "Zrotation Yrotation Xrotation"
    channels = f"3 {turns}" if depth else f"6 Xposition Yposition Zposition {turns}"
    lines = [f"{pad}{kind} {JOINTS[joint]}", f"{pad}{{", offset, f"{inner}CHANNELS {channels}"]
    for child, parent in enumerate(hand.parents):
        if parent == joint:
            lines += _joint(hand, child, depth + 1, scale)
    return [*lines, f"{pad}}}"]


def _sampled(
    hand: HandMotion, motion: Motion, times: Float[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 16 3 3"]]:
    """The wrist and all turns at other times: between two frames of a run on the shortest way, else what stood last."""
    own = motion.times_s[hand.rows]
    before = np.clip(np.searchsorted(own, times + 1e-9, side="right") - 1, 0, len(own) - 1)
    after = np.minimum(before + 1, len(own) - 1)
    joined = hand.rows[after] - hand.rows[before] == 1
    after = np.where(joined, after, before)
    step = np.where(joined, own[after] - own[before], 1.0)
    share = np.clip((times - own[before]) / step, 0, 1)
    share = np.where(joined & (times > own[before]), share, 0.0)[:, None]
    root = (1 - share) * hand.root_m[before] + share * hand.root_m[after]
    between = matrix_to_axis_angle(hand.turns[before].swapaxes(-1, -2) @ hand.turns[after])
    return root, hand.turns[before] @ rodrigues(share[..., None] * between)
