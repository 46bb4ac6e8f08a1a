"""The weights in the package, through the whole pipeline: a mirrored photo gives the mirrored hand."""

import json

import cv2
import numpy as np
import pytest

import knuckle
from knuckle import weights
from knuckle.cli.demo import ASSETS, SAMPLE
from knuckle.inference.images import read_image

MODELS = sorted(weights.available())
pytestmark = pytest.mark.skipif(not MODELS, reason="no weights are in the package")


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, dict]:
    """The sample photo with its boxes, sides and camera; smooth noise as long as there is none."""
    path = ASSETS / f"{SAMPLE}.jpg"
    if path.exists():
        return read_image(path), json.loads(path.with_suffix(".json").read_text())
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    boxes = [[40.0, 50.0, 120.0, 140.0], [170.0, 60.0, 110.0, 100.0]]
    about = {"boxes": boxes, "sides": ["left", "right"], "camera": [400, 400, 150, 130]}
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), about


@pytest.mark.parametrize("model", MODELS)
def test_mirrored_photo_gives_the_mirrored_hands(model, scene):
    image, about = scene
    width = image.shape[1]
    boxes = np.array(about["boxes"], dtype=float)
    mirrored_boxes = np.concatenate([width - 1 - boxes[:, :1] - boxes[:, 2:3], boxes[:, 1:]], axis=1)
    fx, fy, cx, cy = about["camera"]
    other = {"left": "right", "right": "left"}
    hands = knuckle.estimate(image, boxes=boxes, sides=about["sides"], camera=about["camera"], model=model)
    mirrored = knuckle.estimate(
        np.ascontiguousarray(image[:, ::-1]),
        boxes=mirrored_boxes,
        sides=[other[side] for side in about["sides"]],
        camera=(fx, fy, width - 1 - cx, cy),
        model=model,
    )
    back = mirrored.joints_px * [-1, 1] + [width - 1, 0]
    assert np.abs(back - hands.joints_px).max() < 1
    np.testing.assert_allclose(mirrored.joints_m * [-1, 1, 1], hands.joints_m, atol=2e-3)
    np.testing.assert_allclose(mirrored.vertices_m * [-1, 1, 1], hands.vertices_m, atol=2e-3)
    np.testing.assert_allclose(mirrored.confidence, hands.confidence, atol=0.02)


@pytest.mark.parametrize("model", MODELS)
def test_joints_in_metres_project_to_joints_in_px(model, scene):
    image, about = scene
    hands = knuckle.estimate(
        image, boxes=about["boxes"], sides=about["sides"], camera=about["camera"], model=model
    )
    projected = hands.camera.project(hands.joints_m)
    assert np.abs(projected - hands.joints_px).max() < 0.05
    assert (hands.joints_m[..., 2] > 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_pose_and_shape_rebuild_the_mesh(model, scene):
    image, about = scene
    hands = knuckle.estimate(
        image, boxes=about["boxes"], sides=about["sides"], camera=about["camera"], model=model
    )
    _, record = weights.find(model)
    for hand in hands:
        posed = knuckle.load_rig(record.rig, side=hand.side).posed(hand.pose_rad, hand.shape)
        offset = hand.vertices_m - posed.vertices
        np.testing.assert_allclose(offset, np.broadcast_to(offset.mean(axis=0), offset.shape), atol=2e-4)
