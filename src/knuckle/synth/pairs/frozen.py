"""The solved pairs of a frozen set as a file: a solver of contacts ends elsewhere on a CPU that rounds differently."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.poses.pairs.sample import HandPairs
from knuckle.synth.pairs.pool import CHUNK_PAIRS, load_pairs, pairs_path, store_pairs


def keep_pairs(pool: Path, samples: Sequence[int], path: Path) -> None:
    """Write the pairs of those samples, out of a pool's folder, into one file."""
    chunks = {chunk: load_pairs(pairs_path(pool, chunk)) for chunk in {i // CHUNK_PAIRS for i in samples}}
    pairs = [HandPairs(*(field[i % CHUNK_PAIRS] for field in chunks[i // CHUNK_PAIRS])) for i in samples]
    kept = HandPairs(*(np.stack(values) for values in zip(*pairs, strict=True)))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            sample=np.asarray(samples, np.int64),
            pose=kept.pose,
            shape=kept.shape,
            translation=kept.translation,
            kind=kept.kind,
        )


def lay_pairs(path: Path, pool: Path) -> None:
    """Copy the pairs of such a file to where a pool looks for them; chunks that are there already stay.

    Samples that the file does not name get rows of zeros. Raises KnuckleError for a file that cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            sample = stored["sample"]
            kept = HandPairs(*(stored[name] for name in HandPairs._fields))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise KnuckleError(f"{path}: expected the pairs of a frozen set, got {error!r}") from error
    for chunk in np.unique(sample // CHUNK_PAIRS).tolist():
        if pairs_path(pool, chunk).is_file():
            continue
        own = sample // CHUNK_PAIRS == chunk
        whole = HandPairs(*(np.zeros((CHUNK_PAIRS, *field.shape[1:]), field.dtype) for field in kept))
        for field, values in zip(whole, kept, strict=True):
            field[sample[own] % CHUNK_PAIRS] = values[own]
        store_pairs(pairs_path(pool, chunk), whole)
