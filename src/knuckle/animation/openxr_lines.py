"""OpenXR's 26 joints of a photo or video as JSON lines: a header, then a line a frame (docs/export.md)."""

import json
from pathlib import Path

import numpy as np

from knuckle.animation.motion import HandMotion, Motion
from knuckle.animation.openxr import (
    OPENXR_JOINTS,
    OpenXrHand,
    flags_of,
    joint_rows,
    place_openxr,
    skeleton_of,
)
from knuckle.files import atomic_path
from knuckle.skeleton import WRIST

FORMAT = "knuckle openxr hands"
VERSION = 1


def hand_to_openxr(hand: HandMotion) -> OpenXrHand:
    """All frames of a hand."""
    joints, world = hand.rig.posed_joints(hand.turns, hand.shape)
    joints = joints + (hand.root_m - joints[:, WRIST])[:, None]
    return place_openxr(skeleton_of(hand.rig, hand.shape), joints, world)


def write_openxr(path: str | Path, motion: Motion) -> None:
    """Write the hands, whole or not at all; raises KnuckleError naming the path when it cannot be.

    A hand that is away is not in the frame's list: its isActive is false.
    """
    answers = [hand_to_openxr(hand) for hand in motion.hands]
    places = [{row: number for number, row in enumerate(hand.rows.tolist())} for hand in motion.hands]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "source": motion.source,
        "rate": motion.rate,
        "joints": OPENXR_JOINTS,
        "joint": ["x_m", "y_m", "z_m", "qx", "qy", "qz", "qw", "radius_m", "flags"],
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(_line(header))
        for row, time_s in enumerate(np.round(motion.times_s, 6).tolist()):
            hands = [
                {
                    "identity": hand.identity,
                    "side": hand.side,
                    "state": hand.states[place[row]],
                    "confidence": round(float(hand.confidence[place[row]]), 4),
                    "joints": joint_rows(answer, place[row], flags_of(hand.states[place[row]])),
                }
                for hand, answer, place in zip(motion.hands, answers, places, strict=True)
                if row in place
            ]
            file.write(_line({"frame": int(motion.frames[row]), "time_s": time_s, "hands": hands}))


def _line(data: object) -> str:
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n"
