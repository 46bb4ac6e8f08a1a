"""Knuckles, pads and the thumb's web on the hands of a set, more on some people's than on others'."""

import numpy as np
from jaxtyping import Float

from knuckle.rig.correctives import corrected
from knuckle.rig.hand_rig import HandRig, PosedHand

WEAKEST, STRONGEST = 0.4, 1.3


def fleshed(rig: HandRig, hand: PosedHand, rng: np.random.Generator | None) -> Float[np.ndarray, "v 3"]:
    """The vertices of a posed hand as they are rendered: the rig's own without a generator, else with correctives of
    a random strength."""
    return hand.vertices if rng is None else corrected(rig, hand, rng.uniform(WEAKEST, STRONGEST))
