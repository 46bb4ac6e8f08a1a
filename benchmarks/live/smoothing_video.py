"""A clip three times beside each other, as a small animated WebP: raw answers, gated, gated and filtered.

    python -m benchmarks.live.smoothing_video CLIP --answers FILE --out shake.webp [--hand 0] [--start 2] [--seconds 3]

CLIP is a folder of one clip, FILE its answers (`benchmarks.live.answers`). The frame's colour is the state: green
observed, yellow doubtful, red held. The picture follows the true hand.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from benchmarks.live.answers import Answers, read
from benchmarks.live.smoothing import causal, placed
from knuckle.files import atomic_path
from knuckle.photos.reading import read_image
from knuckle.view.overlay import draw_skeleton

PANEL_PX = 208
_BAR_PX = 20
_ZOOM = 1.9
"""Side of what is shown over the hand's extent."""
COLOURS = {
    "observed": (70, 160, 80),
    "doubtful": (220, 170, 40),
    "held": (200, 60, 50),
    None: (110, 110, 110),
}
_RATE = 15.0
"""Frames a second that are drawn."""
LARGEST_BYTES = 400_000


def windows(track: Answers) -> Float[np.ndarray, "T 3"]:
    """Middle x, y and side of what is shown, px: the true hand's, smoothed over half a second; NaN without a hand."""
    px = track.camera.project(track.truth_m)
    low, high = px.min(1), px.max(1)
    found = np.concatenate([(low + high) / 2, (high - low).max(1, keepdims=True)], 1)
    smooth = found.copy()
    for row in np.flatnonzero(np.isfinite(found).all(1)):
        near = found[max(0, row - 7) : row + 8]
        near = near[np.isfinite(near).all(1)]
        smooth[row] = near.mean(0)
        smooth[row, 2] = near[:, 2].max()
    return smooth


def panel(
    image: UInt8[np.ndarray, "H W 3"],
    window: Float[np.ndarray, "3"],
    joints_px: Float[np.ndarray, "21 2"],
    state: str | None,
    title: str,
) -> UInt8[np.ndarray, "h w 3"]:
    """One way's picture of one frame."""
    scale = PANEL_PX / (window[2] * _ZOOM)
    shift = PANEL_PX / 2 - scale * window[:2]
    warp = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    picture = cv2.warpAffine(
        image, warp, (PANEL_PX, PANEL_PX), flags=cv2.INTER_AREA, borderValue=(40, 40, 40)
    )
    if np.isfinite(joints_px).all():
        draw_skeleton(picture, joints_px * scale + shift, np.ones(21, dtype=bool))
    bar = np.full((_BAR_PX, PANEL_PX, 3), COLOURS[state], dtype=np.uint8)
    text = title if state is None else f"{title}: {state}"
    cv2.putText(bar, text, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    picture = np.concatenate([bar, picture])
    picture[-3:], picture[:, :2], picture[:, -2:] = COLOURS[state], COLOURS[state], COLOURS[state]
    return picture


def draw(clip: Path, track: Answers, frames: range) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The pictures of these frames of a clip."""
    gated, states = causal(track, filtered=False)
    smooth, _ = causal(track)
    asked = np.asarray(np.isfinite(track.poses.root_m).all(1))
    ways = [
        ("raw", placed(track, track.poses), [("observed" if one else None) for one in asked]),
        ("gate", placed(track, gated), states),
        ("gate + filter", placed(track, smooth), states),
    ]
    shown = windows(track)
    pictures = []
    for row in frames:
        if not np.isfinite(shown[row]).all():
            continue
        image = read_image(clip / "frames" / f"{row:06d}.jpg")
        panels = []
        for title, joints, of in ways:
            there = np.isfinite(joints[row]).all()
            px = track.camera.project(joints[row]) if there else np.full((21, 2), np.nan)
            panels.append(panel(image, shown[row], px, of[row] if title != "raw" else None, title))
        gap = np.full((panels[0].shape[0], 4, 3), 255, dtype=np.uint8)
        pictures.append(np.concatenate([panels[0], gap, panels[1], gap, panels[2]], 1))
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hand", type=int, default=0)
    parser.add_argument("--start", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    track = read([options.answers])[options.hand]
    rate = 1 / float(np.median(np.diff(track.times_s)))
    first = int(options.start * rate)
    last = min(first + int(options.seconds * rate), len(track.times_s))
    every = max(1, round(rate / _RATE))
    pictures = [Image.fromarray(p) for p in draw(options.clip, track, range(first, last, every))]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for quality in (60, 45, 30, 20, 10):
        with atomic_path(options.out) as part, part.open("wb") as file:
            pictures[0].save(
                file,
                format="WEBP",
                save_all=True,
                append_images=pictures[1:],
                duration=round(1000 * every / rate),
                loop=0,
                quality=quality,
                method=4,
            )
        if options.out.stat().st_size <= LARGEST_BYTES:
            break
    print(
        f"{options.out}: {len(pictures)} pictures, {options.out.stat().st_size / 1000:.0f} kB, quality {quality}"
    )


if __name__ == "__main__":
    main()
