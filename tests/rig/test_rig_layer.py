"""The torch layer: the numpy answer, gradients, onnx."""

import numpy as np
import onnxruntime
import pytest
import torch

from knuckle.rig.layer import RigLayer
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues, rot6d_to_matrix


def random_hand(seed, count, dtype=None):
    generator = torch.Generator().manual_seed(seed)
    pose = 0.5 * torch.randn(count, 16, 3, generator=generator, dtype=dtype or torch.float32)
    return pose, torch.randn(count, 10, generator=generator, dtype=pose.dtype)


@pytest.mark.parametrize("side", ["right", "left"])
def test_layer_gives_the_numpy_answer(toy_rig, side):
    rig = toy_rig if side == "right" else toy_rig.mirrored()
    pose, shape = random_hand(0, 4)
    hand = rig.posed(pose.numpy(), shape.numpy())
    vertices, joints = RigLayer(rig)(rodrigues(pose), shape)
    np.testing.assert_allclose(vertices.numpy(), hand.vertices, atol=1e-6)
    np.testing.assert_allclose(joints.numpy(), hand.joints, atol=1e-6)


def test_joints_alone_equal_joints_with_vertices(toy_rig):
    pose, shape = random_hand(1, 3)
    layer = RigLayer(toy_rig)
    nothing, joints = layer(rodrigues(pose), shape, vertices=False)
    assert nothing is None
    torch.testing.assert_close(joints, layer(rodrigues(pose), shape)[1], atol=1e-7, rtol=0)


def test_nothing_is_learned_or_saved(toy_rig):
    layer = RigLayer(toy_rig)
    assert not list(layer.parameters()) and not layer.state_dict()


def test_gradcheck_through_the_joints(toy_rig):
    layer = RigLayer(toy_rig).double()
    pose, shape = random_hand(2, 1, torch.float64)
    pose[0, 3:8] = 0

    def joints(pose, shape):
        return layer(rodrigues(pose), shape, vertices=False)[1]

    assert torch.autograd.gradcheck(joints, (pose.requires_grad_(), shape.requires_grad_()))


def test_gradcheck_through_the_vertices(toy_rig):
    layer = RigLayer(toy_rig).double()
    pose, shape = random_hand(3, 1, torch.float64)

    def some_vertices(pose, shape):
        return layer(rodrigues(pose), shape)[0][:, ::87]

    assert torch.autograd.gradcheck(some_vertices, (pose.requires_grad_(), shape.requires_grad_()))


@pytest.mark.usefixtures("unchecked_shapes")
def test_exports_to_onnx_with_a_free_batch(toy_rig, tmp_path):
    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = RigLayer(toy_rig)

        def forward(self, rot6d, shape):
            rotations = rot6d_to_matrix(rot6d)
            vertices, joints = self.layer(rotations, shape)
            return vertices, joints, matrix_to_axis_angle(rotations)

    head = Head().eval()
    batch = torch.export.Dim("batch")
    example = (torch.randn(2, 16, 6), torch.randn(2, 10))
    path = tmp_path / "head.onnx"
    torch.onnx.export(
        head, example, path, dynamo=True, verbose=False, dynamic_shapes=({0: batch}, {0: batch})
    )
    session = onnxruntime.InferenceSession(path)
    rot6d, shape = torch.randn(5, 16, 6), torch.randn(5, 10)
    names = [entry.name for entry in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, (rot6d.numpy(), shape.numpy()), strict=True)))
    for ours, theirs in zip(head(rot6d, shape), outputs, strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5)
