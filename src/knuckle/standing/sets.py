"""The sets that a standing run trains and validates on. Each is made once; an interrupted one is completed."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from knuckle.datasets.teacher_set import SecondOpinion, convert_teacher
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.one_hand import DATA_VARIABLE
from knuckle.rig.load import load_rig
from knuckle.sets.storage import INDEX, read_index
from knuckle.standing.recipe import Photos, Render
from knuckle.standing.state import HELD_OUT_SEED, Stretch
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import SHARD, render_set

SETS, HELD_OUT, PHOTOS = "sets", "held-out", "photos"

OpenOpinion = Callable[[str], SecondOpinion]
"""Opens a model by its name; its depths are averaged with the teacher's."""


def set_folder(folder: Path, index: int) -> Path:
    """The folder of a stretch's set."""
    return folder / SETS / f"{index:05d}"


def render_stretch(folder: Path, stretch: Stretch, index: int, *, workers: int) -> Path:
    """Render the set of a stretch, unless it exists; returns the set's folder.

    Args:
        folder: of the run.
        stretch: what to render; its `render_seconds` is set.
        index: of the stretch.
        workers: processes.
    """
    out, count = set_folder(folder, index), stretch.render["count"]
    if not _reuse(out, _match_render(stretch)):
        begun, before = time.monotonic(), _count_shards(out)
        _render(out, count, stretch.seed, SynthOptions(**stretch.render["options"]), workers)
        share = 1 - before / -(-count // SHARD)
        # If an earlier command rendered a part of the set, its time is estimated from the rest.
        stretch.render_seconds = (time.monotonic() - begun) / max(share, 1e-9)
    return out


def make_held_out_set(folder: Path, render: Render) -> Path:
    """Render the held-out hands with a seed of their own, and one hand more, as a set needs a hand to train on."""
    out, options = folder / HELD_OUT, replace(render.options, negatives=0.0)
    stretch = Stretch(HELD_OUT_SEED, {"count": render.held_out + 1, "options": options.to_dict()})
    if not _reuse(out, _match_render(stretch)):
        _render(out, render.held_out + 1, HELD_OUT_SEED, options, render.workers)
    return out


def make_photo_set(
    folder: Path, photos: Photos, *, size: int, workers: int, open_opinion: OpenOpinion
) -> Path | None:
    """Convert the photographs to a set; None if their share is 0. Raises KnuckleError if they are missing.

    Args:
        folder: of the run.
        photos: which ones.
        size: side of the crops, px.
        workers: processes.
        open_opinion: opens the model of `photos.depths`.
    """
    if not photos.share:
        return None
    source = find_photo_folder(photos)
    second = open_opinion(photos.depths) if photos.depths else None
    options = {"size": size, "depths": second and second.name}
    out = folder / PHOTOS

    def same(index: dict[str, Any]) -> bool:
        found = index.get("options", {})
        return index.get("rig") == load_rig("open").fingerprint and options.items() <= found.items()

    if not _reuse(out, same):
        with _remove_unusable(out):
            convert_teacher(
                source,
                out,
                size=size,
                second=second,
                workers=workers,
                resume=True,
                progress=sys.stderr.isatty(),
            )
    return out


def find_photo_folder(photos: Photos) -> Path:
    """The folder of the photographs; raises KnuckleError if it does not exist."""
    root = os.environ.get(DATA_VARIABLE)
    folder = Path(root or "") / photos.folder
    if not root or not folder.is_dir():
        where = f"{folder} is not there" if root else "it is not set"
        raise KnuckleError(
            f"photos: expected {DATA_VARIABLE} to name a folder that holds {photos.folder}, but {where}; a share of 0"
            " trains without photographs"
        )
    return folder


def delete_sets(folder: Path, *, before: int) -> None:
    """Delete the sets of all stretches before this one."""
    for old in (folder / SETS).glob("[0-9]*"):
        if old.name.isdigit() and int(old.name) < before:
            shutil.rmtree(old)


def estimate_bytes(render: Render, *, photos: bool) -> int:
    """Estimate how much disk a run's folder takes: two sets (during a cool-down), the held-out set, the photographs."""
    pixels = 3 * render.options.size**2
    return pixels * (2 * render.count + render.held_out + 4000 * photos) + 200_000_000


def _match_render(stretch: Stretch) -> Callable[[dict[str, Any]], bool]:
    """A test whether an index belongs to the stretch's set."""
    expected = {"seed": stretch.seed, "rig": load_rig("open").fingerprint, **stretch.render}
    return lambda index: all(index.get(name) == value for name, value in expected.items())


def _reuse(out: Path, same: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether the complete set exists; a set that is not the same is deleted."""
    if not (out / INDEX).is_file():
        return False
    index = read_index(out)
    if same(index):
        return bool(index.get("complete"))
    shutil.rmtree(out)
    return False


def _render(out: Path, count: int, seed: int, options: SynthOptions, workers: int) -> None:
    in_terminal = sys.stderr.isatty()
    with _remove_unusable(out):
        render_set(out, count, seed=seed, options=options, workers=workers, resume=True, progress=in_terminal)


@contextmanager
def _remove_unusable(out: Path) -> Iterator[None]:
    """If making a set fails before its index is written, remove its arrays: they are large and cannot be resumed."""
    try:
        yield
    except BaseException:
        if not (out / INDEX).is_file():
            shutil.rmtree(out, ignore_errors=True)
        raise


def _count_shards(out: Path) -> int:
    done = out / "done"
    return sum(1 for marker in done.iterdir() if marker.name.isdigit()) if done.is_dir() else 0
