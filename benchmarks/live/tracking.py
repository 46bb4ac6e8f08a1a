"""Trackers on rendered clips: identities, sides, missed and false hands, errors, jitter and lag, MediaPipe beside us.

python -m benchmarks.live.tracking [--clips FOLDER] [--only KIND] [--limit N] [--rows ROW ...] [--env
out/mediapipe-env] [--by-kind]. The frozen clips, or a folder of others (`knuckle synth --hands clip`). Ours, with the
true camera but where a row says otherwise: as it is by default; with neither gate nor filter (raw); with an assumed
camera; with the hands' true length (length). MediaPipe (0.10.21, as many hands asked for as a frame shows at most, at
least two) gives neither identities nor roots, and joints round the hand's middle: its jitter is of those. It needs an
environment of its own (--env), and is left out without.

Columns: switches of identity, jumps of side, wrong sides, missed and false hands as `knuckle.evaluation.metrics.
tracking` has them; error of the joints, wrists laid together (mm); of the wrist, once a hand has been followed for a
second (mm), of hands .3 to .8 m away and of others (far); MRRPE of all pairs (mm); jitter (mean acceleration, m/s^2;
true: of the truth); lag (frames); calibration: error of the confidence (ECE, of all reported hands), share of joints
within their 68 % radius, of wrists within theirs along the line of sight.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.clips import Answer, Clip, ClipScores, read_clip
from benchmarks.speed.photo_speed import peer_environment
from knuckle.evaluation.metrics.calibration import calibration_error
from knuckle.evaluation.metrics.motion import jitter
from knuckle.hands import Hands
from knuckle.live.hand_size import hand_length
from knuckle.live.tracker import Tracker
from knuckle.progress import show_progress
from knuckle.skeleton import WRIST
from knuckle.synth.clips.frozen import frozen_folder
from knuckle.synth.clips.writer import clip_folders


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=None, help="how many clips")
    parser.add_argument("--only", default=None, help="one kind of clip")
    parser.add_argument(
        "--env", type=Path, default=None, help="MediaPipe's environment, made where it is missing"
    )
    parser.add_argument("--by-kind", action="store_true")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    with one_line_errors():
        run(options)


def run(options: argparse.Namespace) -> None:
    folder = options.clips or frozen_folder()
    clips = [read_clip(each) for each in clip_folders(folder)]
    clips = [clip for clip in clips if options.only in (None, clip.kind)][: options.limit]
    trackers: dict[str, Callable[[Clip], ClipScores]] = {
        name: partial(follow, **ROWS[name]) for name in options.rows
    }
    if options.env is not None:
        trackers["MediaPipe"] = partial(follow_by_peer, python=peer_environment(options.env))
    results: dict[str, list[ClipScores]] = {}
    for name, track in trackers.items():
        with show_progress(name, len(clips)) as advance:
            results[name] = []
            for clip in clips:
                results[name].append(track(clip))
                advance(1)
    groups = {"all": clips}
    if options.by_kind:
        groups |= {kind: [c for c in clips if c.kind == kind] for kind in sorted({c.kind for c in clips})}
    print(HEAD)
    for group, members in groups.items():
        for name, scores in results.items():
            show(f"{group}: {name}", [each for each in scores if each.clip in members])


ROWS: dict[str, dict[str, bool]] = {
    "knuckle": {},
    "raw": {"steady": False},
    "assumed": {"assumed": True},
    "length": {"length": True},
}


def follow(clip: Clip, *, steady: bool = True, assumed: bool = False, length: bool = False) -> ClipScores:
    """What our tracker says of a clip."""
    own = float(np.mean([hand_length(joints).mean() for joints in clip.joints_m if len(joints)]))
    tracker = Tracker(
        camera=None if assumed else clip.camera,
        gate=steady,
        smooth=steady,
        hand_length_m=own if length else None,
    )
    answers = [
        to_answer(tracker(clip.frame(number), float(time_s))) for number, time_s in enumerate(clip.times_s)
    ]
    return ClipScores(clip, answers)


def to_answer(hands: Hands) -> Answer:
    """Our hands as they are compared."""
    rays = hands.joints_m[:, WRIST] / np.linalg.norm(hands.joints_m[:, WRIST], axis=-1, keepdims=True)
    along = np.einsum("ni,nij,nj->n", rays, hands.root_covariance_m2, rays)
    return Answer(
        hands.identities,
        hands.sides,
        hands.joints_px,
        hands.joints_m,
        hands.confidence,
        hands.joint_error_m,
        np.sqrt(along),
    )


def follow_by_peer(clip: Clip, python: Path) -> ClipScores:
    """What MediaPipe says of a clip."""
    most = max(2, *(len(hands.identities) for hands in clip.truth))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.npz"
        script = Path(__file__).with_name("mediapipe_video.py")
        command = [str(python), str(script), str(clip.frames[0].parent), str(most), str(out)]
        subprocess.run(command, check=True, capture_output=True)
        found = dict(np.load(out))
    answers = []
    for number in range(len(clip.frames)):
        rows = np.flatnonzero(found["frame"] == number)
        count = len(rows)
        answers.append(
            Answer(
                (),
                tuple("right" if right else "left" for right in found["right"][rows]),
                found["joints_px"][rows],
                found["world_m"][rows],
                found["score"][rows],
                np.full((count, 21), np.nan),
                np.full(count, np.nan),
            )
        )
    return ClipScores(clip, answers, has_roots=False)


COLUMNS = (
    *("switch", "jump", "side", "missed", "false", "joints", "wrist", "far", "MRRPE"),
    *("jitter", "true", "lag", "ECE", "68 %", "wrist 68"),
)
HEAD = f"{'':28}" + "".join(f"{name:>8}" for name in COLUMNS)


def show(name: str, scores: Sequence[ClipScores]) -> None:
    """One line of the table."""
    tracking = [each.tracking for each in scores]
    true_jitter = [jitter(true, times) for each in scores for true, _, times in each.tracks()]
    cells = [
        f"{sum(each.switches for each in tracking)}" if scores[0].answers and scores[0].has_roots else "-",
        f"{sum(each.mirror_jumps for each in tracking)}",
        f"{sum(each.wrong_sides for each in tracking) / max(sum(len(each.matches) for each in tracking), 1):.1%}",
        f"{sum(each.missed for each in tracking) / max(sum(each.to_find for each in tracking), 1):.1%}",
        f"{sum(each.false for each in tracking) / sum(each.frames for each in tracking):.3f}",
        f"{1000 * mean([each.wrist_error_m for each in scores]):.1f}",
        f"{1000 * mean([each.root_error_m(near=True) for each in scores]):.1f}",
        f"{1000 * mean([each.root_error_m(near=False) for each in scores]):.1f}",
        f"{1000 * mean([each.relative_root_error_m for each in scores]):.1f}",
        f"{np.nanmean([each.jitter() for each in scores]):.2f}",
        f"{np.nanmean(true_jitter):.2f}" if true_jitter else "nan",
        f"{np.nanmean([each.lag() for each in scores]):.2f}",
        *calibration(scores),
    ]
    print(f"{name:28}" + "".join(f"{cell:>8}" for cell in cells), flush=True)


def calibration(scores: Sequence[ClipScores]) -> list[str]:
    """Error of the confidence, share of joints and of wrists within what is said of them."""
    if not scores[0].has_roots:
        return ["-"] * 3
    confidence, there, joints, wrists = [], [], [], []
    for each in scores:
        matched = {(match.frame, match.reported): match.true for match in each.tracking.matches}
        for frame, answer in enumerate(each.answers):
            for row, sure in enumerate(answer.confidence):
                confidence.append(sure)
                there.append((frame, row) in matched)
        for frame, true, row in each.tracking.matches:
            answer, wanted = each.answers[frame], each.clip.joints_m[frame][true]
            found = answer.joints_m[row]
            off = np.linalg.norm((found - found[WRIST]) - (wanted - wanted[WRIST]), axis=-1)
            told = answer.joint_error_m[row]
            known = np.isfinite(told) & (told > 0)
            joints += (off <= told)[known].tolist()
            if np.isfinite(answer.root_sd_m[row]):
                gap = np.linalg.norm(found[WRIST]) - np.linalg.norm(wanted[WRIST])
                wrists.append(abs(gap) <= answer.root_sd_m[row])
    error = calibration_error(np.array(confidence), np.array(there))
    return [f"{error:.3f}", *(f"{np.mean(inside):.1%}" if inside else "-" for inside in (joints, wrists))]


def mean(parts: Sequence[np.ndarray]) -> float:
    """Over all values of all parts; NaN without any."""
    values = np.concatenate([part.reshape(-1) for part in parts])
    return float(values.mean()) if len(values) else float("nan")


if __name__ == "__main__":
    main()
