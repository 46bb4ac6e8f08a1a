"""Solved pairs of a frozen set: into one file, and back to where a pool looks for them."""

from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.poses.pairs.sample import PAIR_KINDS, HandPairs
from knuckle.rig.load import load_rig
from knuckle.synth import benchmark
from knuckle.synth.pairs.frozen import keep_pairs, lay_pairs
from knuckle.synth.pairs.pool import CHUNK_PAIRS, PairPool, pairs_path, store_pairs

SAMPLES = (0, 7, CHUNK_PAIRS + 3)


def drawn(seed: int) -> HandPairs:
    rng = np.random.default_rng(seed)
    shapes = ((2, 16, 3), (2, 10), (2, 3))
    numbers = (rng.normal(size=(CHUNK_PAIRS, *shape)).astype(np.float32) for shape in shapes)
    return HandPairs(*numbers, rng.integers(len(PAIR_KINDS), size=CHUNK_PAIRS))


@pytest.fixture
def kept(tmp_path) -> tuple[list[HandPairs], Path]:
    """Two chunks of a pool, and the file of three of their pairs."""
    chunks = [drawn(0), drawn(1)]
    for number, chunk in enumerate(chunks):
        store_pairs(pairs_path(tmp_path / "before", number), chunk)
    path = tmp_path / "pairs.npz"
    keep_pairs(tmp_path / "before", SAMPLES, path)
    return chunks, path


def test_a_pool_finds_the_pairs_that_were_kept(kept, tmp_path):
    chunks, path = kept
    lay_pairs(path, tmp_path / "after")
    pool = PairPool(load_rig("open"), 5, tmp_path / "after")
    for sample in SAMPLES:
        pair, chunk, row = pool.pair(sample), chunks[sample // CHUNK_PAIRS], sample % CHUNK_PAIRS
        np.testing.assert_array_equal(pair.pose, chunk.pose[row])
        np.testing.assert_array_equal(pair.shape, chunk.shape[row])
        np.testing.assert_array_equal(pair.translation, chunk.translation[row])
        assert pair.kind == chunk.kind[row]
    assert not pool.pair(1).pose.any()


def test_chunks_that_are_there_stay(kept, tmp_path):
    _, path = kept
    own = drawn(2)
    store_pairs(pairs_path(tmp_path / "after", 0), own)
    lay_pairs(path, tmp_path / "after")
    pool = PairPool(load_rig("open"), 5, tmp_path / "after")
    np.testing.assert_array_equal(pool.pair(7).pose, own.pose[7])
    assert pool.pair(CHUNK_PAIRS + 3).pose.any()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"text"])
def test_a_file_that_is_none_is_one_sentence(tmp_path, content):
    path = tmp_path / "pairs.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KnuckleError, match=r"pairs\.npz: expected the pairs of a frozen set"):
        lay_pairs(path, tmp_path / "pool")
    assert not (tmp_path / "pool").exists()


def test_every_pair_of_the_benchmark_is_kept(tmp_path):
    frozen = benchmark.TWO_HANDS
    benchmark.lay_pool(frozen, tmp_path)
    pool = PairPool(load_rig("open"), frozen.seed, tmp_path)
    shown = [i for i in range(frozen.count) if pool.pair(i).shape.any()]
    assert len(shown) == 2000
    assert len({pool.pair(i).kind for i in shown}) == len(PAIR_KINDS)
