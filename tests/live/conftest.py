"""Tracks of a hand that moves as known."""

from typing import NamedTuple

import numpy as np
import pytest

from knuckle.live.hand_pose import HandPose
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
    sizes = {"root_m": np.array([0.002, 0.002, 0.01]), "pose_rad": 0.04, "shape": 0.3}
    noisy = HandPose(
        *(value + draw.normal(size=value.shape) * sizes[name] for name, value in poses._asdict().items())
    )
    return Moving(rig, times, poses, noisy)
