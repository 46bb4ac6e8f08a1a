"""The rig fitted to a hand's joints, so that all that is known of the hand agrees.

Where a network has a 2D branch of its own, that places joints in the picture better than the projected hand does, while
depths are the hand's: the branch's joints are lifted to those first. A network of free vertices gets a
hand's proportions, pose and shape from the fit. Where there is evidence of the hand
(`knuckle.inference.detection.evidence`), its joints are averaged in, by how far they are to be trusted
(`trust`). No part of the published systems (switches: `Predictor(refine=..., evidence=...)`, `knuckle evaluate
--no-refine`, `--no-evidence`). Two-hand networks give joints alone: their meshes are the fit's.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.geometry.mirror import AS_RIGHT
from knuckle.geometry.projection import lift, patch_to_frame, project
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.disagreement import Disagreement
from knuckle.inference.pairing import PairEstimate
from knuckle.inference.trust import (
    STANDARD,
    TWO_HANDS,
    View,
    apart,
    our_joints,
    signals,
    trust_in,
)
from knuckle.rig.fit.joints import FitStart, fit_joints, ray_weights
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.skeleton import WRIST

BRANCH_SHARE = 0.7
"""Weight of the 2D branch against the projected hand; 0.6 to 0.9 hardly differ on held-out synthetic hands."""

LARGEST_SIZE_RATIO = 1.15
"""By how much the projected hand's size in the picture may differ from the 2D branch's. Where it does by more it is the
distance that is wrong (a scale near zero puts a hand ten times too far), and the hand is brought back to this ratio."""

ACROSS, ALONG = 0.1, 0.01
"""What a joint counts in the fit across and along its ray, as if known to 3 mm in the picture and to 10 mm in depth:
the hand's proportions then mend depths (docs/accuracy/ablations.md)."""

_SMALLEST_SPREAD_PX = 1e-3
_STEPS = 4
_LARGEST_HAND_M = 1.0
_NEAREST_M = 1e-2
"""Joints behind the camera, or nearer than this, are projected as if they were this far away."""
"""What shows each hand of a pair as a right one: the left one's world is mirrored."""


def fuse(
    outputs: Mapping[str, np.ndarray],
    crop: Float[np.ndarray, "B 3"],
    camera: Float[np.ndarray, "B 4"],
    *,
    rig: HandRig,
    size: int,
    roll: Float[np.ndarray, "B"] | None = None,
    evidence: Evidence | None = None,
    system: str = STANDARD,
    start: FitStart | None = None,
) -> dict[str, np.ndarray]:
    """A network's outputs with joints, mesh, rotations and shape replaced by those of the fitted rig.

    Args:
        outputs: as `OnnxModel` gives them, of right hands.
        crop: centre u, centre v, side px, as it takes them.
        camera: fx, fy, cx, cy px.
        rig: a right one.
        size: the patch's side, px.
        roll: radians by which each crop is turned; none without it.
        evidence: of the same hands, shown as right ones.
        system: the record's name, by which the evidence is weighed (`trust_in`).
        start: of the fit, what the same hands were like in the frame before, shown as right ones.

    The fields of `Disagreement` are added. Hands whose joints lie metres apart (no hand was there) stay as they are,
    their residual is NaN.
    """
    # Joints that were carried along have the distance of their branches with them.
    fused = vars(Disagreement.none(len(camera))) | _with_rest_pose(outputs)
    target, branches_px = own_joints(fused, crop, camera, size, roll=roll)
    fused["branches_px"] = branches_px
    spread_px = np.nan_to_num(branches_px).mean(1)
    usable = _usable(target) & (fused["joints_m"][..., 2].min(1) > 0)
    if not usable.any():
        return fused
    joints = target[usable]
    if evidence is not None:
        lens = camera[usable].astype(float)
        joined = with_evidence(
            joints, lens, evidence.rows(usable), spread_px=spread_px[usable], system=system
        )
        joints = joined.joints_m
        fused["evidence_px"][usable], fused["evidence_m"][usable] = joined.apart_px, joined.apart_m
    began = None if start is None else start.rows(usable)
    fit = fit_joints(rig, joints, weights=ray_weights(joints, ACROSS, ALONG), start=began)
    # A tenth of a micrometre is enough for a mesh.
    hand = rig.posed_by_matrices(fit.rotations.astype(np.float32), fit.shape, fit.translation)
    lens = camera[usable][:, None]
    fused["residual_m"][usable] = fit.residual_m
    fused["joints_m"][usable] = fit.joints_m
    fused["vertices_m"][usable] = hand.vertices
    fused["rotations"][usable] = rodrigues(fit.pose) if rig.pose_mean.any() else fit.rotations
    fused["shape"][usable] = fit.shape
    fused["joints_px"][usable] = project(fit.joints_m, lens)
    return fused


