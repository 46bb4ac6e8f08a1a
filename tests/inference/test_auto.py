"""model="auto": hands near each other by both systems, the others one by one; each box has one answer."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import knuckle
from knuckle import Camera, Detection, KnuckleError
from knuckle.hands import Hands
from knuckle.inference import auto
from knuckle.inference.auto import AutoPredictor, open_predictor
from knuckle.inference.merge import SIGNALS, MergeOdds, merge_pairs
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import PairWindow
from knuckle.inference.trust import CLASSES, Odds
from knuckle.inference.two_hands import PairPredictor
from knuckle.weights import read_record

OTHER = {"left": "right", "right": "left"}
RIGHT, LEFT, FAR = [60.0, 60, 80, 90], [120.0, 75, 90, 80], [240.0, 20, 50, 60]


def odds_of(logit: float) -> MergeOdds:
    """The same odds of the two-hand system in every joint."""
    same = Odds(np.zeros(len(SIGNALS)), np.full(len(CLASSES), logit))
    return MergeOdds(same, same)


@pytest.fixture(autouse=True)
def two_hand_system_alone(monkeypatch):
    """The fake systems see different things: unless a test says otherwise, pairs are all the two-hand system's."""
    monkeypatch.setattr(auto, "merge_odds", lambda names, signals: odds_of(60.0))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=(240, 321, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 7)
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def alone(image, model, boxes, sides) -> Hands:
    return knuckle.estimate(image, boxes=boxes, sides=sides, model=model)


def as_asked(image, predictor) -> Hands:
    """A right and a left hand near each other, with the network's own confidence."""
    return predictor(image, np.array([RIGHT, LEFT]), ["right", "left"], Camera.from_size(321, 240))


def same(hands: Hands, index: int, expected: Hands, at: int, *, confidence: float = 1e-6) -> None:
    """Up to how far the fit goes on for a hand that is fitted beside others, and a tolerance of the confidence."""
    tolerances = {"joints_px": 2e-3, "joints_m": 1e-5, "vertices_m": 1e-5, "pose_rad": 1e-3, "shape": 1e-2}
    for name, tolerance in {**tolerances, "confidence": confidence, "boxes_px": 0}.items():
        np.testing.assert_allclose(
            getattr(hands, name)[index], getattr(expected, name)[at], atol=tolerance, err_msg=name
        )


def test_the_pair_goes_to_one_system_and_the_lone_hand_to_the_other(installed, image):
    boxes, sides = [FAR, LEFT, RIGHT], ["right", "left", "right"]
    hands = knuckle.estimate(image, boxes=boxes, sides=sides)
    assert hands.models == ("dahyf-lite", "dfl-lite", "dfl-lite")
    assert hands.model == "dahyf-lite+dfl-lite" and hands.sides == tuple(sides)
    lone, pair = (
        alone(image, "dahyf", [FAR], ["right"]),
        alone(image, "dfl", [LEFT, RIGHT], ["left", "right"]),
    )
    same(hands, 0, lone, 0)
    # Beside a one-hand system's answer other things tell how sure a hand is than by itself.
    same(hands, 1, pair, 0, confidence=1.0)
    same(hands, 2, pair, 1, confidence=1.0)
    assert [hand["model"] for hand in hands.to_dict()["hands"]] == list(hands.models)
    assert Hands.from_dict(hands.to_dict()).models == hands.models
    assert [hand.model for hand in hands] == list(hands.models)


def test_lone_hands_are_the_one_hand_systems_alone(installed, image):
    hands = knuckle.estimate(image, boxes=[FAR, RIGHT], sides=["left", "right"])
    expected = alone(image, "dahyf", [FAR, RIGHT], ["left", "right"])
    assert hands.model == expected.model == "dahyf-lite"
    np.testing.assert_array_equal(hands.joints_m, expected.joints_m)


def test_a_hidden_hand_without_a_box_is_not_made_up(installed, image):
    found = knuckle.estimate(image, detector=lambda _: [Detection(np.array(RIGHT), "right", 0.9)])
    assert found.sides == ("right",) and found.models == ("dahyf-lite",)
    assert len(knuckle.estimate(image, model="dfl", boxes=[RIGHT], sides=["right"])) == 1


