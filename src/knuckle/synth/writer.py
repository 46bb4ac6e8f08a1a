"""Render a set to disk by parallel processes."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig
from knuckle.sets.samples import label_table, pair_label_table
from knuckle.sets.storage import FORMAT, Header, array_specs, open_arrays, write_set
from knuckle.synth.options import SynthOptions

if TYPE_CHECKING:
    from knuckle.synth.engine import SynthEngine
    from knuckle.synth.pairs.engine import PairEngine
    from knuckle.synth.pairs.partner import PartnerEngine

SHARD = 512
POOL = "pool"
"""Where in a set's folder its poses and pairs are kept."""
_engines: dict[str, Any] = {}


def render_set(
    out: Path,
    count: int,
    *,
    seed: int = 0,
    options: SynthOptions | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Render samples 0..count-1 of a seed into the folder `out`; returns it. The bytes do not depend on workers or
    interruptions.

    Args:
        out: where the set is written.
        count: how many samples.
        seed: sample i depends on the seed, i and the options alone.
        options: what is rendered.
        workers: processes.
        resume: go on with a set of equal options that was cut short; without it the folder must be empty or new.
        progress: show a progress bar.

    Raises KnuckleError for bad options, a folder in use, and a set that does not match.
    """
    options = options or SynthOptions()
    if count < 1:
        raise KnuckleError(f"count: expected at least 1 sample, got {count}")
    if workers < 1:
        raise KnuckleError(f"workers: expected at least 1 process, got {workers}")
    if seed < 0:
        raise KnuckleError(f"seed: expected 0 or more, got {seed}")
    header = _header(count, seed, options)
    return write_set(
        out,
        header,
        partial(_render_shard, str(out), header),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("format", "count", "seed", "options", "photographs", "rig"),
        title="rendering" if progress else None,
    )


def _header(count: int, seed: int, options: SynthOptions) -> Header:
    from knuckle.synth.look.background import backgrounds_folder

    rig = load_rig("open")
    photographs = options.backgrounds == "auto" and backgrounds_folder() is not None
    table_of = label_table if options.hands == "one" else pair_label_table
    table = table_of(options.size, len(rig.vertices), full=options.labels == "full")
    table = {"images": ((options.size, options.size, 3), "uint8"), **table}
    return {
        "format": FORMAT,
        "count": count,
        "seed": seed,
        "options": options.to_dict(),
        "photographs": photographs,
        "rig": rig.fingerprint,
        "tips": rig.tips,
        "arrays": array_specs(count, table),
        "complete": False,
    }


def make_engine(
    seed: int, options: SynthOptions, *, folder: Path | None = None
) -> "SynthEngine | PartnerEngine | PairEngine":
    """The engine that renders sets of these options."""
    from knuckle.synth.engine import SynthEngine
    from knuckle.synth.pairs.engine import PairEngine
    from knuckle.synth.pairs.partner import PartnerEngine

    if options.hands == "two":
        return PairEngine(seed, options, folder=folder)
    return (PartnerEngine if "partner" in options.extras else SynthEngine)(seed, options, folder=folder)


def _render_shard(folder: str, header: Header, shard: int) -> None:
    out = Path(folder)
    options = SynthOptions(**header["options"])
    key = json.dumps([folder, header["seed"], header["options"]])
    if key not in _engines:
        _engines.clear()
        _engines[key] = make_engine(header["seed"], options, folder=out / POOL)
    engine = _engines[key]
    start, stop = shard * SHARD, min(shard * SHARD + SHARD, header["count"])
    arrays = open_arrays(out, header)
    for index in range(start, stop):
        sample = engine.sample(index)
        arrays["images"][index] = sample.image
        for name, value in sample.labels().items():
            arrays[name][index] = value
    for array in arrays.values():
        array.flush()
