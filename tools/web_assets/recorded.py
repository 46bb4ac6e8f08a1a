"""Recorded tracks of scripted hands, for the page's scenes: what a hand does there is known, frame by frame.

    python -m tools.web_assets.recorded [--out web/generated/tracks] [--mesh] [--only grab]

Each file is what `knuckle track` writes (`knuckle.tracks.lines`), of the open rig, without a video. Things that a hand
touches stand on a table; where that is in the camera's frame the header's settings say ("stage"), and the page takes it
from there:

- `turn`: an open hand turns about its forearm, a whole turn.
- `water`: an index finger dips into the table's plane, moves along in it and comes out.
- `grab`: thumb and middle finger close on a block, carry it, open.
- `press`: an index finger presses down on a button three times.
- `cross`: two hands cross one another; while they do, the farther one is doubtful, then held.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

import knuckle
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.rig import load_rig
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import angles_to_pose
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.skeleton import Side
from knuckle.tracks.lines import Header, LinesWriter

RATE = 30.0
"""Frames/s of every track."""
CAMERA = Camera.from_size(640, 480)
ANCHOR_M = np.array([0.0, 0.05, 0.55])
"""The middle of the table in the camera's frame."""
TILT_DEG = 35.0
"""How far the camera looks down."""
BLOCK_M = np.array([0.0, 0.02, 0.04])
"""The block that is grabbed, in the table's frame: x right, y up, z towards the camera."""
BLOCK_SIDE_M = 0.04
BUTTON_M = np.array([-0.1, 0.0325, 0.015])
"""The top of the button that is pressed, not yet pressed, in the table's frame."""
BUTTON_TRAVEL_M = 0.004
_PAD_M = 0.006
"""Between a fingertip (a point of the surface) and the pad's middle, which touches things."""

_FINGERS = {"index": 1, "middle": 4, "pinky": 7, "ring": 10}
"""MANO16 joint at the base of each finger."""
Point = Float[np.ndarray, "3"]
Matrix = Float[np.ndarray, "3 3"]


@dataclass(frozen=True)
class Posture:
    """A hand in one frame."""

    pose_rad: Float[np.ndarray, "16 3"]
    wrist_m: Point
    """In the camera's frame."""
    side: Side = "right"
    identity: int = 0
    state: str = "observed"
    confidence: float = 0.97
    error_m: float = 0.004
    """Of the fingertips; joints nearer to the wrist have less."""


Frame = list[Posture]


def camera_from_table() -> Matrix:
    """Columns: the table's axes (right, up, towards the camera) in the camera's frame."""
    tilt = np.deg2rad(TILT_DEG)
    up = np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
    right = np.array([1.0, 0.0, 0.0])
    return np.stack([right, up, np.cross(right, up)], -1)


def to_camera(point_m: Point) -> Point:
    """A point of the table's frame in the camera's."""
    return camera_from_table() @ point_m + ANCHOR_M


def fingers(
    *, thumb: tuple[float, ...] = (0, -8, 4, 10, 8), **bends: tuple[float, float, float]
) -> np.ndarray:
    """Anatomical angles (radians, 16 x 3). thumb: twist, splay and bend at its base, bend at the next two joints; the
    other fingers: bend at their three joints; degrees."""
    angles = np.zeros((16, 3))
    for finger, base in _FINGERS.items():
        angles[base : base + 3, 2] = bends.get(finger, (4.0, 6.0, 4.0))
    angles[[1, 4, 7, 10], 1] = (4.0, -2.0, -13.0, -7.0)
    angles[13], angles[14, 2], angles[15, 2] = thumb[:3], thumb[3], thumb[4]
    return np.deg2rad(angles)


def turned_onto(first: Point, second: Point, onto_first: Point, onto_second: Point) -> Matrix:
    """The rotation that turns a direction onto another, and a second one as near to its goal as that leaves free."""
    return _basis(onto_first, onto_second) @ _basis(first, second).T


def _basis(first: Point, second: Point) -> Matrix:
    first = first / np.linalg.norm(first)
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], -1)


def placed(
    rig: HandRig, angles: np.ndarray, turn: Matrix, place: Callable[[np.ndarray], Point], at_m: Point, **more
) -> Posture:
    """A hand bent by angles, turned, and moved so that a point of it (`place` of the 21 joints) lies at `at_m`; both in
    the camera's frame."""
    pose = angles_to_pose(rig, angles)
    pose[0] = matrix_to_axis_angle(turn)
    joints = rig.posed(pose).joints
    return Posture(pose, joints[0] + at_m - place(joints), side=rig.side, **more)


def turn() -> Iterator[Frame]:
    """An open hand, its back to the camera, that turns about its forearm: a whole turn in four seconds."""
    rig = load_rig()
    open_hand = fingers(thumb=(-4, 10, -14, 6, 4))
    for k in range(121):
        angle = np.pi + 2 * np.pi * smooth(k / 120)
        middle = np.array([0.0, -0.02, 0.5])
        yield [placed(rig, open_hand, _about_y(angle), lambda joints: joints[9], middle)]


