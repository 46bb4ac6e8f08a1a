"""Two looks of a two-hand system at the same pairs, one of them mirrored, as one answer.

A network answers a picture and its mirror image a little differently. The mean of both is nearer to the truth than
either; where they contradict each other, one has mistaken right for left, and the boxes tell which. No part of DFL's
paper (switch: `PairPredictor(looks=1)`).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.inference.merge import distance_over_box, off_box

CONTRADICT = 0.25
"""Mean distance of two looks' joints in the picture, over the longer side of the hand's box, from which on a pair is
the look whose hands lie nearer to their boxes. On the pairs of `knuckle.inference.merge` "auto" has 25.3 mm MPJPE and
41.2 mm MRRPE with one look; with two and limits of 0.1, 0.15, 0.25, 0.4 and none 24.9 mm and 39.5, 39.6, 39.5, 39.6 and
39.9 mm."""

Look = Mapping[str, Float[np.ndarray, "P 2 ..."]]
"""joints_px, joints_m and confidence of P pairs, the right hand first."""


def join_looks(
    first: Look,
    second: Look,
    boxes_px: Float[np.ndarray, "P 2 4"],
    camera: Camera,
    *,
    contradict: float = CONTRADICT,
) -> dict[str, Float[np.ndarray, "P 2 ..."]]:
    """The mean of two looks: places in the picture, depths and confidences; of pairs where they contradict each other,
    one look.

    boxes_px: x, y, w, h of each hand; NaN for a hand that is not asked for, which has no say. contradict: see
    `CONTRADICT`.
    """
    known = np.isfinite(boxes_px)
    asked, boxes = known.all(axis=-1), np.where(known, boxes_px, 1.0)

    def of_pair(values: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "P"]:
        return np.where(asked, values, 0.0).sum(-1)

    apart = np.where(asked, distance_over_box(first["joints_px"], second["joints_px"], boxes), 0.0).max(-1)
    nearer = of_pair(off_box(first["joints_px"], boxes)) <= of_pair(off_box(second["joints_px"], boxes))
    share = np.where(apart < contradict, 0.5, nearer)[:, None]
    px = _mean(share[..., None, None], first["joints_px"], second["joints_px"])
    depth = _mean(share[..., None], first["joints_m"][..., 2], second["joints_m"][..., 2])
    return {
        "joints_px": px,
        "joints_m": camera.backproject(px, depth),
        "confidence": _mean(share, first["confidence"], second["confidence"]),
    }


def _mean(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return share * first + (1 - share) * second
