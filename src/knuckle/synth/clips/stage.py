"""What the choreographies of clips share: who takes part, where a picture begins and ends, and who runs into whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.geometry.camera import Camera
from knuckle.poses.penetration import hand_capsules, segment_distance
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.synth.body.arm import sample_arm
from knuckle.synth.clips.clip import Actor
from knuckle.synth.clips.moving import Bones, Build, Capsules
from knuckle.synth.scenes.arms import Wardrobe, sample_wardrobe

Generator = np.random.Generator
FOREARM_RADIUS_M = 0.035
QUIET_S = 0.6
"""How long no hand shows at either end of a clip."""
MOST_OVERLAP_M, NEAREST_M = 0.004, 0.12
_LOOKED_AT_S, _MARGIN_PX, _END_PX = 0.1, 25.0, 30.0
HIDDEN_M = 0.3
"""How far beyond the picture's edge a wrist is when nothing of its hand is to be seen."""


@dataclass(frozen=True)
class Stage:
    """What a choreography is made for."""

    rig: HandRig
    camera: Camera
    duration_s: float

    take: int
    """Clips of one kind differ in it: 0 lone arms of somebody who faces the camera, 1 a whole person, 2 the arms of
    whoever holds the camera."""

    @property
    def own(self) -> bool:
        """Whether the arms are those of whoever holds the camera."""
        return self.take % 3 == 2

    @property
    def person(self) -> bool:
        """Whether a whole person is seen."""
        return self.take % 3 == 1

    def side(self, left: bool) -> int:
        """-1 where a hand belongs on the left half of the picture, else 1."""
        return -1 if left == self.own else 1

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


def find_flaw(
    actors: Sequence[Actor],
    camera: Camera,
    pose: Callable[[float], Float[np.ndarray, "4 4"]],
    duration_s: float,
) -> str | None:
    """What makes a choreography unfit, None where nothing does: a hand in the picture at the start or the end, hands
    that run into each other or into people, or the end of a lone arm in the picture."""
    for time in np.arange(0, duration_s + 1e-9, _LOOKED_AT_S):
        moments = [actor.bones(float(time)) for actor in actors]
        turn, by = pose(float(time))[:3, :3], pose(float(time))[:3, 3]
        joints = np.concatenate([np.stack(moment.joints) for moment in moments]) @ turn.T + by
        shown = _shown(camera, joints, margin_px=_MARGIN_PX)
        if (time <= QUIET_S or time >= duration_s - QUIET_S) and shown.any():
            return f"a hand shows at {time:.1f} s"
        if (joints[..., 2].min(1)[_shown(camera, joints)] < NEAREST_M).any():
            return f"a hand is too near the camera at {time:.1f} s"
        if clearance_m(moments) < -MOST_OVERLAP_M:
            return f"something runs into a hand at {time:.1f} s"
        ends = np.concatenate(
            [moment.elbows for moment in moments if moment.trunk is None] or [np.zeros((0, 3))]
        )
        if _shown(camera, (ends @ turn.T + by)[:, None], margin_px=_END_PX).any():
            return f"the end of an arm shows at {time:.1f} s"
    return None


def clearance_m(moments: Sequence[Bones]) -> float:
    """How near any two hands with their forearms, or a hand and a person's head or trunk, come to each other, m, skin
    to skin; negative where they run into each other."""
    hands = [capsules for moment in moments for capsules in map(_capsules, moment.joints, moment.elbows)]
    nearest = np.inf
    for k, first in enumerate(hands):
        for second in hands[k + 1 :]:
            nearest = min(nearest, _gap_m(first, second))
        bare = Capsules(*(part[:-1] for part in first))
        for moment in moments:
            if moment.trunk is not None:
                nearest = min(nearest, _gap_m(bare, moment.trunk))
    return nearest


def _gap_m(first: Capsules, second: Capsules) -> float:
    away = segment_distance(first.start[:, None], first.end[:, None], second.start[None], second.end[None])
    return float((away - first.radius[:, None] - second.radius[None]).min())


def _capsules(joints: np.ndarray, elbow: np.ndarray) -> Capsules:
    """Of a hand, and last its forearm."""
    start, end, radius = hand_capsules(load_rig("open", side="right"), joints)
    return Capsules(
        np.concatenate([start, joints[:1]]),
        np.concatenate([end, elbow[None]]),
        np.append(radius, FOREARM_RADIUS_M),
    )


def _shown(
    camera: Camera, points: Float[np.ndarray, "n p 3"], *, margin_px: float = 0.0
) -> Bool[np.ndarray, "n"]:
    """Which groups of points have one within the picture or near it."""
    before = points[..., 2] > 0.02
    px = camera.project(np.where(before[..., None], points, [1e6, 1e6, 1.0]))
    inside = (px > -margin_px) & (px < np.array([camera.width, camera.height]) + margin_px)
    return np.asarray((inside.all(-1) & before).any(-1))
