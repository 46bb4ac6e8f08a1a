"""Forearm and sleeve: rings of vertices that go on from the rig's wrist loop, welded to it."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from knuckle.errors import KnuckleError
from knuckle.rig.rig import HandRig

ARM_RINGS = 11
SLEEVE_RINGS = 10


@dataclass(frozen=True, eq=False)
class SceneMesh:
    """Topology of hand + forearm + sleeve; the hand's vertices come first, then the arm's, then the sleeve's.

    `faces` lists the hand's, then the arm's from `first_arm`, then the sleeve's from `first_sleeve`;
    `face_part` is the MANO16 part of a hand face, -1 elsewhere. `uv_corner` repeats every unit.
    """

    faces: Int[np.ndarray, "f 3"]
    uv_corner: Float[np.ndarray, "f 3 2"]
    face_part: Int[np.ndarray, "f"]
    loop: Int[np.ndarray, "l"]
    hand_vertices: int
    vertex_count: int
    first_arm: int
    first_sleeve: int


@lru_cache(maxsize=4)
def build_mesh(rig: HandRig) -> SceneMesh:
    """Topology of a rig with an arm; the wrist's cap, if the rig has one, is left out.

    Raises KnuckleError for a rig without texture coordinates, labels or a wrist loop.
    """
    if rig.wrist_loop is None or rig.uv_corner is None or rig.part_label is None:
        raise KnuckleError(f"rig {rig.name}: rendering needs its wrist_loop, uv_corner and part_label")
    keep = (
        ~(rig.faces == rig.cap_vertex).any(1) if rig.cap_vertex is not None else np.ones(len(rig.faces), bool)
    )
    hand = rig.faces[keep]
    loop = np.asarray(rig.wrist_loop)
    edges = {(int(a), int(b)) for face in hand for a, b in zip(face, np.roll(face, -1), strict=True)}
    if (int(loop[0]), int(loop[1])) not in edges:
        loop = loop[::-1]
    count, sides = len(rig.vertices), len(loop)
    arm_ids = [loop, *(count + sides * ring + np.arange(sides) for ring in range(ARM_RINGS))]
    arm_end = count + sides * ARM_RINGS
    sleeve_ids = [arm_end + 1 + sides * ring + np.arange(sides) for ring in range(SLEEVE_RINGS)]
    arm, arm_uv = _tube(arm_ids, cap=arm_end)
    sleeve, sleeve_uv = _tube(sleeve_ids, cap=None)
    labels = np.asarray(rig.part_label)[hand]
    part = np.array([np.bincount(row, minlength=16).argmax() for row in labels])
    return SceneMesh(
        faces=np.ascontiguousarray(np.concatenate([hand, arm, sleeve]), np.int32),
        uv_corner=np.ascontiguousarray(
            np.concatenate([np.asarray(rig.uv_corner)[keep], arm_uv, sleeve_uv]), np.float32
        ),
        face_part=np.concatenate([part, np.full(len(arm) + len(sleeve), -1)]).astype(np.int32),
        loop=loop,
        hand_vertices=count,
        vertex_count=arm_end + 1 + sides * SLEEVE_RINGS,
        first_arm=len(hand),
        first_sleeve=len(hand) + len(arm),
    )


def _tube(rings: list[np.ndarray], *, cap: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Faces and uv of a tube; ring 0's edges i -> i+1 belong to a face on the other side of it."""
    sides, faces, uv = len(rings[0]), [], []
    for ring, (near, far) in enumerate(pairwise(rings)):
        for i in range(sides):
            j = (i + 1) % sides
            u0, u1, v0, v1 = i / sides, (i + 1) / sides, ring / len(rings), (ring + 1) / len(rings)
            faces += [(near[j], near[i], far[i]), (near[j], far[i], far[j])]
            uv += [((u1, v0), (u0, v0), (u0, v1)), ((u1, v0), (u0, v1), (u1, v1))]
    if cap is not None:
        for i in range(sides):
            faces.append((rings[-1][(i + 1) % sides], rings[-1][i], cap))
            uv.append(((0.0, 0.0),) * 3)
    return np.array(faces), np.array(uv)


@dataclass(frozen=True, eq=False)
class ArmShape:
    """The random numbers behind one forearm, lengths in m; `bend`: its axis-angle against the palm."""

    bend: Float[np.ndarray, "3"]
    bend_over: float
    length: float
    growth: float
    sleeve: bool
    sleeve_start: float
    sleeve_width: float
    sleeve_flare: float
    folds: float
    fold_waves: int
    fold_phases: Float[np.ndarray, "r"]


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
