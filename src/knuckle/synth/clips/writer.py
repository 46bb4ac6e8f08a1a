"""Clips on disk: a folder each, with its frames as JPEGs, `clip.json` and `truth.jsonl`; rendered by parallel processes
and resumable."""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.rig.load import load_rig
from knuckle.sets.storage import Header, write_set
from knuckle.synth.clips.labels import ClipFrame, ClipKind, camera_entry, frame_line

FORMAT = 1
FRAMES, TRUTH, CLIP = "frames", "truth.jsonl", "clip.json"
QUALITY = 92
"""Of the JPEGs."""


def render_clips(
    out: Path,
    count: int,
    *,
    seed: int = 0,
    kinds: Sequence[ClipKind] = (),
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Render clips 0..count-1 of a seed into the folder `out`; returns it.

    A clip's folder is there once it is whole. Its `clip.json` says name, seed, kind, rate (frames/s), exposure_s,
    camera and mirrored; `truth.jsonl` has a line a frame (see `labels.frame_line`).

    Args:
        out: where the clips' folders are written.
        count: how many clips.
        seed: clip i depends on the seed, i and `kinds` alone.
        kinds: which take turns; all where none is given.
        workers: processes.
        resume: go on with equal clips that were cut short; without it the folder must be empty or new.
        progress: show a progress bar.

    Raises KnuckleError for bad options, a folder in use, and one that holds other clips.
    """
    if count < 1:
        raise KnuckleError(f"count: expected at least 1 clip, got {count}")
    if workers < 1:
        raise KnuckleError(f"workers: expected at least 1 process, got {workers}")
    from knuckle.synth.clips.make import checked_kinds

    header: Header = {
        "clips": FORMAT,
        "count": count,
        "seed": seed,
        "kinds": list(checked_kinds(seed, kinds)),
        "rig": load_rig("open").fingerprint,
        "arrays": {},
        "complete": False,
    }
    return write_set(
        out,
        header,
        partial(_render_clip, str(out), header),
        shard_size=1,
        workers=workers,
        resume=resume,
        same=("clips", "count", "seed", "kinds", "rig"),
        title="rendering clips" if progress else None,
    )


def clip_folders(folder: Path) -> list[Path]:
    """The folders of the clips in a folder, by name. Raises KnuckleError where there is none."""
    found = sorted(path.parent for path in folder.glob(f"*/{CLIP}"))
    if not found:
        raise KnuckleError(f"{folder}: expected folders of rendered clips, each with a {CLIP}, found none")
    return found


def read_truth(folder: Path) -> list[dict[str, Any]]:
    """The lines of a clip's `truth.jsonl`. Raises KnuckleError where there is none."""
    path = folder / TRUTH
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{path}: expected the truth of a rendered clip ({error})") from error


def encode(frame: ClipFrame) -> bytes:
    """The frame's picture as a JPEG file."""
    bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise KnuckleError("clip: the frame cannot be encoded as JPEG")
    return data.tobytes()


def _render_clip(out: str, header: Header, index: int) -> None:
    from knuckle.synth.clips.clip import EXPOSURE_S
    from knuckle.synth.clips.make import make_clip

    clip = make_clip(header["seed"], index, kinds=tuple(header["kinds"]))
    folder = Path(out) / clip.name
    if folder.exists():
        # Of a run that was cut short.
        shutil.rmtree(folder)
    (folder / FRAMES).mkdir(parents=True)
    lines = []
    for number in range(clip.frames):
        frame = clip.frame(number)
        (folder / FRAMES / f"{number:06d}.jpg").write_bytes(encode(frame))
        lines.append(json.dumps(frame_line(frame.truth)) + "\n")
    with atomic_path(folder / TRUTH) as path:
        path.write_text("".join(lines))
    about = {
        "name": clip.name,
        "seed": clip.seed,
        "kind": clip.kind,
        "rate": clip.rate,
        "frames": clip.frames,
        "exposure_s": EXPOSURE_S,
        "camera": camera_entry(clip.camera),
        "camera_moves": clip.camera_path is not None,
        "mirrored": False,
    }
    with atomic_path(folder / CLIP) as path:
        path.write_text(json.dumps(about, indent=1) + "\n")
