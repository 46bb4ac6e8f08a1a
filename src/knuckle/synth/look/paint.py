"""Painted detail maps of the skin: creases, palm lines, knuckles, veins and blotches in texture space.

Everything is drawn from the place a texel has on the rest hand, so texture seams do not show. 128 means
unchanged.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.raster.numba_raster import rasterise
from knuckle.rig.rig import HandRig
from knuckle.synth.body.arm import SceneMesh, build_mesh

MAP_SIZE = 256
_RED = np.array([0.25, 1.0, 0.9])
"""How much a crease darkens each channel: blood and bounced light keep it red."""


@dataclass(frozen=True, eq=False)
class Texels:
    """Where the hand's texels lie on the rest mesh (m), and how far each is on the palm's side (0..1)."""

    filled: Bool[np.ndarray, "s s"]
    place: Float[np.ndarray, "n 3"]
    palm: Float[np.ndarray, "n"]
    joints: Float[np.ndarray, "21 3"]
    axes: Float[np.ndarray, "16 3 3"]
    loop_centre: Float[np.ndarray, "3"]


def find_texels(rig: HandRig, mesh: SceneMesh) -> Texels:
    """Rasterise the hand's texture coordinates."""
    faces = mesh.faces[: mesh.first_arm]
    corners = mesh.uv_corner[: mesh.first_arm].reshape(-1, 2).astype(float)
    uv_px = np.concatenate([corners * MAP_SIZE - 0.5, np.ones((len(corners), 1))], 1)
    face_id, _, bary = rasterise(uv_px, np.arange(len(uv_px)).reshape(-1, 3), MAP_SIZE, MAP_SIZE)
    filled = face_id >= 0
    triangles, weights = faces[face_id[filled]], bary[filled].astype(float)
    palm_side = np.zeros(len(rig.vertices)) if rig.palm_side is None else np.asarray(rig.palm_side) / 255.0
    return Texels(
        filled=filled,
        place=(rig.vertices[triangles] * weights[..., None]).sum(1),
        palm=(palm_side[triangles] * weights).sum(1),
        joints=np.asarray(rig.joints_rest_m, float),
        axes=np.asarray(rig.axes, float),
        loop_centre=rig.vertices[mesh.loop].mean(0),
    )


@lru_cache(maxsize=2)
def texels_of(rig: HandRig) -> Texels:
    """`find_texels` of a rig, found once a process."""
    return find_texels(rig, build_mesh(rig))


@lru_cache(maxsize=128)
def hand_map(rig: HandRig, seed: int) -> UInt8[np.ndarray, "s s 3"]:
    """One person's detail map of a rig; painted once a process (0.1 s)."""
    return paint_hand(texels_of(rig), seed)


def paint_hand(texels: Texels, seed: int) -> UInt8[np.ndarray, "s s 3"]:
    """One person's detail map. The same texels and seed give the same map."""
    rng = np.random.default_rng([seed, 0x5EED])
    place, palm, joints = texels.place, np.clip(texels.palm, 0, 1), texels.joints
    shade = np.ones((len(place), 3))
    blotch = waves(place, rng, [0.05, 0.025, 0.012], [1, 0.7, 0.5])
    pores = waves(place, rng, [0.005, 0.0035], [1, 1])
    shade += (0.03 * rng.uniform(0.5, 1.6) * blotch)[:, None] * [0.6, 1.0, 1.0]
    shade += 0.015 * rng.uniform(0.3, 1.5) * pores[:, None]
    # Blood shows at fingertips, knuckles and the heel of the hand.
    blush = np.zeros(len(place))
    for j in (4, 8, 12, 16, 20):
        blush += _near(place, joints[j], 0.010) * rng.uniform(0.3, 1.0)
    for j in (5, 9, 13, 17, 6, 10, 14, 18, 2, 3):
        blush += _near(place, joints[j], 0.011) * (1 - palm) * rng.uniform(0.2, 1.0)
    heel = joints[0] + 0.35 * (joints[17] - joints[0])
    blush += (_near(place, heel, 0.018) + _near(place, joints[1], 0.016)) * palm * rng.uniform(0.2, 0.9)
    shade -= np.clip(blush, 0, 1.2)[:, None] * np.array([-0.02, 0.10, 0.08]) * rng.uniform(0.4, 1.5)
    depth = np.zeros(len(place))
    strength = rng.uniform(0.5, 1.3)
    depth += strength * _finger_creases(texels, palm, rng)
    depth += strength * _palm_lines(texels, palm, rng)
    shade -= np.clip(depth, 0, 1)[:, None] * _RED * rng.uniform(0.3, 0.55)
    veins = _veins(texels, rng) * np.clip(1 - 1.6 * palm, 0, 1) * rng.uniform(0.0, 1.0)
    shade -= veins[:, None] * np.array([0.13, 0.05, -0.02])
    if rng.random() < 0.35:
        for spot in place[rng.integers(len(place), size=int(rng.integers(3, 30)))]:
            shade -= _near(place, spot, rng.uniform(0.0006, 0.0016))[:, None] * [0.15, 0.25, 0.3]
    # Towards the wrist's edge all fades to plain skin, where the arm goes on.
    fade = np.clip(np.linalg.norm(place - texels.loop_centre, axis=1) / 0.03 - 1.0, 0, 1)[:, None]
    image = np.full((MAP_SIZE, MAP_SIZE, 3), 128, np.uint8)
    image[texels.filled] = np.clip(128 * (1 + (shade - 1) * fade), 0, 255)
    return bleed(image, texels.filled)


