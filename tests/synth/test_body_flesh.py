"""The extra "flesh": what full labels say is what was rendered, and the strengths that it draws."""

import numpy as np
import pytest

from knuckle.rig import load_rig
from knuckle.rig.correctives import add_correctives
from knuckle.synth.body import pool as pool_module
from knuckle.synth.draw import FLESH_STRENGTHS, extra_rng
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions

SEED = 5


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("poses")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_module, "CHUNK_POSES", 48)
        yield [
            SynthEngine(
                SEED,
                SynthOptions(size=96, labels="full", backgrounds="procedural", extras=extras),
                folder=folder,
            )
            for extras in ((), ("flesh",))
        ]


def test_full_labels_are_of_the_surface_that_was_rendered(engines):
    plain, fleshy = engines
    rig = load_rig("open")
    chosen = [i for i in range(48) if extra_rng(("flesh",), "flesh", SEED, i) is not None]
    others = [i for i in range(48) if i not in chosen]
    for i in chosen[:5] + others[:2]:
        before, after = plain.sample(i), fleshy.sample(i)
        hand = rig.posed(after.pose, after.shape, after.translation)
        np.testing.assert_allclose(hand.vertices, before.vertices_m, atol=2e-6)
        rng = extra_rng(("flesh",), "flesh", SEED, i)
        if rng is None:
            np.testing.assert_array_equal(after.vertices_m, before.vertices_m)
            continue
        strength = rng.uniform(*FLESH_STRENGTHS)
        np.testing.assert_allclose(after.vertices_m, add_correctives(rig, hand, strength), atol=2e-6)
        both = np.isfinite(before.depth_m) & np.isfinite(after.depth_m)
        assert (after.depth_m[both] != before.depth_m[both]).any()


def test_strengths_span_what_is_promised(engines):
    _, fleshy = engines
    strengths = [draw.flesh for draw in map(fleshy.draw, range(200)) if draw.flesh is not None]
    weakest, strongest = FLESH_STRENGTHS
    assert weakest <= min(strengths) < 0.5 and 1.2 < max(strengths) <= strongest
