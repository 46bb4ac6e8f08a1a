"""A whole person who moves both arms before the camera: constant shape, looks and trunk, hands where paths put them.

World as in `moving`: metres, x right, y down, z ahead. People face the camera.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import AS_RIGHT
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import angles_to_pose
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import SIDES
from knuckle.synth.clips.moving import Bones, Capsules, Moment
from knuckle.synth.clips.paths import Path
from knuckle.synth.scenes.body import SIDE_NAMES, load_body
from knuckle.synth.scenes.camera import CAMERA_FROM_WORLD
from knuckle.synth.scenes.figure import Figure, FigureHand
from knuckle.synth.scenes.outfit import sample_look
from knuckle.synth.scenes.person import HandPose, dress, hand_joints, hand_scale, look_figure, put_on_hand
from knuckle.synth.scenes.posture import FOREARM_TURN, Posture, bend_arm, sample_posture

_MOMENTS = 64
_POLE = np.array([0.55, 0.2, -0.8])
"""Where elbows point, body frame, outwards first."""
_TRUNK_RADII_M = np.array([0.1, 0.13])
"""Of head and trunk."""


@dataclass(frozen=True, eq=False)
class ArmMotion:
    """What one arm of a person does, over time."""

    wrist_m: Path
    """World; what the arm does not reach it comes as near to as it can."""
    turns_rad: Path
    """(3,): turn of the forearm about itself, added to the one that shows most of the palm at the time `shows_s`;
    flexion of the wrist, and its deviation."""
    fingers: Path
    """(16, 3) anatomical angles."""
    shows_s: float = 5.0
    back: bool = False
    """Whether the back of the hand is shown rather than its palm."""


class MovingPerson:
    """A person with two hands, left and right.

    Args:
        rig: the open rig, right.
        rng: what shape, posture and looks are drawn from.
        arms: what the left and the right arm do.
        place_m: where the neck is in the world, over time.
        yaw_rad: how far the person is turned away from the camera.
    """

    sides = ("left", "right")

    def __init__(
        self,
        rig: HandRig,
        rng: np.random.Generator,
        *,
        arms: tuple[ArmMotion, ArmMotion],
        place_m: Path,
        yaw_rad: float,
    ) -> None:
        self.rig, self.arms, self.place = rig, arms, place_m
        self.body = body = load_body(rig)
        scores = body.scores[int(rng.integers(len(body.scores)))] + rng.normal(0, 0.15, len(body.modes))
        self.rest, self.heads = body.shaped(scores)
        self.posture = sample_posture(body, self.heads, rng, places={"hanging": 1.0})
        self.look = sample_look(body, rig, rng)
        self.template = look_figure(body, rig, self.look, rng)
        self.shape = np.clip(rng.normal(0, 0.8, 10), -2.2, 2.2)
        self.sizes = [hand_scale(body, self.rest, rig, side) for side in (0, 1)]
        self.turn = CAMERA_FROM_WORLD @ rodrigues(np.array([0, 0, yaw_rad]))
        self.neck = self.posture.places[body.bone("neck01")].copy()
        head, chest = (self.posture.places[body.bone(name)] for name in ("head", "spine01"))
        skull = self.posture.turns[body.bone("head")] @ np.array([0, -0.02, 0.09])
        self.trunk = Capsules(
            np.stack([head + skull * 0.6, chest]),
            np.stack([head + skull * 1.4, self.posture.places[0]]),
            _TRUNK_RADII_M,
        )
        self.about = np.array([0.0, 0.0])
        self.about = np.array([self._palm_turn(side) for side in (0, 1)])
        self.at = lru_cache(maxsize=_MOMENTS)(self._at)

    def _at(self, time_s: float) -> Moment:
        """The person at a time; the last ones are kept."""
        body, (posture, poses, joints) = self.body, self._posed(time_s)
        vertices = body.skinned(self.rest, self.heads, posture.turns, posture.places)
        for side in (0, 1):
            put_on_hand(body, self.rig, vertices, posture, side, poses[side], size=self.sizes[side])
        dress(body, vertices, self.look)
        return Moment(self._world(vertices, time_s), self._bones(posture, joints, time_s))

    def bones(self, time_s: float) -> Bones:
        """Where hands, elbows, head and trunk are at a time."""
        posture, _, joints = self._posed(time_s)
        return self._bones(posture, joints, time_s)

    def _bones(self, posture: Posture, joints: list[np.ndarray], time_s: float) -> Bones:
        elbows = posture.places[[self.body.bone(f"lowerarm01.{name}") for name in SIDE_NAMES]]
        start, end = self._world(self.trunk.start, time_s), self._world(self.trunk.end, time_s)
        return Bones(
            (self._world(joints[0], time_s), self._world(joints[1], time_s)),
            self._world(elbows, time_s),
            Capsules(start, end, self.trunk.radius),
        )

    def _world(self, points: np.ndarray, time_s: float) -> np.ndarray:
        return (points - self.neck) @ self.turn.T + self.place(time_s)

    def figure(self, moment: Moment) -> Figure:
        """What is drawn, in the world's axes."""
        hands = [FigureHand(side, joints) for side, joints in zip(SIDES, moment.bones.joints, strict=True)]
        return replace(self.template, vertices=moment.vertices, hands=hands)

    def _posed(self, time_s: float) -> tuple[Posture, list[HandPose], list[Float[np.ndarray, "21 3"]]]:
        """Posture, poses and joints of both hands, body frame."""
        posture = replace(
            self.posture,
            turns=self.posture.turns.copy(),
            places=self.posture.places.copy(),
            hands=np.zeros((2, 3, 3)),
        )
        place = self.place(time_s)
        poses, joints = [], []
        for side, arm in enumerate(self.arms):
            target = (self.turn.T @ (arm.wrist_m(time_s) - place) + self.neck) * AS_RIGHT[side]
            about, flexion, deviation = arm.turns_rad(time_s)
            about = float(np.clip(about + self.about[side], *FOREARM_TURN))
            posture.hands[side] = bend_arm(
                self.body,
                self.heads,
                posture.turns,
                posture.places,
                side,
                target,
                _POLE,
                (about, flexion, deviation),
            )
            poses.append(HandPose(angles_to_pose(self.rig, arm.fingers(time_s)), self.shape))
            joints.append(hand_joints(self.body, self.rig, posture, side, poses[side], self.sizes[side]))
        return posture, poses, joints

    def _palm_turn(self, side: int) -> float:
        """The forearm's turn that shows most of the palm, or of the back, to a camera at the world's origin."""
        arm, best, found = self.arms[side], -2.0, 0.0
        for about in np.linspace(*FOREARM_TURN, 9):
            self.about[side] = about - arm.turns_rad(arm.shows_s)[0]
            joints = self._world(self._posed(arm.shows_s)[2][side], arm.shows_s)
            palm = np.cross(joints[5] - joints[0], joints[17] - joints[0]) * (-1 if side == 0 else 1)
            facing = -float(palm @ joints[9]) / (np.linalg.norm(palm) * np.linalg.norm(joints[9]))
            facing = -facing if arm.back else facing
            if facing > best:
                best, found = facing, float(about)
        return found
