"""Raw, gated, filtered and smoothed tracks of rendered clips: error, jitter and lag of each way, as Markdown.

    python -m benchmarks.live.smoothing [--answers out/live-answers] [--kind shake ...]

The answers are those of `benchmarks.live.answers`. A table a kind of clip, one of all, and two of what the gate is for:
hands blurred by motion and small hands. Clips that chose settings are not those that docs/smoothing.md reports.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.live.answers import FOLDER, Answers, read
from knuckle.evaluation.metrics.joints import procrustes_errors, root_relative_errors
from knuckle.evaluation.metrics.motion import acceleration_error, fastest, jitter, lag_frames
from knuckle.live.gate import SURE, Gate
from knuckle.live.hand_pose import HandPose, place_joints
from knuckle.live.offline import Smoothing, smooth_track
from knuckle.live.pose_filter import PoseCutoffs
from knuckle.rig import load_rig

FEWEST = 5
"""Tracks of fewer frames that count are left out."""
BLUR_PX, SMALL_PX = 5.0, 80.0
SHOWN = 0.3
"""Frames in which less of the hand is to be seen are not scored."""


Group = Callable[[Answers], np.ndarray]
"""Frames of a track."""


class Row(NamedTuple):
    """Figures of one way on one or more tracks; each is a mean over frames, lags over tracks."""

    frames: int
    mpjpe_mm: float
    """Wrists laid together."""
    pa_mm: float
    root_mm: float
    across_percent: float
    """2D error over the width of the hand's box."""
    jitter: float
    """Of the joints in the camera frame, m/s^2."""
    own_jitter: float
    """With the wrists laid together."""
    acceleration_error: float
    lag: float
    """Frames."""
    own_lag: float
    peak_mpjpe_mm: float
    """In the tenth of the frames in which the hand is fastest."""
    peak_across_percent: float
    flips: float
    """Frames in a hundred whose wrist is turned by more than 60 degrees from the truth."""


def placed(track: Answers, poses: HandPose) -> Float[np.ndarray, "T 21 3"]:
    """Joints of a track's poses; NaN where there are none."""
    known = np.asarray(np.isfinite(poses.root_m).all(1))
    joints = np.full((len(known), 21, 3), np.nan)
    joints[known] = place_joints(load_rig("open", side=track.side), poses.rows(known))
    return joints


def causal(
    track: Answers,
    *,
    cutoffs: PoseCutoffs | None = None,
    filtered: bool = True,
    threshold: float | None = SURE,
    confidence: Float[np.ndarray, "T"] | None = None,
    **options: Any,
) -> tuple[HandPose, list[str | None]]:
    """What the gate gives for each frame. threshold: of the confidence; None: no gate, every pose passes."""
    gate = Gate(load_rig("open", side=track.side), cutoffs=cutoffs, filtered=filtered, **options)
    count = len(track.times_s)
    out = HandPose(np.full((count, 3), np.nan), np.full((count, 16, 3), np.nan), np.full((count, 10), np.nan))
    states: list[str | None] = []
    sure = track.confidence if confidence is None else confidence
    for row, time_s in enumerate(track.times_s):
        pose = track.poses.rows(row)
        there = bool(np.isfinite(pose.root_m).all())
        gated = gate.push(
            float(time_s),
            pose if there else None,
            1.0 if threshold is None and there else float(sure[row]),
            0.5 if threshold is None else threshold,
        )
        states.append(gated.state)
        if gated.pose is not None:
            for target, value in zip(out, gated.pose, strict=True):
                target[row] = value
    return out, states


def offline(track: Answers, *, threshold: float = SURE, smoothing: Smoothing | None = None) -> HandPose:
    """The whole track smoothed."""
    rig = load_rig("open", side=track.side)
    smooth = smooth_track(
        track.times_s, track.poses, track.confidence, threshold=threshold, rig=rig, smoothing=smoothing
    )
    return smooth.poses


