"""A finger of one hand on a place of the other: tip to tip, or on its palm, back, wrist or fingers."""

import numpy as np

from knuckle.rig.pair_anchors import (
    DORSAL,
    FIRST_LINK,
    PALMAR,
    RADIAL,
    ULNAR,
    back,
    drawn,
    drawn_by_group,
    pad,
    palm,
    region,
    tip,
)
from knuckle.rig.pair_fingers import FIST, SOFT, STEEPLE, drawn_angles, held_hands, mixed_fingers
from knuckle.rig.pair_motion import Contacts, contact_gaps
from knuckle.rig.pair_place import arms_clear, met, wobble
from knuckle.rig.pair_pose import PairPose
from knuckle.rig.pair_solve import solved
from knuckle.rig.rig import HandRig

_FARTHEST_M = 0.004
"""Places that shall meet and end further apart than this do not touch."""
_POINTING = (0.14, 0.56, 0.14, 0.06, 0.1)
"""How often each finger points, thumb first."""


def finger_on_hand(rig: HandRig, count: int, rng: np.random.Generator) -> PairPose:
    """A finger of the right hand touches the left hand's fingertips or another of its places."""
    finger = rng.choice(5, count, p=_POINTING)
    straight = drawn_angles(rig, STEEPLE, count, rng, natural=(0, 0.4))
    folded = drawn_angles(rig, FIST, count, rng, natural=(0, 0.6))
    pointing = mixed_fingers(np.arange(5) == finger[:, None], straight, folded)
    touched = drawn_angles(rig, SOFT, count, rng, natural=(0.2, 1.0))
    tips, pads = ([part(rig, own) for own in range(5)] for part in (tip, pad))
    sides = [
        region(rig, first + level, side, 0.1, 0.9, 0.75)
        for first in FIRST_LINK[1:]
        for level in range(3)
        for side in (PALMAR, DORSAL)
    ]
    others = [
        palm(rig),
        back(rig),
        region(rig, 0, RADIAL, 0.2, 0.9, 0.6),
        region(rig, 0, ULNAR, 0.2, 0.9, 0.6),
    ]
    others += [region(rig, 0, side, -0.2, 0.12, 0.75) for side in (PALMAR, DORSAL)]
    others += [region(rig, FIRST_LINK[0] + level, DORSAL, 0.1, 0.9, 0.75) for level in (1, 2)]
    right = drawn([*tips, *pads], finger + 5 * rng.integers(0, 2, count), rng)
    left = drawn_by_group(((tips, 0.4), (sides, 0.3), (others, 0.3)), count, rng)
    # Tip to tip, hands look the same way; elsewhere a finger comes from any side.
    on_tip = np.isin(left, np.concatenate(tips))
    turned = np.where(on_tip, 40 * rng.standard_normal(count), rng.uniform(-180, 180, count))
    pose = held_hands(np.stack([pointing, touched], 1), rng)
    pose, _ = met(rig, pose, right, left, turned=turned, tilt=wobble(count, 20, rng), gap_m=0.002)
    contacts = Contacts(right[:, None], left[:, None], np.ones((count, 1)), facing_m=0.001)
    room = arms_clear(rig, pose)
    pose, contacts = pose.rows(room), contacts.rows(room)
    return met_only(rig, solved(rig, pose, contacts, steps=9), contacts)


def met_only(rig: HandRig, pose: PairPose, contacts: Contacts) -> PairPose:
    """The pairs whose contacts are made."""
    gap = np.linalg.norm(contact_gaps(rig, pose, contacts), axis=-1)
    return pose.rows((contacts.weight * gap).max(1) < _FARTHEST_M)
