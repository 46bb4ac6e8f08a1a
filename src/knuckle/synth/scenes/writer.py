"""Scenes on disk: JPEGs and `boxes.jsonl`, one line a picture, written by parallel processes and resumable."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.rig.load import load_rig
from knuckle.sets.storage import Header, write_set
from knuckle.synth.options import BackgroundKind

if TYPE_CHECKING:
    from knuckle.synth.scenes.engine import SceneEngine, SceneKind

FORMAT = 1
SHARD = 64
LABELS = "boxes.jsonl"
POOL = "pool"
"""Where in the folder poses and pairs are kept."""
_PARTS = "parts"
_engines: dict[str, "SceneEngine"] = {}


def render_scenes(
    out: Path,
    count: int,
    *,
    seed: int = 0,
    backgrounds: BackgroundKind = "auto",
    only: "SceneKind | None" = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Render scenes 0..count-1 of a seed into the folder `out`; returns it. Labels do not depend on workers or
    interruptions. `boxes.jsonl` is there, with what is finished, from the first 64 pictures on.

    Args:
        out: where pictures and labels are written.
        count: how many pictures.
        seed: picture i depends on the seed, i, backgrounds and `only`.
        backgrounds: "auto" takes photographs where `$KNUCKLE_DATA/backgrounds` is; "procedural" never does.
        only: one kind of scene instead of the mix.
        workers: processes.
        resume: go on with equal scenes that were cut short; without it the folder must be empty or new.
        progress: show a progress bar.

    Raises KnuckleError for bad options, a folder in use, and one that holds other scenes.
    """
    if count < 1:
        raise KnuckleError(f"count: expected at least 1 picture, got {count}")
    if workers < 1:
        raise KnuckleError(f"workers: expected at least 1 process, got {workers}")
    if seed < 0:
        raise KnuckleError(f"seed: expected 0 or more, got {seed}")
    if backgrounds not in ("auto", "procedural"):
        raise KnuckleError(f"backgrounds: expected auto or procedural, got {backgrounds!r}")
    from knuckle.synth.look.background import backgrounds_folder

    header: Header = {
        "scenes": FORMAT,
        "count": count,
        "seed": seed,
        "backgrounds": backgrounds,
        "photographs": backgrounds == "auto" and backgrounds_folder() is not None,
        "only": only,
        "rig": load_rig("open").fingerprint,
        "arrays": {},
        "complete": False,
    }
    return write_set(
        out,
        header,
        partial(_render_shard, str(out), header),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("scenes", "count", "seed", "backgrounds", "photographs", "only", "rig"),
        title="rendering" if progress else None,
        summary=_gather,
    )


def read_scenes(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a folder's `boxes.jsonl`. Raises KnuckleError where there is none."""
    path = folder / LABELS
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise KnuckleError(f"{path}: expected the labels of rendered scenes ({error.strerror})") from error
    yield from (json.loads(line) for line in lines)


def _render_shard(folder: str, header: Header, shard: int) -> None:
    from knuckle.synth.scenes.engine import SceneEngine
    from knuckle.synth.scenes.labels import encode, scene_line

    out = Path(folder)
    key = json.dumps([folder, header["seed"], header["backgrounds"], header["only"]])
    if key not in _engines:
        _engines.clear()
        _engines[key] = SceneEngine(
            header["seed"], backgrounds=header["backgrounds"], only=header["only"], folder=out / POOL
        )
    lines = []
    for index in range(shard * SHARD, min(shard * SHARD + SHARD, header["count"])):
        picture = _engines[key].picture(index)
        name = f"{index:06d}.jpg"
        (out / name).write_bytes(encode(picture))
        lines.append(json.dumps(scene_line(picture, name)) + "\n")
    with atomic_path(out / _PARTS / f"{shard:06d}.jsonl") as path:
        path.write_text("".join(lines))
    _gather(out)


def _gather(out: Path) -> Header:
    """Put the labels of all finished shards together."""
    parts = sorted((out / _PARTS).glob("[0-9]*.jsonl"))
    with atomic_path(out / LABELS) as path:
        path.write_text("".join(part.read_text() for part in parts))
    return {}
