"""Shapes of things worn: bands that lie on the skin of a finger or a wrist, whatever its pose, and a watch's case."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.scene_mesh import ARM_RINGS, SceneMesh, build_mesh
from knuckle.synth.look.render import Renderer

SIDES = 24
_SUNK_M = 0.0004
_REACH_M = 0.03
"""No finger's skin is farther from its middle."""


class Solid(NamedTuple):
    """A small mesh in the camera frame (m), the point of the scene's surface under every vertex (ids of three
    vertices and their weights), and its `trim`: the share (0..1) that is of its second colour."""

    place: Float[np.ndarray, "n 3"]
    normal: Float[np.ndarray, "n 3"]
    faces: Int[np.ndarray, "f 3"]
    corners: Int[np.ndarray, "n 3"]
    weights: Float[np.ndarray, "n 3"]
    trim: Float[np.ndarray, "n"]


class Loop(NamedTuple):
    """A closed line on the scene's surface: vertex ids (n, 3) and their weights."""

    corners: Int[np.ndarray, "n 3"]
    weights: Float[np.ndarray, "n 3"]


@lru_cache(maxsize=512)
def finger_loop(rig: HandRig, bone: int, along_tenths: int) -> Loop:
    """Round the finger, along_tenths tenths of a mm from the MANO16 joint `bone` towards the tip, on the mean rest
    hand; point 0 is on the back, the others follow by equal angles."""
    axis, back = np.asarray(rig.axes[bone, 0], float), np.asarray(rig.axes[bone, 1], float)
    start = np.asarray(rig.joint_regressor[bone] @ rig.vertices, float) + axis * along_tenths * 1e-4
    angle = np.arange(SIDES) * 2 * np.pi / SIDES
    rays = np.cos(angle)[:, None] * back + np.sin(angle)[:, None] * np.cross(axis, back)
    mesh = build_mesh(rig)
    faces = mesh.faces[: mesh.first_arm]
    faces = faces[np.linalg.norm(rig.vertices[faces[:, 0]] - start, axis=1) < _REACH_M]
    corner = rig.vertices[faces].astype(float)
    # Moeller and Trumbore 1997, every ray with every face; the nearest surface is the finger's own.
    one, two = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    across = np.cross(rays[:, None], two)
    scale = (across * one).sum(-1)
    scale = np.where(np.abs(scale) < 1e-14, np.inf, scale)
    away = start - corner[:, 0]
    a = (across * away).sum(-1) / scale
    turned = np.cross(away, one)
    b = (turned @ rays.T).T / scale
    reach = (turned * two).sum(-1) / scale
    reach[(a < 0) | (b < 0) | (a + b > 1) | (reach <= 0)] = np.inf
    hit = reach.argmin(1)
    rows = np.arange(SIDES)
    weights = np.stack([1 - a[rows, hit] - b[rows, hit], a[rows, hit], b[rows, hit]], -1)
    return Loop(faces[hit].astype(np.int64), weights)


def wrist_loop(rig: HandRig, mesh: SceneMesh, vertices: Float[np.ndarray, "v 3"], along_m: float) -> Loop:
    """Round the forearm, along_m up from where the hand ends; point 0 is on the back of the arm."""
    loop = mesh.loop
    sides = len(loop)
    rest = rig.vertices[loop]
    first = int(rest[:, 2].argmax())
    rings = [loop, *(mesh.hand_vertices + sides * k + np.arange(sides) for k in range(ARM_RINGS))]
    rings = np.roll(np.array(rings), -first, axis=1)
    middle = vertices[rings].mean(1)
    walked = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(middle, axis=0), axis=1))])
    ring = min(int(np.searchsorted(walked, along_m, side="right")) - 1, ARM_RINGS - 1)
    share = (along_m - walked[ring]) / (walked[ring + 1] - walked[ring])
    corners = np.stack([rings[ring], rings[ring + 1], rings[ring + 1]], -1)
    return Loop(corners, np.tile([1 - share, share, 0.0], (sides, 1)))


