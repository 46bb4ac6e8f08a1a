"""How far a search goes, and that each hand is one hand however many windows show it. Networks are made up: one knows
which hands a window shows, the other the joints of the hand nearest to a square."""

from collections.abc import Sequence

import numpy as np
import pytest

import knuckle
from knuckle.errors import KnuckleError
from knuckle.inference.detection import finder
from knuckle.inference.detection.finder import HandFinder, default_detector
from knuckle.inference.detection.judge import SIGNALS, Judge, judge_of, to_signals
from knuckle.inference.detection.landmarks import Landmarks, TurnedSquare, joints_to_square
from knuckle.inference.detection.looks import Look
from knuckle.inference.detection.merging import (
    FoundHand,
    distinct_hands,
    distinct_places,
    places_of_known,
)
from knuckle.inference.detection.palm import WHOLE_PX
from knuckle.inference.detection.proposals import Proposals, Window
from knuckle.inference.detection.search import DetectorName
from knuckle.rig.load import load_rig
from knuckle.skeleton import Side

OPEN = load_rig("open").joints_rest_m[:, :2].astype(float)
OPEN = (OPEN - OPEN.min(0)) / np.ptp(OPEN, axis=0).max()


def hand(x: float, y: float, size: float, *, mirrored: bool = False, turn_rad: float = 0.0) -> np.ndarray:
    """Joints, px, of an open hand whose middle lies at x, y."""
    joints = (OPEN - (OPEN.min(0) + OPEN.max(0)) / 2) * [-1 if mirrored else 1, 1]
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    return joints @ np.array([[cos, sin], [-sin, cos]]) * size + [x, y]


def look_of(joints: np.ndarray, *, presence: float = 0.9, right: float = 0.99) -> Look:
    square = joints_to_square(joints)
    seen = Landmarks(np.zeros((21, 3)), np.zeros((21, 3)), presence, right)
    return Look(square, joints, seen, presence, right, square)


def box_of(joints: np.ndarray) -> np.ndarray:
    return np.concatenate([joints.min(0), np.ptp(joints, axis=0)])


class Windows:
    """A proposal network that sees what a window shows of hands, unless that is too small or too large."""

    name: DetectorName = "palm"
    input_px = tile_px = 192
    whole_px = WHOLE_PX
    small_px = 64.0
    hints = 0.25
    look_score = 0.3

    def __init__(self, hands: Sequence[np.ndarray], *, hint: float = 0.0) -> None:
        self.hands, self.hint = hands, hint
        self.asked: list[tuple[Window, int]] = []

    def propose(self, image, window: Window, /, *, input_px: int | None = None) -> Proposals:
        input_px = input_px or self.input_px
        self.asked.append((window, input_px))
        scale = input_px / max(window.width, window.height)
        boxes, squares, scores = [], [], []
        for joints in self.hands:
            low = np.maximum(joints.min(0), [window.left, window.top])
            high = np.minimum(joints.max(0), [window.left + window.width, window.top + window.height])
            shown = np.maximum(high - low, 0).prod() / np.ptp(joints, axis=0).prod()
            size_px = np.ptp(joints, axis=0).max() * scale
            if shown < 0.2 or not 25 < size_px < 150:
                continue
            boxes.append(np.concatenate([low, high - low]))
            centre = (float((low + high)[0] / 2), float((low + high)[1] / 2))
            squares.append(TurnedSquare(centre, 1.5 * float((high - low).max()), 0.0))
            scores.append(0.5 + 0.4 * shown)
        if self.hint:
            boxes.append(np.array([5.0, 5, 10, 10]))
            squares.append(TurnedSquare((10.0, 10.0), 15.0, 0.0))
            scores.append(self.hint)
        found = np.array(boxes).reshape(-1, 4)
        return Proposals(found, tuple(squares), np.array(scores), np.full(len(scores), 0.5))


@pytest.fixture
def search(monkeypatch):
    """Hands found in a picture that shows some: the detections, and the made-up network that was asked."""

    def run(hands, *, size=(800, 1000), effort="normal", hint=0.0, known=None):
        looked: list[TurnedSquare] = []

        def look_at(_network, _image, squares):
            looked.extend(squares)
            nearest = [
                min(hands, key=lambda joints, one=square: np.linalg.norm(joints.mean(0) - one.centre_px))
                for square in squares
            ]
            return [look_of(joints) for joints in nearest]

        monkeypatch.setattr(finder, "look_at_squares", look_at)
        network = Windows(hands, hint=hint)
        # As sure as the landmark network is.
        judge = Judge(np.eye(len(SIGNALS))[SIGNALS.index("presence")], 0.0, 0.7)
        detect = HandFinder(effort=effort, network=network, landmarks=object(), judge=judge)  # type: ignore[arg-type]
        found = detect(np.zeros((*size, 3), np.uint8), known=known)
        return found, network.asked, looked

    return run