@lru_cache(maxsize=128)
def paint_arm(seed: int) -> UInt8[np.ndarray, "64 64 3"]:
    """Detail of the forearm: blotches, veins, hair. Wraps round the arm; row 0 is at the wrist."""
    rng = np.random.default_rng([seed, 0xA23])
    size = 64
    noise = cv2.GaussianBlur(rng.normal(size=(3 * size, 3 * size)), (0, 0), 5)[size:-size, size:-size] * 9
    shade = 1 + 0.035 * noise[..., None] * [0.6, 1, 1]
    if rng.random() < 0.5:
        hair = np.zeros((size, size), np.float32)
        for _ in range(int(rng.integers(60, 400))):
            x, y = rng.integers(0, size, 2)
            dx, dy = rng.normal(0, 1.5), rng.uniform(1, 4)
            cv2.line(hair, (int(x), int(y)), (int(x + dx), int(y + dy)), rng.uniform(0.2, 1), 1, cv2.LINE_AA)
        shade -= hair[..., None] * rng.uniform(0.08, 0.3)
    fade = np.clip(np.arange(size) / 10 - 0.2, 0, 1)[:, None, None]
    return np.clip(128 * (1 + (shade - 1) * fade), 0, 255).astype(np.uint8)


@lru_cache(maxsize=128)
def paint_cloth(seed: int) -> UInt8[np.ndarray, "64 64 3"]:
    """A sleeve's pattern: plain weave, stripes round or along, checks, or blots."""
    rng = np.random.default_rng([seed, 0xC107])
    size = 64
    y, x = np.mgrid[0:size, 0:size] / size
    shade = np.ones((size, size, 3)) + 0.05 * rng.normal(size=(size, size, 1))
    kind = rng.random()
    waves = int(rng.integers(2, 12))
    contrast = rng.uniform(-0.6, 0.6, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(-0.6, 0.6))
    bands = (np.sin(2 * np.pi * waves * y) > rng.uniform(-0.8, 0.8)).astype(float)
    stripes = (np.sin(2 * np.pi * waves * x) > rng.uniform(-0.8, 0.8)).astype(float)
    if kind < 0.18:
        shade += bands[..., None] * contrast
    elif kind < 0.28:
        shade += stripes[..., None] * contrast
    elif kind < 0.38:
        shade += (0.5 * bands + 0.5 * stripes)[..., None] * contrast
    elif kind < 0.5:
        blots = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), 4)
        shade += (blots > 0.02)[..., None] * contrast
    fold = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), 3, sigmaY=9) * 10
    shade += 0.05 * fold[..., None]
    return np.clip(128 * shade, 0, 255).astype(np.uint8)


