"""The network's two opinions as one hand: its 2D joints and its 3D hand, joined by fitting the rig to both.

The 2D branch places joints in the picture better than the projected hand does, and the hand knows depth: the branch's
joints are lifted to the hand's depths, and the rig is fitted to them. No part of the published system (switch:
`Predictor(refine=...)`, `knuckle evaluate --no-refine`).
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
    Without a 2D branch, and for hands whose branch lies metres from them (no hand was there), outputs stay.
    """
    fused = {name: np.array(value, dtype=float) for name, value in outputs.items()}
    if "joints_patch" not in fused:
        return fused
    lifted = _lift(fused, crop, camera, size)
    spread = np.ptp(lifted, axis=1).max(-1)
    usable = (
        np.isfinite(lifted).all((1, 2)) & (fused["joints_m"][..., 2].min(1) > 0) & (spread < _LARGEST_HAND_M)
    )
    if not usable.any():
        return fused
    fit = fit_joints(rig, lifted[usable])
    hand = rig.posed(fit.pose, fit.shape, fit.translation)
    lens = camera[usable][:, None]
    fused["joints_m"][usable] = hand.joints
    fused["vertices_m"][usable] = hand.vertices
    fused["rotations"][usable] = rodrigues(fit.pose)
    fused["shape"][usable] = fit.shape
    fused["joints_px"][usable] = hand.joints[..., :2] / hand.joints[..., 2:] * lens[..., :2] + lens[..., 2:]
    return fused


def _lift(
    outputs: Mapping[str, np.ndarray], crop: np.ndarray, camera: np.ndarray, size: int
) -> Float[np.ndarray, "B 21 3"]:
    """2D joints of both opinions, weighted, at the depths of the 3D hand."""
    crop, camera = crop[:, None].astype(float), camera[:, None].astype(float)
    branch = (outputs["joints_patch"] - (size - 1) / 2) * (crop[..., 2:] / size) + crop[..., :2]
    uv = BRANCH_SHARE * branch + (1 - BRANCH_SHARE) * outputs["joints_px"]
    depth = outputs["joints_m"][..., 2:]
    return np.concatenate([(uv - camera[..., 2:]) / camera[..., :2] * depth, depth], axis=-1)