def test_a_large_hand_ends_the_search(search):
    for effort in ("fast", "normal"):
        found, asked, _ = search([hand(500, 400, 450)], effort=effort)
        assert len(found) == 1 and len(asked) == 1
    found, asked, _ = search([hand(500, 400, 450)], effort="thorough")
    assert len(found) == 1 and len(asked) > 40


def test_a_place_that_is_not_sure_or_a_search_that_is_thorough_has_the_smaller_pass_too(search):
    # Shown by half, it scores less.
    found, asked, _ = search([hand(500, 800, 450)])
    assert len(found) == 1 and [px for _, px in asked[:2]] == [192, 128]
    found, asked, _ = search([hand(500, 400, 450)], effort="thorough")
    assert [px for _, px in asked[:2]] == [192, 128]


def test_a_weak_place_beside_a_sure_one_has_the_smaller_pass_too(search):
    # It may be a hand that fills the picture, as one that touches the other.
    for hint, passes in ((0.1, [192, 128]), (0.0, [192])):
        _, asked, _ = search([hand(500, 400, 450)], hint=hint)
        assert [px for _, px in asked] == passes


def test_a_hand_too_large_for_the_first_pass_is_found_in_the_smaller_one(search):
    # 162 px in the first pass, 108 in the second: more than the made-up network takes.
    found, asked, _ = search([hand(500, 400, 850)])
    assert len(found) == 1 and [px for _, px in asked] == [192, 128]


@pytest.mark.parametrize("size_px", [35, 60, 140])
def test_small_hands_are_found_by_looking_closer(search, size_px):
    hands = [hand(x, y, size_px) for x in (100, 480, 900) for y in (100, 420, 700)]
    assert len(search(hands, effort="fast")[0]) == (9 if size_px == 140 else 0)
    found, _, looked = search(hands)
    assert len(found) == 9
    for one in found:
        assert min(np.abs(one.box_px - box_of(joints)).max() for joints in hands) < 1e-9
    assert len(looked) == 9, "each of them is looked at once"


@pytest.mark.parametrize("place", [(500, 400), (250, 400), (375, 333), (125, 200), (510, 210)])
def test_a_hand_on_the_seam_of_tiles_is_one_hand(search, place):
    found, _, looked = search([hand(place[0], place[1], 60)])
    assert len(found) == 1 and len(looked) == 1


def test_a_hint_of_small_hands_makes_it_look_closer(search):
    large, small = hand(700, 400, 300), hand(150, 150, 60)
    assert len(search([large, small])[0]) == 1
    assert len(search([large, small], hint=0.28)[0]) == 2


def test_the_cut_part_of_a_hand_goes_where_the_whole_one_is_known():
    joints = hand(100, 100, 80)
    whole, part = box_of(joints), box_of(joints) * [1, 1, 0.4, 1]
    squares = (joints_to_square(joints), TurnedSquare((60.0, 100.0), 70.0, 1.8))
    both = Proposals(np.stack([whole, part]), squares, np.array([0.5, 0.9]), np.full(2, 0.5))
    assert distinct_places(both, np.array([False, True])).tolist() == [0]
    assert sorted(distinct_places(both, np.array([False, False])).tolist()) == [0, 1]


def places(*squares: TurnedSquare, scores: Sequence[float] = ()) -> Proposals:
    """Of usual hands: boxes as large as the squares."""
    boxes = np.array([[*(np.array(one.centre_px) - one.side_px / 2), *[one.side_px] * 2] for one in squares])
    told = np.array(scores or [0.9] * len(squares))
    return Proposals(boxes.reshape(-1, 4), squares, told, np.full(len(squares), 0.5))


def test_of_each_known_hand_one_place_is_its_own_however_its_box_lies():
    # A fist: its joints take a quarter of what a usual hand would.
    fist = TurnedSquare((100.0, 100.0), 80.0, 0.1)
    known = Proposals(np.array([[90.0, 90, 20, 20]]), (fist,), np.ones(1), np.full(1, 0.5))
    own, on_it = TurnedSquare((104.0, 98.0), 90.0, -0.1), TurnedSquare((96.0, 112.0), 84.0, 0.2)
    beside, turned = TurnedSquare((160.0, 100.0), 80.0, 0.1), TurnedSquare((100.0, 100.0), 80.0, 1.0)
    larger = TurnedSquare((100.0, 100.0), 130.0, 0.1)
    told = places_of_known(known, places(beside, on_it, own, turned, larger))
    assert told.tolist() == [False, False, True, False, False]
    assert places_of_known(known, places()).shape == (0,)
    assert not places_of_known(places(), places(own)).any()
    # Two hands on each other: each has its own.
    two = places(fist, TurnedSquare((108.0, 108.0), 80.0, 0.1))
    assert places_of_known(two, places(own, on_it)).tolist() == [True, True]