def there_and_back(track: Answers, *, cutoffs: PoseCutoffs | None = None) -> HandPose:
    """The causal filter run forward and backward, and the middle of both: what `offline` is compared with."""
    from knuckle.live.hand_pose import between

    back = track._replace(
        times_s=-track.times_s[::-1],
        poses=track.poses.rows(slice(None, None, -1)),
        confidence=track.confidence[::-1],
    )
    forward, _ = causal(track, cutoffs=cutoffs)
    backward, _ = causal(back, cutoffs=cutoffs)
    return between(forward, backward.rows(slice(None, None, -1)), np.full(len(track.times_s), 0.5))


def blurred(track: Answers) -> Bool[np.ndarray, "T"]:
    """Frames in which the hand moves by more than BLUR_PX during the exposure."""
    return np.nan_to_num(track.blur_px) > BLUR_PX


def small(track: Answers) -> Bool[np.ndarray, "T"]:
    """Frames in which the longer side of the hand's box is below SMALL_PX."""
    px = track.camera.project(track.truth_m)
    return np.nan_to_num(np.ptp(px, axis=1).max(1), nan=np.inf) < SMALL_PX


def scored(track: Answers, joints_m: Float[np.ndarray, "T 21 3"]) -> Bool[np.ndarray, "T"]:
    """Frames that count: enough is to be seen and an answer is there."""
    known = np.isfinite(track.truth_m).all((1, 2)) & np.isfinite(track.poses.root_m).all(1)
    return known & (track.shown >= SHOWN) & np.isfinite(joints_m).all((1, 2))


def figures(
    tracks: Sequence[Answers], ways: Sequence[Float[np.ndarray, "T 21 3"]], group: Group | None = None
) -> Row:
    """Figures of one way: its joints of each track, in the frames of a group or all."""
    frames: dict[str, list[np.ndarray]] = {}
    motions: list[tuple[float, ...]] = []
    weights: list[int] = []
    for track, joints in zip(tracks, ways, strict=True):
        counted = scored(track, joints)
        if group is not None:
            counted &= group(track)
        if counted.sum() < FEWEST:
            continue
        truth = np.where(counted[:, None, None], track.truth_m, np.nan)
        shown = np.where(counted[:, None, None], joints, np.nan)
        peak = fastest(truth, track.times_s)[counted]
        one, other = truth[counted], shown[counted]
        own = root_relative_errors(one, other).mean(1)
        px = [track.camera.project(points) for points in (one, other)]
        across = np.linalg.norm(px[0] - px[1], axis=-1).mean(1) / track.width_px[counted]
        turned = _turned(one, other)
        values = {
            "mpjpe": 1e3 * own,
            "pa": 1e3 * procrustes_errors(one, other).mean(1),
            "root": 1e3 * np.linalg.norm(one[:, 0] - other[:, 0], axis=-1),
            "across": 100 * across,
            "peak": 1e3 * own[peak],
            "peak across": 100 * across[peak],
            "flips": 100.0 * (turned > np.deg2rad(60)),
        }
        for name, value in values.items():
            frames.setdefault(name, []).append(value)
        relative, true_relative = shown - shown[:, :1], truth - truth[:, :1]
        motions.append(
            (
                jitter(shown, track.times_s),
                jitter(relative, track.times_s),
                acceleration_error(truth, np.nan_to_num(shown), track.times_s),
                lag_frames(truth, np.nan_to_num(shown), track.times_s),
                lag_frames(true_relative, np.nan_to_num(relative), track.times_s),
            )
        )
        weights.append(int(counted.sum()))
    if not weights:
        return Row(0, *[float("nan")] * (len(Row._fields) - 1))
    mean = {name: float(np.concatenate(values).mean()) for name, values in frames.items()}
    moved = _known_mean(np.array(motions), np.array(weights))
    return Row(
        sum(weights),
        mean["mpjpe"],
        mean["pa"],
        mean["root"],
        mean["across"],
        *[float(value) for value in moved[:5]],  # pyright: ignore[reportCallIssue]
        peak_mpjpe_mm=mean["peak"],
        peak_across_percent=mean["peak across"],
        flips=mean["flips"],
    )


