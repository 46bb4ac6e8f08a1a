import pytest

from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions


@pytest.fixture(scope="session")
def engine():
    """Full labels, procedural backgrounds, 96 px."""
    return SynthEngine(5, SynthOptions(size=96, labels="full", backgrounds="procedural"))


@pytest.fixture(scope="session")
def samples(engine):
    return [engine.sample(i) for i in range(40)]
