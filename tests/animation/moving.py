"""Hands that move, without a picture: what `knuckle track` writes, made from the rig."""

from pathlib import Path

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.live.hand_pose import HandPose, place
from knuckle.rig import load_rig
from knuckle.tracks.lines import Header, LinesWriter

CAMERA = Camera(600, 610, 320, 240, 640, 480)
FRAMES, RATE = 24, 30.0
# Identity, side, frames that have it. Hand 1 is away for a while; hand 2 changes its side.
CAST = (
    (0, "right", range(FRAMES)),
    (1, "left", (*range(3, 9), *range(14, 22))),
    (2, "left", range(5)),
    (2, "right", range(5, 9)),
)
SHAPES = np.random.default_rng(5).normal(0, 0.7, (3, 10)).round(5)


def pose_at(identity: int, number: int) -> HandPose:
    """Smooth, strong motion of wrist and fingers."""
    ways = np.random.default_rng(identity).normal(size=(2, 16, 3))
    phase = np.sin(number / 5 + 2 * identity)
    pose = 0.3 * (phase * ways[0] + np.cos(number / 7) * ways[1])
    pose[0] *= 5
    root = np.array([0.1 * identity - 0.1, 0.05 * phase, 0.6 + 0.01 * number])
    return HandPose(root, pose, SHAPES[identity])


def time_at(number: float) -> float:
    """Seconds, as the lines have them."""
    return round(number / RATE, 6)


def frame_at(number: int) -> Hands:
    rows = [(identity, side) for identity, side, frames in CAST if number in frames]
    poses = [pose_at(identity, number) for identity, _ in rows]
    placed = [place(load_rig("open", side=side), pose) for (_, side), pose in zip(rows, poses, strict=True)]
    if not rows:
        return Hands(CAMERA, time_s=time_at(number))
    joints = np.array([hand.joints_m for hand in placed])
    return Hands(
        CAMERA,
        sides=tuple(side for _, side in rows),
        confidence=np.full(len(rows), 0.9),
        boxes_px=np.ones((len(rows), 4)),
        joints_px=CAMERA.project(joints),
        joints_m=joints,
        vertices_m=np.array([hand.vertices_m for hand in placed]),
        pose_rad=np.array([pose.pose_rad for pose in poses]),
        shape=np.array([pose.shape for pose in poses]),
        model="made",
        states=tuple("held" if number % 8 == 7 else "observed" for _ in rows),
        identities=tuple(identity for identity, _ in rows),
        time_s=time_at(number),
    )


def write_track(path: Path, frames: list[Hands]) -> Path:
    header = Header(
        video="made.mp4",
        path="made.mp4",
        bytes=None,
        rate=RATE,
        camera=CAMERA,
        rig="open",
        settings={},
        weights={},
        knuckle="0",
    )
    with LinesWriter(path) as lines:
        lines.write_header(header)
        for number, hands in enumerate(frames):
            lines.write(number, hands, CAMERA, mesh=False)
    return path


def made_track(folder: Path) -> Path:
    return write_track(folder / "made.hands.jsonl", [frame_at(number) for number in range(FRAMES)])
