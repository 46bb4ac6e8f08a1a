"""Sides of found hands: mirror images, partners, and who is asked."""

import json

import numpy as np
import pytest

import knuckle
from knuckle import Detection, KnuckleError
from knuckle.inference import sides as sides_module
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.detection.looks import BATCH
from knuckle.inference.detection.mirrored import look_mirrored
from knuckle.inference.one_hand import Predictor
from knuckle.inference.sides import (
    TABLE,
    BothWays,
    decide_sides,
    qualities,
    read_both_ways,
    read_table,
    side_signals,
    with_pairs,
)
from knuckle.inference.two_hands import PairPredictor
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels
from knuckle.weights import ONE_HAND, TWO_HANDS

HALF = np.array([0.5])


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    """The sample photo, and the box of its right hand."""
    image, about = read_image(SAMPLE_PHOTO), read_sample_labels()
    box = np.array(about["boxes"][about["sides"].index("right")], dtype=float)
    return image, box[None]


@pytest.fixture(scope="module")
def both(sample) -> BothWays:
    image, boxes = sample
    evidence = look_at(landmark_network(), image, boxes, ["right"])
    looks = (evidence, look_mirrored(landmark_network(), image, evidence))
    return read_both_ways(Predictor(ONE_HAND), image, boxes, looks, pairs=PairPredictor(TWO_HANDS))


def test_the_other_reading_is_the_mirror_image(both, sample):
    """Exchanging both readings is what mirroring the picture does."""
    _, boxes = sample
    mirrored = BothWays(
        tuple(_other_side(look) for look in both.looks[::-1]),  # pyright: ignore[reportArgumentType]
        both.read[::-1],
        -both.two_hands,
    )
    odds = read_table(TABLE).both
    value = odds.logit(side_signals(both, boxes, HALF), qualities(both, boxes))
    other = odds.logit(side_signals(mirrored, boxes, HALF), qualities(mirrored, boxes))
    np.testing.assert_allclose(other, -value, atol=1e-9)
    assert value[0] > 1


def test_a_mirrored_picture_has_the_other_side_with_the_same_probability(sample, monkeypatch):
    image, boxes = sample
    width = image.shape[1]
    flipped = np.ascontiguousarray(image[:, ::-1])
    mirrored_boxes = np.array([[width - 1 - x - w, y, w, h] for x, y, w, h in boxes])
    # Every hand is read both ways: one look at the picture is not one at its mirror image. Nor are both looks quite
    # those of the mirrored picture: where the second one goes is what the first one says.
    monkeypatch.setattr(sides_module, "DOUBT", 1e-9)
    monkeypatch.setattr(sides_module, "DOUBT_AFTER_LOOKS", 1e-9)
    answers = [
        decide_sides(picture, box, look_at(landmark_network(), picture, box, ["right"]))
        for picture, box in ((image, boxes), (flipped, mirrored_boxes))
    ]
    assert answers[0].sides == ("right",) and answers[1].sides == ("left",)
    np.testing.assert_allclose(answers[0].confidence, answers[1].confidence, atol=0.04)


@pytest.mark.parametrize(
    ("doubt", "doubt_after_looks", "asked"),
    [(0.49, 1e-9, []), (1e-9, 0.49, ["mirrored"]), (1e-9, 1e-9, ["mirrored", "both ways"])],
    ids=["one look is enough", "two looks are enough", "still in doubt"],
)
def test_only_hands_in_doubt_are_asked_about_again(sample, monkeypatch, doubt, doubt_after_looks, asked):
    image, boxes = sample
    evidence = look_at(landmark_network(), image, boxes, ["right"])
    calls = []
    for name, what in (("look_mirrored", "mirrored"), ("read_both_ways", "both ways")):
        own = getattr(sides_module, name)

        def ask(*given, own=own, what=what, **options):
            calls.append(what)
            return own(*given, **options)

        monkeypatch.setattr(sides_module, name, ask)
    monkeypatch.setattr(sides_module, "DOUBT", doubt)
    monkeypatch.setattr(sides_module, "DOUBT_AFTER_LOOKS", doubt_after_looks)
    assert decide_sides(image, boxes, evidence).sides == ("right",)
    assert calls == asked


def test_a_mirrored_look_sees_the_hand_where_the_first_one_did(sample):
    """Also of more hands than the network is shown at once."""
    image, boxes = sample
    seen = look_at(landmark_network(), image, boxes, ["right"])
    many = Evidence.joined([seen] * (BATCH + 1))
    mirrored = look_mirrored(landmark_network(), image, many)
    assert len(mirrored) == BATCH + 1
    assert np.linalg.norm(mirrored.joints_px - many.joints_px, axis=-1).max() < 0.1 * boxes[0, 2:].max()
    spread = np.linalg.norm(seen.joints_m[0] - seen.joints_m[0].mean(0), axis=-1).max()
    assert np.linalg.norm(mirrored.joints_m - many.joints_m, axis=-1).max() < 0.35 * spread
    assert (mirrored.right > 0.5).all()


def test_a_partner_makes_the_other_side_likelier():
    near = np.array([[0.0, 0, 100, 100], [150, 0, 100, 100]])
    far = np.array([[0.0, 0, 100, 100], [1050, 0, 100, 100]])
    smaller = near * [[1, 1, 1, 1], [1, 1, 0.4, 0.4]]
    odds = np.array([4.0, 0.2])
    joined = with_pairs(odds, near, 2.0)
    assert joined[1] < -1 and joined[0] > 0
    for apart in (far, smaller):
        np.testing.assert_array_equal(with_pairs(odds, apart, 2.0), odds)
    np.testing.assert_allclose(with_pairs(-odds, near, 2.0), -joined)
    # A hand in no doubt keeps its side beside another one of it.
    assert (with_pairs(np.array([8.0, 8.0]), near, 2.0) > 5).all()
    # The third one has no partner left.
    three = np.concatenate([near, [[300.0, 0, 100, 100]]])
    assert with_pairs(np.array([4.0, 0.2, 0.3]), three, 2.0)[2] == 0.3
    assert len(with_pairs(np.zeros(0), np.zeros((0, 4)), 2.0)) == 0


def test_sides_that_are_given_are_believed(fake_model):
    image = np.random.default_rng(0).integers(0, 256, (100, 140, 3), dtype=np.uint8)
    box = np.array([30.0, 20, 40, 44])
    given = knuckle.estimate(image, boxes=box[None], sides=["left"], model=fake_model)
    found = knuckle.estimate(image, model=fake_model, detector=lambda _: [Detection(box, "left", 0.9)])
    for hands in (given, found):
        assert hands.sides == ("left",) and hands.side_confidence.tolist() == [1.0]


@pytest.mark.parametrize("fault", ["missing", "no JSON", "a signal less"])
def test_a_damaged_table_is_refused_by_name(fault, tmp_path):
    path = tmp_path / "sides.json"
    table = json.loads(TABLE.read_text())
    del table["both"]["slopes"]["branches"]
    if fault != "missing":
        path.write_text("[" if fault == "no JSON" else json.dumps(table))
    with pytest.raises(KnuckleError, match=r"sides\.json: expected odds"):
        read_table(path)


def _other_side(look):
    return type(look)(**{**vars(look), "right": 1 - look.right})
