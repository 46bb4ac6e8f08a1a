"""The onnx file in the package answers as the torch weights it was exported from."""

import json
from pathlib import Path

import numpy as np
import torch

from knuckle import weights
from knuckle.camera import Camera, Crop
from knuckle.cli.demo import ASSETS, SAMPLE
from knuckle.inference.images import read_image
from knuckle.inference.predictor import normalise
from knuckle.inference.runtime import OnnxModel
from knuckle.training.checkpoint import load_model

WEIGHTS = Path(__file__).parents[2] / "weights" / "dahyf-lite.safetensors"


def test_dahyf_lite_onnx_and_torch_agree_on_the_sample_photo():
    path, record = weights.find("dahyf")
    model, metadata = load_model(WEIGHTS)
    assert record.samples_seen == int(metadata["samples_seen"]) and path.stat().st_size <= 12_000_000
    photo = ASSETS / f"{SAMPLE}.jpg"
    image, about = read_image(photo), json.loads(photo.with_suffix(".json").read_text())
    camera = Camera(*about["camera"], image.shape[1], image.shape[0])
    crops = [Crop.from_box(np.array(box), record.size, expand=record.expand) for box in about["boxes"]]
    patch = normalise(np.stack([crop.warp(image) for crop in crops]))
    window = np.stack([crop.vector for crop in crops]).astype(np.float32)
    lens = np.tile(camera.vector, (len(crops), 1)).astype(np.float32)
    got = OnnxModel(path, threads=1)(patch, window, lens)
    with torch.inference_mode():
        expected = model(*(torch.from_numpy(a) for a in (patch, window, lens)), vertices=True, decode="local")
    assert np.abs(got["joints_px"] - expected.joints_px.numpy()).max() < 1e-3
    assert np.abs(got["joints_patch"] - expected.joints_patch.numpy()).max() < 1e-3
    assert np.abs(got["joints_m"] - expected.joints_m.numpy()).max() < 1e-5
    assert np.abs(got["vertices_m"] - expected.vertices_m.numpy()).max() < 1e-5
