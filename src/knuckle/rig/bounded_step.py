"""One damped Gauss-Newton step of the angles of two fingers, within the joint limits."""

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.limits import clamp_angles
from knuckle.rig.rig import HandRig

_POSTURE_M = 0.002
"""Every angle that has moved by one radian weighs as much as this distance."""
_DAMPING_M = 0.001
_LONGEST_STEP = 0.35


def bounded_step(
    rig: HandRig,
    angles: Float[np.ndarray, "n 16 3"],
    joints: Int[np.ndarray, "n 6"],
    begin: Float[np.ndarray, "n 6 3"],
    residual: Float[np.ndarray, "n r"],
    jacobian: Float[np.ndarray, "n r 18"],
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles (radians) nearer to no residual (m); those of `joints` move, and stay near `begin`.

    jacobian: of the residual, by the angles of `joints` in their order.
    """
    count, rows = len(angles), np.arange(len(angles))[:, None]
    moved = (angles[rows, joints] - begin).reshape(count, 18)
    system = jacobian.swapaxes(1, 2) @ jacobian
    gradient = (jacobian.swapaxes(1, 2) @ residual[..., None])[..., 0] + _POSTURE_M**2 * moved
    # Angles at a limit that would go beyond it stay out, else the others make up for what never happens.
    downhill = angles.copy()
    downhill[rows, joints] -= 1e-3 * np.sign(gradient).reshape(count, 6, 3)
    free = np.abs(clamp_angles(rig, downhill) - angles)[rows, joints].reshape(count, 18) > 1e-9
    system *= free[:, :, None] & free[:, None, :]
    gradient *= free
    np.einsum("nii->ni", system)[:] += _POSTURE_M**2 + _DAMPING_M**2
    step = np.linalg.solve(system, gradient[..., None])[..., 0]
    stepped = angles.copy()
    stepped[rows, joints] -= np.clip(step, -_LONGEST_STEP, _LONGEST_STEP).reshape(count, 6, 3)
    return clamp_angles(rig, stepped)
