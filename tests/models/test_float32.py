"""Geometry keeps its digits under bf16 autocast, in functions by themselves and in every system."""

from typing import Any

import pytest
import torch

from knuckle.geometry.crop import crop_to_affine
from knuckle.geometry.float32 import in_float32
from knuckle.layers.camera_head import (
    frame_to_patch,
    lift,
    patch_to_frame,
    project,
    root_translation,
    weak_camera,
)
from knuckle.layers.simcc import decode_axis
from knuckle.layers.soft_argmax import soft_argmax_2d, soft_argmax_3d
from knuckle.models import SYSTEMS, create_loss, create_model
from knuckle.models.contract import HandOutput
from knuckle.models.dahyf.direction_map import global_direction_map
from knuckle.models.handar.mesh_joints import joint_matrix, joints_of_mesh
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues

from .test_contract import SMALL, inputs, targets

bf16 = torch.autocast("cpu", torch.bfloat16)
HD_CAMERA = torch.tensor([[1500.0, 1480.0, 955.0, 537.0]])
HD_CROP = torch.tensor([[1612.3, 403.7, 211.9]])
RIG = load_rig("open", side="right")


def test_the_direction_map_is_the_same():
    def directions() -> torch.Tensor:
        return global_direction_map(crop_to_affine(HD_CROP, 128), HD_CAMERA, 16, 128)

    expected = directions()
    with bf16:
        assert (directions() - expected).abs().max() < 1e-6


def test_the_rig_is_the_same():
    torch.manual_seed(0)
    layer = RigLayer(RIG)
    rotations, shape = rodrigues(torch.randn(4, 16, 3) * 0.5), torch.randn(4, 10)
    for vertices in (True, False):
        expected = layer(rotations, shape, vertices=vertices)
        with bf16:
            for own, other in zip(layer(rotations, shape, vertices=vertices), expected, strict=True):
                assert other is None or (own - other).abs().max() < 1e-6


def test_projection_and_its_kin_take_rounded_numbers_and_give_exact_ones():
    torch.manual_seed(0)
    points = (torch.rand(1, 21, 3) * 0.2 + torch.tensor([0.0, 0, 0.6])).bfloat16()
    raw, maps = torch.randn(1, 3).bfloat16(), (4 * torch.randn(1, 21, 16, 16)).bfloat16()
    joint_weights, mesh = torch.from_numpy(joint_matrix(RIG)), torch.from_numpy(RIG.vertices).float()

    def values(cast: Any) -> list[torch.Tensor]:
        weak = weak_camera(cast(raw), scale_prior=8.0)
        uv = project(cast(points), HD_CAMERA)
        return [
            weak,
            root_translation(weak, HD_CROP, HD_CAMERA),
            uv / 1920,
            lift(uv, cast(points)[..., 2], HD_CAMERA),
            patch_to_frame(cast(points)[..., :2], HD_CROP, 128) / 1920,
            frame_to_patch(uv, HD_CROP, 128) / 1920,
            soft_argmax_3d(cast(maps)[:, :, None]),
            soft_argmax_2d(cast(maps), 128) / 128,
            decode_axis(cast(maps).flatten(2), 3) / 128,
            joints_of_mesh(joint_weights, mesh[None]),
        ]

    expected = values(torch.Tensor.float)
    with bf16:
        for own, other in zip(values(lambda value: value), expected, strict=True):
            assert own.dtype == torch.float32 and (own - other).abs().max() < 1e-6


def test_nested_tensors_are_widened_and_autocast_is_back_afterwards():
    seen = []

    @in_float32
    def product(values: dict[str, list[torch.Tensor]]) -> torch.Tensor:
        seen.append(values["both"][0].dtype)
        return values["both"][0] @ values["both"][1]

    half = torch.ones(2, 2, dtype=torch.bfloat16)
    with bf16:
        answer = product({"both": [half, torch.eye(2)]})
        assert (torch.ones(2, 2) @ torch.eye(2)).dtype == torch.bfloat16
    assert seen == [torch.float32] and answer.dtype == torch.float32


def switches_of(system: str) -> list[dict[str, Any]]:
    """The lite preset, and what else has geometry of its own."""
    others = {
        "dahyf": [{"joint2d": "heatmap"}],
        "ehpe": [{"fem_out": "softargmax"}, {"stages": "pg_only"}],
        "handar": [{"refine_offset": False}],
        "dfl": [{"baseline": "id1"}],
    }
    return [{}, *others.get(system, [])]


@pytest.mark.parametrize(
    ("system", "switches"), [(system, s) for system in SYSTEMS for s in switches_of(system)], ids=str
)
def test_what_a_system_answers_fits_together(system, switches):
    """The joints in the picture are those in space, projected; the mesh is the rig's; nothing is rounded."""
    torch.manual_seed(0)
    model = create_model(system, **{**SMALL[system], **switches}).eval()
    patch, crop, camera = inputs(3)
    with torch.inference_mode(), bf16:
        output = model.infer(patch, crop, camera)
    numbers = {name: value for name, value in output._asdict().items() if value is not None}
    numbers.pop("attention", None)
    assert {name: value.dtype for name, value in numbers.items()} == dict.fromkeys(numbers, torch.float32)
    joints_px = project(output.joints_m.reshape(3, -1, 3), camera).view_as(output.joints_px)
    assert (joints_px - output.joints_px).abs().max() < 2e-3
    if isinstance(output, HandOutput):
        check_mesh(output, joint_matrix(RIG) if system == "handar" else None)


def check_mesh(output: HandOutput, weights: Any) -> None:
    joints = output.joints_m if output.mesh_joints_m is None else output.mesh_joints_m
    if weights is not None:
        assert (torch.from_numpy(weights) @ output.vertices_m - joints).abs().max() < 1e-6
        return
    vertices, expected = RigLayer(RIG)(output.rotations, output.shape)
    offset = joints[:, :1] - expected[:, :1]
    assert (expected + offset - joints).abs().max() < 1e-6
    assert (vertices + offset - output.vertices_m).abs().max() < 1e-6


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_losses_are_the_same(system):
    torch.manual_seed(0)
    model = create_model(system, **SMALL[system]).train()
    loss = create_loss(system, model.config)
    patch, crop, camera = inputs(4)
    output = model(patch, crop, camera)
    labels = targets(4, crop, hands=model.hands)
    expected, _ = loss(output, labels, crop, camera, negatives=True)
    with bf16:
        total, _ = loss(output, labels, crop, camera, negatives=True)
    assert total.dtype == torch.float32 and torch.allclose(total, expected, rtol=1e-6)
