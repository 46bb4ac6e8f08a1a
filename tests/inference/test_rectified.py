"""Pictures of a camera that is turned to the hand, and the way back."""

import cv2
import numpy as np
import pytest

from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.disagreement import Disagreement, Estimated
from knuckle.inference.one_hand import Predictor
from knuckle.inference.rectified import RectifiedPredictor, TurnedView
from knuckle.rig import load_rig
from knuckle.rig.rotations import rodrigues

CAMERA = Camera(400, 402, 330, 236, 640, 480)
BOX = np.array([500.0, 380, 80, 70])


def test_the_turned_camera_looks_at_the_box_and_sees_along_the_same_rays():
    view = TurnedView.of_box(BOX, CAMERA)
    middle = BOX[:2] + BOX[2:] / 2
    assert np.allclose(view.px(middle), [view.camera.cx, view.camera.cy], atol=1e-6)
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (20, 3)) + CAMERA.backproject(middle, np.array(0.6))
    assert np.allclose(view.px(CAMERA.project(points)), view.camera.project(points @ view.turn.T), atol=1e-6)
    assert np.allclose(view.turn @ view.turn.T, np.eye(3))
    low = view.boxes(BOX[None])[0]
    assert (low[:2] > 0).all() and (low[:2] + low[2:] < view.camera.width).all()


def test_its_picture_shows_what_lies_there():
    image = np.full((480, 640, 3), 40, np.uint8)
    cv2.circle(image, (540, 415), 12, (200, 180, 90), -1)
    view = TurnedView.of_box(BOX, CAMERA)
    seen = view.picture(image)
    bright = np.argwhere(seen[..., 0] > 120)[:, ::-1]
    assert np.allclose(bright.mean(0), view.px(np.array([540.0, 415.0])), atol=0.7)


class Answers(Predictor):
    """Says, of every box, the hand that it was told of, as the camera that it is shown sees it."""

    wants_evidence = uses_evidence = False

    def __init__(self, hand: Hands) -> None:
        self.hand, self.cameras = hand, []

    def estimate(self, image, boxes_px, sides, camera, *, evidence=None):
        self.cameras.append(camera)
        middle = boxes_px[0, :2] + boxes_px[0, 2:] / 2
        assert image.shape[:2] == (camera.height, camera.width)
        return Estimated(self.seen_by(camera, middle, boxes_px), Disagreement.none(len(boxes_px)))

    def seen_by(self, camera: Camera, middle: np.ndarray, boxes: np.ndarray) -> Hands:
        turn = np.eye(3) if camera is self.hand.camera else TurnedView.of_box(BOX, self.hand.camera).turn
        pose = self.hand.pose_rad.copy()
        pose[0, 0] = cv2.Rodrigues(turn @ rodrigues(pose[0, 0]))[0][:, 0]
        joints = self.hand.joints_m @ turn.T
        return self.hand.changed(
            camera=camera,
            boxes_px=boxes,
            joints_px=camera.project(joints),
            joints_m=joints,
            vertices_m=self.hand.vertices_m @ turn.T,
            pose_rad=pose,
        )


@pytest.fixture
def hand() -> Hands:
    rng = np.random.default_rng(1)
    pose = rng.normal(0, 0.3, (16, 3))
    posed = load_rig("open").posed(pose)
    place = CAMERA.backproject(BOX[:2] + BOX[2:] / 2, np.array(0.7))
    joints = posed.joints - posed.joints.mean(0) + place
    return Hands(
        CAMERA,
        sides=("right",),
        confidence=np.ones(1),
        boxes_px=BOX[None],
        joints_px=CAMERA.project(joints)[None],
        joints_m=joints[None],
        vertices_m=(posed.vertices - posed.joints.mean(0) + place)[None],
        pose_rad=pose[None],
        shape=np.zeros((1, 10)),
    )


def test_the_answer_comes_back_as_the_given_camera_sees_it(hand):
    image = np.zeros((480, 640, 3), np.uint8)
    asked = Answers(hand)
    answer, _ = RectifiedPredictor(asked, from_rad=0.3).estimate(image, BOX[None], ("right",), CAMERA)
    assert asked.cameras[0] is not CAMERA and answer.camera == CAMERA
    for name in ("joints_m", "vertices_m", "joints_px", "boxes_px"):
        assert np.allclose(getattr(answer, name), getattr(hand, name), atol=1e-5), name
    assert np.allclose(rodrigues(answer.pose_rad), rodrigues(hand.pose_rad), atol=1e-6)


def test_hands_near_the_axis_are_shown_as_they_are(hand):
    asked = Answers(hand)
    middle = np.array([[300.0, 210, 60, 60]])
    RectifiedPredictor(asked, from_rad=0.3).estimate(
        np.zeros((480, 640, 3), np.uint8), middle, ("right",), CAMERA
    )
    assert asked.cameras == [CAMERA]


def test_hands_keep_their_order(hand):
    class Sizes(Answers):
        def estimate(self, image, boxes_px, sides, camera, *, evidence=None):
            size = np.sort(boxes_px[:, 2:].max(1))
            found = [hand.changed(camera=camera, sides=(side,)) for side in sides]
            arrays = {
                name: np.concatenate([getattr(one, name) for one in found])
                for name in ("joints_px", "joints_m", "vertices_m", "pose_rad", "shape")
            }
            confidence = np.full(len(sides), 0.25 if camera is CAMERA else 0.75)
            made = Hands(camera, sides=tuple(sides), confidence=confidence, boxes_px=boxes_px, **arrays)
            assert len(size)
            return Estimated(made, Disagreement.none(len(sides)))

    boxes = np.array([[500.0, 380, 80, 70], [300, 210, 60, 60], [20, 20, 70, 80]])
    answer = RectifiedPredictor(Sizes(hand), from_rad=0.3)(
        np.zeros((480, 640, 3), np.uint8), boxes, ("left", "right", "left"), CAMERA, evidence=Evidence.none(3)
    )
    assert answer.sides == ("left", "right", "left")
    assert answer.confidence.tolist() == [0.75, 0.25, 0.75]
    assert np.array_equal(answer.boxes_px, boxes)