def test_two_right_hands_are_never_a_pair(installed, image):
    hands = knuckle.estimate(image, boxes=[RIGHT, LEFT], sides=["right", "right"])
    assert hands.models == ("dahyf-lite", "dahyf-lite")


def test_of_three_hands_two_are_a_pair(installed, image):
    hands = knuckle.estimate(image, boxes=[RIGHT, [100, 65, 80, 90], LEFT], sides=["right", "left", "left"])
    assert hands.models == ("dfl-lite", "dfl-lite", "dahyf-lite")


def test_overlapping_hands_of_two_people_are_two_pairs(installed, image):
    """Four boxes, a left and a right hand each: the two that overlap most go together, then the other two."""
    boxes = [RIGHT, LEFT, [150, 140, 80, 80], [200, 150, 80, 80]]
    hands = knuckle.estimate(image, boxes=boxes, sides=["right", "left", "right", "left"])
    assert hands.models == ("dfl-lite",) * 4
    for pair in (slice(0, 2), slice(2, 4)):
        together = alone(image, "dfl", boxes[pair], ["right", "left"])
        np.testing.assert_allclose(hands.joints_m[pair], together.joints_m, atol=1e-5)


def test_detected_pairs_are_paired_too(installed, image):
    found = [Detection(np.array(LEFT), "left", 0.9), Detection(np.array(RIGHT), "right", 0.8)]
    hands = knuckle.estimate(image, detector=lambda _: found)
    assert hands.sides == ("left", "right") and hands.models == ("dfl-lite", "dfl-lite")


def test_a_hand_the_pair_system_does_not_see_is_answered_by_the_other(installed, image, monkeypatch):
    pair = as_asked(image, PairPredictor("dfl"))
    weak = int(np.argmin(pair.confidence))
    monkeypatch.setattr(auto, "LIKELY", float(pair.confidence.mean()))
    # Far as the fake systems' wrists lie apart, the hand stays where the one-hand system puts it.
    merge = partial(merge_pairs, odds=odds_of(60.0), reach=10.0)
    predictor = AutoPredictor(Predictor("dahyf"), PairPredictor("dfl"), merge=merge)
    hands = predictor(image, np.array([RIGHT, LEFT]), ["right", "left"], Camera.from_size(321, 240))
    assert hands.models[weak] == "dahyf-lite" and hands.models[1 - weak] == "dfl-lite"
    same(hands, 1 - weak, pair, 1 - weak)
    same(hands, weak, as_asked(image, Predictor("dahyf")), weak)


def test_a_pair_that_is_not_there_is_the_one_hand_systems(installed, image, monkeypatch):
    monkeypatch.setattr(auto, "LIKELY", 1.0)
    hands = knuckle.estimate(image, boxes=[RIGHT, FAR, LEFT], sides=["right", "left", "left"])
    expected = alone(image, "dahyf", [RIGHT, FAR, LEFT], ["right", "left", "left"])
    assert hands.models == ("dahyf-lite",) * 3
    np.testing.assert_array_equal(hands.joints_m, expected.joints_m)


def test_named_systems_keep_to_themselves(installed, image):
    for model, name in (("dahyf", "dahyf-lite"), ("dfl", "dfl-lite")):
        hands = knuckle.estimate(
            image, boxes=[RIGHT, LEFT, FAR], sides=["right", "left", "left"], model=model
        )
        assert hands.models == (name,) * 3 and hands.model == name


def test_without_the_two_hand_weights_auto_is_the_one_hand_system(installed, image):
    (installed / "dfl-lite.json").unlink()
    hands = knuckle.estimate(image, boxes=[RIGHT, LEFT], sides=["right", "left"])
    assert hands.models == ("dahyf-lite", "dahyf-lite")
    assert isinstance(open_predictor("auto"), Predictor)


def test_damaged_two_hand_weights_are_told_not_passed_over(installed, image):
    path = installed / "dfl-lite.json"
    replace(read_record(path), sha256="0" * 64).write(path)
    with pytest.raises(KnuckleError, match="the file is damaged"):
        knuckle.estimate(image, boxes=[FAR], sides=["left"])


