"""What a network says of a hand as one hand: the rig fitted to its joints.

Where a network has a 2D branch of its own, that places joints in the picture better than the projected hand does, and
the hand knows depth: the branch's joints are lifted to the hand's depths first. A network of free vertices gets a
hand's proportions, pose and shape from the fit. No part of the published systems (switch: `Predictor(refine=...)`,
`knuckle evaluate --no-refine`).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from knuckle.rig.fit import fit_joints
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import rodrigues

BRANCH_SHARE = 0.8
"""Weight of the 2D branch against the projected hand; chosen on held-out synthetic hands, where 0.7 to 1 hardly
differ."""

_LARGEST_HAND_M = 1.0


def fuse(
    outputs: Mapping[str, np.ndarray],
    crop: Float[np.ndarray, "B 3"],
    camera: Float[np.ndarray, "B 4"],
    *,
    rig: HandRig,
    size: int,
) -> dict[str, np.ndarray]:
    """A network's outputs with joints, mesh, rotations and shape replaced by those of the fitted rig.

    outputs: as `OnnxModel` gives them, of right hands; crop and camera as it takes them; size: the patch's side, px.
    Hands whose joints lie metres apart (no hand was there) stay as they are.
    """
    fused = _with_rest_pose(outputs)
    target = _lift(fused, crop, camera, size) if "joints_patch" in fused else fused["joints_m"]
    usable = _usable(fused, target)
    if not usable.any():
        return fused
    fit = fit_joints(rig, target[usable])
    hand = rig.posed(fit.pose, fit.shape, fit.translation)
    lens = camera[usable][:, None]
    fused["joints_m"][usable] = hand.joints
    fused["vertices_m"][usable] = hand.vertices
    fused["rotations"][usable] = rodrigues(fit.pose)
    fused["shape"][usable] = fit.shape
    fused["joints_px"][usable] = hand.joints[..., :2] / hand.joints[..., 2:] * lens[..., :2] + lens[..., 2:]
    return fused


def with_pose(outputs: Mapping[str, np.ndarray], rig: HandRig) -> dict[str, np.ndarray]:
    """A network's outputs, rotations and shape added where it gives none: those of the rig fitted to its joints.

    Joints and mesh stay the network's own. Hands that are metres large (no hand was there) get the rest pose.
    """
    posed = _with_rest_pose(outputs)
    usable = _usable(posed, posed["joints_m"])
    if "rotations" not in outputs and usable.any():
        fit = fit_joints(rig, posed["joints_m"][usable])
        posed["rotations"][usable] = rodrigues(fit.pose)
        posed["shape"][usable] = fit.shape
    return posed


def _with_rest_pose(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs in double precision; the rest pose and the mean shape where they have none."""
    count = len(outputs["joints_m"])
    rest = {"rotations": np.tile(np.eye(3), (count, 16, 1, 1)), "shape": np.zeros((count, 10))}
    return {name: np.array(value, dtype=float) for name, value in {**rest, **outputs}.items()}


def _usable(outputs: Mapping[str, np.ndarray], joints_m: np.ndarray) -> np.ndarray:
    """Which hands lie before the camera and are no larger than a hand can be."""
    spread = np.ptp(joints_m, axis=1).max(-1)
    before = (outputs["joints_m"][..., 2].min(1) > 0) & (joints_m[..., 2].min(1) > 0)
    return np.isfinite(joints_m).all((1, 2)) & before & (spread < _LARGEST_HAND_M)


def _lift(
    outputs: Mapping[str, np.ndarray], crop: np.ndarray, camera: np.ndarray, size: int
) -> Float[np.ndarray, "B 21 3"]:
    """2D joints of both opinions, weighted, at the depths of the 3D hand, which is the mesh's where joints differ."""
    crop, camera = crop[:, None].astype(float), camera[:, None].astype(float)
    hand = outputs.get("mesh_joints_m", outputs["joints_m"])
    depth = hand[..., 2:]
    branch = (outputs["joints_patch"] - (size - 1) / 2) * (crop[..., 2:] / size) + crop[..., :2]
    projected = hand[..., :2] / np.maximum(depth, 1e-2) * camera[..., :2] + camera[..., 2:]
    uv = BRANCH_SHARE * branch + (1 - BRANCH_SHARE) * projected
    return np.concatenate([(uv - camera[..., 2:]) / camera[..., :2] * depth, depth], axis=-1)
