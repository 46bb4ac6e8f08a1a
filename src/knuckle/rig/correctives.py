"""Flesh and bone under the skin of a posed hand: knuckles, pads and the thumb's web, which skinning does not know.

Every corrective is a bump (knuckle.rig.bumps): a smooth field of offsets on the rest hand, carried along by a joint
and scaled by how far that joint is bent. Joints and pose stay the rig's; only the surface moves.
"""

import numpy as np
from jaxtyping import Float

from knuckle.rig.bumps import bumps_of
from knuckle.rig.limits import basis, matrices_to_angles
from knuckle.rig.rig import HandRig, PosedHand
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.skeleton import MANO16_PARENTS, MIDDLE_MCP, WRIST

_PARENTS = np.array(MANO16_PARENTS[1:])
_MOST_OPPOSED, _MOST_ADDUCTED = np.deg2rad([40.0, 25.0])


def corrected(
    rig: HandRig, hand: PosedHand, strength: float | Float[np.ndarray, "*batch"] = 1.0
) -> Float[np.ndarray, "*batch v 3"]:
    """The posed hand's vertices (metres, the frame of `hand`, its dtype) with knuckles that stand out, pads that
    bulge and the thumb's web drawn out; those of `hand` itself in the rest pose.

    hand: of `rig`, by `HandRig.posed` and its like, of either side, single or batched. strength: how bony and fleshy
    the hand is, 1 the usual, 0 nothing. No vertex of a hand of the mean size moves more than 5 mm at strength 1.
    """
    bumps = bumps_of(rig)
    world = hand.transforms[..., :3, :3].astype(np.float64)
    parents = world[..., _PARENTS, :, :]
    turns = parents.swapaxes(-1, -2) @ world[..., 1:, :, :]
    half = parents @ rodrigues(0.5 * matrix_to_axis_angle(turns))
    frames = np.stack([parents, half, world[..., 1:, :, :]], -4)
    scales = _drives(rig, turns)[..., bumps.drive, bumps.joint - 1]
    scales = scales * (_size(rig, hand) * np.asarray(strength))[..., None]
    carried = scales[..., None, None] * frames[..., bumps.frame, bumps.joint - 1, :, :]
    lead, (count, number, _) = carried.shape[:-3], bumps.fields.shape
    rows = carried.swapaxes(-1, -2).reshape(*lead, 3 * number, 3)
    moves = bumps.fields.reshape(count, 3 * number) @ rows
    return (hand.vertices + moves).astype(hand.vertices.dtype)


def _drives(rig: HandRig, turns: Float[np.ndarray, "*batch 15 3 3"]) -> Float[np.ndarray, "*batch 3 15"]:
    """How far each joint is bent, opposed and adducted from rest, 0..1, in the order of `bumps.DRIVES`."""
    wrist = np.broadcast_to(np.eye(3), (*turns.shape[:-3], 1, 3, 3))
    angles = matrices_to_angles(rig, np.concatenate([wrist, turns], -3)) - basis(rig)[1]
    splay, bend = angles[..., 1:, 1], angles[..., 1:, 2]

    def eased(angle: np.ndarray, most: float) -> np.ndarray:
        return np.sin(np.clip(angle / most, 0, 1) * (np.pi / 2))

    drives = (eased(bend, np.pi / 2), eased(bend, _MOST_OPPOSED), eased(-splay, _MOST_ADDUCTED))
    return np.stack(drives, -2)


def _size(rig: HandRig, hand: PosedHand) -> Float[np.ndarray, "*batch"]:
    """Length of the palm in that of the mean hand's."""
    palm = hand.joints[..., MIDDLE_MCP, :].astype(np.float64) - hand.joints[..., WRIST, :]
    rest = rig.joints_rest_m[MIDDLE_MCP] - rig.joints_rest_m[WRIST]
    return np.linalg.norm(palm, axis=-1) / np.linalg.norm(rest)
