"""The frozen clips: three takes of each of eight kinds, by a fixed seed.

Anyone renders the same ones from a clone. The record beside this file holds the sha256 of the labels, rounded to whole
px, and means over each clip, which allow for single pixels that come out otherwise where sums are rounded differently.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from knuckle.cache import cache_folder
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.sets.storage import INDEX
from knuckle.synth.clips.labels import ClipKind
from knuckle.synth.clips.writer import CLIP, FRAMES, clip_folders, read_truth, render_clips

SEED, COUNT = 20264, 24
RECORD = Path(__file__).with_name("frozen.json")
_TOLERANCE = {"hands": 0.02, "boxes": 1.0, "shown": 0.01, "images": 1.0}
"""How far a clip's mean may be off: hands a frame, px, share, grey levels of 0..255."""
_PICTURES = 10
"""Frames of a clip whose pixels are compared."""


@dataclass(frozen=True, eq=False)
class StoredClip:
    """A clip on disk."""

    folder: Path
    name: str
    kind: ClipKind
    rate: float
    """Frames a second."""
    camera: Camera
    frames: tuple[Path, ...]
    truth: list[dict[str, Any]]
    """A frame's line of `truth.jsonl`, one for each of `frames`."""


def load_frozen_clips(
    cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True
) -> list[StoredClip]:
    """The clips of `frozen_folder`."""
    folder = frozen_folder(cache_dir, workers=workers, progress=progress)
    return [load_clip(clip) for clip in clip_folders(folder)]


def frozen_folder(cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True) -> Path:
    """The folder of the frozen clips in the cache, rendered there first if need be (about 10 minutes on one core, 180
    MB), and checked.

    cache_dir: by default the package's cache. Raises KnuckleError when they are not the frozen ones.
    """
    folder = Path(cache_dir or cache_folder()) / f"clip-benchmark-{expected()['labels_sha256'][:12]}"
    finished = (folder / INDEX).is_file() and json.loads((folder / INDEX).read_text()).get("complete")
    if not finished:
        render_frozen(folder, workers=workers, progress=progress)
    compare(fingerprint(folder))
    return folder


def render_frozen(folder: Path, *, workers: int = 1, progress: bool = False) -> Path:
    """Render the frozen clips into a folder, going on where one was cut short, without checking them."""
    return render_clips(folder, COUNT, seed=SEED, workers=workers, resume=True, progress=progress)


def load_clip(folder: Path) -> StoredClip:
    """A clip on disk. Raises KnuckleError for a folder that holds none, or not all of one."""
    path = folder / CLIP
    try:
        about = json.loads(path.read_text())
        camera = Camera(**about["camera"])
        name, kind, rate, count = (about[key] for key in ("name", "kind", "rate", "frames"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(f"{path}: expected what is known of a rendered clip ({error})") from error
    truth = read_truth(folder)
    frames = tuple(sorted((folder / FRAMES).glob("[0-9]*.jpg")))
    if not len(truth) == len(frames) == count:
        raise KnuckleError(
            f"{folder}: expected {count} frames and as many lines of truth, got {len(frames)} and {len(truth)}"
        )
    return StoredClip(folder, name, kind, float(rate), camera, frames, truth)


def expected() -> dict[str, Any]:
    """The record; raises KnuckleError where there is none."""
    try:
        return json.loads(RECORD.read_text())
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{RECORD}: expected the record of the frozen clips ({error})") from error


def fingerprint(folder: Path) -> dict[str, Any]:
    """What is compared: the labels' sum, and the means of every clip."""
    labels, clips = hashlib.sha256(), {}
    for path in clip_folders(folder):
        clip = load_clip(path)
        hands = [hand for line in clip.truth for hand in line["hands"]]
        for line in clip.truth:
            labels.update(json.dumps([[hand["identity"], hand["side"]] for hand in line["hands"]]).encode())
        boxes = np.array([hand["box_px"] for hand in hands]).reshape(-1, 4)
        labels.update(np.rint(boxes).astype("<i4").tobytes())
        looked_at = clip.frames[:: -(-len(clip.frames) // _PICTURES)]
        clips[clip.name] = {
            "hands": round(len(hands) / len(clip.frames), 3),
            "boxes": boxes.mean(0).round(2).tolist(),
            "shown": round(float(np.mean([hand["shown"] for hand in hands])), 4),
            "images": round(float(np.mean([_read(frame).mean() for frame in looked_at])), 3),
        }
    return {"labels_sha256": labels.hexdigest(), "clips": clips}


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise KnuckleError(f"{path}: expected a rendered frame, cannot read it")
    return image


def compare(found: dict[str, Any]) -> Literal["exact", "close"]:
    """Check a fingerprint: "exact" if all agrees, "close" if all means of the clips do, within a tolerance.

    Raises KnuckleError, naming the first clip that differs, when they are other clips: the rig, the engine or a library
    has changed, and scores on them must not be compared.
    """
    wanted = expected()
    if found == wanted:
        return "exact"
    if found["clips"].keys() != wanted["clips"].keys():
        raise KnuckleError(
            f"frozen clips: expected {', '.join(wanted['clips'])}, got {', '.join(found['clips'])}"
        )
    for name, means in wanted["clips"].items():
        for label, tolerance in _TOLERANCE.items():
            off = float(np.abs(np.subtract(found["clips"][name][label], means[label])).max())
            if off > tolerance:
                raise KnuckleError(
                    f"frozen clips: {name} differs from the frozen one in {label}: {off:.3g}, allowed {tolerance:g};"
                    " the engine, the rig or a library has changed"
                )
    return "close"
