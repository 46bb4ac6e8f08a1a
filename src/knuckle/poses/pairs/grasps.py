"""One hand on the other: palm on palm, a hand, fingers or a wrist held, a fist in a palm, fingers interlaced or hooked.
The right hand leads.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from knuckle.geometry.mirror import MIRROR_TURN
from knuckle.poses.pairs.contact import close_fingers, move_until_touching
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
    palm,
    pick_vertices,
    pick_vertices_by_group,
    sample_small_turns,
    turn_about,
    turn_from_upright,
)
from knuckle.poses.pairs.pose import (
    CAPSULE_FINGER,
    PairPose,
    find_nearest,
    pair_bodies,
    pose_pairs,
)
from knuckle.poses.pairs.postures import (
    FIST,
    FLAT,
    GRIP,
    HALF,
    HOOK,
    INTERLACED,
    SOFT,
    sample_angles,
    sample_pair_of_hands,
)
from knuckle.poses.pairs.solve import Contacts, no_contacts, solve_contacts
from knuckle.rig.hand_rig import HandRig

Generator = np.random.Generator
_NO_THUMB = CAPSULE_FINGER != 0
_NEAR_M = 0.001
"""Skins this far apart count as touching."""
_MCP, _PIP = np.array([5, 9, 13, 17]), np.array([6, 10, 14, 18])
_CROSSING_DEGREES = (52, 8)
"""How far each hand's fingers lean over where they cross the other's, mean and spread."""
_STAY_M = 0.03
"""Hands pushed further than this while their fingers find room have left each other."""
_FIRM_M = 0.001


def palms(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Palm on palm: as in prayer, shifted, crosswise; or the outer edges together, as a bowl."""
    edge = rng.random(count) < 0.15
    posture, other = (
        sample_angles(rig, FLAT, count, rng, natural=(0, 0.25), noise_degrees=5) for _ in range(2)
    )
    alike = rng.uniform(0.3, 1.0, (count, 1, 1))
    pose = sample_pair_of_hands(np.stack([posture, alike * posture + (1 - alike) * other], 1), rng)
    places = [palm(rig, 0.35, 0.85), find_region(rig, 0, ULNAR, 0.2, 0.9, 0.75)]
    right, left = (pick_vertices(places, edge.astype(int), rng) for _ in range(2))
    crosswise = ~edge & (rng.random(count) < 0.18)
    turned = 12 * rng.standard_normal(count)
    turned = np.where(crosswise, rng.choice([-1, 1], count) * rng.uniform(50, 110, count), turned)
    pose, normal = bring_together(
        rig, pose, right, left, turned=turned, tilt=sample_small_turns(count, 5, rng)
    )
    # In half of the pairs the palms meet and fingers in their way give way, in half whatever is in front meets.
    flat = ~edge & (rng.random(count) < 0.55) & arms_clear(rig, pose)
    contacts = Contacts(
        right[flat, None], left[flat, None], np.full((int(flat.sum()), 1), 0.3), facing_m=0.03
    )
    pressed_flat = solve_contacts(rig, pose.rows(flat), contacts, steps=14)
    return PairPose.joined([pressed_flat, _lay_on(rig, pose.rows(~flat), normal[~flat])])


