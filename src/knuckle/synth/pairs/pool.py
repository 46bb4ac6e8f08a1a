"""Pairs of hands and directions of view of a set, in chunks that are drawn when first needed."""

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.poses.pairs.sample import HandPairs, sample_pair_views, sample_pairs
from knuckle.rig.hand_rig import HandRig

CHUNK_PAIRS = 512
CHUNKS = 64


class PosedPair(NamedTuple):
    """One of the rows of `HandPairs`, in double precision."""

    pose: Float[np.ndarray, "2 16 3"]
    shape: Float[np.ndarray, "2 10"]
    translation: Float[np.ndarray, "2 3"]
    kind: int


class PairPool:
    """CHUNKS x CHUNK_PAIRS pairs of one seed, some milliseconds each to draw; later samples see them again from
    elsewhere, in other light. `folder`: where chunks are kept and shared."""

    def __init__(self, rig: HandRig, seed: int, folder: Path | None = None) -> None:
        self.rig, self.seed, self.folder = rig, seed, folder
        self._chunk = lru_cache(maxsize=None)(self._load)
        self._views = lru_cache(maxsize=4)(self._draw_views)

    def pair(self, index: int) -> PosedPair:
        """The pair of sample `index`, in its own frame; repeats after CHUNKS * CHUNK_PAIRS samples."""
        pairs, row = self._chunk(index // CHUNK_PAIRS % CHUNKS), index % CHUNK_PAIRS
        pose, shape, translation = (np.asarray(array[row], np.float64) for array in pairs[:3])
        return PosedPair(pose, shape, translation, int(pairs.kind[row]))

    def view(self, index: int) -> Float[np.ndarray, "3 3"]:
        """camera_from_pair of sample `index`; they never repeat."""
        return self._views(index // CHUNK_PAIRS)[index % CHUNK_PAIRS]

    def _draw_views(self, chunk: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, chunk, 0xB3])
        return sample_pair_views(CHUNK_PAIRS, rng).astype(np.float64)

    def _load(self, chunk: int) -> HandPairs:
        path = None if self.folder is None else pairs_path(self.folder, chunk)
        if path is not None and path.is_file():
            return load_pairs(path)
        pairs = sample_pairs(self.rig, CHUNK_PAIRS, np.random.default_rng([self.seed, chunk, 0xB2]))
        if path is not None:
            store_pairs(path, pairs)
        return pairs


def pairs_path(folder: Path, chunk: int) -> Path:
    """Where a pool's folder keeps a chunk."""
    return folder / f"pairs-{chunk:03d}.npz"


def load_pairs(path: Path) -> HandPairs:
    """A chunk from its file."""
    with np.load(path) as stored:
        return HandPairs(*(stored[name] for name in HandPairs._fields))


def store_pairs(path: Path, pairs: HandPairs) -> None:
    """A chunk into its file, which other processes may be writing too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")
    np.savez(temporary, **pairs._asdict())
    temporary.replace(path)
