"""What the choreographies of clips share: who takes part, where a picture begins and ends, and who runs into whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.poses.penetration import hand_capsules, segment_distance
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.arm import sample_arm
from knuckle.synth.clips.moving import Build, MovingArm
from knuckle.synth.scenes.arms import Wardrobe, sample_wardrobe

Generator = np.random.Generator
FOREARM_RADIUS_M = 0.035
HIDDEN_M = 0.3
"""How far beyond the picture's edge a wrist is when nothing of its hand is to be seen."""


@dataclass(frozen=True)
class Stage:
    """What a choreography is made for."""

    rig: HandRig
    camera: Camera
    duration_s: float

    def half(self, depth_m: float) -> Float[np.ndarray, "2"]:
        """Half the width and height of what the picture shows at a depth, m."""
        camera = self.camera
        return np.array([camera.width / camera.fx, camera.height / camera.fy]) / 2 * depth_m

    def below(self, x_m: float, depth_m: float) -> Float[np.ndarray, "3"]:
        """A wrist's place under the picture where nothing of the hand shows."""
        return np.array([x_m, self.half(depth_m)[1] + HIDDEN_M, depth_m])

    def beside(self, sign: float, y_m: float, depth_m: float) -> Float[np.ndarray, "3"]:
        """The same, left (sign -1) or right of it."""
        return np.array([sign * (self.half(depth_m)[0] + HIDDEN_M), y_m, depth_m])


def sample_builds(rng: Generator, count: int = 2) -> list[Build]:
    """The arms of one person: of one shape and looks."""
    shape = np.clip(rng.normal(0, 0.8, 10), -2.2, 2.2)
    wardrobe: Wardrobe = sample_wardrobe(rng)
    arm = sample_arm(rng, np.eye(3))
    return [Build(shape, float(rng.uniform(0.4, 1.3)), arm, wardrobe)] * count


def clearance_m(arms: Sequence[MovingArm], times_s: np.ndarray) -> float:
    """How near any two arms come to each other, skin to skin; negative where they run into each other."""
    nearest = np.inf
    for time in times_s:
        bodies = [_capsules(arm, float(time)) for arm in arms]
        for k, (a0, a1, a) in enumerate(bodies):
            for b0, b1, b in bodies[k + 1 :]:
                gap = segment_distance(a0[:, None], a1[:, None], b0[None], b1[None]) - a[:, None] - b[None]
                nearest = min(nearest, float(gap.min()))
    return nearest


def _capsules(arm: MovingArm, time_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    moment = arm.at(time_s)
    joints = moment.joints[0]
    start, end, radius = hand_capsules(arm.rig, joints)
    return (
        np.concatenate([start, joints[:1]]),
        np.concatenate([end, arm.end(moment)[None]]),
        np.append(radius, FOREARM_RADIUS_M),
    )
