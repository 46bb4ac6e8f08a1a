"""A dataset's training split written as a set of crops, in the format of `knuckle synth`: what training reads.

Every crop is the square of `expand` times the longer side of the joints' box, resampled; where it reaches beyond the
picture, the picture's edge is repeated. Left hands are mirrored with their frame, so all hands are right ones. The
arrays are those of `knuckle.sets.samples.Sample`, with two differences. `visible` tells whether a joint lies
within the picture, and is seen where the dataset says so. `residual_m` is added: the mean distance of the rig's
joints from the dataset's.

Pose and shape are those of one rig, open or MANO, and mean nothing to another: the index names it (`rig_name`) and
whose fingertips it has (`tips`). The joints have the same ones: by MANO's mesh they are converted from the dataset's;
the open rig's are those of the fitted pose.

Of data sets with masks and meshes of their own there are two arrays more, at which training then looks instead of the
posed rig. `own_mask`: at half the crop's side, 1 where the hand is seen, 0 elsewhere and beyond the picture.
`own_mesh_m`: the vertices, camera frame, metres; with MANO's rig alone, whose mesh they are of.
"""

import json
import math
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from knuckle.datasets.hand_free_rows import hand_free_row
from knuckle.datasets.hand_rows import hand_rows, readable_hands, runs_of
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.rig_labels import with_tips
from knuckle.datasets.source import (
    CheckedSource,
    DamagedSource,
    OrderedSource,
    PartialSource,
    Source,
    SurfaceSource,
    itself,
)
from knuckle.errors import KnuckleError
from knuckle.sets.samples import label_table
from knuckle.sets.storage import FORMAT, DamagedInput, Header, array_specs, open_arrays, write_set
from knuckle.truth import validity_table

MOST_NEGATIVES = 0.9
SHARD = 256
"""Crops a shard; a multiple of FreiHAND's four versions of a sample, which share one fit."""

_LEFT_OUT = "left_out"
_SHOWN = 5
"""Sentences of one kind that a message holds; the index holds all."""


def convert_set(
    dataset: str,
    folder: Path,
    out: Path,
    *,
    size: int = 256,
    expand: float = 1.5,
    rig: Path | None = None,
    tips: str | None = None,
    negatives: float = 0.0,
    variant: str | None = None,
    limit: int | None = None,
    workers: int = 1,
    resume: bool = False,
    skip_damaged: bool = False,
    progress: bool = False,
) -> Header:
    """Write a dataset's training split into the folder `out`; returns what its index.json says.

    Args:
        dataset: one of `knuckle.datasets.registry.DATA_SETS`.
        folder: of the dataset, as downloaded.
        out: where the set is written.
        size: side of the crops, px (a crop takes size^2 x 3 bytes).
        expand: side of the crops over the longer side of the joints' box.
        rig: MANO_RIGHT.pkl or a rig file, else the open rig.
        tips: of a MANO rig, whose fingertips the set's joints get (`knuckle.rig.tips`); None: FreiHAND's, as training
            reads MANO_RIGHT.pkl.
        negatives: share of the set's crops that are hand-free squares of the dataset's own frames
            (`knuckle.datasets.hand_free`), every other one of a frame without any hand where the dataset has such; they
            come after the hands.
        variant: which of the dataset's set-ups or parts (`DataSet.variants`); None: its first.
        limit: only the first so many hands, of a download that need not be complete.
        workers: processes.
        resume: go on with a set that was cut short.
        skip_damaged: finish the set without the hands whose files cannot be read; in their rows stand the next ones
            that can, and the index names them under left_out_damaged, and under stand_ins each such row and the one
            whose hand it shows.
        progress: show a progress bar.

    A picture or annotation that cannot be read ends nothing at once: the shards without such files are written, and
    then all of them are named. The index gives the mean of residual_m as residual_mm. Raises KnuckleError naming the
    file that is missing, damaged or disagrees, for options out of range and for a folder in use.
    """
    find_data_set(dataset)
    check_options(size=size, expand=expand, limit=limit, workers=workers)
    # Written so that NaN fails too.
    if not 0 <= negatives <= MOST_NEGATIVES:
        raise KnuckleError(f"negatives: expected a share from 0 to {MOST_NEGATIVES}, got {negatives}")
    if negatives and not find_data_set(dataset).negatives:
        raise KnuckleError(
            f"negatives: expected 0, as pictures of {dataset} show hands without labels, got {negatives}"
        )
    _open.cache_clear()
    chosen = find_data_set(dataset).chosen_variant(variant)
    opened: Callable[[], Source] = partial(_open, dataset, folder, rig, limit is None, chosen)
    if find_data_set(dataset).opened_once:
        opened = partial(itself, opened())
    source = opened()
    if isinstance(source, DamagedSource) and source.damaged and not skip_damaged:
        raise DamagedInput(
            f"{_listed(source.damaged)}; {len(source.damaged)} of the annotations cannot be used: mend the files, or"
            f" leave them out with --skip-damaged"
        )
    about = (
        {"left_out": source.faults, "labels": source.labels_digest}
        if isinstance(source, CheckedSource)
        else None
    )
    return write_crops(
        opened,
        out,
        # The hands of another variant are other hands (`knuckle.sets.seen`).
        dataset=dataset if chosen is None else f"{dataset} {chosen}",
        options={"size": size, "expand": expand} | ({"negatives": negatives} if negatives else {}),
        tips=tips,
        about=about,
        limit=limit,
        workers=workers,
        resume=resume,
        skip_damaged=skip_damaged,
        progress=progress,
    )


