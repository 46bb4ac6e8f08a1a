"""Who takes part in a clip: the lone arms or the whole person that go where a choreography puts the wrists."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from knuckle.synth.clips.clip import Actor
from knuckle.synth.clips.fingers import play
from knuckle.synth.clips.moving import Build, Motion, MovingArm, forearm_turn
from knuckle.synth.clips.paths import Path, Wander, still, total
from knuckle.synth.clips.people import ArmMotion, MovingPerson
from knuckle.synth.clips.stage import Stage, sample_builds

Generator = np.random.Generator


def place_at(half: Float[np.ndarray, "2"], x: float, y: float, depth_m: float) -> Float[np.ndarray, "3"]:
    """A place in the picture: x and y in halves of its width and height, from the middle."""
    return np.array([x * half[0], y * half[1], depth_m])


def hidden_place(stage: Stage, rng: Generator, sign: int, depth_m: float) -> Float[np.ndarray, "3"]:
    """Where a hand comes from: mostly below, sometimes the side."""
    if stage.person or rng.random() < 0.65:
        return stage.below(sign * rng.uniform(0.4, 0.8) * stage.half(depth_m)[0], depth_m)
    return stage.beside(sign, rng.uniform(0.1, 0.25), depth_m)


def both_hands(
    stage: Stage,
    rng: Generator,
    wrists: Sequence[Path],
    *,
    waves: Sequence[Path] | None = None,
    wander: float = 1.0,
) -> list[Actor]:
    """The left and the right hand of one person with their wrists on paths; waves: added to the wrists' turns."""
    if not stage.person:
        return lone_arms(stage, rng, wrists, waves=waves, wander=wander)
    arms = []
    for number, wrist in enumerate(wrists):
        path = total(wrist, Wander(rng, wander * np.array([0.02, 0.015, 0.015])))
        arms.append(person_arm(stage, rng, path, wave=None if waves is None else waves[number]))
    far = float(np.mean([wrist(5.0)[2] for wrist in wrists])) + rng.uniform(0.3, 0.36)
    place = total(
        still(rng.uniform(-0.04, 0.04), rng.uniform(0.12, 0.18), far),
        Wander(rng, [0.01, 0.005, 0.01], high_hz=0.5),
    )
    return [MovingPerson(stage.rig, rng, arms=(arms[0], arms[1]), place_m=place, yaw_rad=rng.normal(0, 0.12))]


def person_arm(stage: Stage, rng: Generator, wrist: Path, *, wave: Path | None = None) -> ArmMotion:
    turns: Path = Wander(rng, [0.2, 0.14, 0.08], high_hz=0.8)
    return ArmMotion(
        wrist_m=wrist,
        turns_rad=turns if wave is None else total(turns, wave),
        fingers=play(stage.rig, rng, _beats(stage, rng)),
        shows_s=4.5,
        back=bool(rng.random() < 0.25),
    )


def lone_arms(
    stage: Stage,
    rng: Generator,
    wrists: Sequence[Path],
    *,
    fingers: Sequence[Path] | None = None,
    waves: Sequence[Path] | None = None,
    wander: float = 1.0,
) -> list[Actor]:
    """A left and a right arm of one person with their wrists on paths."""
    builds: list[Build] = sample_builds(rng)
    found: list[Actor] = []
    shown = rng.normal(0, 0.35) + (np.pi if rng.random() < (0.7 if stage.own else 0.2) else 0)
    for number, left in enumerate((True, False)):
        sign = stage.side(left)
        wrist = total(wrists[number], Wander(rng, wander * np.array([0.02, 0.015, 0.015])))
        elbow = total(
            partial(_elbow, wrist=wrists[number], sign=sign),
            elbow_depth(stage),
            Wander(rng, [0.03, 0.02, 0.03], high_hz=0.5),
        )
        turns = total(
            still(shown + rng.normal(0, 0.2), -0.05, 0), Wander(rng, [0.25 * wander, 0.14, 0.08], high_hz=0.8)
        )
        if waves is not None:
            turns = total(turns, waves[number])
        found.append(
            MovingArm(
                stage.rig, builds[number], left=left,
                motion=Motion(
                    wrist_m=wrist, elbow_m=elbow, turn=forearm_turn(turns),
                    fingers=play(stage.rig, rng, _beats(stage, rng)) if fingers is None else fingers[number],
                ),
            )
        )  # fmt: skip
    return found


def _beats(stage: Stage, rng: Generator) -> np.ndarray:
    """When fingers reach a new pose."""
    return np.cumsum(rng.uniform(0.7, 1.7, int(stage.duration_s / 1.1)))


def _elbow(time_s: float, *, wrist: Path, sign: int) -> np.ndarray:
    """Below and outside of a wrist; it moves less than that across and goes with it in depth."""
    at = wrist(time_s)
    return np.array([0.35 * at[0] + sign * 0.2, max(at[1], 0.0) * 0.5 + 0.62, at[2]])


def elbow_depth(stage: Stage) -> Path:
    """How much further away an elbow is than its wrist."""
    return still(0, 0, -0.22 if stage.own else 0.16)
