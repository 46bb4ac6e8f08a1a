"""The data engine: rendered hands with exact labels, by seed."""

from knuckle.sets.reader import SynthSet
from knuckle.sets.samples import Sample
from knuckle.synth.options import SynthOptions

__all__ = ["Sample", "SynthOptions", "SynthSet"]
