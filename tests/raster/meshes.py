"""Meshes on the screen for the rasterisers' tests: vertices are (u px, v px, depth m)."""

import numpy as np


def triangle_soup(rng, *, count=60, size=48, spread=20.0):
    """Random triangles of all sizes, many of them crossing the picture's edge or lying outside."""
    centres = rng.uniform(-0.2 * size, 1.2 * size, (count, 1, 2))
    corners = centres + rng.normal(scale=spread, size=(count, 3, 2)) * rng.uniform(0.02, 1, (count, 1, 1))
    depth = rng.uniform(0.3, 1.2, (count, 3, 1))
    return np.concatenate([corners, depth], -1).reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)


def sphere(*, size=48, rings=12, segments=17, radius=0.4, centre=(0.5, 0.5), stretch=1.2):
    """A closed ellipsoid, wound outwards in the camera frame, with poles facing left and right."""
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = np.arange(segments) * 2 * np.pi / segments
    ring = np.stack(
        [
            np.repeat(np.cos(theta), segments),
            (np.sin(theta)[:, None] * np.cos(phi)).ravel(),
            (np.sin(theta)[:, None] * np.sin(phi)).ravel(),
        ],
        -1,
    )
    unit = np.concatenate([ring, [[1, 0, 0], [-1, 0, 0]]])
    faces = []
    for r in range(rings - 2):
        for s in range(segments):
            a, b = r * segments + s, r * segments + (s + 1) % segments
            faces += [(a, b, a + segments), (b, b + segments, a + segments)]
    first, last = len(ring), len(ring) + 1
    bottom = (rings - 2) * segments
    for s in range(segments):
        faces += [(first, (s + 1) % segments, s), (last, bottom + s, bottom + (s + 1) % segments)]
    # Sheared, so that no two silhouette edges fall on each other.
    unit = unit @ np.array([[1, 0, 0], [0, 1, 0], [0.23, -0.13, 1]])
    scale = np.array([radius * size, radius * size * stretch, 0.1])
    offset = np.array([centre[0] * size, centre[1] * size, 0.6])
    return unit * scale + offset, np.array(faces)


def grid(*, cells=7, step=6.0, offset=3.0, jitter=0.0, rng=None):
    """A flat square of triangles; without jitter its edges run through pixel centres."""
    ticks = offset + step * np.arange(cells + 1)
    u, v = np.meshgrid(ticks, ticks)
    points = np.stack([u.ravel(), v.ravel(), np.full(u.size, 0.5)], -1)
    if rng is not None:
        points[:, :2] += rng.uniform(-jitter, jitter, (len(points), 2))
    corner = np.arange((cells + 1) ** 2).reshape(cells + 1, -1)
    a, b, c, d = (x.ravel() for x in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]))
    return points, np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])