def waves(
    place: np.ndarray, rng: np.random.Generator, lengths: list[float], weights: list[float]
) -> np.ndarray:
    """Smooth noise of unit-like amplitude: sums of plane waves of the given wavelengths (m)."""
    total = np.zeros(len(place))
    for length, weight in zip(lengths, weights, strict=True):
        direction = rng.normal(size=(5, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        wave = 2 * np.pi / (length * rng.uniform(0.7, 1.4, 5))
        phase = place @ (direction * wave[:, None]).T + rng.uniform(0, 2 * np.pi, 5)
        total += weight * np.sin(phase).sum(1) * 0.45
    return total


def _distance(points: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Distance of points (n, 2) to the nearest of a curve's points."""
    x, y = curve.astype(np.float32).T
    return np.sqrt(((points[:, :1] - x) ** 2 + (points[:, 1:] - y) ** 2).min(1))


def _near(place: np.ndarray, point: np.ndarray, radius: float) -> np.ndarray:
    return np.exp(-((place - point) ** 2).sum(1) / (2 * radius**2))


def _finger_creases(texels: Texels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flexion creases on the palm's side and wrinkles on the back of every finger joint."""
    depth = np.zeros(len(texels.place))
    # Common joint, its MANO16 axis, crease offsets (mm towards the tip) on the palm's side, and wrinkles on
    # the back.
    table = [
        *((5, 1, (16, 18)), (6, 2, (-1.2, 1.2)), (7, 3, (0,))),
        *((9, 4, (18, 20)), (10, 5, (-1.2, 1.2)), (11, 6, (0,))),
        *((13, 10, (17, 19)), (14, 11, (-1.2, 1.2)), (15, 12, (0,))),
        *((17, 7, (15, 17)), (18, 8, (-1, 1)), (19, 9, (0,))),
        *((2, 14, (0, 2)), (3, 15, (-1, 1))),
    ]
    for joint, axis, offsets in table:
        away = texels.place - texels.joints[joint]
        along = away @ texels.axes[axis, 0]
        across = away @ texels.axes[axis, 2]
        within = np.linalg.norm(away - along[:, None] * texels.axes[axis, 0], axis=1) < 0.016
        for offset in offsets:
            wobble = 0.0006 * np.sin(across * rng.uniform(150, 500) + rng.uniform(0, 6))
            line = np.exp(-(((along - 0.001 * offset - wobble) / rng.uniform(0.0006, 0.001)) ** 2) / 2)
            depth += line * within * palm * rng.uniform(0.35, 1.0)
        if joint in (6, 7, 10, 11, 14, 15, 18, 19, 3):
            spread = 0.9 if joint in (7, 11, 15, 19) else 1.6
            for offset in np.arange(-1.5, 2) * spread + rng.normal(0, 0.3):
                arc = along - 0.001 * offset - across**2 * 25 * np.sign(offset)
                line = np.exp(-((arc / 0.0006) ** 2) / 2)
                depth += line * within * (1 - palm) * (np.abs(across) < 0.007) * rng.uniform(0.1, 0.6)
    return depth


def _palm_lines(texels: Texels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Heart, head and life line and some fine ones, as curves seen from the front of the palm."""
    j = texels.joints[:, :2]
    wrist, index, middle, ring, pinky, thumb = j[0], j[5], j[9], j[13], j[17], j[1]
    web = 0.62 * index + 0.38 * j[2]
    curves = [
        (pinky + 0.22 * (wrist - pinky), 0.78 * ring + 0.22 * wrist, middle + 0.05 * (index - middle), 1.0),
        (web, 0.5 * middle + 0.5 * wrist + [0.006, 0], 0.45 * pinky + 0.55 * wrist - [0.006, 0], 0.9),
        (web, 0.55 * middle + 0.45 * wrist, 0.9 * wrist + 0.1 * thumb - [0.004, 0], 1.0),
    ]
    for _ in range(int(rng.integers(1, 6))):
        start = wrist + (rng.uniform(0.2, 0.9) * (middle - wrist)) + rng.normal(0, 0.012, 2)
        curves.append((start, start + rng.normal(0, 0.008, 2), start + rng.normal(0, 0.016, 2), 0.35))
    # The wrist's bracelet lines.
    for step in (0.004, 0.010):
        middle_of, side = wrist + np.array([0.0, step]), np.array([0.02, 0.002])
        curves.append((middle_of - side, middle_of, middle_of + side * [1, -1], 0.5))
    t = np.linspace(0, 1, 28)[:, None]
    depth = np.zeros(len(texels.place))
    facing = np.flatnonzero(palm > 0.3)
    flat = texels.place[facing, :2].astype(np.float32)
    for a, b, c, weight in curves:
        a, b, c = (p + rng.normal(0, 0.003, 2) for p in (a, b, c))
        curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
        distance = _distance(flat, curve)
        line = np.exp(-((distance / rng.uniform(0.0007, 0.0012)) ** 2) / 2)
        depth[facing] += weight * rng.uniform(0.4, 1.0) * line * palm[facing]
    return depth


def _veins(texels: Texels, rng: np.random.Generator) -> np.ndarray:
    """Veins of the back of the hand: from between the knuckles towards the wrist."""
    j, total = texels.joints[:, :2], np.zeros(len(texels.place))
    t = np.linspace(0, 1, 24)[:, None]
    for a, b in ((5, 9), (9, 13), (13, 17), (17, 17)):
        start = (j[a] + j[b]) / 2 + rng.normal(0, 0.003, 2)
        end = j[0] + rng.normal(0, 0.010, 2)
        curve = start + t * (end - start) + np.sin(t * rng.uniform(3, 9)) * rng.normal(0, 0.003, 2)
        distance = _distance(texels.place[:, :2].astype(np.float32), curve)
        total += rng.uniform(0, 1) * np.exp(-((distance / rng.uniform(0.0012, 0.002)) ** 2) / 2)
    return np.clip(total, 0, 1)


def bleed(image: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Give the texels outside the chart the nearest one's value, so bilinear sampling sees no seam."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~filled).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label = np.asarray(nearest, np.int64)
    table = np.zeros((label.max() + 1, 3), np.uint8)
    table[label[filled]] = image[filled]
    return np.ascontiguousarray(table[label])
