"""The predictor on a network whose answer is known (tests/fake_networks.py): where things land, left hands,
batches."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.inference.one_hand import Predictor
from knuckle.inference.window import BATCH, normalise
from knuckle.weights import read_record

DEPTH_M = 0.5


def picture_with_spot(u: float, v: float, *, width: int = 160, height: int = 120) -> np.ndarray:
    """Black, with a small white spot whose centre is at pixel (u, v)."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    spot = np.clip(4 - np.hypot(x - u, y - v), 0, 1)
    return np.repeat(np.round(255 * spot).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.fixture(scope="module")
def predictor(fake_model: str) -> Predictor:
    return Predictor(fake_model, threads=1, refine=False)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("spot", [(70.0, 50.0), (82.0, 61.0)])
def test_joint_lands_on_the_spot(predictor: Predictor, side, spot):
    camera = Camera(200, 210, 70, 65, 160, 120)
    hands = predictor(picture_with_spot(*spot), np.array([[60.0, 40.0, 32.0, 30.0]]), [side], camera)
    # The patch has two thirds of the frame's pixels.
    np.testing.assert_allclose(hands.joints_px[0, 0], spot, atol=0.3)
    expected = camera.backproject(hands.joints_px[0], np.full(21, DEPTH_M))
    np.testing.assert_allclose(hands.joints_m[0], expected, atol=1e-5)


def test_mirrored_photo_gives_the_mirrored_hand(predictor: Predictor):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (90, 121, 3), dtype=np.uint8)
    camera = Camera(150, 160, 50, 48, 121, 90)
    box = np.array([[20.5, 15.0, 40.0, 44.0]])
    mirrored_box = box.copy()
    mirrored_box[0, 0] = 121 - 1 - box[0, 0] - box[0, 2]
    right = predictor(image, box, ["right"], camera)
    left = predictor(image[:, ::-1], mirrored_box, ["left"], camera.mirrored())
    np.testing.assert_allclose(left.joints_px[0], right.joints_px[0] * [-1, 1] + [120, 0], atol=0.02)
    np.testing.assert_allclose(left.joints_m[0], right.joints_m[0] * [-1, 1, 1], atol=1e-4)
    np.testing.assert_allclose(left.vertices_m[0], right.vertices_m[0] * [-1, 1, 1], atol=1e-4)
    np.testing.assert_allclose(left.pose_rad[0], right.pose_rad[0] * [1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(left.shape, right.shape)
    np.testing.assert_allclose(left.confidence, right.confidence, atol=1e-3)


def test_mirrored_rotations_turn_mirrored_vectors():
    from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE, MIRROR_POINT
    from knuckle.rig.rotations import rodrigues

    rng = np.random.default_rng(1)
    pose, vectors = rng.uniform(-2, 2, (20, 3)), rng.normal(size=(20, 3))
    turned = np.einsum("nij,nj->ni", rodrigues(pose), vectors)
    mirrored = np.einsum("nij,nj->ni", rodrigues(pose * MIRROR_AXIS_ANGLE), vectors * MIRROR_POINT)
    np.testing.assert_allclose(mirrored, turned * MIRROR_POINT, atol=1e-12)


def test_many_hands_are_the_same_as_each_alone(predictor: Predictor):
    rng = np.random.default_rng(2)
    count = BATCH + 3
    image = rng.integers(0, 256, (200, 220, 3), dtype=np.uint8)
    boxes = np.concatenate([rng.uniform(0, 150, (count, 2)), rng.uniform(20, 60, (count, 2))], axis=1)
    sides = [("left", "right")[i % 2] for i in range(count)]
    camera = Camera.from_size(220, 200)
    together = predictor(image, boxes, sides, camera)
    assert len(together) == count
    assert together.sides == tuple(sides)
    for i in (0, 1, BATCH - 1, BATCH, count - 1):
        alone = predictor(image, boxes[i : i + 1], sides[i : i + 1], camera)
        np.testing.assert_allclose(together.joints_px[i], alone.joints_px[0], atol=1e-3)
        np.testing.assert_allclose(together.vertices_m[i], alone.vertices_m[0], atol=1e-5)


def test_no_hands_keep_the_meshs_triangles(predictor: Predictor):
    hands = predictor(np.zeros((10, 10, 3), np.uint8), np.zeros((0, 4)), [], Camera.from_size(10, 10))
    assert len(hands) == 0
    assert hands.model == "fake-lite"
    assert hands.faces.shape[1] == 3


def test_normalise_maps_bytes_to_minus_one_and_one():
    patches = np.zeros((2, 4, 4, 3), np.uint8)
    patches[1, :, :, 2] = 255
    result = normalise(patches)
    assert result.shape == (2, 3, 4, 4)
    assert result.dtype == np.float32
    assert np.all(result[0] == -1)
    assert np.all(result[1, 2] == 1)


def test_box_one_pixel_picture(predictor: Predictor):
    image = np.full((1, 1, 3), 200, np.uint8)
    hands = predictor(image, np.array([[0.0, 0.0, 1.0, 1.0]]), ["right"], Camera.from_size(1, 1))
    assert np.isfinite(hands.joints_px).all()


def test_file_that_is_no_network(tmp_path):
    from knuckle.inference.onnx_model import OnnxModel

    path = tmp_path / "text.onnx"
    path.write_text("not a network")
    with pytest.raises(KnuckleError, match=r"text\.onnx: expected an onnx network"):
        OnnxModel(path)


def test_network_with_other_inputs(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    from knuckle.inference.onnx_model import OnnxModel

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "other", values[:1], values[1:])
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    with pytest.raises(KnuckleError, match="expected a network with the inputs patch, crop, camera"):
        OnnxModel(path)


def test_network_of_another_rigs_mesh(fake_model: str, tmp_path):
    import onnx

    model, record = onnx.load(fake_model), read_record(Path(fake_model).with_suffix(".json"))
    mesh = next(tensor for tensor in model.graph.initializer if tensor.name == "rest_vertices")
    mesh.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(mesh)[:, :778], mesh.name))
    path = tmp_path / record.file
    onnx.save(model, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    replace(record, sha256=digest).write(path.with_suffix(".json"))
    with pytest.raises(KnuckleError, match=r"expected a mesh of 1610 vertices.*rig open, got 778"):
        Predictor(str(path))
