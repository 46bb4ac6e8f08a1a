"""Quaternions against the same rotations as matrices."""

import numpy as np

from knuckle.rig.quaternions import (
    axis_angle_to_quaternion,
    inverse,
    multiply,
    quaternion_to_axis_angle,
    turned,
)
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

DRAW = np.random.default_rng(1)
FIRST, SECOND = DRAW.normal(size=(2, 50, 3))
FIRST[0] = 0
FIRST[1] = [1e-12, 0, 0]
FIRST[2] = [np.pi - 1e-9, 0, 0]


def test_products_and_inverses_are_those_of_matrices():
    product = multiply(axis_angle_to_quaternion(FIRST), axis_angle_to_quaternion(SECOND))
    expected = rodrigues(FIRST) @ rodrigues(SECOND)
    assert np.allclose(rodrigues(quaternion_to_axis_angle(product)), expected, atol=1e-9)
    back = multiply(inverse(axis_angle_to_quaternion(FIRST)), axis_angle_to_quaternion(FIRST))
    assert np.abs(quaternion_to_axis_angle(back)).max() < 1e-12


def test_points_turn_as_by_matrices():
    points = DRAW.normal(size=(50, 3))
    expected = np.einsum("nij,nj->ni", rodrigues(FIRST), points)
    assert np.allclose(turned(axis_angle_to_quaternion(FIRST), points), expected, atol=1e-9)


def test_axis_angle_comes_back_as_the_shortest_turn():
    long = FIRST * 3
    shortest = matrix_to_axis_angle(rodrigues(long))
    given = axis_angle_to_quaternion(long)
    for quaternion in (given, -given):
        back = quaternion_to_axis_angle(quaternion)
        near_pi = np.linalg.norm(shortest, axis=1) > np.pi - 1e-3
        assert np.allclose(back[~near_pi], shortest[~near_pi], atol=1e-9)
        assert np.allclose(rodrigues(back), rodrigues(long), atol=1e-7)
