"""The choreographies of clips, one a kind. Every clip begins and ends without a hand in the picture."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.clips.clip import Actor
from knuckle.synth.clips.fingers import play
from knuckle.synth.clips.labels import ClipKind
from knuckle.synth.clips.moving import Motion, MovingArm
from knuckle.synth.clips.paths import Keys, Path, Wander, total
from knuckle.synth.clips.stage import Stage, sample_builds

Generator = np.random.Generator
CameraPath = Callable[[float], Float[np.ndarray, "4 4"]]
Cast = tuple[Sequence[Actor], CameraPath | None]


def _elbow(rng: Generator, x_m: float, depth_m: float) -> Path:
    return total(
        lambda _: np.array([x_m, 0.85, depth_m]) , Wander(rng, [0.05, 0.02, 0.05], high_hz=0.5)
    )


def _turns(rng: Generator, about: float) -> Path:
    return total(lambda _: np.array([about, -0.05, 0.0]), Wander(rng, [0.25, 0.14, 0.08], high_hz=0.8))


def enter(rig: HandRig, rng: Generator, camera: Camera, duration_s: float) -> Cast:
    """One hand comes, plays, leaves and comes back; another joins it in some."""
    stage = Stage(rig, camera, duration_s)
    builds = sample_builds(rng)
    arms = []
    for side in range(2):
        depth = rng.uniform(0.4, 0.6)
        sign = -1 if side == 0 else 1
        half = stage.half(depth)
        hidden = stage.below(sign * 0.6 * half[0], depth)
        inside = [np.array([sign * rng.uniform(0.3, 0.6) * half[0], rng.uniform(0, 0.7) * half[1], depth]) for _ in range(2)]
        start = rng.uniform(0.8, 1.2)
        times = [start, start + 0.7, 3.6, 4.2, 5.0, 5.7, 8.4, 9.0]
        wrist = Keys(times, [hidden, inside[0], inside[0], hidden, hidden, inside[1], inside[1], hidden])
        motion = Motion(
            wrist_m=total(wrist, Wander(rng, [0.02, 0.015, 0.015])),
            elbow_m=_elbow(rng, sign * 0.3, depth + 0.2),
            turns_rad=_turns(rng, rng.normal(0, 0.4)),
            fingers=play(rig, rng, np.arange(0.0, duration_s, 1.1)),
        )
        arms.append(MovingArm(rig, builds[side], left=side == 1, motion=motion))
    return arms, None


KINDS: dict[ClipKind, Callable[[HandRig, Generator, Camera, float], Cast]] = {
    "enter": enter,
}
