"""The extra "flesh": what full labels say is what was rendered, and the strengths that it draws."""

import numpy as np
import pytest

from knuckle.rig import load_rig
from knuckle.rig.correctives import corrected
from knuckle.synth.body import pool as pool_module
from knuckle.synth.body.flesh import STRONGEST, WEAKEST, fleshed
from knuckle.synth.engine import SynthEngine
from knuckle.synth.extras import extra_rng
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
        strength = rng.uniform(WEAKEST, STRONGEST)
        np.testing.assert_allclose(after.vertices_m, corrected(rig, hand, strength), atol=2e-6)
        both = np.isfinite(before.depth_m) & np.isfinite(after.depth_m)
        assert (after.depth_m[both] != before.depth_m[both]).any()


def test_strengths_span_what_is_promised():
    rig = load_rig("open")
    pose = np.zeros((16, 3))
    pose[1] = 1.2 * rig.axes[1, 2]
    hand = rig.posed(pose)
    most = np.abs(corrected(rig, hand) - hand.vertices).max()
    drawn = [
        np.abs(fleshed(rig, hand, np.random.default_rng(k)) - hand.vertices).max() / most for k in range(60)
    ]
    assert WEAKEST <= min(drawn) < 0.5 and 1.2 < max(drawn) <= STRONGEST
    assert fleshed(rig, hand, None) is hand.vertices
