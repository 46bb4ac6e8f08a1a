"""The hand while it is being built: geometry, weights and joints in the rest frame."""

from dataclasses import dataclass, replace

import numpy as np
from source import SourceHand

FINGERS = {"index": 1, "middle": 4, "pinky": 7, "ring": 10, "thumb": 13}
"""First MANO16 joint of every finger."""
_SOURCE_NUMBER = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}


@dataclass(frozen=True)
class Hand:
    """Metres, rest frame: origin at the wrist, x to the thumb's side, -y along the fingers, -z out of the
    palm."""

    vertices: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    weights: np.ndarray  # (V, 16)
    joints: np.ndarray  # (16, 3)
    tips: np.ndarray  # (5,) vertex ids: thumb, index, middle, ring, pinky

    def with_(self, **changes: np.ndarray) -> "Hand":
        return replace(self, **changes)

    def chain(self, finger: str) -> np.ndarray:
        """The finger's three joints and its tip, (4, 3)."""
        first = FINGERS[finger]
        tip = self.vertices[self.tips[list(_SOURCE_NUMBER).index(finger)]]
        return np.vstack([self.joints[first : first + 3], tip])

    def bone_ends(self) -> np.ndarray:
        """Far end (16, 3) of every joint's bone: the next joint or fingertip; the wrist's is the middle
        knuckle."""
        ends = np.zeros((16, 3))
        ends[0] = self.joints[FINGERS["middle"]]
        for finger, first in FINGERS.items():
            ends[first : first + 3] = self.chain(finger)[1:]
        return ends


def hand_from_source(source: SourceHand) -> Hand:
    """Merge the 21 bones into MANO's 16 joints and turn the hand into the rest frame.

    Root, wrist and the metacarpals of the four fingers become the wrist joint. The frame stands on bones:
    the wrist, the middle knuckle, and the line from the little finger's knuckle to the index finger's.
    """
    heads = source.bone_heads
    joint_of_bone = {"wrist.R": 0}
    for finger, first in FINGERS.items():
        for part in range(3):
            joint_of_bone[f"finger{_SOURCE_NUMBER[finger]}-{part + 1}.R"] = first + part
    joints = np.zeros((16, 3))
    weights = np.zeros((len(source.vertices), 16))
    for column, label in enumerate(source.bone_labels):
        joint = joint_of_bone.get(label, 0)
        weights[:, joint] += source.bone_weights[:, column]
        if label in joint_of_bone:
            joints[joint] = heads[label]
    down = _unit(joints[0] - joints[FINGERS["middle"]])
    across = joints[FINGERS["index"]] - joints[FINGERS["pinky"]]
    across = _unit(across - (across @ down) * down)
    turn = np.stack([across, down, np.cross(across, down)])
    hand = Hand(
        vertices=(source.vertices - joints[0]) @ turn.T,
        faces=source.faces,
        weights=weights,
        joints=(joints - joints[0]) @ turn.T,
        tips=np.zeros(5, int),
    )
    return hand.with_(tips=_fingertips(hand))


def _fingertips(hand: Hand) -> np.ndarray:
    """The vertex farthest along each last bone among those near its middle line: the end of the fingertip."""
    tips = []
    for finger in _SOURCE_NUMBER:
        last = FINGERS[finger] + 2
        own = np.flatnonzero(hand.weights[:, last] > 0.5)
        points = hand.vertices[own]
        middle = points[((points - hand.joints[last]) @ _unit(hand.joints[last] - hand.joints[last - 1])) > 0]
        axis = _unit(np.linalg.svd(middle - middle.mean(0))[2][0])
        axis *= np.sign(axis @ (middle.mean(0) - hand.joints[last]))
        along = (points - middle.mean(0)) @ axis
        aside = np.linalg.norm(points - middle.mean(0) - along[:, None] * axis, axis=1)
        tips.append(own[np.argmax(along - 0.25 * aside)])
    return np.array(tips)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
