"""The lines of a hand's skin: creases of the fingers, lines of the palm, veins of the back. Each gives a depth of every
texel, 0 where there is none."""

import numpy as np

from knuckle.synth.look.texels import Texels


def finger_creases(texels: Texels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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


def palm_lines(texels: Texels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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


def veins(texels: Texels, rng: np.random.Generator) -> np.ndarray:
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


def _distance(points: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Distance of points (n, 2) to the nearest of a curve's points."""
    x, y = curve.astype(np.float32).T
    return np.sqrt(((points[:, :1] - x) ** 2 + (points[:, 1:] - y) ** 2).min(1))
