"""Two-hand systems on a network of random weights (tests/fake_networks.py), whose answer to a mirrored patch is not
the mirrored answer: what lands where, lone hands, mirrored pictures, attention."""

import cv2
import numpy as np
import pytest

import knuckle
from knuckle import Camera, KnuckleError
from knuckle.inference.merge import join_looks
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import PairEstimate, PairWindow
from knuckle.inference.two_hands import PairPredictor
from knuckle.inference.window import BATCH

OTHER = {"left": "right", "right": "left"}
WIDTH, HEIGHT = 321, 240
CAMERA = Camera(330, 340, 150, 126, WIDTH, HEIGHT)
PAIR = np.array([[60.0, 60, 80, 90], [120, 75, 90, 80]])


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 7)
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


@pytest.fixture(scope="module")
def predictor(fake_pair_model: str) -> PairPredictor:
    return PairPredictor(fake_pair_model, threads=1)


@pytest.fixture(scope="module")
def once(fake_pair_model: str) -> PairPredictor:
    """The network's own answer."""
    return PairPredictor(fake_pair_model, threads=1, looks=1)


def look(
    predictor: PairPredictor, image: np.ndarray, windows: list[PairWindow], camera: Camera
) -> PairEstimate:
    """Both hands of every window, fitted."""
    return predictor.fit(predictor.ask(image, windows, camera), camera)