def water() -> Iterator[Frame]:
    """An index finger above the surface, which dips 2 cm into it in a fifth of a second, draws a line and leaves."""
    marks = [
        (0.0, (-0.06, 0.06, 0.02)),
        (0.6, (-0.06, 0.05, 0.02)),
        (0.8, (-0.06, -0.022, 0.02)),
        (1.4, (-0.06, -0.022, 0.02)),
        (2.2, (0.07, -0.018, 0.0)),
        (2.5, (0.07, 0.06, 0.0)),
        (3.5, (0.06, 0.07, 0.0)),
    ]
    yield from _pointing(marks)


def press() -> Iterator[Frame]:
    """An index finger that pushes a button down three times, by 3.5 mm. The second time long and trembling, once half
    up: a button without hysteresis would count four."""
    x, y, z = BUTTON_M
    above, down, half = y + 0.035, y - 0.0035, y - 0.0022
    marks = [(0.0, above), (0.5, above), (0.7, down), (0.9, down), (1.1, above)]
    marks += [(1.4, above), (1.6, down), (2.0, down), (2.1, half), (2.2, down), (2.5, down), (2.7, above)]
    marks += [(3.0, above), (3.2, down), (3.3, down), (3.5, above), (4.0, above)]
    yield from _pointing([(time, (x, height, z)) for time, height in marks])


def _pointing(marks: list[tuple[float, tuple[float, float, float]]]) -> Iterator[Frame]:
    """A hand that points down; its fingertip goes from mark to mark: times and places of the table's frame."""
    rig = load_rig()
    curled = {name: (70.0, 85.0, 45.0) for name in ("middle", "ring", "pinky")}
    angles = fingers(thumb=(4, 0, 10, 30, 20), index=(10.0, 8.0, 5.0), **curled)
    pose = angles_to_pose(rig, angles)
    pose[0] = 0
    joints = rig.posed(pose).joints
    # The back of the hand is seen; the finger leans away from the camera.
    turn = turned_onto(
        joints[8] - joints[6],
        joints[5] - joints[17],
        camera_from_table() @ np.array([-0.2, -1.0, -0.35]),
        camera_from_table() @ np.array([1.0, -0.2, 0.25]),
    )
    for at in _path(marks):
        yield [placed(rig, angles, turn, lambda joints: joints[8], to_camera(at))]


def grab() -> Iterator[Frame]:
    """Thumb and middle finger go round a block, close on it, lift it by 7 cm, carry it 10 cm to the right and open."""
    rig = load_rig()
    width = BLOCK_SIDE_M + 2 * _PAD_M
    closed, wide = _pinch(rig, width - 0.002), _pinch(rig, width + 0.042)
    start = BLOCK_M + np.array([0.0, 0.003, 0.0])
    moves = [(0.0, (0.02, 0.09, 0.02)), (0.8, (0, 0, 0)), (1.6, (0, 0, 0)), (2.3, (0, 0.07, 0))]
    moves += [
        (3.1, (0.10, 0.07, 0)),
        (4.0, (0.10, 0.07, 0)),
        (4.6, (0.12, 0.12, 0.02)),
        (5.4, (0.12, 0.12, 0.02)),
    ]
    marks = [(time, tuple(start + move)) for time, move in moves]
    opening = [(0.0, 1.0), (0.9, 1.0), (1.4, 0.0), (3.3, 0.0), (3.6, 1.0), (5.4, 1.0)]
    for k, at in enumerate(_path(marks)):
        amount = _between(opening, k / RATE)
        angles = (1 - amount) * closed + amount * wide
        pose = angles_to_pose(rig, angles)
        pose[0] = 0
        joints = rig.posed(pose).joints
        middle = (joints[4] + joints[12]) / 2
        turn = turned_onto(
            joints[12] - joints[4],
            joints[0] - middle,
            camera_from_table() @ np.array([1.0, 0.0, -0.15]),
            camera_from_table() @ np.array([0.25, 1.0, 0.45]),
        )
        yield [placed(rig, angles, turn, lambda joints: (joints[4] + joints[12]) / 2, to_camera(at))]


def _pinch(rig: HandRig, gap_m: float) -> np.ndarray:
    """Angles with thumb and middle fingertip a distance apart."""

    def angles(amount: float) -> np.ndarray:
        bend = (30 + 32 * amount, 24 + 30 * amount, 14 + 16 * amount)
        side = (34 + 30 * amount, 26 + 30 * amount, 14 + 14 * amount)
        thumb = (14.0, 8.0, 18 + 18 * amount, 6 + 26 * amount, 6 + 20 * amount)
        return fingers(thumb=thumb, index=bend, middle=bend, ring=side, pinky=side)

    low, high = -1.0, 1.0
    for _ in range(40):
        amount = (low + high) / 2
        joints = rig.posed(angles_to_pose(rig, angles(amount))).joints
        apart = np.linalg.norm(joints[4] - joints[12])
        low, high = (amount, high) if apart > gap_m else (low, amount)
    return angles((low + high) / 2)


