"""Forearm and sleeve: drawn at random, and grown ring by ring from the posed hand's wrist loop."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numba import njit

from knuckle.synth.body.scene_mesh import ARM_RINGS, SLEEVE_RINGS, SceneMesh


@dataclass(frozen=True, eq=False)
class ArmShape:
    """The random numbers behind one forearm and its sleeve."""

    bend: Float[np.ndarray, "3"]
    """Axis-angle of the forearm against the palm, camera frame."""
    bend_over: float
    """How far up the arm (m) the bend is complete."""
    length: float
    """Metres."""
    growth: float
    """How much wider than the wrist the arm becomes, as a share."""
    sleeve: bool
    """Whether there is one."""
    sleeve_start: float
    """Metres from the wrist."""
    sleeve_width: float
    """In the arm's widths."""
    sleeve_flare: float
    """Width at the elbow's end, in that at the hem."""
    folds: float
    """Depth of the sleeve's folds, as a share of its radius."""
    fold_waves: int
    """Folds round each of the sleeve's rings."""
    fold_phases: Float[np.ndarray, "r"]
    """Where each ring's folds begin, radians."""


def sample_arm(rng: np.random.Generator, wrist_rotation: Float[np.ndarray, "3 3"]) -> ArmShape:
    """Draw a forearm; a sleeve in 55 %. An arm that would point at the camera is bent aside: it would hide
    the hand, and real ones come from the side. wrist_rotation: camera_from_hand."""
    flexion = min(max(rng.normal(0.1, 0.38), -0.9), 0.9)
    deviation = min(max(rng.normal(0.0, 0.2), -0.4), 0.45)
    turn = wrist_rotation @ _turn(np.array([flexion, 0.0, deviation])) @ wrist_rotation.T
    away = turn @ wrist_rotation[:, 1]
    if away[2] < -0.5:
        side = away * [1, 1, 0] + 1e-6
        axis = np.cross(away, side / np.linalg.norm(side) * 0.87 + [0, 0, -0.5])
        sine = float(np.linalg.norm(axis)) + 1e-9
        turn = _turn(axis / sine * min(np.arcsin(min(sine, 1.0)), 0.7)) @ turn
    cosine = min(max((np.trace(turn) - 1) / 2, -1.0), 1.0)
    vector = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    draws = rng.random(8)
    return ArmShape(
        bend=vector / (np.linalg.norm(vector) + 1e-9) * np.arccos(cosine),
        bend_over=0.035 + 0.035 * draws[0],
        length=0.26 + 0.16 * draws[1],
        growth=0.12 + 0.43 * draws[2],
        sleeve=bool(draws[3] < 0.55),
        sleeve_start=float(rng.uniform(-0.015, 0.07) if rng.random() < 0.85 else rng.uniform(0.07, 0.16)),
        sleeve_width=1.08 + 0.37 * draws[4],
        sleeve_flare=0.95 + 0.35 * draws[5],
        folds=0.07 * draws[6],
        fold_waves=1 + int(3 * draws[7]),
        fold_phases=rng.uniform(0, 6.283, SLEEVE_RINGS),
    )


def grow_arm(
    vertices: Float[np.ndarray, "v 3"],
    mesh: SceneMesh,
    wrist_rotation: Float[np.ndarray, "3 3"],
    arm: ArmShape,
    *,
    step_m: float = 0.0025,
) -> None:
    """Fill the arm's and its sleeve's rows of `vertices` (camera frame, m), following its axis in steps of step_m."""
    _grow(
        vertices, mesh.loop, mesh.hand_vertices, wrist_rotation, arm.bend, arm.bend_over, arm.length,
        arm.growth, arm.sleeve, arm.sleeve_start, arm.sleeve_width, arm.sleeve_flare, arm.folds, arm.fold_waves,
        arm.fold_phases, step_m,
    )  # fmt: skip


@njit(cache=True)
def _turn(vector):
    """Rotation matrix of an axis-angle vector (Rodrigues)."""
    angle = np.sqrt((vector * vector).sum()) + 1e-12
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    s, c = np.sin(angle), 1.0 - np.cos(angle)
    return np.array([
        [1 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y],
        [c * x * y + s * z, 1 - c * (x * x + z * z), c * y * z - s * x],
        [c * x * z - s * y, c * y * z + s * x, 1 - c * (x * x + y * y)],
    ])  # fmt: skip


