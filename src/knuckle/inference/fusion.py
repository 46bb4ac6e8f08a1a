"""What a network says of a hand as one hand: the rig fitted to its joints.

Where a network has a 2D branch of its own, that places joints in the picture better than the projected hand does, and
the hand knows depth: the branch's joints are lifted to the hand's depths first. A network of free vertices gets a
hand's proportions, pose and shape from the fit. No part of the published systems (switch: `Predictor(refine=...)`,
`knuckle evaluate --no-refine`). Two-hand networks give joints alone: their meshes are the fit's.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from knuckle.camera import MIRROR_POINT, turned_px
from knuckle.rig.fit import fit_joints
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import rodrigues

BRANCH_SHARE = 0.7
"""Weight of the 2D branch against the projected hand; chosen on held-out synthetic hands, where 0.6 to 0.9 hardly
differ (docs/accuracy.md)."""

LARGEST_SIZE_RATIO = 1.15
"""By how much the projected hand's size in the picture may differ from the 2D branch's. Where it does by more it is the
distance that is wrong (a scale near zero puts a hand ten times too far), and the hand is brought back to this ratio."""

_SMALLEST_SPREAD_PX = 1e-3
_STEPS = 4
_LARGEST_HAND_M = 1.0
_AS_RIGHT = np.stack([np.ones(3), MIRROR_POINT])
"""What shows each hand of a pair as a right one: the left one's world is mirrored."""


def fuse(
    outputs: Mapping[str, np.ndarray],
    crop: Float[np.ndarray, "B 3"],
    camera: Float[np.ndarray, "B 4"],
    *,
    rig: HandRig,
    size: int,
    roll: Float[np.ndarray, "B"] | None = None,
) -> dict[str, np.ndarray]:
    """A network's outputs with joints, mesh, rotations and shape replaced by those of the fitted rig.

    outputs: as `OnnxModel` gives them, of right hands; crop and camera as it takes them; size: the patch's side, px;
    roll: radians by which each crop is turned, none without it.
    residual_m (B) is added: how far the rig stays from the joints it was fitted to, on average. Hands whose joints
    lie metres apart (no hand was there) stay as they are, their residual is NaN.
    """
    fused = _with_rest_pose(outputs)
    fused["residual_m"] = np.full(len(camera), np.nan)
    target = _lift(fused, crop, camera, size, roll) if "joints_patch" in fused else fused["joints_m"]
    usable = _usable(target) & (fused["joints_m"][..., 2].min(1) > 0)
    if not usable.any():
        return fused
    fit = fit_joints(rig, target[usable])
    hand = rig.posed(fit.pose, fit.shape, fit.translation)
    lens = camera[usable][:, None]
    fused["residual_m"][usable] = fit.residual_m
    fused["joints_m"][usable] = hand.joints
    fused["vertices_m"][usable] = hand.vertices
    fused["rotations"][usable] = rodrigues(fit.pose)
    fused["shape"][usable] = fit.shape
    fused["joints_px"][usable] = _projected(hand.joints, lens)
    return fused


def fuse_pair(
    outputs: Mapping[str, np.ndarray], camera: Float[np.ndarray, "B 4"], *, rig: HandRig, refine: bool = True
) -> dict[str, np.ndarray]:
    """A two-hand network's outputs with mesh, rotations and shape: those of the rig fitted to each hand's joints.

    outputs: as `OnnxModel` gives them, (B, 2, ...), the right hand first; rig: a right one, both hands are fitted in
    one call. Added: vertices_m (B, 2, V, 3), rotations (B, 2, 16, 3, 3), a left hand's turning the left rig, shape
    (B, 2, 10) and residual_m (B, 2), how far the rig stays from the network's joints on average. refine: joints_px
    and joints_m become the rig's too. Hands whose joints lie metres apart (no hand was there) keep their joints and
    get the rest pose; their residual is NaN.
    """
    count = 2 * len(camera)
    fused = {name: np.array(value, dtype=float, order="C") for name, value in outputs.items()}
    as_right = np.tile(_AS_RIGHT, (len(camera), 1))[:, None]
    joints = fused["joints_m"].reshape(count, 21, 3) * as_right
    usable = _usable(joints)
    pose, shape, residual = np.zeros((count, 16, 3)), np.zeros((count, 10)), np.full(count, np.nan)
    translation = joints[:, 0] - rig.joints_rest_m[0]
    if usable.any():
        fit = fit_joints(rig, joints[usable])
        pose[usable], shape[usable], translation[usable] = fit.pose, fit.shape, fit.translation
        residual[usable] = fit.residual_m
    hand = rig.posed(pose, shape, translation)
    results = {
        "vertices_m": hand.vertices * as_right,
        "rotations": rodrigues(pose) * (as_right[..., None] * as_right[:, :, None]),
        "shape": shape,
        "residual_m": residual,
    }
    fused |= {name: value.reshape(-1, 2, *value.shape[1:]) for name, value in results.items()}
    if refine:
        fitted = (hand.joints * as_right)[usable]
        lens = np.repeat(camera.astype(float), 2, axis=0)[usable, None]
        fused["joints_m"].reshape(count, 21, 3)[usable] = fitted
        fused["joints_px"].reshape(count, 21, 2)[usable] = _projected(fitted, lens)
    return fused


