"""What is decided about one sample: the hands it holds, and what each extra of the set changes about them."""

import zlib
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from knuckle.skeleton import Side
from knuckle.synth.body.arm import ArmShape
from knuckle.synth.body.pool import PosePool
from knuckle.synth.body.sizes import draw_size, resize_arm, resize_shape
from knuckle.synth.camera.hard_conditions import Shot, draw_shot
from knuckle.synth.camera.views import View, draw_view
from knuckle.synth.options import EXTRAS, SynthOptions
from knuckle.synth.wear.wardrobe import sample_worn
from knuckle.synth.wear.worn import Worn

if TYPE_CHECKING:
    from knuckle.synth.things.held import Grip, HeldThings

SHARE = 0.35
"""Share of the crops that an extra changes, but for "poses", "signs", "objects" and "partner", which have their own."""
FLESH_STRENGTHS = (0.4, 1.3)
"""How bony and fleshy hands are with the extra "flesh": the weakest and the strongest, uniform between."""
_KEYS = {name: zlib.crc32(name.encode()) for name in EXTRAS}
_PARTNER_KEY = 0xB4


def extra_rng(extras: Collection[str], name: str, seed: int, index: int) -> np.random.Generator | None:
    """What the extra `name` draws crop `index` from; None where the extra is not asked for or leaves that crop as it
    is."""
    if name not in extras:
        return None
    rng = np.random.default_rng([seed, index, _KEYS[name]])
    return rng if rng.random() < SHARE else None


def takes_turn(index: int, share: float) -> bool:
    """Whether sample `index` belongs to a share of all samples. Spread evenly, so that every run of samples holds
    its exact share."""
    return _turns_before(index + 1, share) > _turns_before(index, share)


def _turns_before(index: int, share: float) -> int:
    # The tiny term absorbs rounding.
    return int(index * share + 1e-9)


class Draw:
    """What is decided about sample `index` of a seed. Made once a sample; a decision is drawn when it is first asked
    for, and kept.

    Each extra draws from a generator of its own: a set with an extra differs from the set without it by that extra
    alone. What all samples need (arm, camera, light, background...) is drawn from `rng` in the course of rendering.

    Args:
        seed: of the set.
        index: of the sample.
        options: of the set.
        pool: its poses, turns and shapes.
        held: its held things; None for none.
    """

    def __init__(
        self, seed: int, index: int, options: SynthOptions, pool: PosePool, held: "HeldThings | None" = None
    ) -> None:
        self.seed, self.index, self.options = seed, index, options
        self._pool, self._held = pool, held
        self.rng = np.random.default_rng([seed, index])
        """The sample's own stream, which rendering takes from in a fixed order."""

    @property
    def is_negative(self) -> bool:
        """Whether the crop holds no hand."""
        return takes_turn(self.index, self.options.negatives)

    @property
    def single(self) -> Side | None:
        """Of a two-hand set's crop that holds only one hand: which one; None where it holds both."""
        number, share = self._number_with_hands, self.options.singles
        if not takes_turn(number, share):
            return None
        return "left" if _turns_before(number, share) % 2 else "right"

    def partner(self) -> tuple[int, np.random.Generator] | None:
        """Of a hand that has a partner: the labelled hand of the pair (0 right, 1 left), and what the pair is drawn
        from, anew with every call; None for lone hands and for none."""
        if self.is_negative or not takes_turn(self._number_with_hands, self.options.partners):
            return None
        rng = np.random.default_rng([self.seed, self.index, _PARTNER_KEY])
        return int(rng.integers(2)), rng

    @cached_property
    def view(self) -> View | None:
        """An unusual direction of view; None for the pool's."""
        rng = self._extra_rng("views")
        return None if rng is None else draw_view(rng)

    @cached_property
    def turn(self) -> Float[np.ndarray, "3"]:
        """Global rotation of the hand (axis-angle, camera frame)."""
        return self._pool.view(self.index)[0] if self.view is None else self.view.turn

    @cached_property
    def shape(self) -> Float[np.ndarray, "10"]:
        """Shape coefficients, of the hand's size."""
        shape = self._pool.view(self.index)[1]
        return shape if self._size is None else resize_shape(shape, self._size)

    @cached_property
    def grip(self) -> "Grip | None":
        """How the hand holds something; None for nothing. `HeldThings` draws and keeps the grips of many samples at
        once."""
        return None if self._held is None else self._held.grip(self.index)

    @cached_property
    def shot(self) -> Shot | None:
        """The hard conditions that the photograph is taken in; None for none."""
        rng = self._extra_rng("camera")
        return None if rng is None else draw_shot(rng, self.options.size)

    @cached_property
    def flesh(self) -> float | None:
        """How strong the hand's knuckles, pads and web are; None for the rig's own surface."""
        rng = self._extra_rng("flesh")
        return None if rng is None else rng.uniform(*FLESH_STRENGTHS)

    def pose(self, *, grip: "Grip | None") -> Float[np.ndarray, "16 3"]:
        """The hand's pose (axis-angle, camera frame), its fingers as in the grip, or of the pool."""
        pose = (self._pool.pose(self.index) if grip is None else grip.pose).astype(np.float64)
        pose[0] = self.turn
        return pose

    def fit_arm(self, arm: ArmShape) -> ArmShape:
        """An arm bent as the view has it, and as long as goes with the hand's size."""
        if self.view is not None and self.view.ego is not None:
            arm = replace(arm, bend=self.view.ego.bend)
        return arm if self._size is None else resize_arm(arm, self.shape)

    def worn(self, *, sleeve: bool) -> Worn | None:
        """What the hand wears; sleeve: whether the wrist is hidden; None for nothing."""
        rng = self._extra_rng("wear")
        return None if rng is None else sample_worn(rng, sleeve=sleeve)

    @cached_property
    def _size(self) -> float | None:
        rng = self._extra_rng("sizes")
        return None if rng is None else draw_size(rng)

    @property
    def _number_with_hands(self) -> int:
        """How many samples before this one hold hands."""
        return self.index - _turns_before(self.index, self.options.negatives)

    def _extra_rng(self, name: str) -> np.random.Generator | None:
        return extra_rng(self.options.extras, name, self.seed, self.index)
