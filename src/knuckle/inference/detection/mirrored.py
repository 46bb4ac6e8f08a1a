"""A look at the mirror image of hands that the landmark network has seen already: a second opinion on their sides.

Where a hand lies and how it is turned is known from the first look, so one more is enough. Several hands are shown to
the network at once.
"""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.geometry.crop import apply_affine, invert_affine
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork, joints_to_square
from knuckle.inference.detection.looks import BATCH


def look_mirrored(network: LandmarkNetwork, image: UInt8[np.ndarray, "H W 3"], seen: Evidence) -> Evidence:
    """What the network says of the mirror image of each hand, upright round the joints of `seen`, which are finite.

    Mirrored back: joints, sides and turns are those of the picture as it is, as those of `seen`.
    """
    squares = [joints_to_square(joints) for joints in seen.joints_px]
    matrices = [square.patch_from_frame(LANDMARK_PX) for square in squares]
    size = (LANDMARK_PX, LANDMARK_PX)
    answers = []
    for start in range(0, len(matrices), BATCH):
        patches = [
            cv2.flip(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), 1)
            for matrix in matrices[start : start + BATCH]
        ]
        answers += network.batch(np.stack(patches))
    looks = []
    for box, square, matrix, answer in zip(seen.box_px, squares, matrices, answers, strict=True):
        joints_px = apply_affine(invert_affine(matrix), mirror_px(answer.joints_patch[:, :2], LANDMARK_PX))
        own = replace(answer, world_m=answer.world_m * MIRROR_POINT, right=1 - answer.right)
        looks.append(Evidence.of_look(box, joints_px, own, square))
    return Evidence.joined(looks)