def cross() -> Iterator[Frame]:
    """Two open hands that change places, the left one behind: for a second it is doubtful, in its middle held."""
    rigs = {side: load_rig(side=side) for side in ("left", "right")}
    for k in range(121):
        share = smooth(k / 120)
        curl = 25 + 20 * np.sin(2 * np.pi * k / 60)
        bend = {name: (curl, curl, 0.6 * curl) for name in _FINGERS}
        angles = fingers(thumb=(-4, 10, -14, 6, 4), **bend)
        hidden = abs(k - 60)
        state = "held" if hidden < 6 else "doubtful" if hidden < 18 else "observed"
        error = {"held": 0.022, "doubtful": 0.014, "observed": 0.005}[state]
        confidence = {"held": 0.3, "doubtful": 0.42, "observed": 0.95}[state]
        right = np.array([-0.10 + 0.20 * share, 0.03, 0.46])
        left = np.array([0.11 - 0.22 * share, 0.03, 0.56])
        yield [
            placed(rigs["right"], angles, _about_y(0.25), lambda joints: joints[9], right, identity=0),
            placed(
                rigs["left"], angles, _about_y(-0.25), lambda joints: joints[9], left,
                identity=1, state=state, confidence=confidence, error_m=error,
            ),
        ]  # fmt: skip


def _about_y(angle: float) -> Matrix:
    """A turn about the camera's vertical axis, radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def smooth(share: float) -> float:
    """0 to 1 with speed 0 at both ends."""
    return share * share * (3 - 2 * share)


def _between(marks: list[tuple[float, float]], time_s: float) -> float:
    for (start, first), (end, second) in pairwise(marks):
        if time_s <= end:
            return first + (second - first) * smooth(max(time_s - start, 0.0) / (end - start))
    return marks[-1][1]


def _path(marks: list[tuple[float, tuple[float, float, float]]]) -> Iterator[Point]:
    for k in range(round(marks[-1][0] * RATE) + 1):
        yield np.array(
            [_between([(time, place[axis]) for time, place in marks], k / RATE) for axis in range(3)]
        )


TRACKS: dict[str, Callable[[], Iterator[Frame]]] = {
    "turn": turn,
    "water": water,
    "grab": grab,
    "press": press,
    "cross": cross,
}


def hands_of(frame: Frame, time_s: float) -> Hands:
    """A frame's hands as an estimate has them."""
    joints, vertices = [], []
    for posture in frame:
        posed = load_rig(side=posture.side).posed(posture.pose_rad)
        move = posture.wrist_m - posed.joints[0]
        joints.append(posed.joints + move)
        vertices.append(posed.vertices + move)
    joints_px = CAMERA.project(np.array(joints))
    low, high = joints_px.min(1), joints_px.max(1)
    depth = np.array(joints)[..., 2]
    reach = np.array([0.0] + [0.3, 0.5, 0.75, 1.0] * 5)
    errors = np.array([posture.error_m * reach for posture in frame])
    return Hands(
        camera=CAMERA,
        sides=tuple(posture.side for posture in frame),
        confidence=np.array([posture.confidence for posture in frame]),
        boxes_px=np.concatenate([low, high - low], -1),
        joints_px=joints_px,
        joints_m=np.array(joints),
        vertices_m=np.array(vertices),
        pose_rad=np.array([posture.pose_rad for posture in frame]),
        shape=np.zeros((len(frame), 10)),
        model="scripted",
        faces=load_rig().faces,
        states=tuple(posture.state for posture in frame),  # pyright: ignore[reportArgumentType]
        joint_error_m=errors,
        joint_error_px=errors / depth * CAMERA.fx,
        identities=tuple(posture.identity for posture in frame),
        time_s=time_s,
    )


def header(name: str) -> Header:
    """The first line of a track; its settings say where the table stands."""
    stage = {"anchor_m": ANCHOR_M.tolist(), "tilt_deg": TILT_DEG}
    return Header(
        video=f"{name}.scripted", path="", bytes=None, rate=RATE, camera=CAMERA, rig="open",
        settings={"stage": stage}, weights={}, knuckle=knuckle.__version__,
    )  # fmt: skip


def write(name: str, folder: Path, *, mesh: bool = False) -> Path:
    """Write one track as FOLDER/NAME.jsonl; mesh: with the vertices, which the rig's pose gives too."""
    path = folder / f"{name}.jsonl"
    with LinesWriter(path) as writer:
        writer.write_header(header(name))
        for index, frame in enumerate(TRACKS[name]()):
            writer.write(index, hands_of(frame, index / RATE), CAMERA, mesh=mesh)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("web/generated/tracks"), help="folder")
    parser.add_argument("--mesh", action="store_true", help="with the vertices")
    parser.add_argument("--only", choices=TRACKS, help="one track")
    args = parser.parse_args()
    for name in [args.only] if args.only else TRACKS:
        path = write(name, args.out, mesh=args.mesh)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