def check_options(*, size: int, expand: float, limit: int | None, workers: int) -> None:
    """Raise KnuckleError for an option of `convert_set` out of range."""
    for name, value, low, high in (
        ("size", size, 32, 1024),
        ("expand", expand, 1, 4),
        ("limit", 1 if limit is None else limit, 1, 10**9),
        ("workers", workers, 1, 256),
    ):
        if not low <= value <= high:
            raise KnuckleError(f"{name}: expected {low} to {high}, got {value}")


def write_crops(
    opened: Callable[[], Source],
    out: Path,
    *,
    dataset: str,
    options: Header,
    tips: str | None = None,
    about: Header | None = None,
    limit: int | None,
    workers: int,
    resume: bool,
    skip_damaged: bool = False,
    progress: bool,
) -> Header:
    """Write the hands of a source as a set; returns what its index.json says.

    opened: gives the source, here and, pickled, in every worker. options: size, expand and what else a resumed set
    must have in common. tips: as in `convert_set`. about: what else the index says. The rest is as in `convert_set`.
    """
    source, size = opened(), options["size"]
    rig = with_tips(source.rig, tips)
    hands = min(source.count, limit or source.count)
    share = options.get("negatives", 0.0)
    without = math.ceil(hands * share / (1 - share))
    count = hands + without
    table = label_table(size, 0, full=False) | {"residual_m": ((), "float32")}
    if isinstance(source, PartialSource):
        table |= validity_table(1)
    if isinstance(source, SurfaceSource):
        table |= {"own_mask": ((size // 2, size // 2), "uint8")} if source.has_masks else {}
        table |= {"own_mesh_m": ((len(rig.vertices), 3), "float32")} if source.has_meshes else {}
    ordered = {}
    if isinstance(source, OrderedSource):
        ordered = {"together": source.together} | ({"order": source.order} if source.order else {})
    header = {
        "format": FORMAT,
        "count": count,
        "hand_free": without,
        "dataset": dataset,
        "options": options,
        "rig": rig.fingerprint,
        "rig_name": rig.name,
        "tips": rig.tips,
        **ordered,
        **(about or {}),
        "arrays": array_specs(count, {"images": ((size, size, 3), "uint8"), **table}),
        "complete": False,
    }
    lost = source.damaged if isinstance(source, DamagedSource) else []
    summary = partial(_summary, lost=lost)
    write_set(
        out,
        header,
        partial(_write_shard, opened, out, header, rig.tips, skip_damaged),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("format", "count", "dataset", "options", "rig", "arrays", *ordered),
        title="converting" if progress else None,
        summary=summary,
        otherwise="mend the files, or give --skip-damaged to leave them out, and resume the set",
    )
    return header | summary(out)


@lru_cache(maxsize=1)
def _open(dataset: str, folder: Path, rig: Path | None, complete: bool, variant: str | None) -> Source:
    """A process opens a source once: label files are large."""
    return find_data_set(dataset).open_source(folder, rig, complete=complete, variant=variant)


def _summary(out: Path, *, lost: list[str]) -> Header:
    residual, is_hand = (
        np.load(out / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("residual_m", "is_hand")
    )
    met = residual[is_hand & np.isfinite(residual)]
    stand_ins: list[list[int]] = []
    for path in sorted((out / _LEFT_OUT).glob("*.json")):
        told = json.loads(path.read_text())
        lost, stand_ins = lost + told["damaged"], stand_ins + told["stand_ins"]
    return {
        "residual_mm": round(float(met.mean(dtype=np.float64)) * 1e3, 3) if len(met) else None,
        **({"left_out_damaged": lost} if lost else {}),
        **({"stand_ins": stand_ins} if stand_ins else {}),
    }


def _listed(sentences: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return "; ".join(sentences[:_SHOWN]) + more


def _write_shard(
    opened: Callable[[], Source], out: Path, header: Header, tips: str, skip_damaged: bool, shard: int
) -> None:
    source = opened()
    rig = with_tips(source.rig, tips)
    count, hands = header["count"], header["count"] - header["hand_free"]
    first, last = shard * SHARD, min((shard + 1) * SHARD, count)
    parts = []
    if first < hands:
        last_hand = min(last, hands)
        numbers, damaged = readable_hands(source, range(first, last_hand), header, hands)
        if damaged and not skip_damaged:
            # All of them, so that they can be mended at once.
            raise DamagedInput("; ".join(dict.fromkeys(damaged)))
        if damaged:
            (out / _LEFT_OUT).mkdir(exist_ok=True)
            instead = [[row, number] for row, (number, _) in enumerate(numbers, first) if row != number]
            told = {"damaged": list(dict.fromkeys(damaged)), "stand_ins": instead}
            (out / _LEFT_OUT / f"{shard:06d}.json").write_text(json.dumps(told))
        parts += [hand_rows(source, rig, run, header) for run in runs_of(numbers)]
    for row in range(max(first, hands), last):
        parts.append(hand_free_row(source, row, hands, header))
    for name, array in open_arrays(out, header).items():
        array[first:last] = np.concatenate([part[name] for part in parts])
        array.flush()