def grasp(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """The right hand holds the left one's fingers, hand, thumb or wrist."""
    hold = sample_angles(rig, SOFT, count, rng, natural=(0, 0.3))
    hold[:, FIRST_LINK[0]] += np.deg2rad([8, 6, -6])
    held = _either(
        sample_angles(rig, FLAT, count, rng, natural=(0, 0.5)),
        sample_angles(rig, SOFT, count, rng, natural=(0.2, 0.9)),
        rng,
    )
    fingers = [
        _join_regions(rig, [FIRST_LINK[finger] + level for finger in group for level in (0, 1)], side)
        for group in ((1, 2), (2, 3), (3, 4), (1,), (4,))
        for side in (DORSAL, PALMAR)
    ]
    hand = [
        back(rig, 0.15, 0.9),
        find_region(rig, FIRST_LINK[1], RADIAL, 0.1, 0.9, 0.7),
        find_region(rig, FIRST_LINK[4], ULNAR, 0.1, 0.9, 0.7),
        find_region(rig, 0, ULNAR, 0.3, 0.9, 0.7),
    ]
    thumb = [find_region(rig, FIRST_LINK[0] + 1, side, 0.1, 0.9, 0.7) for side in (DORSAL, PALMAR, RADIAL)]
    wrist = [find_region(rig, 0, side, -0.2, 0.12, 0.75) for side in (DORSAL, PALMAR, RADIAL, ULNAR)]
    left = pick_vertices_by_group(((fingers, 0.44), (hand, 0.28), (thumb, 0.06), (wrist, 0.22)), count, rng)
    side = rng.choice([-90, 90], count) + 25 * rng.standard_normal(count)
    turned = np.where(rng.random(count) < 0.15, rng.uniform(-180, 180, count), side)
    pose = sample_pair_of_hands(np.stack([hold, held], 1), rng)
    pose = _hold_in_palm(rig, pose, palm(rig, 0.55, 0.98), left, turned, rng)
    pose = _close_round(rig, pose, rng)
    return pose.rows(_fingers_touching(rig, pose) >= 2)


def wrapped(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """The right hand wrapped round the loosely closed left one."""
    inner = _either(
        sample_angles(rig, HALF, count, rng, natural=(0, 0.3)),
        sample_angles(rig, FIST, count, rng, natural=(0, 0.4)),
        rng,
    )
    pose = sample_pair_of_hands(np.stack([sample_angles(rig, SOFT, count, rng), inner], 1), rng)
    outside = [([back(rig, 0.4, 0.95)], 0.35), ([_join_regions(rig, FIRST_LINK[1:], DORSAL)], 0.65)]
    left = pick_vertices_by_group(outside, count, rng)
    turned = rng.choice([0, 90, -90], count, p=[0.2, 0.4, 0.4]) + 25 * rng.standard_normal(count)
    pose = _hold_in_palm(rig, pose, palm(rig, 0.5, 0.95), left, turned, rng, still=(False, True))
    pose = _close_round(rig, pose, rng)
    return pose.rows(_fingers_touching(rig, pose) >= 2)


def fist_in_palm(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """The left hand's fist against the right one's palm, whose fingers close round it or stay open."""
    fist = sample_angles(rig, FIST, count, rng, natural=(0, 0.1))
    pose = sample_pair_of_hands(
        np.stack([sample_angles(rig, SOFT, count, rng, natural=(0, 0.4)), fist], 1), rng
    )
    knuckles, middles = (
        _join_regions(rig, [first + level for first in FIRST_LINK[1:4]], DORSAL) for level in (0, 1)
    )
    edge = find_region(rig, 0, ULNAR, 0.3, 0.9, 0.7)
    sides = [([knuckles], 0.5), ([back(rig, 0.3, 0.9)], 0.12), ([edge], 0.18), ([middles], 0.2)]
    left = pick_vertices_by_group(sides, count, rng)
    turned = rng.choice([0, 90, -90, 180], count, p=[0.4, 0.25, 0.25, 0.1]) + 22 * rng.standard_normal(count)
    pose = _hold_in_palm(rig, pose, palm(rig, 0.3, 0.95), left, turned, rng, still=(False, True))
    open_hand = rng.random(len(pose)) < 0.3
    round_it = _close_round(rig, pose.rows(~open_hand), rng)
    return PairPose.joined([pose.rows(open_hand), round_it])


def _hold_in_palm(
    rig: HandRig,
    pose: PairPose,
    palm_vertices: Int[np.ndarray, "m"],
    left: Int[np.ndarray, "n"],
    turned: Float[np.ndarray, "n"],
    rng: Generator,
    *,
    still: tuple[bool, bool] = (False, False),
) -> PairPose:
    """The left hands with one of their places on the right hands' palms, so far as the forearms have room."""
    count = len(pose)
    right = palm_vertices[rng.integers(0, len(palm_vertices), count)]
    pose, normal = bring_together(
        rig, pose, right, left, turned=turned, tilt=sample_small_turns(count, 8, rng)
    )
    return _lay_on(rig, pose, normal, still=still)


def _lay_on(
    rig: HandRig,
    pose: PairPose,
    normal: Float[np.ndarray, "n 3"],
    *,
    still: tuple[bool, bool] = (False, False),
) -> PairPose:
    """The left hand brought onto the right one until they touch; then what still overlaps gives way."""
    pose = move_until_touching(rig, pose, normal, parts=_NO_THUMB)
    pose = pose.rows(arms_clear(rig, pose))
    return solve_contacts(rig, pose, no_contacts(len(pose)), steps=9, still=still)


def _close_round(rig: HandRig, pose: PairPose, rng: Generator) -> PairPose:
    """The right hand's fingers closed round the left hand; a few stay as they are."""
    goal = np.broadcast_to(GRIP.angles(rig), (len(pose), 16, 3)).copy()
    goal[:, list(FIRST_LINK), 1] = pose.angles[:, 0, list(FIRST_LINK), 1]
    return close_fingers(rig, pose, 0, goal, fingers=rng.random((len(pose), 5)) > 0.08)


def _fingers_touching(rig: HandRig, pose: PairPose) -> Int[np.ndarray, "n"]:
    """How many fingers of the right hand touch the left one."""
    overlap = find_nearest(*pair_bodies(rig, pose_pairs(rig, pose).joints_m)).overlap.max(2)
    return np.stack([(overlap[:, finger == CAPSULE_FINGER] > -_NEAR_M).any(1) for finger in range(5)], 1).sum(
        1
    )


def _either(first: np.ndarray, second: np.ndarray, rng: Generator) -> np.ndarray:
    chosen = rng.random(len(first)) < 0.5
    return np.where(chosen[:, None, None], first, second)


def _join_regions(
    rig: HandRig, links: Sequence[int], side: tuple[float, float, float]
) -> Int[np.ndarray, "m"]:
    return np.concatenate([find_region(rig, link, side, 0.15, 0.9, 0.75) for link in links])


def interlaced(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Palms towards each other, every finger between two of the other hand's, then closed on its back."""
    angles = np.stack(
        [sample_angles(rig, INTERLACED, count, rng, natural=(0, 0), noise_degrees=3) for _ in range(2)], 1
    )
    knuckles = list(FIRST_LINK[1:])
    angles[:, :, knuckles, 2] += np.deg2rad(rng.normal(0, 12, (count, 1, 1)))
    pose = sample_pair_of_hands(angles, rng)
    lean = rng.normal(*_CROSSING_DEGREES, count) - np.rad2deg(angles[:, :, knuckles, 2].mean((1, 2)))
    turn = turn_about(2, lean) @ turn_about(1, -90)
    turn = np.stack([turn, sample_small_turns(count, 4, rng) @ (turn * MIRROR_TURN)], 1)
    pose = PairPose(pose.angles, pose.shape, turn_from_upright(rig, turn), pose.wrist)
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
    pose = solve_contacts(rig, pose, no_contacts(len(pose)), steps=20, posture_m=_FIRM_M)
    pose = pose.rows(np.linalg.norm(pose.wrist[:, 1] - begin, axis=1) < _STAY_M)
    return _close_both(rig, pose)


def hooked(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Bent fingers hooked into the other hand's bent fingers."""
    angles = np.stack([sample_angles(rig, HOOK, count, rng, natural=(0, 0.15)) for _ in range(2)], 1)
    middles = [find_region(rig, FIRST_LINK[finger] + 1, PALMAR, 0.2, 0.8) for finger in (1, 2, 3)]
    right, left = (pick_vertices(middles, rng.integers(0, len(middles), count), rng) for _ in range(2))
    turned = 180 + 14 * rng.standard_normal(count)
    pose, _ = bring_together(
        rig,
        sample_pair_of_hands(angles, rng),
        right,
        left,
        turned=turned,
        tilt=sample_small_turns(count, 8, rng),
    )
    pose = pose.rows(arms_clear(rig, pose))
    return _close_both(rig, solve_contacts(rig, pose, no_contacts(len(pose)), steps=16))


def _close_both(rig: HandRig, pose: PairPose) -> PairPose:
    """The right hand's fingers closed on the left hand, then the left one's on the right."""
    for hand in (0, 1):
        goal = np.broadcast_to(GRIP.angles(rig), (len(pose), 16, 3)).copy()
        goal[:, list(FIRST_LINK), 1] = pose.angles[:, hand][:, list(FIRST_LINK), 1]
        pose = close_fingers(rig, pose, hand, goal)
    return pose
