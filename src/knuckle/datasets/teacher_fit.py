"""From a teacher's labels to a rig in the camera frame: 2D joints lifted to plausible depths, a hand fitted to them.

A teacher's 2D joints are exact and its 3D ones are not: the 3D hand only places the hand before the camera and says
which joints lie how much nearer. Everything is of right hands.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.datasets.rig_labels import RigLabels, fit_labels
from knuckle.geometry.projection import lift, project
from knuckle.poses.prior import LARGEST_HAND, SMALLEST_HAND
from knuckle.rig.hand_rig import HandRig
from knuckle.skeleton import BONES, WRIST

MOST_OFF = 0.06
"""Of the hand's extent in the picture: hands whose fitted joints lie further from the teacher's are left out."""
_NEAREST_M = 0.05
_LARGEST_M = 0.5


class TeacherFit(NamedTuple):
    """Fitted hands, and how good they are; rows of a hand that could not be fitted are NaN."""

    labels: RigLabels
    joints_m: Float[np.ndarray, "n 21 3"]
    """Of the fitted rig, camera frame."""
    off: Float[np.ndarray, "n"]
    """Mean distance of the fitted joints from the teacher's in the picture, over the longer side of their box."""
    length: Float[np.ndarray, "n"]
    """All bones of the fitted hand, in those of the rig's mean hand."""

    @property
    def near(self) -> Bool[np.ndarray, "n"]:
        """Whether the fit meets the teacher's 2D joints."""
        return self.off <= MOST_OFF

    @property
    def of_a_hand_s_size(self) -> Bool[np.ndarray, "n"]:
        """Whether the hand is no smaller than a child's and no larger than a very large man's."""
        return (self.length >= SMALLEST_HAND) & (self.length <= LARGEST_HAND)


def fit_teacher(
    rig: HandRig,
    joints_px: Float[np.ndarray, "n 21 2"],
    joints_m: Float[np.ndarray, "n 21 3"],
    camera: Float[np.ndarray, "n 4"],
    *,
    second_m: Float[np.ndarray, "n 21 3"] | None = None,
) -> TeacherFit:
    """Fit a right rig to a teacher's right hands.

    joints_px: px of the frame of `camera` (fx, fy, cx, cy). joints_m: anywhere, in the camera's axes. second_m: the
    same hands as another saw them, of any size; depths are then the mean of both.
    """
    placed = joints_m + _places(joints_px, joints_m, camera)[:, None]
    depth = placed[..., 2]
    if second_m is not None:
        depth = depth + (_relative_depth(second_m, joints_m) - _relative_depth(joints_m, joints_m)) / 2
    lens = camera[:, None]
    lifted = lift(joints_px, depth, lens)
    usable = (depth.min(1) > _NEAREST_M) & (np.ptp(lifted, axis=1).max(1) < _LARGEST_M)
    result = TeacherFit(
        RigLabels(*(np.full((len(depth), *tail), np.nan) for tail in ((16, 3), (10,), (3,), ()))),
        np.full_like(lifted, np.nan),
        *np.full((2, len(depth)), np.nan),
    )
    if usable.any():
        labels = fit_labels(rig, lifted[usable])
        fitted = rig.posed(labels.pose - rig.pose_mean, labels.shape, labels.translation).joints
        for array, values in zip(result.labels, labels, strict=True):
            array[usable] = values
        result.joints_m[usable] = fitted
        result.length[usable] = _length(fitted) / _length(rig.posed(np.zeros((16, 3)), np.zeros(10)).joints)
        away = np.linalg.norm(project(fitted, lens[usable]) - joints_px[usable], axis=-1).mean(1)
        result.off[usable] = away / np.ptp(joints_px[usable], axis=1).max(1)
    return result


def _places(joints_px: np.ndarray, joints_m: np.ndarray, camera: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """The shift of each 3D hand that makes it project onto its 2D joints best: f (x + tx) = u (z + tz), and so for y,
    is linear in it."""
    focal, u = camera[:, None, :2], joints_px - camera[:, None, 2:]
    rows = np.zeros((len(joints_px), 21, 2, 3))
    rows[..., 0, 0], rows[..., 1, 1] = focal[..., 0], focal[..., 1]
    rows[..., 2] = -u
    aims = u * joints_m[..., 2:] - focal * joints_m[..., :2]
    rows, aims = rows.reshape(-1, 42, 3), aims.reshape(-1, 42, 1)
    transposed = rows.swapaxes(1, 2)
    # Joints that all lie in one place have no solution; they get the smallest.
    return (np.linalg.pinv(transposed @ rows) @ (transposed @ aims))[..., 0]


def _relative_depth(joints_m: np.ndarray, like: np.ndarray) -> Float[np.ndarray, "n 21"]:
    """Depths behind the wrist, of a hand brought to another's size."""
    depth = joints_m[..., 2] - joints_m[..., WRIST, 2, None]
    return depth * (_length(like) / np.maximum(_length(joints_m), 1e-9))[:, None]


def _length(joints_m: np.ndarray) -> Float[np.ndarray, "*n"]:
    """All 20 bones, metres."""
    starts, ends = np.array(BONES).T
    return np.linalg.norm(joints_m[..., ends, :] - joints_m[..., starts, :], axis=-1).sum(-1)
