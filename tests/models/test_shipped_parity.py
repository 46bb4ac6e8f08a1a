"""The onnx files in the package answer as the torch weights they were exported from."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from knuckle import weights
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.window import normalise
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels
from knuckle.training.checkpoint import load_model

WEIGHTS = Path(__file__).parents[2] / "weights"


TOLERANCES = {
    "joints_px": 1e-3,
    "joints_patch": 1e-3,
    "confidence": 1e-4,
    "shape": 1e-3,
    "rotations": 1e-4,
    "attention": 1e-3,
}
"""Largest difference of an output; 1e-5 of those not named."""


@pytest.mark.parametrize("name", sorted(weights.available()))
def test_onnx_and_torch_agree_on_the_sample_photo(name):
    for key, difference in differences(name).items():
        assert difference < TOLERANCES.get(key, 1e-5), key


def differences(name: str) -> dict[str, float]:
    """Largest difference of each output on the sample photo, between onnx and torch in double precision."""
    path, record = weights.resolve(name)
    model, metadata = load_model(WEIGHTS / f"{name}.safetensors")
    take_stored_weights(model, path)
    assert record.samples_seen == int(metadata["samples_seen"]) and path.stat().st_size <= 12_000_000
    assert record.hands == model.hands
    assert record.system == metadata["system"] and record.switches == json.loads(metadata["switches"])
    image, about = read_image(SAMPLE_PHOTO), read_sample_labels()
    camera = Camera(*about["camera"], image.shape[1], image.shape[0])
    boxes = about["boxes"] if record.hands == 1 else [around(about["joints_px"])]
    crops = [Crop.from_box(np.array(box), record.size, expand=record.expand) for box in boxes]
    patch = normalise(np.stack([crop.warp(image) for crop in crops]))
    window = np.stack([crop.vector for crop in crops]).astype(np.float32)
    lens = np.tile(camera.vector, (len(crops), 1)).astype(np.float32)
    got = OnnxModel(path, threads=1)(patch, window, lens, attention=True)
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patched:
        # Double precision throughout, so that the differences are onnx's roundings alone.
        patched.setattr(torch.Tensor, "float", torch.Tensor.double)
        output = model.double().infer(*(torch.from_numpy(a).double() for a in (patch, window, lens)))
    expected = {key: value.numpy() for key, value in output._asdict().items() if value is not None}
    # Files from before the rough mesh's joints were scored lack those.
    assert got.keys() | {"rough_joints_m"} >= expected.keys() >= got.keys()
    return {key: float(np.abs(got[key] - value).max()) for key, value in expected.items() if key in got}


def take_stored_weights(model: torch.nn.Module, path: Path) -> None:
    """Give a model the weights that a file stores in 8 bits, each within half a step of the model's own: what is left
    to compare is how they are used (`knuckle.export.small_storage`)."""
    stored = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    own = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
    for name in (name.removesuffix("_int8") for name in stored if name.endswith("_int8")):
        steps, scale = (onnx.numpy_helper.to_array(stored[f"{name}_{part}"]) for part in ("int8", "scale"))
        values, half = torch.from_numpy(steps * scale), torch.from_numpy(0.501 * scale)
        for value in own.values():
            # Matrices may be stored the other way round.
            for seen in (value, value.T) if value.ndim == 2 else (value,):
                if seen.shape == values.shape and ((seen - values).abs() <= half).all():
                    seen.copy_(values)
                    break
            else:
                continue
            break
        else:
            raise AssertionError(f"{path.name}: {name} is no weight of {WEIGHTS / path.stem}.safetensors")


def around(joints_px: list) -> list[float]:
    """The box (x, y, w, h) of all joints of all hands."""
    points = np.array(joints_px).reshape(-1, 2)
    return [*points.min(0), *np.ptp(points, axis=0)]