@njit(cache=True)
def _grow(
    vertices, loop, first, wrist, bend, bend_over, length, growth, sleeve, sleeve_start, sleeve_width,
    sleeve_flare, folds, fold_waves, fold_phases, step,
):  # fmt: skip
    sides = len(loop)
    centre = np.zeros(3)
    for i in loop:
        centre += vertices[i] / sides
    local, radius, mean = np.zeros((sides, 3)), np.zeros(sides), 0.0
    for i in range(sides):
        offset = vertices[loop[i]] - centre
        for c in range(3):
            local[i, c] = wrist[0, c] * offset[0] + wrist[1, c] * offset[1] + wrist[2, c] * offset[2]
        radius[i] = np.sqrt(local[i, 0] ** 2 + local[i, 2] ** 2)
        mean += radius[i] / sides
    # The arm's axis starts along the hand's y and turns smoothly by `bend`.
    walked = 0.0
    point = centre.copy()
    frame = wrist.copy()
    ring = 0
    row = first
    while ring < ARM_RINGS:
        goal = length * ((ring + 1) / ARM_RINGS) ** 1.6
        while walked < goal - 1e-9:
            move = min(step, goal - walked)
            frame = _frame_at(wrist, bend, bend_over, walked + move / 2)
            point += frame[:, 1] * move
            walked += move
        frame = _frame_at(wrist, bend, bend_over, goal)
        thickness = _thickness(goal, length, growth)
        roundness = min(goal / 0.15, 1.0) * 0.45
        # The cut is not quite planar: the first rings fade to a flat, rounder section.
        fade = max(1.0 - goal / 0.05, 0.0)
        for i in range(sides):
            scale = (1.0 + roundness * (mean / radius[i] - 1.0)) * thickness
            for c in range(3):
                vertices[row, c] = (
                    point[c] + (frame[c, 0] * local[i, 0] + frame[c, 2] * local[i, 2]) * scale
                    + frame[c, 1] * local[i, 1] * fade
                )  # fmt: skip
            row += 1
        ring += 1
    vertices[row] = point + frame[:, 1] * 0.01
    row += 1
    if not sleeve:
        return
    point = centre.copy() + wrist[:, 1] * min(sleeve_start, 0.0)
    walked = min(sleeve_start, 0.0)
    for ring in range(SLEEVE_RINGS):
        # Ring 0 lies inside, just behind the hem, so that the cuff looks closed.
        share = max(ring - 1, 0) / (SLEEVE_RINGS - 2)
        goal = sleeve_start + (length - sleeve_start) * share**1.3
        while walked < goal - 1e-9:
            move = min(step, goal - walked)
            point += _frame_at(wrist, bend, bend_over, walked + move / 2)[:, 1] * move
            walked += move
        frame = _frame_at(wrist, bend, bend_over, goal)
        width = _thickness(goal, length, growth)
        width *= 1.0 if ring == 0 else sleeve_width * (1.0 + (sleeve_flare - 1.0) * share)
        inset = 0.006 if ring == 0 else 0.0
        for i in range(sides):
            fold = 1.0
            if ring > 1:
                fold += folds * np.sin(fold_phases[ring] + i * 2.0 * np.pi / sides * fold_waves)
            scale = (0.4 * mean + 0.6 * radius[i]) / radius[i] * width * fold
            for c in range(3):
                vertices[row, c] = (
                    point[c] + frame[c, 1] * inset
                    + (frame[c, 0] * local[i, 0] + frame[c, 2] * local[i, 2]) * scale
                )  # fmt: skip
            row += 1


@njit(cache=True)
def _frame_at(wrist, bend, over, along):
    share = min(max(along / over, 0.0), 1.0)
    return _turn(bend * (share * share * (3.0 - 2.0 * share))) @ wrist


@njit(cache=True)
def _thickness(along, length, growth):
    """How wide the forearm is against the wrist: wider towards its belly, narrower at the elbow."""
    return 1.0 + growth * min(max(along / 0.22, 0.0), 1.0) ** 1.3 - 0.35 * max(along / length - 0.75, 0.0)