def test_mirrored_photo_gives_the_swapped_mirrored_hands(installed, image):
    boxes, sides = np.array([FAR, LEFT, RIGHT]), ["right", "left", "right"]
    mirrored_boxes = np.concatenate([320 - boxes[:, :1] - boxes[:, 2:3], boxes[:, 1:]], axis=1)
    hands = knuckle.estimate(image, boxes=boxes, sides=sides)
    mirrored = knuckle.estimate(
        np.ascontiguousarray(image[:, ::-1]), boxes=mirrored_boxes, sides=[OTHER[side] for side in sides]
    )
    assert mirrored.models == hands.models
    # The lone hand's patch is mirrored after resampling, which rounds a little.
    tolerances = np.array([0.02, 1e-3, 1e-3])[:, None, None]
    assert (np.abs(mirrored.joints_px * [-1, 1] + [320, 0] - hands.joints_px) < tolerances).all()
    assert (np.abs(mirrored.joints_m * [-1, 1, 1] - hands.joints_m) < tolerances / 100).all()


def test_no_hands(installed, image):
    for model in ("auto", "dfl"):
        assert len(knuckle.estimate(image, model=model, detector=lambda _: [])) == 0
        assert len(knuckle.estimate(image, model=model, boxes=[], sides=[])) == 0


@pytest.mark.parametrize("model", ["auto", "dfl"])
@pytest.mark.parametrize(
    ("boxes", "sides", "message"),
    [
        ([RIGHT, LEFT[:3]], ["right", "left"], r"boxes: expected \(N, 4\) numbers"),
        ([[RIGHT, LEFT]], ["right", "left"], r"boxes: expected \(N, 4\) numbers.*got shape \(1, 2, 4\)"),
        ([*RIGHT, *LEFT], ["right", "left"], r"boxes: expected \(N, 4\) numbers.*got shape \(8,\)"),
        (np.transpose([RIGHT, LEFT]), ["right", "left"], r"boxes: expected \(N, 4\) .*got shape \(4, 2\)"),
        ({"left": LEFT}, ["left"], r"boxes: expected \(N, 4\) numbers"),
        ([RIGHT, None], ["right", "left"], r"boxes: expected \(N, 4\) numbers|expected finite"),
        ([RIGHT, LEFT], ["right"], "sides: expected one for each box, got 1 for 2"),
        ([RIGHT, LEFT], ["right", "both"], "side: expected one of left, right, got 'both'"),
        ([RIGHT, LEFT], None, "sides: expected one for each box"),
    ],
)
def test_boxes_of_the_wrong_shape(installed, image, model, boxes, sides, message):
    with pytest.raises(KnuckleError, match=message) as caught:
        knuckle.estimate(image, boxes=boxes, sides=sides, model=model)
    assert "\n" not in str(caught.value)


def test_systems_of_different_meshes_do_not_go_together():
    one, two = (SimpleNamespace(record=SimpleNamespace(rig=rig)) for rig in ("open", "MANO_RIGHT.pkl"))
    with pytest.raises(
        KnuckleError, match=r"rig: expected the same of both systems, got open and MANO_RIGHT\.pkl"
    ):
        AutoPredictor(one, two)  # type: ignore[arg-type]


def test_the_window_goes_round_both_and_shows_the_lower_hand_as_the_right_one(installed, image):
    camera = Camera.from_size(321, 240)
    hands = knuckle.estimate(image, boxes=[RIGHT, LEFT], sides=["right", "left"])
    window = PairWindow(np.array([60.0, 60, 150, 95]), True, np.array([RIGHT, LEFT]))
    two = PairPredictor("dfl")
    seen = two.fit(two.ask(image, [window], camera), camera)
    np.testing.assert_allclose(hands.joints_m, seen.joints_m[0], atol=1e-5)


def open_auto(*, refine: bool = True) -> AutoPredictor:
    """Auto that merges whatever its systems say: the fake ones see different things."""
    one, two = Predictor("dahyf", refine=refine), PairPredictor("dfl", refine=refine)
    return AutoPredictor(one, two, merge=partial(merge_pairs, odds=odds_of(0.0)))


