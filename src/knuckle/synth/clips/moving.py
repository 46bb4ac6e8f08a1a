"""A lone arm that moves: constant shape and looks, its hand where paths of time put it. World: metres, x right, y down,
z ahead, as in a level camera's frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import AS_RIGHT
from knuckle.rig.correctives import add_correctives
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import angles_to_matrices
from knuckle.rig.rotations import rodrigues
from knuckle.synth.body.arm import ArmShape, grow_arm
from knuckle.synth.body.scene_mesh import ARM_RINGS, build_mesh
from knuckle.synth.clips.paths import Path
from knuckle.synth.scenes.arms import Wardrobe, dress_arm
from knuckle.synth.scenes.figure import Figure, FigureHand

ARM_M = 0.6
"""Of lone arms: long enough that what ends them lies outside the picture."""
_MOMENTS = 64


@dataclass(frozen=True, eq=False)
class Motion:
    """Where a hand is and what it does, over time. Turns of a left hand are those of the right one that a mirror
    (x -> -x) shows."""

    wrist_m: Path
    """World."""
    elbow_m: Path
    """A point that the forearm comes from, in the world; only its direction from the wrist counts."""
    turn: Callable[[float, Float[np.ndarray, "3"]], Float[np.ndarray, "3 3"]]
    """From the time and the forearm's direction from the wrist to world_from_hand; see `forearm_turn`."""
    fingers: Path
    """(16, 3) anatomical angles."""


class Capsules(NamedTuple):
    """Rods with round ends: starts and ends (m, world) of their axes, and radii (m)."""

    start: Float[np.ndarray, "c 3"]
    end: Float[np.ndarray, "c 3"]
    radius: Float[np.ndarray, "c"]


@dataclass(frozen=True, eq=False)
class Bones:
    """Where the hands of a figure are at one time, in the world, m."""

    joints: tuple[Float[np.ndarray, "21 3"], ...]
    """Of each hand."""
    elbows: Float[np.ndarray, "n 3"]
    """Where the forearm of each hand ends."""
    trunk: Capsules | None = None
    """Of a whole person: head and trunk, which hands must not run into."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A figure at one time, in the world."""

    vertices: Float[np.ndarray, "v 3"]
    bones: Bones


@dataclass(frozen=True, eq=False)
class Build:
    """What stays the same about an arm."""

    shape: Float[np.ndarray, "10"]
    flesh: float
    """Strength of the surface's correctives."""
    arm: ArmShape
    wardrobe: Wardrobe


class MovingArm:
    """A hand with its forearm.

    Args:
        rig: the open rig, right.
        build: shape and looks.
        left: whether it is a left hand.
        motion: where it is.
        correct: moves what has been posed: gets the hand's vertices about the wrist and the wrist, both of the world,
            and the time; gives the wrist's place.
    """

    def __init__(
        self,
        rig: HandRig,
        build: Build,
        *,
        left: bool,
        motion: Motion,
        correct: Callable[[np.ndarray, np.ndarray, float], np.ndarray] | None = None,
    ) -> None:
        self.rig, self.build, self.left, self.motion, self.correct = rig, build, left, motion, correct
        self.mesh = build_mesh(rig)
        self.flip = AS_RIGHT[int(left)]
        self.arm = replace(build.arm, length=ARM_M)
        first = np.zeros((self.mesh.vertex_count, 3))
        self.template = dress_arm(rig, self.mesh, first, build.wardrobe, sleeve=self.arm.sleeve, left=left)
        self.sides = ("left" if left else "right",)
        self.at = lru_cache(maxsize=_MOMENTS)(self._at)

    def _at(self, time_s: float) -> Moment:
        """The arm at a time; the last ones are kept."""
        motion, flip, mesh = self.motion, self.flip, self.mesh
        wrist = motion.wrist_m(time_s)
        along = (motion.elbow_m(time_s) - wrist) * flip
        along = along / np.linalg.norm(along)
        turn = motion.turn(time_s, along)
        rotations = angles_to_matrices(self.rig, motion.fingers(time_s))
        rotations[0] = turn
        shape = self.build.shape.astype(np.float32)
        posed = self.rig.posed_by_matrices(rotations.astype(np.float32), shape)
        root = posed.joints[0].astype(float)
        own = np.zeros((mesh.vertex_count, 3))
        own[: mesh.hand_vertices] = add_correctives(self.rig, posed, self.build.flesh) - root
        if self.correct is not None:
            wrist = self.correct(own[: mesh.hand_vertices] * flip, wrist, time_s)
        grow_arm(own, mesh, turn, replace(self.arm, bend=_between(turn[:, 1], along)))
        ring = len(mesh.loop)
        last = mesh.hand_vertices + (ARM_RINGS - 1) * ring
        end = own[last : last + ring].mean(0) * flip + wrist
        joints = (posed.joints.astype(float) - root) * flip + wrist
        return Moment(own * flip + wrist, Bones((joints,), end[None]))

    def bones(self, time_s: float) -> Bones:
        """Where the hand is at a time."""
        return self.at(time_s).bones

    def figure(self, moment: Moment) -> Figure:
        """What is drawn, in the world's axes."""
        hands = [
            FigureHand(side, joints) for side, joints in zip(self.sides, moment.bones.joints, strict=True)
        ]  # pyright: ignore[reportArgumentType]
        return replace(self.template, vertices=moment.vertices, hands=hands)


def forearm_turn(turns_rad: Path) -> Callable[[float, np.ndarray], np.ndarray]:
    """`Motion.turn` of a hand that goes with its forearm. turns_rad (3,): how far the forearm turns the hand about its
    own axis (0 shows the palm to -z), flexion of the wrist, and its deviation towards the thumb."""
    return lambda time_s, along: _frame(along) @ _wrist(*turns_rad(time_s))


def _frame(along: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    z = np.array([0.0, 0.0, 1.0]) - along[2] * along
    z = z / np.linalg.norm(z)
    return np.stack([np.cross(along, z), along, z], 1)


def _wrist(about: float, flexion: float, deviation: float) -> Float[np.ndarray, "3 3"]:
    return rodrigues(np.array([0, about, 0])) @ rodrigues(np.array([flexion, 0, deviation]))


def _between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Axis-angle of the smallest turn from one unit direction to another."""
    axis = np.cross(start, end)
    sine, cosine = float(np.linalg.norm(axis)), float(start @ end)
    return axis / max(sine, 1e-9) * np.arctan2(sine, cosine)