def mirrored_boxes(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([WIDTH - 1 - boxes[:, :1] - boxes[:, 2:3], boxes[:, 1:]], axis=1)


def test_a_pair_shares_one_crop_and_one_camera_frame(predictor, image):
    hands = predictor(image, PAIR, ["right", "left"], CAMERA)
    assert hands.sides == ("right", "left") and hands.model == "fake-pair-lite"
    seen = look(predictor, image, [PairWindow.of_pair(PAIR[0], PAIR[1])], CAMERA)
    np.testing.assert_array_equal(hands.joints_m, seen.joints_m[0])
    np.testing.assert_array_equal(hands.confidence, seen.confidence[0])
    np.testing.assert_allclose(CAMERA.project(hands.joints_m), hands.joints_px, atol=1e-9)
    apart = predictor(image, np.array([PAIR[0], [230.0, 170, 60, 50]]), ["right", "left"], CAMERA)
    assert np.abs(apart.joints_m[0] - hands.joints_m[0]).max() > 1e-3


def test_meshes_are_the_rigs_of_each_side(predictor, image):
    hands = predictor(image, PAIR, ["right", "left"], CAMERA)
    for hand in hands:
        posed = knuckle.load_rig("open", side=hand.side).posed(hand.pose_rad, hand.shape)
        move = hand.joints_m[:1] - posed.joints[:1]
        np.testing.assert_allclose(posed.vertices + move, hand.vertices_m, atol=1e-6)
        np.testing.assert_allclose(posed.joints + move, hand.joints_m, atol=1e-6)


def test_network_alone_keeps_its_joints(fake_pair_model, predictor, image):
    alone = PairPredictor(fake_pair_model, threads=1, refine=False)
    window = [PairWindow(np.array([60.0, 60, 150, 95]), False)]
    raw, fitted = look(alone, image, window, CAMERA), look(predictor, image, window, CAMERA)
    np.testing.assert_array_equal(raw.vertices_m, fitted.vertices_m)
    distance = np.linalg.norm(raw.joints_m - fitted.joints_m, axis=-1).mean(-1)
    np.testing.assert_allclose(distance, fitted.residual_m, atol=1e-9)
    assert (distance > 1e-4).all()


def test_hands_stand_in_the_order_of_their_boxes(predictor, image):
    boxes = np.array([[250.0, 10, 50, 60], *PAIR, [5.0, 160, 60, 60]])
    sides = ["left", "right", "left", "right"]
    hands = predictor(image, boxes, sides, CAMERA)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        again = predictor(image, boxes[order], [sides[i] for i in order], CAMERA)
        assert again.sides == tuple(sides[i] for i in order)
        np.testing.assert_allclose(again.joints_m, hands.joints_m[order], atol=1e-6)


def test_a_lone_hand_has_the_crop_to_itself_and_grows_no_partner(predictor, image):
    for side, index in (("right", 0), ("left", 1)):
        hands = predictor(image, PAIR[:1], [side], CAMERA)
        assert hands.sides == (side,) and len(hands.joints_m) == 1
        seen = look(predictor, image, [PairWindow(PAIR[0], side == "left")], CAMERA)
        np.testing.assert_array_equal(hands.joints_m[0], seen.joints_m[0, index])


@pytest.mark.parametrize(
    ("boxes", "sides"),
    [
        (PAIR, ["right", "left"]),
        (PAIR, ["left", "right"]),
        (PAIR[:, [0, 1, 3, 2]], ["right", "left"]),
        ([[60, 70, 80, 90], [120, 75, 70, 80]], ["right", "left"]),
        (PAIR[:1], ["left"]),
        (PAIR[1:], ["right"]),
        ([*PAIR, [150, 120, 90, 80], [10, 10, 40, 50]], ["right", "left", "right", "left"]),
    ],
)
def test_mirrored_photo_gives_the_swapped_mirrored_hands(fake_pair_model, image, boxes, sides):
    boxes = np.array(boxes, dtype=float)
    camera = (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy)
    hands = knuckle.estimate(image, boxes=boxes, sides=sides, camera=camera, model=fake_pair_model)
    mirrored = knuckle.estimate(
        np.ascontiguousarray(image[:, ::-1]),
        boxes=mirrored_boxes(boxes),
        sides=[OTHER[side] for side in sides],
        camera=(CAMERA.fx, CAMERA.fy, WIDTH - 1 - CAMERA.cx, CAMERA.cy),
        model=fake_pair_model,
    )
    np.testing.assert_allclose(mirrored.joints_px * [-1, 1] + [WIDTH - 1, 0], hands.joints_px, atol=1e-3)
    np.testing.assert_allclose(mirrored.joints_m * [-1, 1, 1], hands.joints_m, atol=1e-5)
    np.testing.assert_allclose(mirrored.vertices_m * [-1, 1, 1], hands.vertices_m, atol=1e-5)
    np.testing.assert_allclose(mirrored.pose_rad * [1, -1, -1], hands.pose_rad, atol=1e-4)
    np.testing.assert_allclose(mirrored.shape, hands.shape, atol=1e-4)
    np.testing.assert_allclose(mirrored.confidence, hands.confidence, atol=1e-6)


def test_the_network_itself_is_not_symmetric(once, image):
    """Else the test above would say nothing: shown mirrored, a pair is answered differently."""
    box = np.array([60.0, 60, 150, 95])
    plain, mirrored = (look(once, image, [PairWindow(box, flag)], CAMERA) for flag in (False, True))
    assert np.abs(plain.joints_px - mirrored.joints_px).max() > 1


@pytest.mark.parametrize("looks", [1, 2])
def test_one_look_and_two_are_both_symmetric(fake_pair_model, image, looks):
    predictor = PairPredictor(fake_pair_model, threads=1, looks=looks)
    hands = predictor(image, PAIR, ["right", "left"], CAMERA)
    turned = np.ascontiguousarray(image[:, ::-1])
    mirrored = predictor(turned, mirrored_boxes(PAIR), ["left", "right"], CAMERA.mirrored())
    np.testing.assert_allclose(mirrored.joints_px * [-1, 1] + [WIDTH - 1, 0], hands.joints_px, atol=1e-3)
    np.testing.assert_allclose(mirrored.joints_m * [-1, 1, 1], hands.joints_m, atol=1e-5)


def test_two_looks_are_the_joined_answers_to_both_pictures(predictor, once, image):
    window = PairWindow.of_pair(PAIR[0], PAIR[1])
    joined = predictor.ask(image, [window], CAMERA)
    first, second = (once.ask(image, [shown], CAMERA) for shown in (window, window.turned()))
    for name, value in join_looks(first, second, PAIR[None], CAMERA).arrays().items():
        np.testing.assert_array_equal(getattr(joined, name), value, err_msg=name)


@pytest.mark.parametrize("looks", [0, 3, -1, 1.5])
def test_another_number_of_looks_is_refused(fake_pair_model, looks):
    with pytest.raises(KnuckleError, match=f"looks: expected 1 or 2, got {looks}"):
        PairPredictor(fake_pair_model, looks=looks)


def test_many_windows_are_seen_as_each_alone(predictor, image):
    rng = np.random.default_rng(3)
    windows = [
        PairWindow(np.array([*rng.uniform(0, 200, 2), *rng.uniform(30, 90, 2)]), bool(i % 2))
        for i in range(BATCH + 2)
    ]
    together = look(predictor, image, windows, CAMERA)
    for index in (0, 1, BATCH - 1, BATCH, BATCH + 1):
        alone = look(predictor, image, windows[index : index + 1], CAMERA)
        for name in ("joints_px", "joints_m", "confidence"):
            np.testing.assert_allclose(
                getattr(together, name)[index],
                getattr(alone, name)[0],
                atol=1e-3 if name == "joints_px" else 1e-5,
            )


def test_no_boxes(predictor, image):
    hands = predictor(image, np.zeros((0, 4)), [], CAMERA)
    assert len(hands) == 0 and hands.model == "fake-pair-lite" and hands.faces.shape[1] == 3


@pytest.mark.parametrize("mirrored", [False, True])
def test_explanation_is_what_the_network_saw(once, image, mirrored):
    window = PairWindow(np.array([60.0, 60, 150, 95]), mirrored)
    found = once.explain(image, window, CAMERA)
    assert found.attention.shape == (2, 2, 2, 21, 4, 4)
    np.testing.assert_allclose(found.attention.sum((-1, -2)), 1, atol=1e-5)
    other = once.explain(
        np.ascontiguousarray(image[:, ::-1]),
        PairWindow(mirrored_boxes(window.box_px[None])[0], not mirrored),
        CAMERA.mirrored(),
    )
    np.testing.assert_array_equal(other.patch[:, ::-1], found.patch)
    np.testing.assert_allclose(other.joints_patch[::-1] * [-1, 1] + [31, 0], found.joints_patch, atol=1e-4)
    np.testing.assert_allclose(other.attention[:, :, ::-1, :, :, ::-1], found.attention, atol=1e-6)
    np.testing.assert_allclose(other.confidence[::-1], found.confidence, atol=1e-6)
    alone = look(once, image, [window], CAMERA)
    np.testing.assert_allclose(alone.confidence[0], found.confidence, atol=1e-6)


def test_systems_are_told_apart(fake_model, fake_pair_model):
    with pytest.raises(
        KnuckleError, match=r"expected a one-hand system, got fake-pair-lite: use PairPredictor"
    ):
        Predictor(fake_pair_model)
    with pytest.raises(KnuckleError, match=r"expected a two-hand system, got fake-lite: use Predictor"):
        PairPredictor(fake_model)
