"""The map from the landmark network's joints to ours, learnt on rendered hands where it is sure and near."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from benchmarks.training.evidence_looks import Looks
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.inference.trust import joint_axes, palm_length

SURE, NEAR_PERCENT, NEAR_M = 0.95, 9.0, 0.014
"""Hands that the map is learnt from: presence and side, errors in the picture and in 3D after alignment."""


def learn_picture_offsets(looks: Sequence[Looks]) -> Float[np.ndarray, "21 3"]:
    """Offsets of our joints from the landmark network's in the picture, palm lengths; robust least squares, as the
    picture shows two of three axes."""
    rows, aims = [], []
    for seen in looks:
        side = seen.side_px()[:, None]
        error = 100 * np.linalg.norm(seen.plain.joints_px - seen.joints_px, axis=-1) / side
        near = _sure(seen) & (error.mean(1) < NEAR_PERCENT)
        world, px = seen.plain.joints_m[near], seen.plain.joints_px[near]
        flat = world[..., :2] - world[..., :2].mean(1, keepdims=True)
        spread = px - px.mean(1, keepdims=True)
        palm_px = palm_length(world) * np.sqrt((spread**2).sum((1, 2)) / (flat**2).sum((1, 2)))
        rows.append(joint_axes(world)[:, :, :2])
        aims.append((seen.joints_px[near] - px) / palm_px[:, None, None])
    row, aim = np.concatenate(rows), np.concatenate(aims)
    found = np.zeros((21, 3))
    for _ in range(5):
        off = np.linalg.norm(aim - np.einsum("njab,jb->nja", row, found), axis=-1)
        weight = 1 / (1 + (off / 0.06) ** 2)
        system = np.einsum("nj,njab,njac->jbc", weight, row, row) + 1e-2 * np.eye(3)
        found = np.linalg.solve(system, np.einsum("nj,njab,nja->jb", weight, row, aim)[..., None])[..., 0]
    return found


def learn_offsets(looks: Sequence[Looks]) -> Float[np.ndarray, "21 3"]:
    """Offsets of our joints from the landmark network's in 3D, palm lengths: medians after alignment."""
    worlds, truths = [], []
    for seen in looks:
        aligned = align_similarity(seen.joints_m, seen.plain.joints_m)
        near = _sure(seen) & (np.linalg.norm(aligned - seen.joints_m, axis=-1).mean(1) < NEAR_M)
        worlds.append(seen.plain.joints_m[near])
        truths.append(seen.joints_m[near])
    world, truth = np.concatenate(worlds), np.concatenate(truths)
    axes, palm, found = joint_axes(world), palm_length(world)[:, None, None], np.zeros((21, 3))
    for _ in range(4):
        moved = world + palm * np.einsum("njab,jb->nja", axes, found)
        aligned = align_similarity(moved, truth)
        found = np.median(np.einsum("njab,nja->njb", axes, (aligned - world) / palm), axis=0)
    return found


def _sure(looks: Looks) -> np.ndarray:
    return (looks.plain.presence > SURE) & (looks.plain.right > SURE)
