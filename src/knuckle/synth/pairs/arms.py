"""Forearms and sleeves of two hands that meet: drawn until they keep clear of the other hand and arm."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import AS_RIGHT
from knuckle.skeleton import BONES
from knuckle.synth.body.arm import ArmShape, grow_arm, sample_arm
from knuckle.synth.body.scene_mesh import ARM_RINGS, SceneMesh

_TRIES = 6
_ARM_M, _FINGER_M = 0.032, 0.009
"""Half the thickness of an arm and of a finger."""
_CLEAR_M = 0.004
_ROUGH_STEP_M = 0.01
_LEAST_LENGTH_M = 0.6
"""A crop of two hands reaches further than one of a single hand; the arm's end stays outside."""
_SLEEVE_M = 0.034
"""A sleeve needs this much more room than the arm in it."""
_BONES = np.array(BONES)


def grow_pair_arms(
    rng: np.random.Generator,
    mesh: SceneMesh,
    own_vertices: Float[np.ndarray, "2 v 3"],
    own_rotations: Float[np.ndarray, "2 3 3"],
    joints: Float[np.ndarray, "2 21 3"],
) -> bool:
    """Fill the arms' rows of `own_vertices` (each hand's own world, m); returns whether they have sleeves.

    mesh: of one hand; own_rotations: of the wrists; joints: camera frame, m. Of a few draws the first arm that keeps
    clear of the other hand is taken, else the clearest. Both sleeves are of one garment; where one would cover the
    other hand's fingers there are none.
    """
    points = [np.concatenate([hand, hand[_BONES].mean(1)]) for hand in joints]
    thick = [np.full(len(hand), _FINGER_M) for hand in points]

    def axis_of(side: int, arm: ArmShape) -> Float[np.ndarray, "r 3"]:
        bare = replace(arm, sleeve=False)
        grow_arm(own_vertices[side], mesh, own_rotations[side], bare, step_m=_ROUGH_STEP_M)
        return _axis(mesh, own_vertices[side]) * AS_RIGHT[side]

    def room(side: int, arm: ArmShape) -> float:
        return float((_distances(points[1 - side], axis_of(side, arm)) - thick[1 - side]).min()) - _ARM_M

    def draw(side: int) -> ArmShape:
        arm = sample_arm(rng, own_rotations[side])
        return replace(arm, length=max(arm.length, _LEAST_LENGTH_M))

    right, right_room = _clearest(lambda: draw(0), lambda arm: room(0, arm))
    # The left arm keeps clear of the right one as well as of its hand.
    axis = axis_of(0, right)
    along = np.concatenate([axis[:-1] + (axis[1:] - axis[:-1]) * share for share in (0.0, 0.33, 0.67)])
    points[0] = np.concatenate([points[0], along])
    thick[0] = np.concatenate([thick[0], np.full(len(along), _ARM_M)])
    left, left_room = _clearest(lambda: _same_garment(draw(1), right), lambda arm: room(1, arm))
    sleeve = right.sleeve and min(right_room, left_room) > _SLEEVE_M
    for side, arm in enumerate((right, left)):
        grow_arm(own_vertices[side], mesh, own_rotations[side], replace(arm, sleeve=sleeve))
    return sleeve


def _clearest(draw: Callable[[], ArmShape], room: Callable[[ArmShape], float]) -> tuple[ArmShape, float]:
    """The first arm with room enough, or the one with the most; and its room (m)."""
    best, most = draw(), -np.inf
    for attempt in range(_TRIES):
        arm = draw() if attempt else best
        found = room(arm)
        if found > most:
            best, most = arm, found
        if found > _CLEAR_M:
            break
    return best, most


def _axis(mesh: SceneMesh, vertices: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "r 3"]:
    """The middles of the wrist's loop and of the arm's rings."""
    sides = len(mesh.loop)
    rings = vertices[mesh.hand_vertices : mesh.hand_vertices + ARM_RINGS * sides]
    return np.concatenate([vertices[mesh.loop].mean(0)[None], rings.reshape(ARM_RINGS, sides, 3).mean(1)])


def _same_garment(arm: ArmShape, other: ArmShape) -> ArmShape:
    """The arm with another one's thickness and sleeve; folds and bend stay its own."""
    return replace(
        arm,
        length=other.length,
        growth=other.growth,
        sleeve_start=other.sleeve_start,
        sleeve_width=other.sleeve_width,
        sleeve_flare=other.sleeve_flare,
    )


def _distances(points: Float[np.ndarray, "p 3"], line: Float[np.ndarray, "r 3"]) -> Float[np.ndarray, "p"]:
    """Distance of points to a broken line, m."""
    start, along = line[:-1], line[1:] - line[:-1]
    away = points[:, None] - start
    share = np.clip((away * along).sum(-1) / ((along**2).sum(-1) + 1e-12), 0, 1)
    return np.sqrt(((away - share[..., None] * along) ** 2).sum(-1).min(1))
