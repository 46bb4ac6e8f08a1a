"""Fingertips that meet: a finger on a place of the other hand, and gestures such as steeples, triangles and hearts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from knuckle.geometry.mirror import MIRROR_TURN
from knuckle.poses.pairs.places import (
    DORSAL,
    FIRST_LINK,
    PALMAR,
    RADIAL,
    ULNAR,
    arms_clear,
    back,
    bring_together,
    find_region,
    pad,
    palm,
    pick_vertices,
    pick_vertices_by_group,
    sample_small_turns,
    tip,
    turn_about,
    turn_from_upright,
)
from knuckle.poses.pairs.pose import PairPose
from knuckle.poses.pairs.postures import (
    FIST,
    SOFT,
    STEEPLE,
    Posture,
    mix_fingers,
    sample_angles,
    sample_pair_of_hands,
)
from knuckle.poses.pairs.solve import Contacts, contact_gaps, solve_contacts
from knuckle.rig.hand_rig import HandRig

Generator = np.random.Generator
_FARTHEST_M = 0.004
"""Places that are to meet and end further apart than this do not touch."""
_POINTING = (0.14, 0.56, 0.14, 0.06, 0.1)
"""How often each finger points, thumb first."""
_CURVED = Posture((30, 42, 24), (4, 2, 6, 14, 14))
_HEART = Posture((52, 48, 26), (-4, 4, -4, 12, 14))
_MOST_CONTACTS = 5
_PAD, _TIP, _NAIL = 0, 1, 2
_FREELY_M, _FREELY_SHARE = 0.001, 0.005
_ALL = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4))


@dataclass(frozen=True)
class _Gesture:
    """How often it is drawn; fingers that meet (right, left; thumb 0); where the right hand looks (yaw, lean in
    degrees from fingers up, palm to the viewer), which the left hand mirrors. nails: the index fingers meet back
    to back. upside_down: the left hand does."""

    odds: float
    meeting: tuple[tuple[int, int], ...]
    yaw: float
    lean: float
    posture: Posture = STEEPLE
    nails: bool = False
    upside_down: bool = False

    @property
    def rest_may_fold(self) -> bool:
        """Whether the fingers that do not meet may be bent away."""
        return self.posture is STEEPLE


_GESTURES = (
    _Gesture(3.0, _ALL, -90, 22),
    _Gesture(1.2, _ALL[1:], -90, 22),
    _Gesture(1.0, _ALL[:2], -90, 25),
    _Gesture(1.0, _ALL[1:2], -90, 30),
    _Gesture(0.7, _ALL[1:3], -90, 28),
    _Gesture(0.4, _ALL[4:], -90, 25),
    _Gesture(0.6, _ALL[:1], -90, 10),
    _Gesture(2.0, _ALL[:2], 0, 32),
    _Gesture(1.0, _ALL[:2], -25, 25, _CURVED),
    _Gesture(1.6, _ALL[:2], -85, 0, _HEART, nails=True),
    _Gesture(1.6, ((0, 1), (1, 0)), 0, 0, upside_down=True),
)


def finger_on_hand(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """A finger of the right hand touches the left hand's fingertips or another of its places."""
    finger = rng.choice(5, count, p=_POINTING)
    straight = sample_angles(rig, STEEPLE, count, rng, natural=(0, 0.4))
    folded = sample_angles(rig, FIST, count, rng, natural=(0, 0.6))
    pointing = mix_fingers(np.arange(5) == finger[:, None], straight, folded)
    touched = sample_angles(rig, SOFT, count, rng, natural=(0.2, 1.0))
    tips, pads = ([part(rig, own) for own in range(5)] for part in (tip, pad))
    sides = [
        find_region(rig, first + level, side, 0.1, 0.9, 0.75)
        for first in FIRST_LINK[1:]
        for level in range(3)
        for side in (PALMAR, DORSAL)
    ]
    others = [
        palm(rig),
        back(rig),
        find_region(rig, 0, RADIAL, 0.2, 0.9, 0.6),
        find_region(rig, 0, ULNAR, 0.2, 0.9, 0.6),
    ]
    others += [find_region(rig, 0, side, -0.2, 0.12, 0.75) for side in (PALMAR, DORSAL)]
    others += [find_region(rig, FIRST_LINK[0] + level, DORSAL, 0.1, 0.9, 0.75) for level in (1, 2)]
    right = pick_vertices([*tips, *pads], finger + 5 * rng.integers(0, 2, count), rng)
    left = pick_vertices_by_group(((tips, 0.4), (sides, 0.3), (others, 0.3)), count, rng)
    # Tip to tip, hands look the same way; elsewhere a finger comes from any side.
    on_tip = np.isin(left, np.concatenate(tips))
    turned = np.where(on_tip, 40 * rng.standard_normal(count), rng.uniform(-180, 180, count))
    pose = sample_pair_of_hands(np.stack([pointing, touched], 1), rng)
    pose, _ = bring_together(
        rig, pose, right, left, turned=turned, tilt=sample_small_turns(count, 20, rng), gap_m=0.002
    )
    contacts = Contacts(right[:, None], left[:, None], np.ones((count, 1)), facing_m=0.001)
    room = arms_clear(rig, pose)
    pose, contacts = pose.rows(room), contacts.rows(room)
    return _keep_touching(rig, solve_contacts(rig, pose, contacts, steps=9), contacts)


