"""Tracks of a hand that moves as known."""

from typing import NamedTuple

import numpy as np
import pytest

from knuckle.live.hand_pose import HandPose, palm_length_m
from knuckle.rig import load_rig
from knuckle.rig.hand_rig import HandRig


class Moving(NamedTuple):
    """A hand that swings, turns and bends its fingers for three seconds."""

    rig: HandRig
    times_s: np.ndarray
    poses: HandPose
    noisy: HandPose


@pytest.fixture(scope="session")
def moving() -> Moving:
    rig, draw = load_rig(), np.random.default_rng(5)
    times = np.arange(90) / 30
    swing = np.sin(2 * np.pi * 0.5 * times)
    pose = np.zeros((90, 16, 3))
    pose[:, 0] = swing[:, None] * np.array([0.3, 0.2, 0.1])
    pose[:, 1:] = (0.5 + 0.3 * swing[:, None, None]) * rig.axes[1:, 2]
    root = np.stack([0.1 * swing, 0.05 * np.cos(2 * times), 0.5 + 0.1 * np.sin(times)], -1)
    poses = HandPose(root, pose, np.zeros((90, 10)))
    shape = draw.normal(0, 0.3, (90, 10))
    # A hand that is thought to be larger is thought to be farther: the picture shows the same.
    ratio = palm_length_m(rig, shape) / palm_length_m(rig, poses.shape)
    noisy = HandPose(
        root * ratio[:, None] + draw.normal(size=(90, 3)) * np.array([0.001, 0.001, 0.004]),
        pose + draw.normal(0, 0.04, pose.shape),
        shape,
    )
    return Moving(rig, times, poses, noisy)