def test_hands_of_a_pair_that_both_systems_see_are_merged(installed, image):
    camera, boxes, sides = (
        Camera.from_size(321, 240),
        np.array([FAR, LEFT, RIGHT]),
        ["right", "left", "right"],
    )
    hands = open_auto(refine=False)(image, boxes, sides, camera)
    assert hands.models == ("dahyf-lite", *("dfl-lite+dahyf-lite",) * 2)
    assert hands.model == "dahyf-lite+dfl-lite"
    one, two = (
        opened(image, boxes, sides, camera)
        for opened in (Predictor("dahyf", refine=False), PairPredictor("dfl", refine=False))
    )
    np.testing.assert_array_equal(hands.joints_m[0], one.joints_m[0])
    np.testing.assert_allclose(hands.joints_px[1:], ((one.joints_px + two.joints_px) / 2)[1:], atol=1e-3)
    np.testing.assert_allclose(hands.joints_m[1:, 0, 2], two.joints_m[1:, 0, 2], atol=1e-6)
    np.testing.assert_allclose(hands.confidence, [one.confidence[0], *two.confidence[1:]], atol=1e-6)
    assert Hands.from_dict(hands.to_dict()).models == hands.models


def test_merged_hands_are_hands_of_the_rig(installed, image):
    camera, boxes, sides = Camera.from_size(321, 240), np.array([LEFT, RIGHT]), ["left", "right"]
    for hand in (hands := open_auto()(image, boxes, sides, camera)):
        posed = knuckle.load_rig("open", side=hand.side).posed(hand.pose_rad, hand.shape)
        move = hand.joints_m[0] - posed.joints[0]
        np.testing.assert_allclose(posed.joints + move, hand.joints_m, atol=2e-4)
        np.testing.assert_allclose(posed.vertices + move, hand.vertices_m, atol=2e-4)
    np.testing.assert_allclose(camera.project(hands.joints_m), hands.joints_px, atol=1e-6)


def test_merged_hands_of_the_mirrored_photo_are_mirrored(installed, image):
    camera, boxes = Camera.from_size(321, 240), np.array([LEFT, RIGHT])
    mirrored_boxes = np.concatenate([320 - boxes[:, :1] - boxes[:, 2:3], boxes[:, 1:]], axis=1)
    predictor = open_auto(refine=False)
    hands = predictor(image, boxes, ["left", "right"], camera)
    mirrored = predictor(np.ascontiguousarray(image[:, ::-1]), mirrored_boxes, ["right", "left"], camera)
    np.testing.assert_allclose(mirrored.joints_px * [-1, 1] + [320, 0], hands.joints_px, atol=0.02)
    np.testing.assert_allclose(mirrored.joints_m * [-1, 1, 1], hands.joints_m, atol=2e-4)


def test_a_hand_not_seen_lies_within_reach_of_the_pair(installed, image, monkeypatch):
    boxes, sides = np.array([RIGHT, LEFT]), ["right", "left"]
    pair = as_asked(image, PairPredictor("dfl"))
    weak = int(np.argmin(pair.confidence))
    monkeypatch.setattr(auto, "LIKELY", float(pair.confidence.mean()))
    one, two = Predictor("dahyf", refine=False), PairPredictor("dfl", refine=False)
    camera = Camera.from_size(321, 240)
    hands = AutoPredictor(one, two, merge=partial(merge_pairs, odds=odds_of(0.0), reach=1.0))(
        image, boxes, sides, camera
    )
    own, other = one(image, boxes, sides, camera), two(image, boxes, sides, camera)
    assert hands.models[weak] == "dahyf-lite"
    np.testing.assert_allclose(hands.joints_px[weak], own.joints_px[weak], atol=1e-6)
    np.testing.assert_allclose(hands.joints_m[weak, 0, 2], other.joints_m[weak, 0, 2], atol=1e-6)


@pytest.mark.parametrize("model", ["auto", "dfl"])
@pytest.mark.parametrize("looks", [1, 2])
def test_a_pair_is_looked_at_as_often_as_asked(installed, image, monkeypatch, model, looks):
    shown: list[bool] = []
    ask_once = PairPredictor.ask_once

    def counted(self, image, windows, camera):
        shown.extend(window.mirrored for window in windows)
        return ask_once(self, image, windows, camera)

    monkeypatch.setattr(PairPredictor, "ask_once", counted)
    knuckle.estimate(image, boxes=[RIGHT, LEFT], sides=["right", "left"], model=model, looks=looks)
    assert shown == [True, False][:looks]


@pytest.mark.parametrize("model", ["auto", "dfl", "dahyf"])
def test_another_number_of_looks_is_refused(installed, image, model):
    with pytest.raises(KnuckleError, match="looks: expected 1 or 2, got 3"):
        knuckle.estimate(image, boxes=[RIGHT], sides=["right"], model=model, looks=3)
