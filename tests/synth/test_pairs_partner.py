"""The extra "partner": one hand of a pair in a crop of its own, its labels exact, everything else as without it."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.crop import apply_affine
from knuckle.rig.load import load_rig
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import PARTNERS, SynthOptions
from knuckle.synth.pairs.partner import PartnerEngine
from knuckle.synth.writer import make_engine

COUNT = 20
OPTIONS = {"size": 64, "backgrounds": "procedural", "negatives": 0.1}


@pytest.fixture(scope="module")
def engines(tmp_path_factory) -> tuple[PartnerEngine, SynthEngine]:
    pool = tmp_path_factory.mktemp("partner")
    made = make_engine(3, SynthOptions(**OPTIONS, extras=("partner",)), folder=pool)
    assert isinstance(made, PartnerEngine)
    return made, SynthEngine(3, SynthOptions(**OPTIONS), folder=pool)


@pytest.fixture(scope="module")
def samples(engines):
    return [engines[0].sample(i) for i in range(COUNT)], [engines[1].sample(i) for i in range(COUNT)]


def test_the_share_of_pairs_is_exact_and_the_rest_is_the_plain_set(samples):
    changed = [
        i for i, (own, plain) in enumerate(zip(*samples, strict=True)) if (own.image != plain.image).any()
    ]
    hands = sum(plain.is_hand for plain in samples[1])
    assert len(changed) == int(hands * PARTNERS)
    assert all(samples[0][i].is_hand for i in changed)


def test_another_share_is_taken_and_written_down(engines, samples, tmp_path):
    options = SynthOptions(**OPTIONS, extras=("partner",), partners=0.75)
    more = make_engine(3, options, folder=tmp_path)
    changed = sum((more.sample(i).image != plain.image).any() for i, plain in enumerate(samples[1]))
    assert changed == int(sum(plain.is_hand for plain in samples[1]) * 0.75)
    assert SynthOptions(**options.to_dict()) == options
    assert "partners" not in SynthOptions(**OPTIONS, extras=("partner",)).to_dict()


@pytest.mark.parametrize(
    ("extras", "partners", "message"),
    [
        (("partner",), 1.5, "partners: expected a share from 0 to 1, got 1.5"),
        (("partner",), float("nan"), "partners: expected a share from 0 to 1, got nan"),
        ((), 0.5, "partners: expected the extra partner beside them, got 0.5 without"),
    ],
)
def test_a_share_that_makes_no_sense_is_refused(extras, partners, message):
    with pytest.raises(KnuckleError, match=message):
        SynthOptions(**OPTIONS, extras=extras, partners=partners)


def test_labels_are_those_of_a_right_hand(samples):
    rig = load_rig("open", side="right")
    for own in (own for own in samples[0] if own.is_hand):
        posed = rig.posed(*(np.asarray(v, float) for v in (own.pose, own.shape, own.translation)))
        assert np.abs(posed.joints - own.joints_m).max() < 1e-4
        fx, fy, cx, cy = own.camera
        frame_px = own.joints_m[:, :2] / own.joints_m[:, 2:] * [fx, fy] + [cx, cy]
        assert np.abs(apply_affine(own.patch_from_frame, frame_px) - own.joints_px).max() < 0.05


def test_the_crop_is_of_the_labelled_hand(samples):
    for own in (own for own in samples[0] if own.is_hand):
        low, high = own.joints_px.min(0), own.joints_px.max(0)
        assert 1.2 < 64 / (high - low).max() < 1.8
        assert (low > 0).all() and (high < 63).all()


def test_a_sample_repeats(engines, samples):
    drawn = next(
        i for i, (own, plain) in enumerate(zip(*samples, strict=True)) if (own.image != plain.image).any()
    )
    again = engines[0].sample(drawn)
    assert (again.image == samples[0][drawn].image).all()


@pytest.mark.parametrize("changes", [{"labels": "full"}, {"size": 65}, {"hands": "two"}])
def test_what_it_cannot_be_with_is_refused(changes):
    with pytest.raises(KnuckleError, match="extras: expected"):
        SynthOptions(**{**OPTIONS, **changes}, extras=("partner",))
