"""The data engine of one hand a crop, some of them with the other hand touching, crossing or hiding it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.geometry.crop import Crop
from knuckle.sets.samples import PairSample, Sample, mirror_sample
from knuckle.synth.camera.placement import Placement
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import PARTNERS, SynthOptions
from knuckle.synth.pairs.engine import PairEngine
from knuckle.synth.pairs.placement import place_pair

_MARGIN = (1.25, 1.75)


class PartnerEngine:
    """`SynthEngine` that draws the options' share of partners from pairs, right and left ones (those with their whole
    picture flipped) equally often; `sample(i)` depends only on the seed, i and the options."""

    def __init__(self, seed: int, options: SynthOptions, *, folder: Path | None = None) -> None:
        self.one = SynthEngine(seed, options, folder=folder)
        pairs = replace(options, hands="two", extras=(), partners=PARTNERS)
        self.pairs = PairEngine(seed, pairs, folder=folder)

    def sample(self, index: int) -> Sample:
        """Render sample `index`."""
        draw = self.one.draw(index)
        partner = draw.partner()
        if partner is None:
            return self.one.render(draw)
        side, rng = partner
        pair = self.pairs.pair(index, rng, place=partial(place_one_hand, side=side))
        sample = take_one_hand(pair, side)
        return mirror_sample(sample) if side else sample


def place_one_hand(
    rng: np.random.Generator, joints: Float[np.ndarray, "42 3"], size: int, *, side: int
) -> Placement:
    """`place_pair`, with the crop of `place_hand` round one of the hands."""
    placement = place_pair(rng, joints, size)
    joints_px = placement.camera.project(joints.reshape(2, 21, 3)[side] + placement.translation)
    low, high = joints_px.min(0), joints_px.max(0)
    px = float((high - low).max() * rng.uniform(*_MARGIN))
    centre = (low + high) / 2 + np.clip(rng.normal(0, 0.04, 2), -0.09, 0.09) * px
    return replace(placement, crop=Crop((float(centre[0]), float(centre[1])), px, size))


def take_one_hand(pair: PairSample, side: int) -> Sample:
    """One hand's labels (0 right, 1 left) and the whole picture."""
    return Sample(
        image=pair.image,
        is_hand=bool(pair.is_hand[side]),
        joints_px=pair.joints_px[side],
        joints_m=pair.joints_m[side],
        pose=pair.pose[side],
        shape=pair.shape[side],
        translation=pair.translation[side],
        camera=pair.camera,
        frame_size=pair.frame_size,
        patch_from_frame=pair.patch_from_frame,
        visible=pair.visible[side],
    )
