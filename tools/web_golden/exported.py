"""What the package's exports hold, for programs of others to be compared with.

    python -m tools.web_golden.exported [--out web/golden/exported]

Two hands that move strongly, as glTF with the rig's own surface in every frame, and as OpenXR's joints:

- `hands.glb`
- `surfaces.bin`: float32, little-endian; each hand's vertices in each of its frames, metres, in glTF's axes
- `hands.json`: {"times_s", "hands": [{"name", "side", "rows" (places in "times_s"), "vertices", "pose_rad", "shape",
  "joints_m" (camera frame), "openxr": [frame][26][x y z, qx qy qz qw, radius]}]}, hands in the order of `surfaces.bin`
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.animation.glb import motion_to_glb
from knuckle.animation.motion import HandMotion, Motion, motion_of
from knuckle.animation.openxr import openxr_hands
from knuckle.files import atomic_path
from knuckle.geometry.camera import OPENGL_FROM_CAMERA, Camera
from knuckle.hands import Hands
from knuckle.rig import load_rig
from knuckle.rig.limits import angles_to_pose, joint_limits
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.skeleton import Side

FRAMES, RATE = 100, 30.0
CAMERA = Camera(600, 610, 320, 240, 640, 480)
_POSTURES = 6
"""Between which each hand moves, one after another."""
_AWAY = range(40, 52)
"""Frames without the left hand."""


def frames() -> list[Hands]:
    """A right and a left hand of two shapes, each from one random posture within a person's limits to the next."""
    rng = np.random.default_rng(21)
    sides: tuple[Side, Side] = ("right", "left")
    shapes = rng.normal(0, 0.8, (2, 10)).round(5)
    low, high = joint_limits()
    postures = low + (high - low) * rng.random((2, _POSTURES, 16, 3))
    turns = rng.normal(0, 1.2, (2, _POSTURES, 3))
    result = []
    for number in range(FRAMES):
        at = number / FRAMES * (_POSTURES - 1)
        first, share = int(at), at - int(at)
        share = share * share * (3 - 2 * share)
        poses, joints, vertices, there = [], [], [], []
        for hand, side in enumerate(sides):
            if side == "left" and number in _AWAY:
                continue
            rig = load_rig(side=side)
            angles = (1 - share) * postures[hand, first] + share * postures[hand, first + 1]
            pose = angles_to_pose(rig, angles)
            between = (1 - share) * turns[hand, first] + share * turns[hand, first + 1]
            pose[0] = matrix_to_axis_angle(rodrigues(between))
            place = np.array([0.12 - 0.24 * hand, 0.03 * np.sin(at), 0.5 + 0.02 * at])
            posed = rig.posed(pose, shapes[hand], place)
            poses.append(pose)
            joints.append(posed.joints)
            vertices.append(posed.vertices)
            there.append(hand)
        result.append(
            Hands(
                CAMERA,
                sides=tuple(sides[hand] for hand in there),
                confidence=np.full(len(there), 0.9),
                boxes_px=np.ones((len(there), 4)),
                joints_px=CAMERA.project(np.array(joints)),
                joints_m=np.array(joints),
                vertices_m=np.array(vertices),
                pose_rad=np.array(poses),
                shape=shapes[there],
                model="made",
                states=("observed",) * len(there),
                identities=tuple(there),
                time_s=round(number / RATE, 6),
            )
        )
    return result


def described(motion: Motion, hand: HandMotion, shown: list[Hands]) -> tuple[dict[str, Any], np.ndarray]:
    """The entry of one hand, and its surface in every frame that has it."""
    openxr, joints = [], []
    for row in hand.rows.tolist():
        place = shown[row].identities.index(hand.identity)
        one = openxr_hands(shown[row])[place]
        joints.append(shown[row].joints_m[place])
        openxr.append(np.concatenate([one.positions_m, one.orientations, one.radii_m[:, None]], 1))
    surface = hand.posed().vertices
    theirs = [
        shown[row].vertices_m[shown[row].identities.index(hand.identity)] * OPENGL_FROM_CAMERA
        for row in hand.rows
    ]
    assert np.abs(surface - np.array(theirs)).max() < 1e-6, "the export's own motion has another surface"
    entry = {
        "name": hand.name,
        "side": hand.side,
        "rows": hand.rows.tolist(),
        "vertices": surface.shape[1],
        "pose_rad": hand.pose_rad.tolist(),
        "shape": hand.shape.tolist(),
        "joints_m": np.array(joints).tolist(),
        "openxr": np.array(openxr).tolist(),
    }
    return entry, surface.astype("<f4")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("web/golden/exported"))
    out: Path = parser.parse_args().out
    shown = frames()
    motion = motion_of(shown, source="made")
    entries, surfaces = zip(*(described(motion, hand, shown) for hand in motion.hands), strict=True)
    written = {
        "hands.glb": motion_to_glb(motion),
        "surfaces.bin": b"".join(surface.tobytes() for surface in surfaces),
        "hands.json": json.dumps({"times_s": motion.times_s.tolist(), "hands": entries}).encode(),
    }
    for name, data in written.items():
        with atomic_path(out / name) as path:
            path.write_bytes(data)
    print(f"{out}: {FRAMES} frames, {len(entries)} hands, {sum(map(len, written.values())) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
