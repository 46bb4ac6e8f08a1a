"""From the hands of frames to the fixed columns of a LeRobot data set, and the statistics that it keeps of them.

A frame has one left and one right hand at most. Of several hands of a side, it is the one that the clip shows longest.
Where there is none, `present` and all numbers are 0, and codes are -1; an error that is not known is -1.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from knuckle.archives.rows import RENAMED, ROOT
from knuckle.export.schema import HAND_FIELDS
from knuckle.hands import STATES
from knuckle.skeleton import SIDES

STATE = "observation.state"
"""Of both hands: present, root, pose; what LeRobot's policies take."""
VIDEO = "observation.images.camera"
CLOCK = "time_s"
"""The frame's time in its clip: `timestamp` is on LeRobot's grid of whole rates."""
INDICES = ("frame_index", "episode_index", "index", "task_index")
_STATE_PARTS = {"present": 1, ROOT: 3, "pose_rad": HAND_FIELDS["pose_rad"].size}
_CODES = ("identity", "state")
_NUMBERS = tuple(name for name in HAND_FIELDS if name != "pose_rad")
_QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_KEPT = 500
"""Rows of a segment that quantiles are taken of."""


def features() -> dict[str, dict[str, Any]]:
    """The columns of the data files, as meta/info.json describes them."""
    names = [
        f"{side}.{part}" + (f".{number}" if size > 1 else "")
        for side in SIDES
        for part, size in _STATE_PARTS.items()
        for number in range(size)
    ]
    described: dict[str, dict[str, Any]] = {STATE: _feature("float32", len(names), names)}
    for side in SIDES:
        for name in _CODES:
            described[f"observation.{side}.{name}"] = _feature("int64", 1)
        for name in _NUMBERS:
            described[_column(side, name)] = _feature("float32", HAND_FIELDS[name].size)
    described[CLOCK] = _feature("float64", 1)
    described["timestamp"] = _feature("float32", 1)
    return described | {name: _feature("int64", 1) for name in INDICES}


def longest_of_sides(rows: Iterable[dict[str, Any]]) -> Counter[tuple[str, int]]:
    """How many frames of a clip show each hand, by side and identity."""
    return Counter(
        (hand["handedness"], hand["identity"])
        for row in rows
        for frame in row["frames"]
        for hand in frame["hands"]
    )


def arrays_of(frames: Sequence[dict[str, Any]], counts: Counter[tuple[str, int]]) -> dict[str, np.ndarray]:
    """The columns of some frames (of a row of a table) but for LeRobot's own; T x size, or T where a frame has one
    number. counts: of the whole clip (`longest_of_sides`)."""
    length = len(frames)
    arrays: dict[str, np.ndarray] = {}
    parts = []
    for side in SIDES:
        hands = [_chosen(frame["hands"], side, counts) for frame in frames]
        there = [number for number, hand in enumerate(hands) if hand is not None]
        shown = [hand for hand in hands if hand is not None]
        state = np.zeros((length, sum(_STATE_PARTS.values())), np.float32)
        if shown:
            state[there] = np.array([[1.0, *hand[ROOT], *hand["pose_rad"]] for hand in shown])
        parts.append(state)
        for name in _CODES:
            codes = np.full(length, -1, np.int64)
            codes[there] = [STATES.index(hand[name]) if name == "state" else hand[name] for hand in shown]
            arrays[f"observation.{side}.{name}"] = codes
        for name in _NUMBERS:
            size = HAND_FIELDS[name].size
            numbers = np.zeros((length, size), np.float32)
            if shown:
                given = [_known(hand[RENAMED.get(name, name)], size) for hand in shown]
                numbers[there] = np.array(given, np.float32).reshape(-1, size)
            arrays[_column(side, name)] = numbers[:, 0] if size == 1 else numbers
    arrays[STATE] = np.concatenate(parts, 1)
    arrays[CLOCK] = np.array([frame["time_s"] for frame in frames], np.float64)
    return arrays


@dataclass
class Statistics:
    """Of one column: what has been seen of it, in little memory."""

    count: int = 0
    total: Any = 0.0
    squares: Any = 0.0
    least: Any = np.inf
    most: Any = -np.inf
    kept: list[np.ndarray] = field(default_factory=list)
    """Some rows, of which quantiles are taken."""

    def see(self, values: np.ndarray) -> None:
        """Some more frames: T, or T x size."""
        rows = values.reshape(len(values), -1).astype(np.float64)
        self.count += len(rows)
        self.total = self.total + rows.sum(0)
        self.squares = self.squares + (rows**2).sum(0)
        self.least = np.minimum(self.least, rows.min(0))
        self.most = np.maximum(self.most, rows.max(0))
        self.kept.append(rows[:: -(-len(rows) // _KEPT)].astype(np.float32))

    def to_dict(self) -> dict[str, list[Any]]:
        """As LeRobot keeps them."""
        mean = self.total / self.count
        kept = np.concatenate(self.kept).astype(np.float64)
        values = {
            "min": self.least,
            "max": self.most,
            "mean": mean,
            "std": np.sqrt(np.maximum(self.squares / self.count - mean**2, 0)),
            **{name: np.quantile(kept, share, axis=0) for name, share in _QUANTILES.items()},
        }
        return {name: value.tolist() for name, value in values.items()} | {"count": [self.count]}


@dataclass
class Joined:
    """The statistics of a whole data set from those of its episodes, as LeRobot joins them."""

    count: int = 0
    sums: dict[str, Any] = field(default_factory=dict)
    least: Any = np.inf
    most: Any = -np.inf

    def add(self, own: dict[str, Any]) -> None:
        """An episode's (`Statistics.to_dict`)."""
        count = own["count"][0]
        self.count += count
        mean = np.array(own["mean"])
        sums = {name: count * np.array(own[name]) for name in ("mean", *_QUANTILES)}
        sums["squares"] = count * (np.array(own["std"]) ** 2 + mean**2)
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.least = np.minimum(self.least, own["min"])
        self.most = np.maximum(self.most, own["max"])

    def to_dict(self) -> dict[str, list[Any]]:
        """As meta/stats.json has them."""
        means = {name: value / self.count for name, value in self.sums.items()}
        squares = means.pop("squares")
        std = np.sqrt(np.maximum(squares - means["mean"] ** 2, 0))
        values = {"min": self.least, "max": self.most, "std": std, **means}
        return {name: np.asarray(value).tolist() for name, value in values.items()} | {"count": [self.count]}


def _feature(kind: str, size: int, names: list[str] | None = None) -> dict[str, Any]:
    return {"dtype": kind, "shape": [size], "names": names}


def _column(side: str, name: str) -> str:
    return f"observation.{side}.{RENAMED.get(name, name)}"


def _chosen(
    hands: Sequence[dict[str, Any]], side: str, counts: Counter[tuple[str, int]]
) -> dict[str, Any] | None:
    ours = [hand for hand in hands if hand["handedness"] == side]
    # Of hands that are seen equally long, the one that came first.
    return max(ours, key=lambda hand: (counts[side, hand["identity"]], -hand["identity"]), default=None)


def _known(value: Any, size: int) -> Any:
    """Numbers one after the other; -1 for those that are not known."""
    if value is None:
        return [-1.0] * size
    if not isinstance(value, list):
        return [value]
    if isinstance(value[0], list):
        return [number for point in value for number in point]
    return [-1.0 if number is None else number for number in value]
