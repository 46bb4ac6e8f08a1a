"""What exporters need of a photo or a tracked video: each hand's skeleton, its pose over time, and when it is there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.export.json import read_json
from knuckle.geometry.camera import OPENGL_FROM_CAMERA, Camera
from knuckle.hands import Hands, State
from knuckle.rig import load_rig
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import COMMON_TO_MANO16, JOINT_NAMES, WRIST, Side
from knuckle.tracks.lines import is_tracks, read_header, read_lines, read_tracks

JOINTS = tuple(JOINT_NAMES[common] for common in COMMON_TO_MANO16)
"""Names of the 16 joints that turn, in MANO's order."""
TIPS = tuple(JOINT_NAMES[common] for common in (4, 8, 12, 16, 20))
TIP_PARENTS = (15, 3, 6, 12, 9)
"""The last joint of thumb, index, middle, ring and pinky."""
_TURN = np.diag(OPENGL_FROM_CAMERA)


@dataclass(frozen=True, eq=False)
class HandMotion:
    """One hand of one shape over the frames that have it. Axes of the world: x right, y up, z towards the camera, which
    is at the origin. Metres, radians."""

    identity: int
    side: Side
    rig: HandRig
    """Of the hand's side."""
    shape: Float[np.ndarray, "10"]
    """For all frames: the median of those in which the hand was observed."""
    rows: Int[np.ndarray, "T"]
    """The hand's frames, as places in `Motion.times_s`, rising."""
    root_m: Float[np.ndarray, "T 3"]
    """The wrist in the world."""
    pose_rad: Float[np.ndarray, "T 16 3"]
    """As `Hands.pose_rad`: the wrist's rotation is still camera-from-hand."""
    states: tuple[State, ...]
    confidence: Float[np.ndarray, "T"]

    @property
    def name(self) -> str:
        """Such as "left_hand_0": side and identity."""
        return f"{self.side}_hand_{self.identity}"

    @cached_property
    def turns(self) -> Float[np.ndarray, "T 16 3 3"]:
        """Rotations relative to the parent in the axes of the rest hand; the wrist's is world-from-hand."""
        turns = rodrigues(self.pose_rad + self.rig.pose_mean.astype(float))
        turns[:, 0] = _TURN @ turns[:, 0]
        return turns

    @cached_property
    def rest_vertices_m(self) -> Float[np.ndarray, "v 3"]:
        """The hand's surface in the rest pose, frame of the rig."""
        return self.rig.vertices + self.rig.shape_basis.astype(float) @ self.shape

    @cached_property
    def rest_joints_m(self) -> Float[np.ndarray, "21 3"]:
        """The 16 joints in the rest pose, then the five tips (thumb, index, middle, ring, pinky), frame of the rig."""
        joints = self.rig.joint_regressor.astype(float) @ self.rest_vertices_m
        return np.concatenate([joints, self.rest_vertices_m[self.rig.tip_vertices]])

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """The parent of each of `rest_joints_m`; -1 for the wrist."""
        return (*self.rig.parents.tolist(), *TIP_PARENTS)

    @cached_property
    def rest_offsets_m(self) -> Float[np.ndarray, "21 3"]:
        """Each of `rest_joints_m` from its parent; 0 for the wrist."""
        offsets = self.rest_joints_m - self.rest_joints_m[list(self.parents)]
        offsets[0] = 0
        return offsets

    @cached_property
    def corrections(self) -> Float[np.ndarray, "T p"]:
        """How much of each of the rig's pose correctives (`HandRig.pose_basis`) every frame has."""
        bent = (self.turns[:, 1:] - np.eye(3)).reshape(len(self.rows), 135)
        return bent @ self.rig.pose_map.astype(float).T

    def posed(self, frames: Any = slice(None)) -> Any:
        """The rig's own answer, in the world: a `PosedHand` of some of the hand's frames."""
        turns = self.turns[frames]
        rest = self.rest_joints_m[WRIST]
        return self.rig.posed_by_matrices(turns, self.shape, self.root_m[frames] - rest)

    def state_changes(self, frames: int) -> list[tuple[int, str]]:
        """Where a state begins: places in `Motion.times_s`, and the states; "absent" after the last frame of a run.
        frames: how many there are."""
        changes: list[tuple[int, str]] = []
        after = -1
        for row, state in zip(self.rows.tolist(), self.states, strict=True):
            if after not in (-1, row):
                changes.append((after, "absent"))
            if not changes or changes[-1][1] != state:
                changes.append((row, state))
            after = row + 1
        return changes if after == frames else [*changes, (after, "absent")]


