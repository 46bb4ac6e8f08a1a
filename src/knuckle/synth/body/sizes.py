"""Hands from a child's to a very large man's, as coefficients of the open rig."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from knuckle.poses.prior import LARGEST_HAND, SMALLEST_HAND
from knuckle.synth.body.arm import ArmShape

_STEP = 0.1
"""What the first coefficient adds to every length: the others leave the size as it is."""
_CHILD = np.array([-0.8, -1.2, 0, 0, 0, 0, -0.8, 0, 0])
"""Fingers 4 % shorter and 7 % thicker, palm 3 % longer and broader."""
_BROAD = np.array([0, -0.6, 0, 0, 0, 0, -0.4, 0, 0])
"""Fingers 4 % thicker, palm 3 % broader."""
_OWN = 0.8


def draw_size(rng: np.random.Generator) -> float:
    """Length of a hand, in that of the rig's mean hand: uniform between SMALLEST_HAND and LARGEST_HAND."""
    return rng.uniform(SMALLEST_HAND, LARGEST_HAND)


def resize_shape(shape: Float[np.ndarray, "10"], size: float) -> Float[np.ndarray, "10"]:
    """The hand of a shape brought to a size (1: the mean hand's length), with the proportions that go with it: small
    ones are a child's, with short, round fingers, large ones broad. A share `_OWN` of the shape's other coefficients
    is kept."""
    childish, broad = (1 - size) / (1 - SMALLEST_HAND), (size - 1) / (LARGEST_HAND - 1)
    usual = _CHILD * max(childish, 0) + _BROAD * max(broad, 0)
    # Coefficients add metres, whatever the size: scaled, they add shares of it.
    return np.concatenate([[(size - 1) / _STEP], size * (_OWN * shape[1:] + usual)])


def resize_arm(arm: ArmShape, shape: Float[np.ndarray, "10"]) -> ArmShape:
    """The forearm that goes with a hand of that shape: its thickness follows the wrist, lengths are scaled here."""
    size = 1 + _STEP * float(shape[0])
    return replace(
        arm, bend_over=size * arm.bend_over, length=size * arm.length, sleeve_start=size * arm.sleeve_start
    )
