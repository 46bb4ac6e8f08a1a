import pytest

from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs import pool as pair_pool
from knuckle.synth.pairs.engine import PairEngine


@pytest.fixture(scope="session")
def engine():
    """Full labels, procedural backgrounds, 96 px."""
    return SynthEngine(5, SynthOptions(size=96, labels="full", backgrounds="procedural"))


@pytest.fixture(scope="session")
def samples(engine):
    return [engine.sample(i) for i in range(40)]


@pytest.fixture
def few_pairs(monkeypatch):
    """Draw pairs in small chunks, which is quicker where only a few are looked at."""
    monkeypatch.setattr(pair_pool, "CHUNK_PAIRS", 32)


@pytest.fixture(scope="session")
def pair_engine():
    """Two hands, a third of the crops one hand, every tenth none; full labels, procedural backgrounds, 96 px."""
    options = SynthOptions(
        size=96, labels="full", backgrounds="procedural", hands="two", singles=1 / 3, negatives=0.1
    )
    return PairEngine(5, options)


@pytest.fixture(scope="session")
def pair_samples(pair_engine):
    return [pair_engine.sample(i) for i in range(32)]
