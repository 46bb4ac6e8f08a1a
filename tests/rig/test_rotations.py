"""Rotation conversions at ordinary angles, at zero and at pi, in numpy and torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from knuckle.rig.rotations import (
    cross,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    rodrigues,
    rot6d_to_matrix,
)

unit_vectors = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)
angles = st.one_of(
    st.floats(0, np.pi),
    st.sampled_from([0.0, 1e-12, 1e-7, 1e-3, 0.0099999, 0.01, 0.0100001, np.pi - 1e-3, np.pi - 1e-8, np.pi]),
)


def expm(axis_angle):
    """Matrix exponential by its series, halved and squared: an independent rodrigues."""
    x, y, z = np.asarray(axis_angle) / 1024
    generator = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix, term = np.eye(3), np.eye(3)
    for order in range(1, 12):
        term = term @ generator / order
        matrix = matrix + term
    return np.linalg.matrix_power(matrix, 1024)


@settings(max_examples=200, deadline=None)
@given(unit_vectors, angles)
def test_axis_angle_round_trip(axis, angle):
    axis_angle = np.array(axis) / np.linalg.norm(axis) * angle
    matrix = rodrigues(axis_angle)
    np.testing.assert_allclose(matrix, expm(axis_angle), atol=1e-11)
    back = matrix_to_axis_angle(matrix)
    np.testing.assert_allclose(rodrigues(back), matrix, atol=1e-9)
    assert np.linalg.norm(back) <= np.pi + 1e-9
    if angle < np.pi - 1e-4:
        np.testing.assert_allclose(back, axis_angle, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(unit_vectors, angles)
def test_float32_round_trip(axis, angle):
    axis_angle = (np.array(axis) / np.linalg.norm(axis) * angle).astype(np.float32)
    matrix = rodrigues(axis_angle)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(rodrigues(matrix_to_axis_angle(matrix)), matrix, atol=2e-6)


def test_half_turns_about_every_axis():
    axes = np.concatenate([np.eye(3), -np.eye(3), [[0.6, 0.8, 0], [0, -0.6, 0.8], [0.6, 0, -0.8]]])
    matrices = 2 * axes[:, :, None] * axes[:, None] - np.eye(3)
    np.testing.assert_allclose(rodrigues(matrix_to_axis_angle(matrices)), matrices, atol=1e-12)


def test_quaternions_are_unit_and_rotate_the_same():
    rng = np.random.default_rng(0)
    matrix = rodrigues(2 * rng.standard_normal((500, 3)))
    quaternion = matrix_to_quaternion(matrix)
    np.testing.assert_allclose(np.linalg.norm(quaternion, axis=-1), 1, atol=1e-12)
    point = rng.standard_normal(3)
    w, vector = quaternion[:, :1], quaternion[:, 1:]
    inner = np.cross(vector, point) + w * point
    np.testing.assert_allclose(point + 2 * np.cross(vector, inner), matrix @ point, atol=1e-12)


def test_rot6d_round_trip_and_orthonormal():
    rng = np.random.default_rng(1)
    matrix = rodrigues(rng.standard_normal((4, 5, 3)))
    np.testing.assert_allclose(
        rot6d_to_matrix(np.concatenate([matrix[..., 0], matrix[..., 1]], -1)), matrix, atol=1e-12
    )
    free = rot6d_to_matrix(3 * rng.standard_normal((50, 6)))
    np.testing.assert_allclose(
        free.swapaxes(-1, -2) @ free, np.broadcast_to(np.eye(3), free.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(free), 1)
    np.testing.assert_array_equal(rot6d_to_matrix(np.array([1.0, 0, 0, 0, 1, 0])), np.eye(3))
    assert np.isfinite(rot6d_to_matrix(np.zeros(6))).all()


def test_cross_is_the_cross_product():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 3, 4, 3))
    np.testing.assert_allclose(cross(a, b), np.cross(a, b))


class TestTorch:
    """The same functions on tensors."""

    def test_same_numbers_as_numpy(self):
        rng = np.random.default_rng(3)
        axis_angle, rot6d = rng.standard_normal((20, 3)), rng.standard_normal((20, 6))
        axis_angle[0] = 0
        tensor = torch.from_numpy
        matrix = rodrigues(axis_angle)
        np.testing.assert_allclose(rodrigues(tensor(axis_angle)).numpy(), matrix, atol=1e-14)
        np.testing.assert_allclose(rot6d_to_matrix(tensor(rot6d)).numpy(), rot6d_to_matrix(rot6d), atol=1e-14)
        back = matrix_to_axis_angle(tensor(matrix)).numpy()
        np.testing.assert_allclose(back, matrix_to_axis_angle(matrix), atol=1e-14)

    @pytest.mark.parametrize("size", [0.0, 1e-9, 1e-5, 0.0099, 0.0101, 1.0, 3.0])
    def test_gradcheck_rodrigues(self, size):
        direction = torch.tensor([[0.36, -0.48, 0.8], [1, 0, 0]], dtype=torch.float64)
        axis_angle = (size * direction).requires_grad_()
        assert torch.autograd.gradcheck(rodrigues, (axis_angle,))

    def test_gradcheck_rot6d(self):
        rot6d = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(rot6d_to_matrix, (rot6d,))

    @pytest.mark.parametrize("function", [rodrigues, rot6d_to_matrix])
    def test_gradients_are_finite_at_zero(self, function):
        for dtype in (torch.float32, torch.float64):
            zero = torch.zeros(2, 6 if function is rot6d_to_matrix else 3, dtype=dtype, requires_grad=True)
            function(zero).square().sum().backward()
            assert torch.isfinite(zero.grad).all()

    @pytest.mark.parametrize("angle", [0.0, 1e-6, 0.5, 3.0, np.pi])
    def test_matrix_to_axis_angle_gradient_is_finite(self, angle):
        axis_angle = torch.tensor([[0.0, angle, 0.0]], dtype=torch.float64)
        matrix = rodrigues(axis_angle).requires_grad_()
        matrix_to_axis_angle(matrix).sum().backward()
        assert torch.isfinite(matrix.grad).all()
