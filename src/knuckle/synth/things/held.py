"""Which crops hold something, and what: grips drawn in chunks, and put into the scene."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import angles_to_pose
from knuckle.rig.rotations import rodrigues
from knuckle.synth.body.arm import ArmShape, grow_arm
from knuckle.synth.body.scene_mesh import ARM_RINGS, SceneMesh
from knuckle.synth.things.grip import GRIP_SHARES, draw_grips, hidden_share
from knuckle.synth.things.held_mesh import HeldRenderer, Look, sample_look
from knuckle.synth.things.solid import TURNED, Solids, clearance
from knuckle.synth.things.solid_mesh import grid_mesh, ring_mesh

CHUNK = 512
TRIED_SHARE, MOST_HIDDEN = 0.48, 0.62
"""Share of the crops for which a grip is sought, and how many of the joints a thing may hide."""
_ROUNDS, _TOUCH_M = 4, 0.003
_KEY = 0xE20B

Stance = Callable[[int], tuple[Float[np.ndarray, "3"], Float[np.ndarray, "10"]]]
"""From a sample's index to its hand's global rotation (axis-angle, camera frame) and shape."""


@dataclass(frozen=True, eq=False)
class Grip:
    """How one hand holds something, in the frame of the hand with its wrist unturned."""

    pose: Float[np.ndarray, "16 3"]
    """Of the hand; global rotation zero."""
    solid: Solids
    """The one thing that it holds."""
    axes: Float[np.ndarray, "3 3"]
    """The thing's, as columns."""
    from_wrist: Float[np.ndarray, "3"]
    """From the wrist joint to the thing's centre, m."""
    look: Look


class HeldThings:
    """The grips of a set. stance: how the hand of a sample stands, whether it holds something or not."""

    def __init__(self, rig: HandRig, seed: int, size: int, stance: Stance) -> None:
        self.rig, self.seed, self.size, self.stance = rig, seed, size, stance
        self._chunk = lru_cache(maxsize=4)(self._draw)
        self._renderer = lru_cache(maxsize=2)(self._make_renderer)

    def grip(self, index: int) -> Grip | None:
        """What the hand of sample `index` holds, if anything."""
        return self._chunk(index // CHUNK).get(index)

    def renderer(self, grip: Grip) -> HeldRenderer:
        """What renders a hand with that thing; kept and used again."""
        return self._renderer(bool(grip.solid.kind[0] == TURNED))

    def _make_renderer(self, rings: bool) -> HeldRenderer:
        return HeldRenderer(self.rig, ring_mesh() if rings else grid_mesh(), self.size)

    def _draw(self, chunk: int) -> dict[int, Grip]:
        rng = np.random.default_rng([self.seed, chunk, _KEY])
        index = chunk * CHUNK + np.flatnonzero(rng.random(CHUNK) < TRIED_SHARE)
        odds = np.array(list(GRIP_SHARES.values()))
        kinds = rng.choice(list(GRIP_SHARES), len(index), p=odds / odds.sum())
        turn, shape = (np.stack(values) for values in zip(*[self.stance(int(i)) for i in index], strict=True))
        to_camera = -rodrigues(turn)[:, 2]
        found: dict[int, Grip] = {}
        left = np.arange(len(index))
        for _ in range(_ROUNDS):
            if not len(left):
                break
            grips, good = draw_grips(self.rig, kinds[left], shape[left], rng)
            joints = joints_by_angles(self.rig, grips.angles, shape[left])[0].astype(np.float64)
            good &= hidden_share(grips.held, joints, to_camera[left]) <= MOST_HIDDEN
            poses = angles_to_pose(self.rig, grips.angles)
            poses[:, 0] = 0
            for row in np.flatnonzero(good):
                held = grips.held.rows(np.array([row]))
                from_wrist = held.centre[0] - joints[row, 0]
                found[int(index[left[row]])] = Grip(
                    poses[row], held.solids, held.axes[0], from_wrist, sample_look(rng)
                )
            left = left[~good]
        return found


def put_in_hand(
    renderer: HeldRenderer,
    mesh: SceneMesh,
    grip: Grip,
    wrist_rotation: Float[np.ndarray, "3 3"],
    wrist: Float[np.ndarray, "3"],
    arm: ArmShape,
) -> None:
    """Put the held thing into a scene that hand and arm are in already; an arm that runs into it is straightened.

    Args:
        renderer: of the scene; its vertices are changed in place.
        mesh: of hand and arm without the thing.
        grip: the thing, and how it is held.
        wrist_rotation: camera_from_hand.
        wrist: the wrist joint, m, camera frame.
        arm: the forearm as it was grown.
    """
    axes, centre = wrist_rotation @ grip.axes, wrist_rotation @ grip.from_wrist + wrist
    for straighter in (0.5, 0.0):
        grown = renderer.vertices[mesh.hand_vertices : mesh.vertex_count]
        if not arm.sleeve:
            grown = grown[: ARM_RINGS * len(mesh.loop)]
        if clearance(grip.solid, axes[None], centre[None], grown[None]).min() > -_TOUCH_M:
            break
        grow_arm(renderer.vertices, mesh, wrist_rotation, replace(arm, bend=straighter * arm.bend))
    renderer.put(grip.solid, axes, centre, grip.look)
