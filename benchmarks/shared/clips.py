"""Rendered clips with their truth, and what a tracker says of them beside it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.motion import jitter, lag_frames
from knuckle.evaluation.metrics.tracking import ReportedHands, TrackingScores, TrueHands, score_tracking
from knuckle.geometry.camera import Camera
from knuckle.skeleton import WRIST, Side

SETTLED_S = 1.0
"""Roots count from here on, after a hand's identity began, ..."""
NEAR_M = (0.3, 0.8)
"""... and those of hands at such distances apart from the others."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip's frames and their truth."""

    name: str
    kind: str
    camera: Camera
    frames: tuple[Path, ...]
    times_s: Float[np.ndarray, "T"]
    truth: tuple[TrueHands, ...]
    joints_m: tuple[Float[np.ndarray, "N 21 3"], ...]
    """Of each frame's hands in the order of `truth`, camera frame."""

    def frame(self, number: int) -> UInt8[np.ndarray, "H W 3"]:
        """A frame, RGB."""
        picture = cv2.imread(str(self.frames[number]), cv2.IMREAD_COLOR)
        if picture is None:
            raise KnuckleError(f"{self.frames[number]}: expected a frame of a clip, got no picture")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_clip(folder: Path) -> Clip:
    """A clip of `knuckle.synth.clips`. Raises KnuckleError where there is none."""
    try:
        about = json.loads((folder / "clip.json").read_text())
        lines = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{folder}: expected a rendered clip ({error})") from error
    truth = tuple(
        TrueHands(
            [hand["identity"] for hand in line["hands"]],
            [hand["side"] for hand in line["hands"]],
            np.array([hand["joints_px"] for hand in line["hands"]]).reshape(-1, 21, 2),
            np.array([hand["shown"] for hand in line["hands"]]),
        )
        for line in lines
    )
    joints = tuple(
        np.array([hand["joints_m"] for hand in line["hands"]]).reshape(-1, 21, 3) for line in lines
    )
    frames = tuple(folder / "frames" / f"{number:06d}.jpg" for number in range(len(lines)))
    times = np.array([line["time_s"] for line in lines])
    return Clip(about["name"], about["kind"], Camera(**about["camera"]), frames, times, truth, joints)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a tracker says of a frame; identities empty and roots NaN where it gives none."""

    identities: tuple[int, ...]
    sides: tuple[Side, ...]
    joints_px: Float[np.ndarray, "M 21 2"]
    joints_m: Float[np.ndarray, "M 21 3"]
    """Camera frame, or round the wrist where the tracker does not say where that is."""
    confidence: Float[np.ndarray, "M"]
    joint_error_m: Float[np.ndarray, "M 21"]
    root_sd_m: Float[np.ndarray, "M"]
    """Of the wrist along its line of sight; NaN where not known."""


@dataclass(frozen=True, eq=False)
class ClipScores:
    """A clip, what was said of it, and the scores."""

    clip: Clip
    answers: Sequence[Answer]
    has_roots: bool = True
    """Whether joints_m are in the camera frame."""

    @cached_property
    def tracking(self) -> TrackingScores:
        """Identities, sides, missed and false hands."""
        reported = [ReportedHands(a.identities, a.sides, a.joints_px) for a in self.answers]
        return score_tracking(self.clip.truth, reported)

    @cached_property
    def pairs_m(self) -> tuple[Float[np.ndarray, "K 21 3"], Float[np.ndarray, "K 21 3"]]:
        """True and reported joints of all matches with the right side, camera frame."""
        both = [
            (self.clip.joints_m[frame][true], self.answers[frame].joints_m[row])
            for frame, true, row in self.tracking.matches
            if self.answers[frame].sides[row] == self.clip.truth[frame].sides[true]
        ]
        stacked = np.array(both).reshape(-1, 2, 21, 3)
        return stacked[:, 0], stacked[:, 1]

    @cached_property
    def wrist_error_m(self) -> Float[np.ndarray, "K 21"]:
        """Distance of each joint, wrists laid together."""
        true, found = self.pairs_m
        return np.linalg.norm((true - true[:, [WRIST]]) - (found - found[:, [WRIST]]), axis=-1)

    def root_error_m(self, *, near: bool) -> Float[np.ndarray, "K"]:
        """Distance of the wrists once a hand has been followed for a second; empty without roots. near: of hands within
        `NEAR_M`, or of the others."""
        if not self.has_roots:
            return np.zeros(0)
        began: dict[int, float] = {}
        errors = []
        for frame, true, row in self.tracking.matches:
            answer, time_s = self.answers[frame], self.clip.times_s[frame]
            first = began.setdefault(answer.identities[row] if answer.identities else 0, time_s)
            if time_s - first >= SETTLED_S:
                wrist = self.clip.joints_m[frame][true, WRIST]
                if (NEAR_M[0] <= np.linalg.norm(wrist) <= NEAR_M[1]) == near:
                    errors.append(np.linalg.norm(answer.joints_m[row, WRIST] - wrist))
        return np.array(errors)

    @cached_property
    def relative_root_error_m(self) -> Float[np.ndarray, "K"]:
        """Of two true hands that are both reported: the error of the vector between their wrists (MRRPE)."""
        if not self.has_roots:
            return np.zeros(0)
        by_frame: dict[int, list[tuple[int, int]]] = {}
        for frame, true, row in self.tracking.matches:
            by_frame.setdefault(frame, []).append((true, row))
        errors = []
        for frame, pairs in by_frame.items():
            for n, (true, row) in enumerate(pairs):
                for other, other_row in pairs[:n]:
                    wanted = self.clip.joints_m[frame][true, WRIST] - self.clip.joints_m[frame][other, WRIST]
                    joints = self.answers[frame].joints_m
                    errors.append(np.linalg.norm(joints[row, WRIST] - joints[other_row, WRIST] - wanted))
        return np.array(errors)

    def tracks(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each true hand: true joints, those reported (both after the wrist where there are no roots) and the times,
        NaN where the hand is not matched."""
        by_hand: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        count = len(self.clip.frames)
        for frame, true, row in self.tracking.matches:
            identity = self.clip.truth[frame].identities[true]
            if identity not in by_hand:
                by_hand[identity] = np.full((count, 21, 3), np.nan), np.full((count, 21, 3), np.nan)
            rows = by_hand[identity]
            wanted, found = self.clip.joints_m[frame][true], self.answers[frame].joints_m[row]
            if not self.has_roots:
                wanted, found = wanted - wanted[[WRIST]], found - found[[WRIST]]
            rows[0][frame], rows[1][frame] = wanted, found
        return [(true, found, self.clip.times_s) for true, found in by_hand.values()]

    def jitter(self) -> float:
        """Mean acceleration of the reported joints, m/s^2; of the hands by their frames."""
        return _weighted([(jitter(found, times), found) for _, found, times in self.tracks()])

    def lag(self) -> float:
        """Frames by which the reported joints are late."""
        return _weighted(
            [(lag_frames(true, _filled(found, true), times), found) for true, found, times in self.tracks()]
        )


def _weighted(values: list[tuple[float, np.ndarray]]) -> float:
    """The mean of values by how many frames their tracks have."""
    counted = [(value, int(np.isfinite(track[:, 0, 0]).sum())) for value, track in values]
    counted = [(value, count) for value, count in counted if np.isfinite(value)]
    if not counted:
        return float("nan")
    amounts, counts = zip(*counted, strict=True)
    return float(np.average(amounts, weights=counts))


def _filled(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Where neither is known the metric looks at the truth alone."""
    return np.where(np.isnan(true), 0.0, found)
