"""Clasped hands: fingers interlaced, or hooked into each other."""

import numpy as np

from knuckle.rig.pair_anchors import FIRST_LINK, PALMAR, drawn, region
from knuckle.rig.pair_close import closed
from knuckle.rig.pair_fingers import GRIP, HOOK, INTERLACED, drawn_angles, held_hands
from knuckle.rig.pair_motion import no_contacts
from knuckle.rig.pair_place import arms_clear, met, standing, turn_about, wobble
from knuckle.rig.pair_pose import MIRROR_TURN, PairPose, pose_pairs
from knuckle.rig.pair_solve import solved
from knuckle.rig.rig import HandRig

Generator = np.random.Generator
_MCP, _PIP = np.array([5, 9, 13, 17]), np.array([6, 10, 14, 18])
_CROSSING_DEGREES = (52, 8)
"""How far each hand's fingers lean over where they cross the other's, mean and spread."""
_STAY_M = 0.03
"""Hands pushed further than this while their fingers find room have left each other."""
_FIRM_M = 0.001


def interlaced(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Palms towards each other, every finger between two of the other hand's, then closed on its back."""
    angles = np.stack(
        [drawn_angles(rig, INTERLACED, count, rng, natural=(0, 0), noise_degrees=3) for _ in range(2)], 1
    )
    knuckles = list(FIRST_LINK[1:])
    angles[:, :, knuckles, 2] += np.deg2rad(rng.normal(0, 12, (count, 1, 1)))
    pose = held_hands(angles, rng)
    lean = rng.normal(*_CROSSING_DEGREES, count) - np.rad2deg(angles[:, :, knuckles, 2].mean((1, 2)))
    turn = turn_about(2, lean) @ turn_about(1, -90)
    turn = np.stack([turn, wobble(count, 4, rng) @ (turn * MIRROR_TURN)], 1)
    pose = PairPose(pose.angles, pose.shape, standing(rig, turn), pose.wrist)
    joints = pose_pairs(rig, pose).joints_m.astype(np.float64)
    share = rng.uniform(0.45, 1.0, (count, 1, 1, 1))
    points = joints[:, :, _MCP] + share * (joints[:, :, _PIP] - joints[:, :, _MCP])
    # Half a finger's pitch to one side or the other: whose index finger lies on top.
    pitch = (points[:, :, 0] - points[:, :, 3]).mean(1) / 3
    wrist = pose.wrist.copy()
    wrist[:, 1] += points[:, 0].mean(1) - points[:, 1].mean(1) + rng.choice([-0.5, 0.5], (count, 1)) * pitch
    pose = PairPose(pose.angles, pose.shape, pose.turn, wrist)
    pose = pose.rows(arms_clear(rig, pose))
    begin = pose.wrist[:, 1]
    pose = solved(rig, pose, no_contacts(len(pose)), steps=20, posture_m=_FIRM_M)
    pose = pose.rows(np.linalg.norm(pose.wrist[:, 1] - begin, axis=1) < _STAY_M)
    return _both_closed(rig, pose)


def hooked(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Bent fingers hooked into the other hand's bent fingers."""
    angles = np.stack([drawn_angles(rig, HOOK, count, rng, natural=(0, 0.15)) for _ in range(2)], 1)
    middles = [region(rig, FIRST_LINK[finger] + 1, PALMAR, 0.2, 0.8) for finger in (1, 2, 3)]
    right, left = (drawn(middles, rng.integers(0, len(middles), count), rng) for _ in range(2))
    turned = 180 + 14 * rng.standard_normal(count)
    pose, _ = met(rig, held_hands(angles, rng), right, left, turned=turned, tilt=wobble(count, 8, rng))
    pose = pose.rows(arms_clear(rig, pose))
    return _both_closed(rig, solved(rig, pose, no_contacts(len(pose)), steps=16))


def _both_closed(rig: HandRig, pose: PairPose) -> PairPose:
    """The right hand's fingers closed on the left hand, then the left one's on the right."""
    for hand in (0, 1):
        goal = np.broadcast_to(GRIP.angles(rig), (len(pose), 16, 3)).copy()
        goal[:, list(FIRST_LINK), 1] = pose.angles[:, hand][:, list(FIRST_LINK), 1]
        pose = closed(rig, pose, hand, goal)
    return pose
