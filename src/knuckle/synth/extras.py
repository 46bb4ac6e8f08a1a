"""Which crops of a set an extra changes, and the generator it draws from."""

import zlib
from collections.abc import Collection

import numpy as np

from knuckle.synth.options import EXTRAS

SHARE = 0.35
"""Share of the crops that an extra changes."""
_KEYS = {name: zlib.crc32(name.encode()) for name in EXTRAS}


def extra_rng(extras: Collection[str], name: str, seed: int, index: int) -> np.random.Generator | None:
    """What the extra `name` draws crop `index` from; None where the extra is not asked for or leaves that crop as it
    is.

    It is a generator of its own: a set with an extra differs from the set without it by that extra alone.
    """
    if name not in extras:
        return None
    rng = np.random.default_rng([seed, index, _KEYS[name]])
    return rng if rng.random() < SHARE else None