def _known_mean(values: Float[np.ndarray, "n k"], weights: Float[np.ndarray, "n"]) -> Float[np.ndarray, "k"]:
    """Weighted means of what is not NaN."""
    shares = np.isfinite(values) * weights[:, None]
    return (np.nan_to_num(values) * shares).sum(0) / np.maximum(shares.sum(0), 1e-9)


def _turned(one: Float[np.ndarray, "n 21 3"], other: Float[np.ndarray, "n 21 3"]) -> Float[np.ndarray, "n"]:
    """Angle between two hands' palms."""
    frames = []
    for joints in (one, other):
        up = joints[:, 9] - joints[:, 0]
        side = np.cross(up, joints[:, 5] - joints[:, 17])
        axes = [up, side, np.cross(up, side)]
        frames.append(np.stack([axis / np.linalg.norm(axis, axis=1, keepdims=True) for axis in axes], -1))
    trace = np.einsum("nij,nij->n", *frames)
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))


WAYS: dict[str, Callable[[Answers], HandPose]] = {
    "raw": lambda track: track.poses,
    "filter alone": lambda track: causal(track, threshold=None)[0],
    "gate alone": lambda track: causal(track, filtered=False)[0],
    "gate by DaHyF's cosine": lambda track: causal(
        track, filtered=False, threshold=track.threshold, confidence=track.cosine
    )[0],
    "gate + filter": lambda track: causal(track)[0],
    "forward + backward filter": there_and_back,
    "offline": offline,
}
HEAD = (
    "| way | frames | MPJPE mm | PA mm | root mm | 2D % | jitter | own jitter | accel. error | lag | own lag"
    " | MPJPE at peaks | 2D % at peaks | turned wrong % |"
)


def ways_of(tracks: Sequence[Answers]) -> dict[str, list[Float[np.ndarray, "T 21 3"]]]:
    """Every way's joints of every track, and the true ones."""
    found = {"truth": [np.where(np.isfinite(t.poses.root_m[:, :1, None]), t.truth_m, np.nan) for t in tracks]}
    return found | {name: [placed(t, way(t)) for t in tracks] for name, way in WAYS.items()}


def table(
    tracks: Sequence[Answers],
    ways: dict[str, list[Float[np.ndarray, "T 21 3"]]],
    chosen: Sequence[int],
    group: Group | None = None,
) -> list[str]:
    """Lines of Markdown, of the chosen tracks."""
    lines = [HEAD, "|---" * (HEAD.count("|") - 1) + "|"]
    rows = {
        name: figures([tracks[i] for i in chosen], [joints[i] for i in chosen], group)
        for name, joints in ways.items()
    }
    for name, row in rows.items():
        values = [f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" for value in row[1:]]
        lines.append(f"| {name} | {row.frames} | {' | '.join(values)} |")
    raw = rows["raw"]
    for name in ("gate + filter", "offline"):
        ratios = [
            one / other if other > 0.05 else np.nan
            for one, other in zip(rows[name][1:], raw[1:], strict=True)
        ]
        shown = ["" if np.isnan(r) or k in (7, 8) else f"{r:.2f}x" for k, r in enumerate(ratios)]
        lines.append(f"| {name} / raw | | {' | '.join(shown)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--answers", type=Path, default=FOLDER)
    parser.add_argument(
        "--kind", action="append", default=[], help="only clips of that kind; may be given again"
    )
    options = parser.parse_args()
    tracks = read(sorted(options.answers.glob("*.npz")))
    tracks = [track for track in tracks if not options.kind or track.kind in options.kind]
    print(
        f"{len({t.clip for t in tracks})} clips, {len(tracks)} tracks, seeds {sorted({t.seed for t in tracks})}"
    )
    ways = ways_of(tracks)
    every = range(len(tracks))
    for kind in sorted({track.kind for track in tracks}):
        print(f"\n{kind}\n")
        print("\n".join(table(tracks, ways, [i for i in every if tracks[i].kind == kind])))
    for title, group in (
        ("all", None),
        (f"blurred by more than {BLUR_PX:g} px", blurred),
        (f"smaller than {SMALL_PX:g} px", small),
    ):
        print(f"\n{title}\n")
        print("\n".join(table(tracks, ways, every, group)))


if __name__ == "__main__":
    main()