def fit_pairs(
    pairs: PairEstimate,
    camera: Float[np.ndarray, "P 4"],
    *,
    rig: HandRig,
    refine: bool = True,
    evidence: Evidence | None = None,
    start: FitStart | None = None,
) -> PairEstimate:
    """Pairs with mesh, pose, shape and residual: those of the rig fitted to each hand's joints.

    Args:
        pairs: joints and confidences.
        camera: fx, fy, cx, cy of each pair's picture, px.
        rig: a right one; all hands are fitted in one call.
        refine: the joints become the rig's too.
        evidence: of 2 P hands, pair by pair, in the picture as it is.
        start: of the fit, what the same hands were like in the frame before.

    Hands whose joints lie metres apart (no hand was there) keep their joints and get the rest pose; their residual is
    NaN.
    """
    count = 2 * len(camera)
    joints_px, joints_m = (np.array(value, order="C") for value in (pairs.joints_px, pairs.joints_m))
    as_right = np.tile(AS_RIGHT, (len(camera), 1))[:, None]
    joints = joints_m.reshape(count, 21, 3) * as_right
    usable = _usable(joints)
    pose, shape, residual = np.zeros((count, 16, 3)), np.zeros((count, 10)), np.full(count, np.nan)
    translation = joints[:, 0] - rig.joints_rest_m[0]
    apart_px, apart_m = np.full((2, count, 21), np.nan)
    lenses = np.repeat(camera.astype(float), 2, axis=0)
    if usable.any():
        target = joints[usable]
        if evidence is not None:
            is_left = np.tile([False, True], len(camera))
            # Mirrored about the camera's axis, as the joints are: the principal point stays.
            shown = evidence.mirrored(is_left, 2 * lenses[:, 2] + 1).rows(usable)
            joined = with_evidence(
                target, lenses[usable], shown, spread_px=np.zeros(len(target)), system=TWO_HANDS, stays=True
            )
            target = joined.joints_m
            apart_px[usable], apart_m[usable] = joined.apart_px, joined.apart_m
        began = None
        if start is not None:
            began = start.mirrored(np.tile([False, True], len(camera))).rows(usable)
        fit = fit_joints(rig, target, weights=ray_weights(target, ACROSS, ALONG), start=began)
        pose[usable], shape[usable], translation[usable] = fit.pose, fit.shape, fit.translation
        residual[usable] = fit.residual_m
    hand = rig.posed(pose, shape, translation)
    rotations = rodrigues(pose) * (as_right[..., None] * as_right[:, :, None])
    if refine:
        fitted = (hand.joints * as_right)[usable]
        joints_m.reshape(count, 21, 3)[usable] = fitted
        joints_px.reshape(count, 21, 2)[usable] = project(fitted, lenses[usable, None])
    added = {
        "vertices_m": hand.vertices * as_right,
        "pose_rad": matrix_to_axis_angle(rotations),
        "shape": shape,
        "residual_m": residual,
        "evidence_px": apart_px,
        "evidence_m": apart_m,
    }
    by_pair: dict[str, Any] = {name: value.reshape(-1, 2, *value.shape[1:]) for name, value in added.items()}
    return replace(pairs, joints_px=joints_px, joints_m=joints_m, **by_pair)


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


def own_joints(
    outputs: Mapping[str, np.ndarray],
    crop: Float[np.ndarray, "B 3"],
    camera: Float[np.ndarray, "B 4"],
    size: int,
    *,
    roll: Float[np.ndarray, "B"] | None = None,
) -> tuple[Float[np.ndarray, "B 21 3"], Float[np.ndarray, "B 21"]]:
    """A one-hand network's joints, metres, those of its 2D branch lifted to the hand's depths where it has one; and how
    far the branch lies from the projected hand, px (NaN without)."""
    if "joints_patch" not in outputs:
        return outputs["joints_m"], outputs.get("branches_px", np.full((len(camera), 21), np.nan))
    branch = in_frame(outputs["joints_patch"], crop, camera, size, roll=roll)
    # The mesh's, where joints differ.
    hand, lens = outputs.get("mesh_joints_m", outputs["joints_m"]), camera[:, None].astype(float)
    placed = _as_large_as(branch, hand, lens)
    uv = BRANCH_SHARE * branch + (1 - BRANCH_SHARE) * project(placed, lens, nearest_m=_NEAREST_M)
    spread_px = np.linalg.norm(branch - project(hand, lens, nearest_m=_NEAREST_M), axis=-1)
    return lift(uv, placed[..., 2], lens), spread_px


def unfitted_joints(
    outputs: Mapping[str, np.ndarray],
    crop: Float[np.ndarray, "B 3"],
    camera: Float[np.ndarray, "B 4"],
    size: int,
    *,
    roll: Float[np.ndarray, "B"] | None = None,
) -> tuple[Float[np.ndarray, "B 21 2"], Float[np.ndarray, "B 21 3"], Float[np.ndarray, "B 21"]]:
    """What `fuse` fits the rig to, without evidence: px of the frame and metres; and how far the 2D branch lies from
    the projected hand, px. Arguments as of `fuse`."""
    px, own_m = (np.array(outputs[name], dtype=float) for name in ("joints_px", "joints_m"))
    joints_m, branches_px = own_joints(outputs, crop, camera, size, roll=roll)
    usable = _usable(joints_m) & (own_m[..., 2].min(1) > 0)
    own_m[usable] = joints_m[usable]
    px[usable] = project(own_m[usable], camera[usable, None].astype(float))
    return px, own_m, branches_px