def gestures(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Steeples, triangles, frames and hearts: fingers of both hands meet by their pads, tips or nails."""
    odds = np.array([gesture.odds for gesture in _GESTURES])
    which = rng.choice(len(_GESTURES), count, p=odds / odds.sum())
    angles = np.zeros((count, 2, 16, 3))
    for number, gesture in enumerate(_GESTURES):
        own = np.flatnonzero(which == number)
        angles[own] = _angles(rig, gesture, len(own), rng)
    pose = sample_pair_of_hands(angles, rng)
    pose = PairPose(pose.angles, pose.shape, turn_from_upright(rig, _turns(which, rng)), pose.wrist)
    contacts = _contacts(rig, which, rng)
    share = contacts.weight / contacts.weight.sum(1, keepdims=True)
    wrist = pose.wrist.copy()
    wrist[:, 1] += (share[..., None] * contact_gaps(rig, pose, contacts)).sum(1)
    pose = PairPose(pose.angles, pose.shape, pose.turn, wrist)
    room = arms_clear(rig, pose)
    pose, contacts = pose.rows(room), contacts.rows(room)
    pose = solve_contacts(rig, pose, contacts, steps=14, posture_m=_FREELY_M, place_share=_FREELY_SHARE)
    return _keep_touching(rig, pose, contacts)


def _keep_touching(rig: HandRig, pose: PairPose, contacts: Contacts) -> PairPose:
    """The pairs whose places all meet."""
    gap = np.linalg.norm(contact_gaps(rig, pose, contacts), axis=-1)
    return pose.rows((contacts.weight * gap).max(1) < _FARTHEST_M)


def _angles(rig: HandRig, gesture: _Gesture, count: int, rng: Generator) -> Float[np.ndarray, "n 2 16 3"]:
    """Both hands alike but for some noise; fingers that do not meet are bent away in half of the pairs."""
    alike = sample_angles(rig, gesture.posture, count, rng, natural=(0, 0.25))
    folded = sample_angles(rig, FIST, count, rng, natural=(0, 0.5))
    folds = gesture.rest_may_fold & (rng.random((count, 1)) < 0.5)
    hands = []
    for hand in (0, 1):
        meets = np.isin(np.arange(5), [pair[hand] for pair in gesture.meeting])
        own = mix_fingers(meets | ~folds, alike, folded)
        own[:, 1:, 2] += np.deg2rad(4) * rng.standard_normal((count, 15))
        hands.append(own)
    return np.stack(hands, 1)


def _turns(which: Int[np.ndarray, "n"], rng: Generator) -> Float[np.ndarray, "n 2 3 3"]:
    count = len(which)
    yaw, lean, over = np.array([(g.yaw, g.lean, g.upside_down) for g in _GESTURES])[which].T
    yaw, lean = yaw + 14 * rng.standard_normal(count), lean + 9 * rng.standard_normal(count)
    right = turn_about(2, lean) @ turn_about(1, yaw)
    # A hand upside down has its forearm above: it is bent aside, to come from the body's side.
    aside = turn_about(2, over * rng.choice([-1, 1], count) * rng.uniform(20, 40, count)) @ turn_about(
        0, 180 * over
    )
    left = aside @ (right * MIRROR_TURN)
    return np.stack([sample_small_turns(count, 5, rng) @ right, sample_small_turns(count, 5, rng) @ left], 1)


def _contacts(rig: HandRig, which: Int[np.ndarray, "n"], rng: Generator) -> Contacts:
    """The places that meet; of one pair, all fingers meet by their tips or all by their pads."""
    fingers = np.zeros((len(_GESTURES), 2, _MOST_CONTACTS), int)
    weight = np.zeros((len(_GESTURES), _MOST_CONTACTS))
    for row, gesture in enumerate(_GESTURES):
        fingers[row, :, : len(gesture.meeting)] = np.array(gesture.meeting).T
        weight[row, : len(gesture.meeting)] = 1
    part = rng.choice([_PAD, _TIP], (len(which), 1))
    nails = np.array([gesture.nails for gesture in _GESTURES])[which, None] & (np.arange(_MOST_CONTACTS) == 1)
    part = np.where(nails, _NAIL, part)
    regions = [pad(rig, finger) for finger in range(5)] + [tip(rig, finger) for finger in range(5)]
    regions += [find_region(rig, first + 2, DORSAL, 0.1, 0.8, 0.75) for first in FIRST_LINK]
    right, left = (
        pick_vertices(regions, (5 * part + fingers[which, hand]).reshape(-1), rng).reshape(part.shape)
        for hand in (0, 1)
    )
    return Contacts(right, left, weight[which])
