"""What the landmark network knows of hands: where it looks, how often, and in which axes its joints come back."""

from dataclasses import replace

import numpy as np
import pytest

import knuckle
from knuckle import Camera, Detection
from knuckle.geometry.crop import apply_affine, invert_affine
from knuckle.inference.detection import evidence
from knuckle.inference.detection.evidence import FIRST_EXPAND, Evidence, look_at
from knuckle.inference.detection.landmarks import LANDMARK_PX, Landmarks, TurnedSquare
from knuckle.rig.load import load_rig
from knuckle.skeleton import Side

SIZE = 400
SCALE_PX = 1500.0
UPRIGHT = load_rig("open").joints_rest_m.astype(float)
UPRIGHT = UPRIGHT - UPRIGHT.mean(0)
if UPRIGHT[9, 1] > UPRIGHT[0, 1]:
    UPRIGHT = UPRIGHT * [1, -1, -1]


def turned(joints_m: np.ndarray, degrees: float) -> np.ndarray:
    """Clockwise in the picture."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return joints_m @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]]).T


class Eye:
    """A landmark network that knows the one hand of a picture, flat to the camera, whichever part of it is shown and
    whichever way: every pixel tells its place."""

    def __init__(self, joints_m: np.ndarray, *, presence: float = 0.99, right: float = 0.9) -> None:
        self.joints_m, self.presence, self.right = joints_m, presence, right
        self.joints_px = joints_m[:, :2] * SCALE_PX + SIZE / 2
        self.squares: list[TurnedSquare] = []
        self.shown: list[np.ndarray] = []

    def picture(self) -> np.ndarray:
        y, x = np.mgrid[:SIZE, :SIZE]
        return np.stack([x // 2, y // 2, x % 2 + 2 * (y % 2)], axis=-1).astype(np.uint8)

    def look(self, image: np.ndarray, square: TurnedSquare) -> tuple[np.ndarray, Landmarks]:
        halves, odd = image[0, [0, -1], :2].astype(int), image[0, [0, -1], 2]
        first, last = 2 * halves + np.stack([odd % 2, odd // 2], axis=-1)
        mirrored = bool(first[0] > last[0])
        corner = [SIZE - 1 - first[0], first[1]] if mirrored else first
        px = (self.joints_px * [-1, 1] + [SIZE - 1, 0] if mirrored else self.joints_px) - corner
        world = self.joints_m * [-1, 1, 1] if mirrored else self.joints_m
        self.shown.append(image)
        self.squares.append(replace(square, centre_px=tuple(np.add(square.centre_px, corner))))
        patch_from_frame = square.patch_from_frame(LANDMARK_PX)
        patch = apply_affine(patch_from_frame, px)
        in_patch = turned(world, -np.rad2deg(square.rotation_rad))
        right = 1 - self.right if mirrored else self.right
        seen = Landmarks(np.concatenate([patch, world[:, 2:]], axis=1), in_patch, self.presence, right)
        return apply_affine(invert_affine(patch_from_frame), patch), seen

    def box(self) -> np.ndarray:
        low = self.joints_px.min(0)
        return np.concatenate([low, np.ptp(self.joints_px, axis=0)])


class Dot:
    """A landmark network that sees the same open hand in the middle of whatever it is shown."""

    def __init__(self, *, presence: float = 0.99) -> None:
        self.presence, self.shown = presence, []

    def look(self, image: np.ndarray, square: TurnedSquare) -> tuple[np.ndarray, Landmarks]:
        self.shown.append((image.copy(), square))
        size = np.ptp(UPRIGHT[:, :2], axis=0).max()
        joints = UPRIGHT[:, :2] * (square.side_px / FIRST_EXPAND / size) + square.centre_px
        return joints, Landmarks(np.zeros((21, 3)), UPRIGHT, self.presence, 0.99)


def test_an_upright_hand_is_looked_at_once_in_a_square_round_its_box():
    eye = Eye(UPRIGHT)
    seen = look_at(eye, eye.picture(), eye.box()[None], ["right"])
    (square,) = eye.squares
    assert square.rotation_rad == 0 and square.side_px == FIRST_EXPAND * eye.box()[2:].max()
    np.testing.assert_allclose(square.centre_px, eye.box()[:2] + eye.box()[2:] / 2)
    np.testing.assert_allclose(seen.joints_px[0], eye.joints_px, atol=1e-9)
    np.testing.assert_array_equal(seen.box_px[0], eye.box())
    assert seen.found.all() and seen.presence[0] == 0.99 and seen.right[0] == 0.9


@pytest.mark.parametrize(("degrees", "looks"), [(-120, 5), (-45, 2), (45, 2), (100, 4), (170, 4)])
def test_a_turned_hand_is_looked_at_again_and_its_joints_come_back_in_the_pictures_axes(degrees, looks):
    eye = Eye(turned(UPRIGHT, degrees))
    seen = look_at(eye, eye.picture(), eye.box()[None], ["right"])
    quarters = [np.rad2deg(square.rotation_rad) for square in eye.squares[1:4]]
    assert len(eye.squares) == looks and (looks == 2 or np.allclose(quarters, [90, 180, -90]))
    np.testing.assert_allclose(seen.joints_px[0], eye.joints_px, atol=1e-9)
    np.testing.assert_allclose(seen.joints_m[0], eye.joints_m, atol=1e-12)
    off = (np.rad2deg(seen.rotation_rad[0]) - degrees + 180) % 360 - 180
    assert abs(off) < 12, "knuckles of a hand at rest are nearly above its wrist"
    # In all quarters first; once more where none of them comes near.
    assert looks == 4 or abs(eye.squares[-1].rotation_rad - seen.rotation_rad[0]) < 1e-9


def test_a_hand_it_is_not_sure_of_is_looked_at_in_all_quarters_and_again():
    eye = Eye(UPRIGHT, presence=0.8)
    assert look_at(eye, eye.picture(), eye.box()[None], ["right"]).found.all() and len(eye.squares) == 5


def test_the_quarter_in_which_it_is_surest_of_an_upright_hand_wins():
    class Upside(Eye):
        """Takes the hand for an upright one unless it is shown so."""

        def look(self, image, square):
            joints, seen = super().look(image, square)
            if abs(abs(square.rotation_rad) - np.pi) < 0.5:
                return joints, seen
            return joints + np.array([9, 0]), replace(seen, presence=0.6)

    eye = Upside(turned(UPRIGHT, 180))
    seen = look_at(eye, eye.picture(), eye.box()[None], ["right"])
    np.testing.assert_allclose(seen.joints_px[0], eye.joints_px, atol=1e-9)
    assert seen.presence[0] == 0.99


def test_a_hand_it_does_not_see_is_not_found():
    eye = Eye(UPRIGHT, presence=0.3)
    assert not look_at(eye, eye.picture(), eye.box()[None], ["right"]).found.any()


@pytest.mark.parametrize("degrees", [0, 75])
def test_a_left_hand_is_shown_mirrored_and_comes_back_as_it_is(degrees):
    eye = Eye(turned(UPRIGHT, degrees), right=0.1)
    seen = look_at(eye, eye.picture(), eye.box()[None], ["left"])
    np.testing.assert_allclose(seen.joints_px[0], eye.joints_px, atol=1e-9)
    np.testing.assert_allclose(seen.joints_m[0], eye.joints_m, atol=1e-12)
    np.testing.assert_allclose(seen.box_px[0], eye.box(), atol=1e-9)
    assert seen.right[0] == pytest.approx(0.1)
    for square in eye.squares:
        x = SIZE - 1 - square.centre_px[0]
        assert abs(x - (eye.box()[0] + eye.box()[2] / 2)) < eye.box()[2] / 2, (
            "it looks in the mirrored picture"
        )


def some_evidence(count: int = 3) -> Evidence:
    rng = np.random.default_rng(4)
    shapes = {"box_px": (4,), "joints_px": (21, 2), "joints_m": (21, 3)}
    arrays = [rng.uniform(0, 1, (count, *shape)) for shape in shapes.values()]
    return Evidence(*arrays, *rng.uniform(0, 1, (3, count)))


def test_mirroring_twice_changes_nothing_and_mirrors_what_is_asked_for():
    known, where = some_evidence(), np.array([True, False, True])
    other = known.mirrored(where, 320)
    np.testing.assert_allclose(other.joints_px[0], known.joints_px[0] * [-1, 1] + [319, 0])
    x, y, w, h = known.box_px[0]
    np.testing.assert_allclose(other.box_px[0], [319 - x - w, y, w, h])
    assert other.right[0] == pytest.approx(1 - known.right[0])
    np.testing.assert_array_equal(other.joints_m[1], known.joints_m[1])
    again = other.mirrored(where, 320)
    for name in ("box_px", "joints_px", "joints_m", "right", "rotation_rad"):
        np.testing.assert_allclose(getattr(again, name), getattr(known, name), atol=1e-12)


def test_another_picture_of_the_same_hands():
    known = some_evidence()
    moved = known.moved(np.array([[2.0, 0, 10], [0, 2.0, -5]]))
    np.testing.assert_allclose(moved.joints_px, known.joints_px * 2 + [10, -5])
    np.testing.assert_allclose(moved.box_px[:, 2:], known.box_px[:, 2:] * 2)
    np.testing.assert_allclose(moved.box_px[:, :2], known.box_px[:, :2] * 2 + [10, -5])
    np.testing.assert_array_equal(moved.joints_m, known.joints_m)


def test_evidence_among_hands_nobody_asked_about():
    known = some_evidence(2)
    placed = known.placed(np.array([3, 1]), 4)
    assert len(placed) == 4 and placed.presence[[0, 2]].tolist() == [0, 0]
    np.testing.assert_array_equal(placed.rows(np.array([3, 1])).joints_px, known.joints_px)
    assert len(Evidence.joined([])) == 0 and not Evidence.none(2).found.any()
    both = Evidence.joined([known, placed])
    np.testing.assert_array_equal(both.rows(slice(2)).joints_m, known.joints_m)


class Blind:
    """A landmark network that nobody may ask."""

    def look(self, *_: object) -> None:
        raise AssertionError("the landmark network was asked")


@pytest.fixture
def nobody_asks(monkeypatch):
    monkeypatch.setattr(evidence, "landmark_network", Blind)


IMAGE = np.random.default_rng(1).integers(0, 255, (240, 321, 3)).astype(np.uint8)
BOXES = [[60.0, 60, 80, 90], [120.0, 75, 90, 80]]
SIDES: list[Side] = ["right", "left"]


@pytest.mark.parametrize("model", ["dahyf", "dfl", "auto"])
def test_without_evidence_the_landmark_network_is_not_asked(installed, nobody_asks, model):
    hands = knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model=model, evidence=False)
    assert len(hands) == 2
    with pytest.raises(AssertionError, match="was asked"):
        knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model=model)


def dot_in(monkeypatch, **options) -> Dot:
    """For all predictors."""
    dot = Dot(**options)
    monkeypatch.setattr(evidence, "landmark_network", lambda: dot)
    return dot


@pytest.mark.parametrize("model", ["dahyf", "dfl", "auto"])
def test_a_hand_it_does_not_see_stays_as_it_was_to_the_bit(installed, monkeypatch, model):
    dot_in(monkeypatch, presence=0.2)
    plain = knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model=model, evidence=False)
    hands = knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model=model)
    np.testing.assert_array_equal(hands.joints_m, plain.joints_m)
    np.testing.assert_array_equal(hands.vertices_m, plain.vertices_m)


@pytest.mark.parametrize("model", ["dahyf", "dfl", "auto"])
def test_a_hand_it_sees_comes_nearer_to_what_it_sees(installed, monkeypatch, model):
    dot_in(monkeypatch)
    plain = knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model=model, evidence=False)
    hands = knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model=model)
    for number, (x, y, w, h) in enumerate(BOXES):
        size = np.ptp(UPRIGHT[:, :2], axis=0).max()
        flip = [-1, 1] if SIDES[number] == "left" else [1, 1]
        wanted = UPRIGHT[:, :2] * flip * (max(w, h) / size) + [x + w / 2, y + h / 2]
        off, before = (np.linalg.norm(of.joints_px[number] - wanted, axis=-1).mean() for of in (hands, plain))
        assert off < 0.9 * before


@pytest.mark.parametrize("model", ["dahyf", "dfl", "auto"])
def test_what_the_detector_saw_is_not_looked_at_again(installed, nobody_asks, model):
    camera = Camera.from_size(321, 240)
    eye = Eye(turned(UPRIGHT, 10))
    scale = 90 / np.ptp(eye.joints_px, axis=0).max()
    found = []
    for box, side in zip(BOXES, SIDES, strict=True):
        joints = (eye.joints_px - eye.joints_px.min(0)) * scale + box[:2]
        square = TurnedSquare((0.0, 0.0), 1.0, 0.0)
        sure = Landmarks(np.zeros((21, 3)), eye.joints_m, 0.999, 0.99 if side == "right" else 0.01)
        seen = Evidence.of_look(np.array(box), joints, sure, square)
        found.append(Detection(np.array(box), side, 0.9, evidence=seen))
    hands = knuckle.estimate(IMAGE, detector=lambda _: found, model=model, camera=camera)
    plain = knuckle.estimate(IMAGE, detector=lambda _: found, model=model, camera=camera, evidence=False)
    seen_px = np.concatenate([hand.evidence.joints_px for hand in found])
    nearer = np.linalg.norm(hands.joints_px - seen_px, axis=-1).mean(1)
    assert (nearer < np.linalg.norm(plain.joints_px - seen_px, axis=-1).mean(1)).all()


def test_a_detector_that_does_not_tell_is_helped_out(installed, monkeypatch):
    dot = dot_in(monkeypatch)
    found = [Detection(np.array(BOXES[0]), "right", 0.9)]
    assert len(knuckle.estimate(IMAGE, detector=lambda _: found, model="dahyf")) == 1
    assert dot.shown


def test_the_mirrored_picture_is_shown_as_the_picture_is(installed, monkeypatch):
    """So that evidence of a picture and of its mirror image are mirrored exactly, whatever the network does."""
    dot = dot_in(monkeypatch)
    knuckle.estimate(IMAGE, boxes=BOXES, sides=SIDES, model="dahyf")
    plain = dot.shown.copy()
    dot.shown.clear()
    mirrored_boxes, flipped = [[320 - x - w, y, w, h] for x, y, w, h in BOXES], IMAGE[:, ::-1]
    other: dict[Side, Side] = {"left": "right", "right": "left"}
    sides = [other[side] for side in SIDES]
    knuckle.estimate(np.ascontiguousarray(flipped), boxes=mirrored_boxes, sides=sides, model="dahyf")
    assert len(plain) == len(dot.shown) >= 2
    for (image, square), (mirrored_image, mirrored_square) in zip(plain, dot.shown, strict=True):
        np.testing.assert_array_equal(image, mirrored_image)
        assert square == mirrored_square


def test_thresholds_are_what_the_docstrings_say():
    assert 0 < evidence.LEAST_PRESENCE < evidence.UNSURE < 1
