"""The frozen benchmark is the one its record describes, and a changed one is refused."""

import copy
import dataclasses
import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.synth import benchmark
from knuckle.synth.draw import takes_turn
from knuckle.synth.writer import make_engine

PREFIX = 64


@pytest.fixture(
    scope="module", params=[benchmark.ONE_HAND, benchmark.TWO_HANDS], ids=lambda f: f.options.hands
)
def frozen(request):
    return request.param


@pytest.fixture(scope="module")
def prefix(frozen, tmp_path_factory):
    """Images and labels of the benchmark's first 64 crops."""
    pool = tmp_path_factory.mktemp("pool")
    benchmark.lay_pool(frozen, pool)
    engine = make_engine(frozen.seed, frozen.options, folder=pool)
    samples = [engine.sample(i) for i in range(PREFIX)]
    labels = {name: np.stack([s.labels()[name] for s in samples]) for name in samples[0].labels()}
    return np.stack([s.image for s in samples]), labels


@pytest.fixture(scope="module")
def record(frozen):
    return json.loads(frozen.record.read_text())


def test_the_first_crops_are_the_frozen_ones(frozen, prefix, record):
    assert len(record["groups"]) == -(-frozen.count // benchmark.GROUP)
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
    share = benchmark.ONE_HAND.options.negatives
    assert sum(takes_turn(i, share) for i in range(benchmark.ONE_HAND.count)) == 1000


def test_the_sets_differ_in_name_and_record():
    one, two = benchmark.ONE_HAND, benchmark.TWO_HANDS
    assert one.name != two.name and one.record != two.record
    lost = dataclasses.replace(two, record=two.record.with_name("no-such.json"))
    with pytest.raises(KnuckleError, match="record of the two-hand synthetic benchmark"):
        lost.expected()
