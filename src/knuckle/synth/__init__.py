"""The data engine: rendered hands with exact labels, by seed."""

from knuckle.synth.dataset import SynthSet
from knuckle.synth.options import SynthOptions
from knuckle.synth.sample import Sample

__all__ = ["Sample", "SynthOptions", "SynthSet"]
