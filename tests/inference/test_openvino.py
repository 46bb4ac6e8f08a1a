"""OpenVINO as the networks' runtime: the same answers as onnxruntime."""

from importlib.util import find_spec

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.inference import onnx_model
from knuckle.inference.detection.landmarks import LandmarkNetwork
from knuckle.inference.one_hand import Predictor
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels

INSTALLED = find_spec("openvino") is not None


@pytest.fixture
def openvino():
    onnx_model.set_runtime("openvino")
    yield
    onnx_model.set_runtime("auto")


@pytest.mark.skipif(not INSTALLED, reason="OpenVINO is not installed (the extra openvino)")
def test_the_answers_are_onnxruntimes(openvino):
    about, photo = read_sample_labels(), read_image(SAMPLE_PHOTO)
    boxes, sides = np.array(about["boxes"], float), about["sides"]
    camera = Camera(*about["camera"], photo.shape[1], photo.shape[0])
    patch = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    own = Predictor("dahyf", evidence=False)(photo, boxes, sides, camera)
    landmarks = LandmarkNetwork().batch(patch)
    onnx_model.set_runtime("onnxruntime")
    other = Predictor("dahyf", evidence=False)(photo, boxes, sides, camera)
    assert np.allclose(own.joints_m, other.joints_m, atol=2e-5)
    for found, expected in zip(landmarks, LandmarkNetwork().batch(patch), strict=True):
        assert np.allclose(found.joints_patch, expected.joints_patch, atol=5e-3)
        assert np.isclose(found.presence, expected.presence, atol=1e-4)


@pytest.mark.skipif(INSTALLED, reason="OpenVINO is installed")
def test_without_it_the_error_says_what_to_install():
    with pytest.raises(KnuckleError, match=r"knuckle\[openvino\]"):
        onnx_model.set_runtime("openvino")


def test_an_unknown_runtime_is_refused():
    with pytest.raises(KnuckleError, match="auto, onnxruntime, openvino"):
        onnx_model.set_runtime("tensorrt")


@pytest.mark.skipif(not INSTALLED, reason="OpenVINO is not installed (the extra openvino)")
def test_a_file_that_is_no_network_is_named(openvino, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(KnuckleError, match=r"a\.onnx: expected an onnx network"):
        onnx_model.open_session(tmp_path / "a.onnx")
