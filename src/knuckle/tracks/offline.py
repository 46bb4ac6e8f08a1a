"""The second pass of a video with --offline: hands smoothed by what comes after them too, gaps bridged.

The first pass writes what each frame shows, without gate or filter. Each hand's track is smoothed as a whole
(`knuckle.live.offline`), which takes some 20 MB for an hour of it; the second pass goes through the frames again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.hands import Hand, Hands
from knuckle.inference.certainty import DOUBTFUL
from knuckle.live.hand_pose import HandPose, place
from knuckle.live.offline import SmoothTrack, smooth_track
from knuckle.rig.load import load_rig
from knuckle.skeleton import WRIST, Side
from knuckle.tracks.lines import hands_of_line, read_header, read_lines


class OfflineTracker:
    """Gives the smoothed hands of each frame in turn, as a tracker does.

    Args:
        lines: of the first pass.

    Raises KnuckleError where they cannot be read.
    """

    def __init__(self, lines: Path) -> None:
        self._lines, self._header = lines, read_header(lines)
        self._tracks = list(_smoothed(lines, self._header.rig))
        self._number = 0
        self._frames = read_lines(lines)

    def __call__(self, frame: UInt8[np.ndarray, "H W 3"], time_s: float) -> Hands:
        """The hands of the next frame; the picture is not looked at. Raises KnuckleError where the first pass had no
        such frame."""
        line = next(self._frames, None)
        if line is None or line["time_s"] is None or abs(line["time_s"] - time_s) > 1e-4:
            raise KnuckleError(f"{self._lines}: expected a line of the frame at {time_s:.3f} s, got none")
        seen = hands_of_line(line, self._header)
        number, self._number = self._number, self._number + 1
        found: dict[int, Hand] = {}
        for track in self._tracks:
            if track.identity not in found and (hand := track.hand(number, seen)) is not None:
                found[track.identity] = hand
        if not found:
            return Hands(seen.camera, time_s=time_s, faces=load_rig(self._header.rig).faces)
        return _posed([found[identity] for identity in sorted(found)], seen, self._header.rig, time_s)

    def saved(self) -> dict[str, Any]:
        """How many frames were given."""
        return {"frames": self._number}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on after so many frames."""
        if saved["frames"] != self._number:
            self._number = int(saved["frames"])
            self._frames = islice(read_lines(self._lines), self._number, None)


@dataclass
class _Seen:
    """What the first pass saw of one hand, while it took it for one side's."""

    numbers: list[int] = field(default_factory=list)
    poses: list[Float[np.ndarray, "61"]] = field(default_factory=list)
    """Wrist, pose and shape."""
    confidence: list[float] = field(default_factory=list)
    side_confidence: list[float] = field(default_factory=list)
    model: str = ""


@dataclass(frozen=True)
class _Track:
    """A smoothed hand."""

    identity: int
    side: Side
    first: int
    """The number of its first frame."""
    smooth: SmoothTrack
    confidence: Float[np.ndarray, "T"]
    """Between the frames that show it, what lies between theirs."""
    side_confidence: float
    """The median of its frames'."""
    model: str

    def hand(self, number: int, seen: Hands) -> Hand | None:
        """It in a frame, not placed yet; None where it is not there."""
        row = number - self.first
        state = self.smooth.states[row] if 0 <= row < len(self.smooth.states) else None
        if state is None:
            return None
        pose = self.smooth.poses.rows(row)
        own = next((hand for hand in seen if hand.identity == self.identity), None)
        if own is not None and own.side != self.side:
            return None
        joints = np.tile(pose.root_m, (21, 1))
        if own is not None and state != "bridged":
            return replace(own, joints_m=joints, pose_rad=pose.pose_rad, shape=pose.shape, state=state)
        return Hand(
            side=self.side,
            confidence=float(self.confidence[row]),
            box_px=np.zeros(4),
            joints_px=np.zeros((21, 2)),
            joints_m=joints,
            vertices_m=np.zeros((0, 3)),
            pose_rad=pose.pose_rad,
            shape=pose.shape,
            model=self.model if own is None else own.model,
            side_confidence=self.side_confidence if own is None else own.side_confidence,
            state="bridged",
            identity=self.identity,
        )


def _smoothed(lines: Path, rig: str) -> Iterator[_Track]:
    """Every hand of the first pass; one whose side turned is two, of which a frame shows one."""
    found: dict[tuple[int, Side], _Seen] = {}
    header = read_header(lines)
    times_s: list[float] = []
    for number, line in enumerate(read_lines(lines)):
        hands = hands_of_line(line, header)
        times_s.append(hands.time_s or 0.0)
        for hand in hands:
            seen = found.setdefault((hand.identity or 0, hand.side), _Seen())
            seen.numbers.append(number)
            seen.poses.append(np.concatenate([hand.joints_m[WRIST], hand.pose_rad.ravel(), hand.shape]))
            seen.confidence.append(hand.confidence)
            seen.side_confidence.append(hand.side_confidence)
            seen.model = hand.model
    for (identity, side), seen in found.items():
        numbers = np.array(seen.numbers)
        first, count = seen.numbers[0], seen.numbers[-1] - seen.numbers[0] + 1
        values = np.full((count, 61), np.nan)
        values[numbers - first] = seen.poses
        poses = HandPose(values[:, :3], values[:, 3:51].reshape(-1, 16, 3), values[:, 51:])
        confidence = np.zeros(count)
        confidence[numbers - first] = seen.confidence
        smooth = smooth_track(
            np.array(times_s[first : first + count]),
            poses,
            confidence,
            threshold=DOUBTFUL,
            rig=load_rig(rig, side=side),
        )
        between = np.interp(np.arange(count), numbers - first, seen.confidence)
        sure = float(np.median(seen.side_confidence))
        yield _Track(identity, side, first, smooth, between, sure, seen.model)


def _posed(hands: list[Hand], seen: Hands, rig: str, time_s: float) -> Hands:
    """Hands placed at their wrists in their poses."""
    placed = [
        place(load_rig(rig, side=hand.side), HandPose(hand.joints_m[WRIST], hand.pose_rad, hand.shape))
        for hand in hands
    ]
    joints = np.array([each.joints_m for each in placed])
    px = seen.camera.project(joints)
    return Hands(
        seen.camera,
        sides=tuple(hand.side for hand in hands),
        models=tuple(hand.model for hand in hands),
        states=tuple(hand.state for hand in hands),
        identities=tuple(hand.identity or 0 for hand in hands),
        confidence=np.array([hand.confidence for hand in hands]),
        side_confidence=np.array([hand.side_confidence for hand in hands]),
        boxes_px=np.concatenate([px.min(1), np.ptp(px, axis=1)], 1),
        joints_px=px,
        joints_m=joints,
        vertices_m=np.array([each.vertices_m for each in placed]),
        pose_rad=np.array([hand.pose_rad for hand in hands]),
        shape=np.array([hand.shape for hand in hands]),
        joint_error_px=np.array([hand.joint_error_px for hand in hands]),
        joint_error_m=np.array([hand.joint_error_m for hand in hands]),
        root_covariance_m2=np.array([hand.root_covariance_m2 for hand in hands]),
        faces=load_rig(rig).faces,
        time_s=time_s,
    )
