"""What saving time in tracked frames costs in accuracy, on rendered clips with truth.

python -m benchmarks.accuracy.tracked CLIP [CLIP ...] [--frames N]. A clip is a folder of frames with clip.json and
truth.jsonl. Hands start where the truth says and are then expected where they were, with DaHyF-photo, and start again
where they are lost. Ways are those of `benchmarks.speed.tracked_speed`. Of hands that are shown by half at least: mean
distance of joints in the picture over the box's side, from the true wrist on in space, and of the wrists; jitter is the
mean size of the second difference, from frame to frame, of the error in the picture and of that from the wrist on.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.shared.arguments import make_parser
from benchmarks.speed.tracked_speed import WAYS
from knuckle.geometry.camera import Camera
from knuckle.inference.auto import open_predictor
from knuckle.inference.detection.evidence import LEAST_PRESENCE
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.tracked import Memory, Predicted, estimate_tracked
from knuckle.photos.reading import read_image
from knuckle.rig.fit.joints import FitStart

LEAST_SHOWN = 0.5
FAR = 0.3
"""A hand whose joints lie farther from the true ones, over the box's side, is lost."""


class Track(NamedTuple):
    """Errors of one hand in consecutive frames."""

    px: list[Float[np.ndarray, "21 2"]]
    m: list[Float[np.ndarray, "21 3"]]
    wrist_m: list[Float[np.ndarray, "3"]]
    side_px: list[float]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=None)
    options = parser.parse_args()
    tracks: dict[str, list[Track]] = {way: [] for way in WAYS}
    lost = dict.fromkeys(WAYS, 0)
    for clip in options.clips:
        for way, settings in WAYS.items():
            found, count = follow(clip, options.frames, *settings)
            tracks[way] += found
            lost[way] += count
    for way, found in tracks.items():
        print(f"{way:<37}{figures(found)}, lost {lost[way]} times")


def frames_of(
    clip: Path, most: int | None
) -> Iterator[tuple[UInt8[np.ndarray, "H W 3"], list[dict[str, Any]]]]:
    """Frames and their true hands."""
    lines = (clip / "truth.jsonl").read_text().splitlines()[:most]
    for number, line in enumerate(lines):
        yield read_image(clip / "frames" / f"{number:06d}.jpg"), json.loads(line)["hands"]


def follow(
    clip: Path, most: int | None, int8: bool, look_every: int, ask_every: int
) -> tuple[list[Track], int]:
    """Tracks of a clip's hands, and how often one was lost."""
    about = json.loads((clip / "clip.json").read_text())["camera"]
    camera = Camera(**{name: about[name] for name in ("fx", "fy", "cx", "cy", "width", "height")})
    predictor, network = open_predictor("dahyf", int8=int8), landmark_network(int8=int8)
    known: dict[int, tuple[np.ndarray, FitStart | None, Memory | None]] = {}
    running: dict[int, Track] = {}
    done: list[Track] = []
    lost = 0
    for number, (image, hands) in enumerate(frames_of(clip, most)):
        shown = {hand["identity"]: hand for hand in hands if hand["shown"] >= LEAST_SHOWN}
        for gone in [identity for identity in known if identity not in shown]:
            del known[gone]
            done.append(running.pop(gone))
        for identity, hand in shown.items():
            if identity not in known:
                known[identity] = np.array(hand["joints_px"]), None, None
                running[identity] = Track([], [], [], [])
        if not shown:
            continue
        order = list(shown)
        rows = [known[identity] for identity in order]
        start = [row[1] or FitStart(np.full((1, 16, 3), np.nan), np.full((1, 10), np.nan)) for row in rows]
        expected = Predicted.of_joints(
            np.stack([row[0] for row in rows]),
            [shown[identity]["side"] for identity in order],
            start=FitStart(*(np.concatenate(parts) for parts in zip(*start, strict=True))),
            memory=Memory.joined([row[2] or Memory.none(1) for row in rows]),
        )
        turns = np.array(order)
        found = estimate_tracked(
            predictor,
            image,
            camera,
            expected,
            look=(number + turns) % look_every == 0,
            ask=(number + turns + look_every - 1) % ask_every == 0,
            landmarks=network,
        )
        for row, identity in enumerate(order):
            truth, px = shown[identity], found.hands.joints_px[row]
            off_px, side = px - truth["joints_px"], max(truth["box_px"][2:])
            true_m, own_m = np.array(truth["joints_m"]), found.hands.joints_m[row]
            far = np.linalg.norm(off_px, axis=-1).mean() > FAR * side
            if far or found.evidence.presence[row] < LEAST_PRESENCE:
                lost += 1
                del known[identity]
                done.append(running.pop(identity))
                continue
            track = running[identity]
            track.px.append(off_px)
            track.m.append((own_m - own_m[0]) - (true_m - true_m[0]))
            track.wrist_m.append(own_m[0] - true_m[0])
            track.side_px.append(side)
            one = np.array([row])
            known[identity] = (
                px,
                FitStart(found.start.pose[one], found.start.shape[one]),
                found.memory.rows(one),
            )
    return [track for track in [*done, *running.values()] if track.px], lost


def figures(tracks: list[Track]) -> str:
    """One line of means over all frames."""
    px = np.concatenate(
        [np.linalg.norm(track.px, axis=-1).mean(1) / np.array(track.side_px) for track in tracks]
    )
    m = np.concatenate([np.linalg.norm(track.m, axis=-1).mean(1) for track in tracks])
    wrist = np.concatenate([np.linalg.norm(track.wrist_m, axis=-1) for track in tracks])
    jitter_px, jitter_m = (
        np.concatenate(
            [
                np.linalg.norm(np.diff(getattr(track, name), n=2, axis=0), axis=-1).mean(1)
                for track in tracks
                if len(track.px) > 2
            ]
        )
        for name in ("px", "m")
    )
    return (
        f"{len(px)} hands: {100 * px.mean():.2f} % of box, {1000 * m.mean():.1f} mm from the wrist on, wrist"
        f" {1000 * wrist.mean():.0f} mm; jitter {jitter_px.mean():.2f} px, {1000 * jitter_m.mean():.2f} mm"
    )


if __name__ == "__main__":
    main()