def test_known_hands_are_not_looked_at_again_and_the_other_one_is(search):
    known, new = hand(300, 400, 300), hand(700, 400, 300)
    square = joints_to_square(known)
    # Its own joints lie in a small part of what the network proposes.
    there = Proposals(np.array([[280.0, 380, 30, 30]]), (square,), np.ones(1), np.full(1, 0.5))
    found, asked, looked = search([known, new], known=there)
    assert len(found) == len(looked) == 1 and abs(looked[0].centre_px[0] - 700) < 30
    # However sure a place is, it may be a known hand's: another one may be seen in the smaller pass alone.
    assert [px for _, px in asked] == [192, 128]


def found_hand(joints: np.ndarray, score: float, *, right: float = 0.99, presence: float = 0.9) -> FoundHand:
    look = look_of(joints, right=right, presence=presence)
    return FoundHand(look, box_of(joints), 0.5, np.zeros(len(SIGNALS)), score)


def test_one_hand_found_twice_counts_once_whatever_side_it_was_taken_for():
    joints, far = hand(100, 100, 80), hand(400, 100, 80)
    found = [found_hand(joints, 0.7), found_hand(joints + 3, 0.9, right=0.01), found_hand(far, 0.8)]
    assert [one.score for one in distinct_hands(found)] == [0.9, 0.8]


def test_interlaced_hands_stay_two():
    right = hand(100, 100, 100, turn_rad=0.6)
    left = hand(118, 104, 100, mirrored=True, turn_rad=-0.6)
    found = [found_hand(right, 0.9), found_hand(left, 0.8, right=0.01)]
    assert len(distinct_hands(found)) == 2
    boxes = np.stack([box_of(right), box_of(left)])
    squares = tuple(joints_to_square(joints) for joints in (right, left))
    places = Proposals(boxes, squares, np.array([0.9, 0.8]), np.full(2, 0.5))
    assert len(distinct_places(places, np.zeros(2, dtype=bool))) == 2


def test_a_part_of_a_hand_is_no_hand():
    joints = hand(100, 100, 100)
    part = hand(joints[10, 0], joints[10, 1], 20)
    assert len(distinct_hands([found_hand(joints, 0.9), found_hand(part, 0.8)])) == 1
    beside = hand(300, 100, 20)
    assert len(distinct_hands([found_hand(joints, 0.9), found_hand(beside, 0.8)])) == 2


def test_a_hand_that_the_landmark_network_does_not_see_has_the_box_proposed():
    joints, far = hand(100, 100, 100), hand(400, 100, 100)
    blind = found_hand(far, 0.7, presence=0.1)
    moved = FoundHand(blind.look, box_of(joints) + 5, 0.5, blind.signals, 0.7)
    np.testing.assert_array_equal(moved.box_px, box_of(joints) + 5)
    assert len(distinct_hands([found_hand(joints, 0.9), moved])) == 1
    assert len(distinct_hands([found_hand(far, 0.9), moved])) == 2


def test_signals_are_the_same_in_the_mirror_and_at_any_size():
    joints, place = hand(100, 100, 80, turn_rad=0.3), box_of(hand(104, 98, 90))
    look = look_of(joints, right=0.9)
    told = to_signals(look, place_score=0.7, place_px=place, scale=0.5)
    mirrored = look_of(joints * [-1, 1], right=0.1)
    other = to_signals(
        mirrored, place_score=0.7, place_px=place * [-1, 1, 1, 1] - [place[2], 0, 0, 0], scale=0.5
    )
    np.testing.assert_allclose(told, other, atol=1e-9)
    larger = to_signals(look_of(2 * joints, right=0.9), place_score=0.7, place_px=2 * place, scale=0.25)
    np.testing.assert_allclose(
        np.delete(told, SIGNALS.index("size")), np.delete(larger, SIGNALS.index("size"))
    )


def test_a_damaged_table_of_judges_is_refused(tmp_path):
    for content in ("", "{}", '{"palm": {"slopes": {}, "constant": 0}}', "[]"):
        (tmp_path / "judge.json").write_text(content)
        judge_of.cache_clear()
        with pytest.raises(KnuckleError, match=r"judge\.json: expected the judge of palm"):
            judge_of("palm", tmp_path / "judge.json")
    with pytest.raises(KnuckleError, match=r"none\.json: expected the judge of palm"):
        judge_of("palm", tmp_path / "none.json")


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (20, 3000), (3000, 20)])
def test_pictures_of_any_shape_have_no_hand_where_there_is_none(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert default_detector()(noise) == []


def test_detections_say_how_sure_they_are_of_the_side(search):
    (one,) = search([hand(500, 400, 450)])[0]
    side: Side = "right"
    assert one.side == side and one.right == 0.5 and 0.5 < one.score <= 1
    assert one.evidence is not None and one.evidence.right[0] == 0.99


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effort": "slow"}, "effort: expected one of fast, normal, thorough, got 'slow'"),
        ({"detector": "yolo"}, "detector: expected one of palm, hand_boxes, both, got 'yolo'"),
    ],
)
def test_unknown_choices_are_refused(options, message):
    with pytest.raises(KnuckleError, match=message):
        knuckle.estimate(np.zeros((32, 32, 3), np.uint8), **options)
