"""Postures that interacting hands start from, drawn with some noise."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.contact import open_fingers
from knuckle.poses.gestures import natural_angles
from knuckle.poses.pairs.places import FIRST_LINK
from knuckle.poses.pairs.pose import PairPose
from knuckle.poses.prior import MAX_PENETRATION_M, sample_shapes
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import basis, clamp_angles, converge_fingers
from knuckle.skeleton import MANO16_FINGER

_FINGER_OF_LINK = np.array(MANO16_FINGER[1:]) - 1
_LEFT_UNLIKE_RIGHT = 0.08
"""Spread of the shape coefficients between the two hands of a person."""
_ROOM = 0.5
"""Share of the overlap inside a hand that postures may use up: hands of other shapes than the mean have more."""


@dataclass(frozen=True)
class Posture:
    """Degrees: bend of every finger's MCP, PIP and DIP; thumb CMC (twist, splay, bend), MCP and IP bend; `fan`:
    how much wider the fingers are spread than at rest (1: as wide)."""

    bend: tuple[float, float, float]
    thumb: tuple[float, float, float, float, float]
    fan: float = 1.0

    def angles(self, rig: HandRig) -> Float[np.ndarray, "16 3"]:
        """Anatomical angles, radians."""
        angles = np.zeros((16, 3))
        for first in FIRST_LINK[1:]:
            angles[first : first + 3, 2] = np.deg2rad(self.bend)
            angles[first, 1] = self.fan * basis(rig)[1][first, 1]
        angles[13] = np.deg2rad(self.thumb[:3])
        angles[14:16, 2] = np.deg2rad(self.thumb[3:])
        return angles


_ALONG, _OPPOSED, _FOLDED = (0, -8, 4, 10, 8), (12, 6, 22, 26, 22), (14, 10, 32, 40, 46)
FLAT = Posture((2, 6, 4), _ALONG)
SOFT = Posture((22, 26, 15), _ALONG)
HALF = Posture((42, 46, 28), _OPPOSED)
STEEPLE = Posture((18, 16, 10), (-2, 4, -4, 10, 8))
INTERLACED = Posture((34, 12, 8), _ALONG, 2.8)
HOOK = Posture((24, 78, 46), _ALONG, 0.6)
FIST = Posture((82, 98, 60), _FOLDED)
GRIP = Posture((88, 104, 70), (14, 4, 40, 50, 60))


def sample_angles(
    rig: HandRig,
    posture: Posture,
    count: int,
    rng: np.random.Generator,
    *,
    natural: tuple[float, float] = (0.0, 0.3),
    noise_degrees: float = 6.0,
) -> Float[np.ndarray, "n 16 3"]:
    """Angles within the limits round a posture: a share (uniform between `natural`) of a natural posture and
    noise are mixed in."""
    share = rng.uniform(*natural, (count, 1, 1))
    angles = posture.angles(rig) + share * (
        converge_fingers(rig, natural_angles(count, rng)) - posture.angles(rig)
    )
    bend = np.deg2rad(noise_degrees) * rng.standard_normal((count, 16))
    angles[:, 1:, 2] += bend[:, 1:]
    angles[:, list(FIRST_LINK), 1] += np.deg2rad(0.3 * noise_degrees) * rng.standard_normal((count, 5))
    return free_fingers(rig, angles)


def free_fingers(rig: HandRig, angles: Float[np.ndarray, "n 16 3"]) -> Float[np.ndarray, "n 16 3"]:
    """Within the limits and out of their own hand's way."""
    return open_fingers(rig, clamp_angles(rig, angles), limit_m=_ROOM * MAX_PENETRATION_M)


def mix_fingers(
    first: Bool[np.ndarray, "n 5"], angles: Float[np.ndarray, "n 16 3"], other: Float[np.ndarray, "n 16 3"]
) -> Float[np.ndarray, "n 16 3"]:
    """The fingers marked (thumb first) as in `angles`, the rest as in `other`."""
    return np.where(np.insert(first[:, _FINGER_OF_LINK], 0, True, axis=1)[..., None], angles, other)


def sample_pair_of_hands(angles: Float[np.ndarray, "n 2 16 3"], rng: np.random.Generator) -> PairPose:
    """Hands of one person each in these postures, unturned, at the origin."""
    count = len(angles)
    shape = sample_shapes(count, rng)[:, None] + _LEFT_UNLIKE_RIGHT * rng.standard_normal((count, 2, 10))
    return PairPose(angles, shape, np.tile(np.eye(3), (count, 2, 1, 1)), np.zeros((count, 2, 3)))