def with_pose(outputs: Mapping[str, np.ndarray], rig: HandRig) -> dict[str, np.ndarray]:
    """A network's outputs, rotations and shape added where it gives none: those of the rig fitted to its joints.

    Joints and mesh stay the network's own. Hands that are metres large (no hand was there) get the rest pose.
    """
    posed = _with_rest_pose(outputs)
    usable = _usable(posed["joints_m"])
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


def _usable(joints_m: Float[np.ndarray, "B 21 3"]) -> Bool[np.ndarray, "B"]:
    """Which hands lie before the camera and are no larger than a hand can be."""
    before = joints_m[..., 2].min(1) > 0
    return np.isfinite(joints_m).all((1, 2)) & before & (np.ptp(joints_m, axis=1).max(-1) < _LARGEST_HAND_M)


def _projected(joints_m: np.ndarray, lens: np.ndarray) -> np.ndarray:
    """Joints in px of the frame; lens (..., 1, 4) = fx, fy, cx, cy."""
    return joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:]


def _lift(
    outputs: Mapping[str, np.ndarray],
    crop: np.ndarray,
    camera: np.ndarray,
    size: int,
    roll: np.ndarray | None,
) -> Float[np.ndarray, "B 21 3"]:
    """2D joints of both opinions, weighted, at the depths of the 3D hand, which is the mesh's where joints differ."""
    crop, camera = crop[:, None].astype(float), camera[:, None].astype(float)
    branch = (outputs["joints_patch"] - (size - 1) / 2) * (crop[..., 2:] / size)
    if roll is not None:
        branch = turned_px(branch, roll, aspect=camera[:, 0, 1] / camera[:, 0, 0])
    branch = branch + crop[..., :2]
    hand = _as_large_as(branch, outputs.get("mesh_joints_m", outputs["joints_m"]), camera)
    depth = hand[..., 2:]
    uv = BRANCH_SHARE * branch + (1 - BRANCH_SHARE) * _before(hand, camera)
    return np.concatenate([(uv - camera[..., 2:]) / camera[..., :2] * depth, depth], axis=-1)


def _as_large_as(
    branch_px: Float[np.ndarray, "B 21 2"], hand_m: Float[np.ndarray, "B 21 3"], camera: np.ndarray
) -> Float[np.ndarray, "B 21 3"]:
    """The 3D hand, brought to where its size in the picture is the 2D branch's to within `LARGEST_SIZE_RATIO`."""
    ratio = _size_ratio(branch_px, hand_m, camera)
    limit = np.clip(ratio, 1 / LARGEST_SIZE_RATIO, LARGEST_SIZE_RATIO)
    placed = hand_m
    # The size goes with the inverse of the distance only where the hand is flat to the camera.
    for _ in range(_STEPS if (limit != ratio).any() else 0):
        nearer = limit / _size_ratio(branch_px, placed, camera) - 1
        placed = placed + placed.mean(1, keepdims=True) * nearer[:, None, None]
    return placed


def _size_ratio(branch_px: np.ndarray, hand_m: np.ndarray, camera: np.ndarray) -> Float[np.ndarray, "B"]:
    return _spread(branch_px) / _spread(_before(hand_m, camera))


def _spread(joints_px: Float[np.ndarray, "B 21 2"]) -> Float[np.ndarray, "B"]:
    """Root mean square distance of the joints from their middle, never quite zero."""
    spread = np.sqrt(((joints_px - joints_px.mean(1, keepdims=True)) ** 2).sum(-1).mean(1))
    return np.maximum(spread, _SMALLEST_SPREAD_PX)


def _before(joints_m: np.ndarray, lens: np.ndarray) -> np.ndarray:
    """As `_projected`; joints behind the camera count as just before it."""
    return _projected(np.concatenate([joints_m[..., :2], np.maximum(joints_m[..., 2:], 1e-2)], axis=-1), lens)
