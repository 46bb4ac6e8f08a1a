"""The frozen benchmark is the one its record describes, and a changed one is refused."""

import copy
import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.synth import benchmark
from knuckle.synth.engine import SynthEngine

PREFIX = 64


@pytest.fixture(scope="module")
def prefix():
    """Images and labels of the benchmark's first 64 crops."""
    engine = SynthEngine(benchmark.BENCHMARK_SEED, benchmark.BENCHMARK_OPTIONS)
    samples = [engine.sample(i) for i in range(PREFIX)]
    labels = {name: np.stack([s.labels()[name] for s in samples]) for name in samples[0].labels()}
    return np.stack([s.image for s in samples]), labels


@pytest.fixture(scope="module")
def record():
    return json.loads(benchmark.RECORD.read_text())


def test_the_first_crops_are_the_frozen_ones(prefix, record):
    assert len(record["groups"]) == -(-benchmark.BENCHMARK_COUNT // benchmark.GROUP)
    assert benchmark.compare(benchmark.fingerprint(*prefix), record) == "close"
    assert benchmark.fingerprint(*prefix)["labels_sha256"] == record["prefix_labels_sha256"]


def test_equal_sums_are_exact(prefix):
    found = benchmark.fingerprint(*prefix)
    assert benchmark.compare(found, copy.deepcopy(found)) == "exact"


def test_single_pixels_may_round_differently_but_labels_and_looks_may_not(prefix, record):
    images, labels = prefix
    noisy = images.copy()
    noisy[:, ::7, ::7] ^= 1
    assert benchmark.compare(benchmark.fingerprint(noisy, labels), record) == "close"
    with pytest.raises(KnuckleError, match="group 0 differs from the frozen one in images"):
        benchmark.compare(benchmark.fingerprint(images // 2, labels), record)
    moved = labels | {"joints_m": labels["joints_m"] + 3e-4}
    with pytest.raises(KnuckleError, match="in joints_m"):
        benchmark.compare(benchmark.fingerprint(images, moved), record)


def test_a_thousand_crops_of_the_benchmark_hold_no_hand():
    share = benchmark.BENCHMARK_OPTIONS.negatives
    empty = sum(int((i + 1) * share + 1e-9) > int(i * share + 1e-9) for i in range(benchmark.BENCHMARK_COUNT))
    assert empty == 1000
