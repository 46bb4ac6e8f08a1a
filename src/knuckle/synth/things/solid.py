"""Simple solids a hand may hold: turned bodies, boxes and superellipsoids, as signed distances."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

TURNED, BOX, BLOB = 0, 1, 2
PROFILE = 14
"""Points of a turned body's profile."""


class Solids(NamedTuple):
    """n solids, each in its own frame (m): y is the long axis, z the one across which fingers hold it."""

    kind: Int[np.ndarray, "n"]
    """TURNED, BOX or BLOB."""
    half: Float[np.ndarray, "n 3"]
    """Half extents; of a turned body its largest radius, half its length, its largest radius."""
    edge: Float[np.ndarray, "n"]
    """Radius of a box's edges; a blob's exponent (2 is an ellipsoid)."""
    profile: Float[np.ndarray, "n p 2"]
    """(radius, y) of a turned body from its foot to its head, y never falling; zero for others."""

    def rows(self, chosen: Int[np.ndarray, "m"] | Bool[np.ndarray, "n"]) -> "Solids":
        """Some of the solids."""
        return Solids(*(array[chosen] for array in self))


def turned(outline: Sequence[tuple[float, float]]) -> Solids:
    """One body of revolution about y through (radius, y) points, y never falling."""
    profile = refined(np.array(outline, np.float64), PROFILE)
    radius, length = profile[:, 0].max(), profile[-1, 1] - profile[0, 1]
    return Solids(
        np.array([TURNED]),
        np.array([[radius, length / 2, radius]]),
        np.zeros(1),
        np.ascontiguousarray(profile[None]),
    )


def box(half: Sequence[float], edge: float) -> Solids:
    """One box with rounded edges."""
    return Solids(np.array([BOX]), np.array([half], np.float64), np.array([edge]), np.zeros((1, PROFILE, 2)))


def blob(half: Sequence[float], exponent: float) -> Solids:
    """One superellipsoid; exponent 2 is an ellipsoid, 4 nearly a box."""
    return Solids(
        np.array([BLOB]), np.array([half], np.float64), np.array([exponent]), np.zeros((1, PROFILE, 2))
    )


def stacked(solids: Sequence[Solids]) -> Solids:
    """Several solids as one."""
    return Solids(*(np.concatenate(arrays) for arrays in zip(*solids, strict=True)))


def refined(outline: Float[np.ndarray, "k 2"], count: int) -> Float[np.ndarray, "m 2"]:
    """A polyline with its longest stretches halved until it has `count` points."""
    points = [tuple(point) for point in outline]
    while len(points) < count:
        steps = np.linalg.norm(np.diff(np.array(points), axis=0), axis=1)
        k = int(steps.argmax())
        points.insert(k + 1, tuple((np.array(points[k]) + points[k + 1]) / 2))
    return np.array(points)


@njit(cache=True)
def signed_distance(kind, half, edge, profile, points, distance):
    """Distance (n, m) in metres of points (n, m, 3) in the solids' own frames from their surfaces, negative inside.

    Exact for turned bodies and boxes; for blobs to first order, which is right near the surface.
    """
    for i in range(points.shape[0]):
        for k in range(points.shape[1]):
            x, y, z = points[i, k, 0], points[i, k, 1], points[i, k, 2]
            if kind[i] == 0:
                distance[i, k] = _from_turned(profile[i], np.sqrt(x * x + z * z), y)
            elif kind[i] == 1:
                r = edge[i]
                a, b, c = abs(x) - half[i, 0] + r, abs(y) - half[i, 1] + r, abs(z) - half[i, 2] + r
                outside = np.sqrt(max(a, 0.0) ** 2 + max(b, 0.0) ** 2 + max(c, 0.0) ** 2)
                distance[i, k] = outside + min(max(a, b, c), 0.0) - r
            else:
                e = edge[i]
                a, b, c = abs(x) / half[i, 0], abs(y) / half[i, 1], abs(z) / half[i, 2]
                total = a**e + b**e + c**e + 1e-9
                value = total ** (1.0 / e)
                scale = total ** (1.0 / e - 1.0)
                gx, gy, gz = (
                    a ** (e - 1.0) / half[i, 0],
                    b ** (e - 1.0) / half[i, 1],
                    c ** (e - 1.0) / half[i, 2],
                )
                slope = scale * np.sqrt(gx * gx + gy * gy + gz * gz) + 1e-9
                distance[i, k] = (value - 1.0) / slope


@njit(cache=True)
def _from_turned(profile, rho, y):
    nearest, inside = 1e9, False
    for s in range(profile.shape[0] - 1):
        ar, ay, br, by = profile[s, 0], profile[s, 1], profile[s + 1, 0], profile[s + 1, 1]
        dr, dy = br - ar, by - ay
        t = min(max(((rho - ar) * dr + (y - ay) * dy) / (dr * dr + dy * dy + 1e-18), 0.0), 1.0)
        er, ey = rho - ar - t * dr, y - ay - t * dy
        nearest = min(nearest, er * er + ey * ey)
        if ay <= y < by and rho < ar + (y - ay) / dy * dr:
            inside = True
    return -np.sqrt(nearest) if inside else np.sqrt(nearest)


def clearance(
    solids: Solids,
    axes: Float[np.ndarray, "n 3 3"],
    centre: Float[np.ndarray, "n 3"],
    points: Float[np.ndarray, "n m 3"],
) -> Float[np.ndarray, "n m"]:
    """Signed distance (m) of points from solids that stand at `centre`; axes: their x, y, z as columns."""
    own = np.ascontiguousarray((points - centre[:, None]).astype(np.float64) @ axes)
    distance = np.empty(own.shape[:2])
    signed_distance(*solids, own, distance)
    return distance