def band(
    renderer: Renderer, edges: tuple[Loop, Loop], *, thick_m: float, bump: float = 0, hollow: bool = False
) -> Solid:
    """A band between two loops, `thick_m` over the skin. bump: how many times thicker it is at its point 0, whose
    trim is 1 then. hollow: open at its second edge, as a cuff is."""
    spans = []
    for loop in edges:
        place = (renderer.vertices[loop.corners] * loop.weights[..., None]).sum(1)
        spans.append(place)
    sides = len(spans[0])
    ahead = spans[1].mean(0) - spans[0].mean(0)
    ahead /= np.linalg.norm(ahead) + 1e-12
    turn = np.arange(sides) * 2 * np.pi / sides
    near = np.exp(-((np.minimum(turn, 2 * np.pi - turn) / 0.45) ** 2)) if bump else np.zeros(sides)
    # Share of the way between the edges, share of the thickness, lean of the normal along the band.
    profile = [(0.0, None, -0.5), (0.0, 0.6, -0.9), (0.25, 1.0, -0.3), (0.75, 1.0, 0.3), (1.0, 0.6, 0.9)]
    profile.append((1.0, 0.5 if hollow else None, 0.5))
    place, normal, corners, weights = [], [], [], []
    for share, height, lean in profile:
        skin = (1 - share) * spans[0] + share * spans[1]
        out = skin - skin.mean(0)
        out -= (out @ ahead)[:, None] * ahead
        out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-12
        rise = -_SUNK_M if height is None else height * thick_m * (1 + bump * near)
        place.append(skin + out * np.reshape(rise, (-1, 1)))
        facing = out + lean * ahead
        normal.append(facing / np.linalg.norm(facing, axis=1, keepdims=True))
        nearer = edges[int(share > 0.5)]
        corners.append(nearer.corners)
        weights.append(nearer.weights)
    count = len(profile)
    return Solid(
        np.concatenate(place), np.concatenate(normal), _tube_faces(count, sides),
        np.concatenate(corners), np.concatenate(weights), np.tile(near > 0.5, count).astype(float),
    )  # fmt: skip


def watch_case(
    renderer: Renderer, edges: tuple[Loop, Loop], *, radius_m: float, thick_m: float, square: float
) -> Solid:
    """A watch's case on the back of the wrist, between the strap's edges; its dial is its trim. square: 0 is round,
    1 nearly square."""
    low, high = ((renderer.vertices[e.corners] * e.weights[..., None]).sum(1) for e in edges)
    ahead = high.mean(0) - low.mean(0)
    ahead /= np.linalg.norm(ahead) + 1e-12
    base = (low[0] + high[0]) / 2
    out = base - (low.mean(0) + high.mean(0)) / 2
    out -= (out @ ahead) * ahead
    out /= np.linalg.norm(out) + 1e-12
    angle = np.arange(SIDES) * 2 * np.pi / SIDES
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    ring /= ((np.abs(ring) ** (2 + 4 * square)).sum(1) ** (1 / (2 + 4 * square)))[:, None]
    flat = ring[:, :1] * ahead + ring[:, 1:] * np.cross(ahead, out)
    place, normal, trim = [], [], []
    # Share of the radius, share of the thickness, lean of the normal outwards, part of the dial.
    for wide, high_up, lean, dial in (
        (0.9, -0.6, 1.0, 0), (1.0, 0.2, 1.0, 0), (1.0, 0.7, 0.9, 0), (0.86, 1.0, 0.25, 0), (0.84, 1.0, 0.0, 1),
        (0.0, 1.0, 0.0, 1),
    ):  # fmt: skip
        place.append(base + flat * radius_m * wide + out * thick_m * high_up)
        facing = flat * lean + out * (1 - 0.9 * lean)
        normal.append(facing / np.linalg.norm(facing, axis=1, keepdims=True))
        trim.append(np.full(SIDES, float(dial)))
    count = len(place)
    return Solid(
        np.concatenate(place), np.concatenate(normal), _tube_faces(count, SIDES),
        np.tile(edges[0].corners[:1], (count * SIDES, 1)), np.tile(edges[0].weights[:1], (count * SIDES, 1)),
        np.concatenate(trim),
    )  # fmt: skip


@lru_cache(maxsize=16)
def _tube_faces(rings: int, sides: int) -> Int[np.ndarray, "f 3"]:
    here = np.arange(rings - 1)[:, None] * sides + np.arange(sides)
    following = np.arange(rings - 1)[:, None] * sides + (np.arange(sides) + 1) % sides
    quads = np.stack([here, following, here + sides, following, following + sides, here + sides], -1)
    return quads.reshape(-1, 3).astype(np.int32)
