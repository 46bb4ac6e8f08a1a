"""Upright crops: the hand of a turned picture is the turned hand, in torch, in onnx and through the predictor."""

import dataclasses
import hashlib

import numpy as np
import onnxruntime
import pytest
import torch

from knuckle.export.onnx import export_onnx
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine, hand_roll, turned_px
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.one_hand import Predictor
from knuckle.models import create_model
from knuckle.models.upright import infer_upright
from knuckle.weights import WeightsRecord

SMALL = {"dahyf": {"width": 32, "pool_width": 64, "mlp_width": 64}, "ehpe": {}, "handar": {}}


def small(system: str):
    torch.manual_seed(0)
    model = create_model(system, patch_size=64, upright=True, **SMALL[system]).eval()
    if system == "dahyf":
        with torch.no_grad():
            # A fresh head's logits are nearly flat, and which bin of a plain is highest is chance: give them peaks.
            model.to_maps[-1].weight.mul_(200)
    return model


def values(batch: int, fy: float = 500.0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(batch)
    patch = torch.rand(batch, 3, 64, 64, generator=generator) * 2 - 1
    crop = torch.tensor([120.0, 90.0, 150.0]) + 20 * torch.rand(batch, 3, generator=generator)
    camera = torch.tensor([[500.0, fy, 160.0, 120.0]]).repeat(batch, 1)
    return patch, crop, camera, torch.linspace(-2.0, 3.0, batch)


@pytest.mark.parametrize("system", SMALL)
@pytest.mark.parametrize("fy", [500.0, 620.0])
def test_the_answer_is_of_the_frame_whatever_the_roll(system, fy):
    model = small(system)
    patch, crop, camera, roll = values(3, fy)
    with torch.inference_mode():
        output = infer_upright(model, patch, crop, camera, roll)
        straight = infer_upright(model, patch, crop, camera, torch.zeros(3))
        expected = model.infer(patch, crop, camera)
    assert torch.allclose(straight.joints_m, expected.joints_m, atol=1e-6)
    view = Camera(500.0, fy, 160.0, 120.0, 320, 240)
    projected = view.project(output.joints_m.double().numpy())
    assert np.abs(projected - output.joints_px.numpy()).max() < 1e-2
    if output.rotations is not None and output.vertices_m is not None and system == "dahyf":
        vertices, joints = model.rig(output.rotations, output.shape)
        offset = output.joints_m[:, :1] - joints[:, :1]
        assert torch.allclose(vertices + offset, output.vertices_m, atol=1e-5)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_turned_picture_gives_the_turned_hand(tmp_path):
    model, path = small("dahyf"), tmp_path / "upright.onnx"
    export_onnx(model, path)
    names = ("patch", "crop", "camera", "roll")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert tuple(value.name for value in session.get_inputs()) == names
    feed = values(2)
    got = session.run(["joints_m"], dict(zip(names, (v.numpy() for v in feed), strict=True)))[0]
    with torch.inference_mode():
        assert np.abs(got - infer_upright(model, *feed).joints_m.numpy()).max() < 2e-5
    predictor = predictor_of(path)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    camera, box = Camera(200.0, 200.0, 70.0, 60.0, 160, 160), np.array([[40.0, 30.0, 60.0, 50.0]])
    for side in ("right", "left"):
        hand = predictor(image, box, [side], camera, evidence=turned_by(0.3))
        # A quarter clockwise: x, y become 159 - y, x.
        turned_image = np.ascontiguousarray(np.rot90(image, k=-1))
        turned_camera = Camera(200.0, 200.0, 159 - 60.0, 70.0, 160, 160)
        turned_box = np.array([[159 - 30.0 - 50.0, 40.0, 50.0, 60.0]])
        turned = predictor(
            turned_image, turned_box, [side], turned_camera, evidence=turned_by(0.3 + np.pi / 2)
        )
        back = np.stack([turned.joints_px[..., 1], 159 - turned.joints_px[..., 0]], axis=-1)
        assert np.abs(back - hand.joints_px).max() < 0.1
        quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        assert np.abs(turned.vertices_m @ quarter.T - hand.vertices_m).max() < 1e-3
        straight = predictor(image, box, [side], camera, evidence=turned_by(0.0))
        assert np.abs(straight.joints_px - hand.joints_px).max() > 1


def turned_by(roll: float) -> Evidence:
    return dataclasses.replace(Evidence.none(1), rotation_rad=np.array([roll]))


def predictor_of(path) -> Predictor:
    record = WeightsRecord(
        name="upright",
        system="dahyf",
        preset="lite",
        rig="open",
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=64,
        expand=1.5,
        confidence_threshold=0.5,
        licence="Apache-2.0",
        trained_on="nothing",
        recipe="none",
        commit="none",
        samples_seen=0,
        train_seconds=0.0,
    )
    record.write(path.with_suffix(".json"))
    return Predictor(str(path), threads=1, refine=False)


def test_a_turned_crop_shows_the_hand_pointing_up():
    joints = np.random.default_rng(1).normal([100, 80], 20, (21, 2))
    roll = float(hand_roll(joints))
    for aspect in (1.0, 1.25):
        crop = Crop((100.0, 80.0), 90.0, 64, roll_rad=roll, aspect=aspect)
        patch = apply_affine(crop.patch_from_frame, joints)
        if aspect == 1.0:
            assert abs(hand_roll(patch)) < 1e-9
        offset = (patch - 63 / 2) * (90 / 64)
        back = turned_px(offset, np.array(roll), aspect=aspect)
        assert np.allclose(back, joints - np.array([100, 80]))
        mirrored = crop.mirrored(160)
        flipped = apply_affine(mirrored.patch_from_frame, joints * [-1, 1] + [159, 0])
        assert np.allclose(flipped, patch * [-1, 1] + [63, 0])
    straight = dataclasses.replace(crop, roll_rad=0.0)
    assert straight.patch_from_frame.tolist() == Crop((100.0, 80.0), 90.0, 64).patch_from_frame.tolist()