@dataclass(frozen=True, eq=False)
class Motion:
    """The hands of a photo or a video."""

    source: str
    """The name of the photo or video."""
    camera: Camera
    times_s: Float[np.ndarray, "F"]
    """Of all frames, those without hands included; a photo has one, at 0."""
    frames: Int[np.ndarray, "F"]
    """Their numbers in the video."""
    rate: float
    """Frames/s, on average; 30 where there is one frame."""
    hands: tuple[HandMotion, ...]
    """By identity, then side."""
    still: bool
    """Of a photo."""

    def presence(self, hand: HandMotion) -> list[tuple[int, int]]:
        """Runs of frames that have a hand: first row, and the row after the last."""
        breaks = np.flatnonzero(np.diff(hand.rows) > 1) + 1
        return [(int(run[0]), int(run[-1]) + 1) for run in np.split(hand.rows, breaks) if len(run)]


def read_motion(path: str | Path, *, rig: str | None = None) -> Motion:
    """The hands of VIDEO.hands.jsonl or PHOTO.json.

    A hand whose side changes is a hand for each side. rig: whose pose and shape they are, where the file's own name of
    it is none that `load_rig` takes. Raises KnuckleError naming the path and the problem.
    """
    path = Path(path)
    if is_tracks(path):
        return _of_track(path, rig)
    hands = read_json(path)
    motion = motion_of([hands.changed(time_s=0.0)], rig=rig or "open", source=path.stem, still=True)
    for hand, vertices in zip(motion.hands, hands.vertices_m, strict=True):
        if len(vertices) != len(hand.rig.vertices):
            raise KnuckleError(
                f"{path}: expected hands of the rig {rig or 'open'} with {len(hand.rig.vertices)} vertices, got"
                f" {len(vertices)}; --rig names another rig"
            )
    return motion


def motion_of(
    frames: Iterable[Hands],
    *,
    rig: str = "open",
    source: str = "hands",
    still: bool = False,
    rate: float | None = None,
    numbers: Sequence[int] | None = None,
) -> Motion:
    """The same of hands in memory, frame by frame, as a `Tracker` gives them.

    Hands without identities get their place in the frame as one. Raises KnuckleError where a frame has no time, or one
    that is not after that of the frame before, and where there is no frame.

    Args:
        frames: the hands, with `time_s`.
        rig: whose pose and shape they are.
        source: the name of the photo or video.
        still: one frame, of a photo.
        rate: frames/s; by default from the times.
        numbers: of the frames in the video; by default 0, 1, 2.
    """
    times: list[float] = []
    seen: dict[tuple[int, Side], list[tuple[int, Any]]] = {}
    camera = None
    for row, hands in enumerate(frames):
        camera = camera or hands.camera
        time_s = hands.time_s
        if time_s is None or (times and np.float32(time_s) <= np.float32(times[-1])):
            raise KnuckleError(
                f"frame {row}: expected a time in seconds after the frame before, got {time_s}"
            )
        times.append(time_s)
        for place, hand in enumerate(hands):
            identity = place if hand.identity is None else hand.identity
            seen.setdefault((identity, hand.side), []).append((row, hand))
    if camera is None:
        raise KnuckleError("hands: expected at least one frame, got none")
    steps = np.diff(times)
    return Motion(
        source=source,
        camera=camera,
        times_s=np.array(times),
        frames=np.arange(len(times)) if numbers is None else np.array(numbers),
        rate=rate or (float(1 / np.median(steps)) if len(steps) else 30.0),
        hands=tuple(_hand_motion(key, rows, rig) for key, rows in sorted(seen.items(), key=_first)),
        still=still,
    )


def _first(item: tuple[tuple[int, Side], Any]) -> tuple[int, Side]:
    return item[0]


def _of_track(path: Path, rig: str | None) -> Motion:
    header = read_header(path)
    name = rig or header.rig
    try:
        load_rig(name)
    except KnuckleError as error:
        raise KnuckleError(
            f"{path}: its rig {name} is not at hand ({error}); --rig names its file"
        ) from error
    numbers = [int(frame["frame"]) for frame in read_lines(path)]
    try:
        return motion_of(read_tracks(path), rig=name, source=header.video, rate=header.rate, numbers=numbers)
    except KnuckleError as error:
        text = str(error)
        raise KnuckleError(text if str(path) in text else f"{path}: {text}") from error


def _hand_motion(key: tuple[int, Side], rows: list[tuple[int, Any]], rig: str) -> HandMotion:
    identity, side = key
    observed = [hand.shape for _, hand in rows if hand.state == "observed"]
    return HandMotion(
        identity=identity,
        side=side,
        rig=load_rig(rig, side=side),
        shape=np.median(observed or [hand.shape for _, hand in rows], axis=0),
        rows=np.array([row for row, _ in rows]),
        root_m=np.array([hand.joints_m[WRIST] for _, hand in rows]) * OPENGL_FROM_CAMERA,
        pose_rad=np.array([hand.pose_rad for _, hand in rows]),
        states=tuple(hand.state for _, hand in rows),
        confidence=np.array([hand.confidence for _, hand in rows]),
    )
