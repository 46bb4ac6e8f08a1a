"""Bring the source's joints and proportions to those of human anatomy.

Joints first move inside the unchanged skin (the source puts its bones where a modeller bends the mesh), the
skin weights move with them, and what is left of the difference to published lengths is taken up by
stretching the skin.
"""

import numpy as np
from dualquaternion import blend_rigid
from hand import FINGERS, Hand
from rotation import rodrigues, world_motions

HAND_LENGTH_M = 0.183
"""Wrist centre to the tip of the middle finger along the bones: between the British adult means of both
sexes."""

# Lengths in mm between the centres of rotation, MCP-PIP, PIP-DIP, DIP-tip for fingers and CMC-MCP, MCP-IP,
# IP-tip for the thumb. Published bones (CT; index 39.8/22.4/15.8, middle 44.6/26.3/17.4, ring
# 41.4/25.7/17.3, little 32.7/18.1/16.0, thumb 46.2/31.6/21.7) run from surface to surface; the centre of
# rotation lies inside the proximal bone's head: 6 mm deep at the MCP joint, 3.5 at the PIP, 2.5 at the DIP;
# soft tissue at the tip adds 3.8.
SEGMENTS_MM = {
    "index": (42.3, 23.4, 22.1),
    "middle": (47.1, 27.3, 23.7),
    "ring": (43.9, 26.7, 23.6),
    "pinky": (35.2, 19.1, 22.3),
    "thumb": (43.7, 32.9, 28.5),
}
PALM_SCALE = np.array([0.91, 1.0, 1.0])
"""Width, length, thickness: the source's palm is 93 mm broad on a 183 mm hand, British adults' 80."""
_GIRTH = {"index": 0.95, "middle": 0.95, "ring": 0.97, "pinky": 1.06, "thumb": 1.0}
"""Finger breadth at the PIP joint then is 19 mm (index) to 16 mm (little finger), adults' means."""
_WRIST_TOWARDS_MIDDLE = 0.16
_KNUCKLE_TOWARDS_WRIST = 0.044
_FINGER_SHIFT_M = (0.0032, 0.0026)
"""PIP and DIP move towards the tip, to the middle between the skin's palmar crease and its dorsal
wrinkles."""
_THUMB_SHIFT_M = (-0.0075, 0.0045, 0.0)
"""The thumb's CMC moves towards the wrist and its MCP towards the tip, along the metacarpal and the first
phalanx."""


_KNUCKLE_DEPTH_M = {"index": 0.0042, "middle": 0.0045, "ring": 0.0038, "pinky": 0.0, "thumb": 0.0}
"""How much deeper than the source's bones the first joints lie: about 11 mm under the skin of the back."""
_WRIST_DEPTH_M = 0.0024
_FAN_TAKEN_OUT = 0.5
_DORSAL_OF_MIDDLE = 0.08
"""The other joints lie this part of the finger's thickness behind the middle of its cross-section."""


def move_joints(hand: Hand) -> Hand:
    """Joints at the centres of rotation, origin moved to the new wrist; skin unchanged, weights not yet
    moved.

    The source's bones run 3-5 mm too near to the back of the fingers, which makes a bent finger lose its
    thickness.
    """
    joints = hand.joints.copy()
    wrist = hand.joints[0] + _WRIST_TOWARDS_MIDDLE * (hand.joints[FINGERS["middle"]] - hand.joints[0])
    for finger, first in FINGERS.items():
        chain = hand.chain(finger)
        steps = np.diff(chain, axis=0)
        steps /= np.linalg.norm(steps, axis=1, keepdims=True)
        if finger == "thumb":
            joints[first : first + 3] += np.array(_THUMB_SHIFT_M)[:, None] * steps
            continue
        joints[first] += _KNUCKLE_TOWARDS_WRIST * (hand.joints[0] - hand.joints[first])
        joints[first + 1] += _FINGER_SHIFT_M[0] * steps[1]
        joints[first + 2] += _FINGER_SHIFT_M[1] * steps[2]
    for finger, first in FINGERS.items():
        chain = np.vstack([joints[first : first + 3], hand.chain(finger)[3]])
        joints[first, 2] -= _KNUCKLE_DEPTH_M[finger]
        for part in (1, 2):
            joints[first + part] = _centred(hand, first, chain[part], chain[part + 1] - chain[part - 1])
    wrist[2] -= _WRIST_DEPTH_M
    joints[0] = wrist
    return hand.with_(joints=joints - wrist, vertices=hand.vertices - wrist)


