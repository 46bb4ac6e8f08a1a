"""Hands of a frame that are not followed: those that were lost where they are looked for again, and new ones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detection.evidence import LEAST_PRESENCE, Evidence
from knuckle.inference.detection.finder import default_detector
from knuckle.inference.detection.landmarks import LandmarkNetwork, joints_to_square
from knuckle.inference.detection.looks import look_at_squares
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.detection.search import DEFAULT_NETWORK, DetectorName, Effort
from knuckle.inference.sides import decide_sides
from knuckle.inference.tracked import Predicted
from knuckle.inference.trust import logit
from knuckle.live.association import in_one_place
from knuckle.skeleton import Side


class Found(NamedTuple):
    """A hand that is not followed."""

    joints_px: Float[np.ndarray, "21 2"]
    box_px: Float[np.ndarray, "4"]
    score: float
    """That it is one."""
    side_odds: float
    """Logit of a right one."""


def search(
    image: UInt8[np.ndarray, "H W 3"],
    known_px: Float[np.ndarray, "N 21 2"],
    *,
    effort: Effort,
    sides: bool = True,
) -> list[Found]:
    """Hands of a picture but those whose joints are known. sides: whether to say of which side they are; without, the
    odds are those of one look."""
    side: list[Side] = ["right"]
    places = Predicted.of_joints(known_px, side * len(known_px))
    known = Proposals(places.boxes_px, places.squares, np.ones(len(known_px)), np.full(len(known_px), 0.5))
    # Where hands are known the palm network ends a closer search; ours sees those that hold theirs edgewise.
    network: DetectorName = "hand_boxes" if effort == "normal" and len(known_px) else DEFAULT_NETWORK
    hands = [
        hand
        for hand in default_detector(effort=effort, network=network)(image, known=known)
        if hand.evidence is not None and hand.evidence.presence[0] >= LEAST_PRESENCE
    ]
    evidence = Evidence.joined([hand.evidence for hand in hands if hand.evidence is not None])
    doubled = in_one_place(np.concatenate([known_px, evidence.joints_px]))
    new = np.flatnonzero(~doubled[len(known_px) :, : len(known_px)].any(1))
    hands, evidence = [hands[n] for n in new], evidence.rows(new)
    if not hands:
        return []
    boxes = np.array([hand.box_px for hand in hands])
    odds = logit(evidence.right)
    if sides:
        right = np.array([hand.right for hand in hands])
        decided = decide_sides(image, boxes, evidence, detector_right=right)
        signs = np.array([1 if side == "right" else -1 for side in decided.sides])
        odds = signs * logit(decided.confidence)
    return [
        Found(evidence.joints_px[n], boxes[n], hand.score, float(odds[n])) for n, hand in enumerate(hands)
    ]


def look_for(
    network: LandmarkNetwork,
    image: UInt8[np.ndarray, "H W 3"],
    places_px: Sequence[Float[np.ndarray, "21 2"]],
    known_px: Float[np.ndarray, "N 21 2"],
) -> list[Found | None]:
    """Hands where some are expected, by their joints; None where there is none, or one whose joints are known or that
    another place led to as well."""
    looks = look_at_squares(network, image, [joints_to_square(joints) for joints in places_px])
    found: list[Found | None] = []
    taken = known_px
    for look in looks:
        joints = look.joints_px[None]
        if look.landmarks.presence < LEAST_PRESENCE or in_one_place(np.concatenate([joints, taken]))[0].any():
            found.append(None)
            continue
        odds = float(logit(np.array([look.landmarks.right]))[0])
        found.append(Found(look.joints_px, look.box_px, look.landmarks.presence, odds))
        taken = np.concatenate([taken, joints])
    return found