class Joined(NamedTuple):
    """Joints of N hands, metres, and how far both answers to them lay apart: px, and metres from their wrists on."""

    joints_m: Float[np.ndarray, "N 21 3"]
    apart_px: Float[np.ndarray, "N 21"]
    apart_m: Float[np.ndarray, "N 21"]


def with_evidence(
    joints_m: Float[np.ndarray, "N 21 3"],
    camera: Float[np.ndarray, "N 4"],
    evidence: Evidence,
    *,
    spread_px: Float[np.ndarray, "N"],
    system: str = STANDARD,
    stays: bool = False,
) -> Joined:
    """Joints of right hands as a system and the landmark network see them together, for the fit.

    joints_m: the system's, camera frame, metres. camera: fx, fy, cx, cy of the frame. spread_px: how far the system's
    own branches lie from each other in the picture, on average; 0 where it has one. stays: the wrist keeps its depth,
    as with hands whose places were seen together; else the hand comes to where it has the size it has in the picture.
    Hands that the landmark network does not see stay as they are; how far its answer lies off is told of them too.
    """
    found, joined = evidence.found, joints_m.copy()
    trust = trust_in(system)
    all_ours = View(project(joints_m, camera[:, None]), joints_m)
    with np.errstate(invalid="ignore"):  # NaN where it was not asked.
        all_seen = our_joints(evidence, camera, trust)
        apart_px, apart_m = _apart(all_ours, all_seen)
    if not found.any():
        return Joined(joined, apart_px, apart_m)
    told_of, lens = evidence.rows(found), camera[found, None]
    ours, seen = (View(view.px[found], view.m[found]) for view in (all_ours, all_seen))
    told = signals(seen, ours, told_of, spread_px[found] / told_of.box_px[:, 2:].max(1))
    away = apart(seen, ours, told_of)
    share = trust.picture.share(told, away)[..., None]
    px = share * seen.px + (1 - share) * ours.px
    hand = ours.m if stays else _as_large_as(px, ours.m, lens)
    depth = _joint_depths(hand, seen.m, trust.depth.share(told, away))
    if stays:
        depth += ours.m[:, [WRIST], 2] - depth[:, [WRIST]]
    joined[found] = lift(px, depth, lens)
    return Joined(joined, apart_px, apart_m)


def _apart(ours: View, seen: View) -> tuple[Float[np.ndarray, "N 21"], Float[np.ndarray, "N 21"]]:
    """How far the landmark network's joints lie from ours, px, and metres from the wrists on, as large as ours."""
    own, other = (joints - joints[:, [WRIST]] for joints in (ours.m, seen.m))
    size = np.sqrt((own * own).sum((1, 2)) / np.maximum((other * other).sum((1, 2)), 1e-12))
    apart_m = np.linalg.norm(own - size[:, None, None] * other, axis=-1)
    return np.linalg.norm(seen.px - ours.px, axis=-1), apart_m


def _joint_depths(
    hand_m: Float[np.ndarray, "N 21 3"],
    other_m: Float[np.ndarray, "N 21 3"],
    share: Float[np.ndarray, "N 21"],
) -> Float[np.ndarray, "N 21"]:
    """Depths of a hand, those of another one, brought to its size and place, with a share in each."""
    own, other = (joints - joints.mean(1, keepdims=True) for joints in (hand_m, other_m))
    size = np.sqrt((own * own).sum((1, 2)) / np.maximum((other * other).sum((1, 2)), 1e-12))
    return hand_m[..., 2] + share * (size[:, None] * other[..., 2] - own[..., 2])


def in_frame(
    joints_patch: Float[np.ndarray, "B 21 2"],
    crop: Float[np.ndarray, "B 3"],
    camera: Float[np.ndarray, "B 4"],
    size: int,
    *,
    roll: Float[np.ndarray, "B"] | None = None,
) -> Float[np.ndarray, "B 21 2"]:
    """Joints in px of the patch, as px of the frame; arguments as of `fuse`."""
    aspect = camera[:, 1] / camera[:, 0]
    return patch_to_frame(joints_patch, crop[:, None].astype(float), size, roll_rad=roll, aspect=aspect)


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
    return _spread(branch_px) / _spread(project(hand_m, camera, nearest_m=_NEAREST_M))


def _spread(joints_px: Float[np.ndarray, "B 21 2"]) -> Float[np.ndarray, "B"]:
    """Root mean square distance of the joints from their middle, never quite zero."""
    spread = np.sqrt(((joints_px - joints_px.mean(1, keepdims=True)) ** 2).sum(-1).mean(1))
    return np.maximum(spread, _SMALLEST_SPREAD_PX)