def _centred(hand: Hand, first: int, point: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The point moved within its finger's cross-section to just behind the middle."""
    along = along / np.linalg.norm(along)
    own = hand.faces[(hand.weights[:, first : first + 3].sum(1) > 0.4)[hand.faces].all(1)]
    start, end = (hand.vertices[own[:, k]].reshape(-1, 3) for k in ([0, 1, 2], [1, 2, 0]))
    height, end_height = (start - point) @ along, (end - point) @ along
    crossing = height * end_height < 0
    part = (height / (height - end_height))[crossing, None]
    section = start[crossing] + part * (end[crossing] - start[crossing])
    section = section[np.linalg.norm(section - point, axis=1) < 0.03]
    # The thumb's back faces sideways: there the source's bone, which lies towards it, tells where it is.
    back = point - section.mean(0) if first == FINGERS["thumb"] else np.array([0.0, 0.0, 1.0])
    back = back - (back @ along) * along
    back /= np.linalg.norm(back)
    aside = np.cross(along, back)
    heights, widths = section @ back, section @ aside
    middle = (heights.max() + heights.min()) / 2 * back + (widths.max() + widths.min()) / 2 * aside
    middle += point @ along * along
    return middle + _DORSAL_OF_MIDDLE * np.ptp(heights) * back


def to_anatomy(hand: Hand) -> Hand:
    """Stretch palm and phalanges to the published lengths and scale the whole to `HAND_LENGTH_M`."""
    middle = np.diff(hand.chain("middle"), axis=0)
    palm = np.linalg.norm(hand.joints[FINGERS["middle"]])
    target_palm = HAND_LENGTH_M - sum(SEGMENTS_MM["middle"]) / 1e3
    scale = HAND_LENGTH_M / (palm + np.linalg.norm(middle, axis=1).sum())
    hand = hand.with_(vertices=hand.vertices * scale, joints=hand.joints * scale)
    along, girth = np.ones(16), np.ones(16)
    for finger, first in FINGERS.items():
        lengths = np.linalg.norm(np.diff(hand.chain(finger), axis=0), axis=1)
        along[first : first + 3] = np.array(SEGMENTS_MM[finger]) / 1e3 / lengths
        girth[first : first + 3] = _GIRTH[finger]
    palm_scale = PALM_SCALE * [1, target_palm / (palm * scale), 1]
    vertices, joints = stretch(hand, along, girth, palm_scale)
    return hand.with_(vertices=vertices, joints=joints)


def less_fanned(hand: Hand, axes: np.ndarray, rest: np.ndarray) -> Hand:
    """Half of the rest pose's fan taken out.

    A finger flexes in the plane its rest pose lies in: the source's wide fan (35 degrees from index to
    little finger) would let parallel fingers run into each other when they bend.
    """
    rotations = np.broadcast_to(np.eye(3), (16, 3, 3)).copy()
    for finger, first in FINGERS.items():
        if finger != "thumb":
            rotations[first] = rodrigues(-_FAN_TAKEN_OUT * rest[first, 1] * axes[first, 1])
    world, posed = world_motions(rotations, hand.joints)
    shift = posed - np.einsum("jab,jb->ja", world, hand.joints)
    return hand.with_(vertices=blend_rigid(hand.vertices, hand.weights, world, shift), joints=posed)


def stretch(
    hand: Hand, along: np.ndarray, girth: np.ndarray, palm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scale every bone's skin by `along` (16,) in its direction and `girth` (16,) round it, the palm by
    `palm` (3,).

    Bones keep their directions and stay joined; at the joints the maps are blended by the skin weights.
    Entry 0 of `along` and `girth` is unused. Linear in all parameters. Returns vertices and joints.
    """
    direction = hand.bone_ends() - hand.joints
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    maps = girth[:, None, None] * np.eye(3) + np.einsum("j,ja,jb->jab", along - girth, direction, direction)
    maps[0] = np.diag(palm)
    joints = np.zeros((16, 3))
    for first in FINGERS.values():
        joints[first] = maps[0] @ hand.joints[first]
        for joint in (first + 1, first + 2):
            joints[joint] = joints[joint - 1] + maps[joint - 1] @ (
                hand.joints[joint] - hand.joints[joint - 1]
            )
    shift = joints - np.einsum("jab,jb->ja", maps, hand.joints)
    vertices = np.einsum("vj,jab,vb->va", hand.weights, maps, hand.vertices) + hand.weights @ shift
    return vertices, joints
