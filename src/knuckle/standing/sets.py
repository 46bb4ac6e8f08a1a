"""The sets a standing run trains and validates on, each made once and finished where it was cut short."""

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
"""From a model's name to its depths."""


def set_folder(folder: Path, index: int) -> Path:
    """Where the set of a stretch lies."""
    return folder / SETS / f"{index:05d}"


def render_stretch(folder: Path, stretch: Stretch, index: int, *, workers: int) -> Path:
    """The set of a stretch, rendered unless it is there; `stretch` gets the seconds."""
    out, count = set_folder(folder, index), stretch.render["count"]
    if not _is_finished(out, _same_render(stretch)):
        begun, before = time.monotonic(), _shards_done(out)
        _render(out, count, stretch.seed, SynthOptions(**stretch.render["options"]), workers)
        share = 1 - before / -(-count // SHARD)
        # Of a set that an earlier start began, the time is guessed from the rest.
        stretch.render_seconds = (time.monotonic() - begun) / max(share, 1e-9)
    return out


def held_out_set(folder: Path, render: Render) -> Path:
    """Hands of the recipe's options by a seed of their own; one more than are held out, as a set must have some to
    train on."""
    out, options = folder / HELD_OUT, replace(render.options, negatives=0.0)
    stretch = Stretch(HELD_OUT_SEED, {"count": render.held_out + 1, "options": options.to_dict()})
    if not _is_finished(out, _same_render(stretch)):
        _render(out, render.held_out + 1, HELD_OUT_SEED, options, render.workers)
    return out


def photo_set(
    folder: Path, photos: Photos, *, size: int, workers: int, open_opinion: OpenOpinion
) -> Path | None:
    """The photographs as a set, or None where none are asked for. Raises KnuckleError where they are missing."""
    if not photos.share:
        return None
    source = photo_folder(photos)
    second = open_opinion(photos.depths) if photos.depths else None
    options = {"size": size, "depths": second and second.name}
    out = folder / PHOTOS

    def same(index: dict[str, Any]) -> bool:
        found = index.get("options", {})
        return index.get("rig") == load_rig("open").fingerprint and options.items() <= found.items()

    if not _is_finished(out, same):
        with _nothing_useless(out):
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


def photo_folder(photos: Photos) -> Path:
    """Where the photographs lie; raises KnuckleError where they do not."""
    root = os.environ.get(DATA_VARIABLE)
    folder = Path(root or "") / photos.folder
    if not root or not folder.is_dir():
        where = f"{folder} is not there" if root else "it is not set"
        raise KnuckleError(
            f"photos: expected {DATA_VARIABLE} to name a folder that holds {photos.folder}, but {where}; a share of 0"
            " trains without photographs"
        )
    return folder


def drop_sets(folder: Path, *, before: int) -> None:
    """Delete the sets of stretches that nothing trains on any more."""
    for old in (folder / SETS).glob("[0-9]*"):
        if old.name.isdigit() and int(old.name) < before:
            shutil.rmtree(old)


def set_bytes(render: Render, *, photos: bool) -> int:
    """About how much disk a run's folder takes: two sets, while the rate falls, the held-out one and photographs."""
    pixels = 3 * render.options.size**2
    return pixels * (2 * render.count + render.held_out + 4000 * photos) + 200_000_000


def _same_render(stretch: Stretch) -> Callable[[dict[str, Any]], bool]:
    """Whether an index is that of the stretch's set."""
    expected = {"seed": stretch.seed, "rig": load_rig("open").fingerprint, **stretch.render}
    return lambda index: all(index.get(name) == value for name, value in expected.items())


def _is_finished(out: Path, same: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether a set is there; one of another kind is removed."""
    if not (out / INDEX).is_file():
        return False
    index = read_index(out)
    if same(index):
        return bool(index.get("complete"))
    shutil.rmtree(out)
    return False


def _render(out: Path, count: int, seed: int, options: SynthOptions, workers: int) -> None:
    watched = sys.stderr.isatty()
    with _nothing_useless(out):
        render_set(out, count, seed=seed, options=options, workers=workers, resume=True, progress=watched)


@contextmanager
def _nothing_useless(out: Path) -> Iterator[None]:
    """Where making a set fails, arrays without an index go: they are of no use to the next start, and large."""
    try:
        yield
    except BaseException:
        if not (out / INDEX).is_file():
            shutil.rmtree(out, ignore_errors=True)
        raise


def _shards_done(out: Path) -> int:
    done = out / "done"
    return sum(1 for marker in done.iterdir() if marker.name.isdigit()) if done.is_dir() else 0
