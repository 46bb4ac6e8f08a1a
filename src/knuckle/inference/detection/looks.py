"""Looks of the landmark network at the squares that a proposal network suggests, several at once.

The network looks at each square and, where that was wrong or its answer is not sure (`needs_second_look`), at the one
that its own joints suggest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.crop import apply_affine, invert_affine
from knuckle.geometry.pyramid import Pyramid
from knuckle.inference.detection.landmarks import (
    LANDMARK_PX,
    LandmarkNetwork,
    Landmarks,
    TurnedSquare,
    joints_to_square,
)

FIRST_THRESHOLD = 0.3
"""Least presence of a hand at the first look: more are let through than at the second, which decides."""
# Within these the square looked at is as good as the one its joints suggest: turn, centre in shares of the side, ratio
# of the sides. And an answer is sure from this presence on, with the probability of the less likely side below that.
# Chosen on 1,105 photographs (detection's train and val splits), where 1.19 looks a palm find what two find.
SAME_TURN_RAD, SAME_CENTRE, SAME_SIDE = np.radians(15), 0.15, 1.2
SURE_PRESENCE, SURE_OTHER_SIDE = 0.8, 0.1
BATCH = 8
"""Squares that the network is shown at once."""


@dataclass(frozen=True, eq=False)
class Look:
    """The landmark network's last look at a hand, and what the first one said."""

    square: TurnedSquare
    joints_px: Float[np.ndarray, "21 2"]
    """Px of the picture."""
    landmarks: Landmarks
    first_presence: float
    """That of the first look, and ..."""
    first_right: float
    first_square: TurnedSquare
    """... where that was; all the same as the last one's where there was one look alone."""

    @property
    def box_px(self) -> Float[np.ndarray, "4"]:
        """x, y, w, h of the extent of the joints."""
        low = self.joints_px.min(0)
        return np.concatenate([low, self.joints_px.max(0) - low])


def look_at_squares(
    network: LandmarkNetwork,
    image: UInt8[np.ndarray, "H W 3"],
    squares: Sequence[TurnedSquare],
    *,
    side_known: bool = False,
    pyramid: Pyramid | None = None,
) -> list[Look]:
    """The last look at each square; where the first one sees no hand, that is it. side_known: doubt about the side
    alone is no reason for another look. pyramid: of the picture, from which squares are then cut."""
    first = _looks(network, image, squares, pyramid)
    looks = [
        Look(square, joints, landmarks, landmarks.presence, landmarks.right, square)
        for square, (joints, landmarks) in zip(squares, first, strict=True)
    ]
    again = {
        number: suggested
        for number, look in enumerate(looks)
        if look.landmarks.presence >= FIRST_THRESHOLD
        and needs_second_look(
            look.square, suggested := joints_to_square(look.joints_px), look.landmarks, side_known=side_known
        )
    }
    for (number, square), (joints, landmarks) in zip(
        again.items(), _looks(network, image, list(again.values()), pyramid), strict=True
    ):
        looks[number] = replace(looks[number], square=square, joints_px=joints, landmarks=landmarks)
    return looks


def needs_second_look(
    looked_at: TurnedSquare, suggested: TurnedSquare, answer: Landmarks, *, side_known: bool = False
) -> bool:
    """Whether another look, at the square that the joints of the first one suggest, may change the answer."""
    sure_of_side = side_known or min(answer.right, 1 - answer.right) < SURE_OTHER_SIDE
    return not (same_square(looked_at, suggested) and answer.presence > SURE_PRESENCE and sure_of_side)


def same_square(first: TurnedSquare, second: TurnedSquare, *, within: float = 1.0) -> bool:
    """Whether one square shows a hand about as well as the other. within: of so many times the usual tolerance."""
    moved = np.hypot(*np.subtract(second.centre_px, first.centre_px)) / second.side_px
    ratio, most = second.side_px / first.side_px, SAME_SIDE**within
    turned = turn_between(first, second) >= within * SAME_TURN_RAD
    return bool(not turned and moved < within * SAME_CENTRE and 1 / most < ratio < most)


def turn_between(first: TurnedSquare, second: TurnedSquare) -> float:
    """By how much one square is turned against the other, radians, 0 to pi."""
    return float(abs((second.rotation_rad - first.rotation_rad + np.pi) % (2 * np.pi) - np.pi))


def _looks(
    network: LandmarkNetwork,
    image: np.ndarray,
    squares: Sequence[TurnedSquare],
    pyramid: Pyramid | None,
) -> list[tuple[Float[np.ndarray, "21 2"], Landmarks]]:
    """Joints in px of the picture, and the answer, for each square."""
    found = []
    for start in range(0, len(squares), BATCH):
        matrices = [square.patch_from_frame(LANDMARK_PX) for square in squares[start : start + BATCH]]
        size = (LANDMARK_PX, LANDMARK_PX)
        if pyramid is not None:
            patches = [pyramid.warp(each, LANDMARK_PX) for each in matrices]
        else:
            patches = [
                cv2.warpAffine(image, each, size, borderMode=cv2.BORDER_REPLICATE) for each in matrices
            ]
        for matrix, answer in zip(matrices, network.batch(np.stack(patches)), strict=True):
            found.append((apply_affine(invert_affine(matrix), answer.joints_patch[:, :2]), answer))
    return found
