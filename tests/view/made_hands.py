"""Hands made of ellipsoids, for tests of pictures and files: no rig needed."""

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.hands import Hands


def ball(centre_m, radius_m, *, rings=10, segments=16):
    """A closed ellipsoid, wound outwards in the camera frame."""
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = np.arange(segments) * 2 * np.pi / segments
    t, p = (a.ravel() for a in np.meshgrid(theta, phi, indexing="ij"))
    unit = np.stack([np.cos(t), np.sin(t) * np.cos(p), np.sin(t) * np.sin(p)], -1)
    unit = np.concatenate([unit, [[1, 0, 0], [-1, 0, 0]]])
    faces = []
    for s in range(segments):
        n = (s + 1) % segments
        for r in range(rings - 2):
            a, b = r * segments + s, r * segments + n
            faces += [(a, a + segments, b), (b, a + segments, b + segments)]
        last = (rings - 2) * segments
        faces += [(len(unit) - 2, s, n), (len(unit) - 1, last + n, last + s)]
    return unit * radius_m + centre_m, np.array(faces)


def made_hands(
    camera=None, *, centres_m=((-0.08, 0.0, 0.5), (0.08, 0.02, 0.5)), sides=("left", "right"), radius_m=0.06
):
    """One ellipsoid a hand, its 21 joints in a grid inside."""
    camera = Camera(400.0, 400.0, 159.5, 119.5, 320, 240) if camera is None else camera
    grid = np.stack(np.meshgrid([-0.5, -0.2, 0.2], np.linspace(-0.5, 0.5, 7)), -1).reshape(-1, 2)
    scale = np.array([radius_m, radius_m, radius_m * 0.7])
    vertices, joints = [], []
    for centre, side in zip(centres_m, sides, strict=True):
        points, faces = ball(np.zeros(3), scale)
        sign = np.array([1 if side == "right" else -1, 1, 1])
        vertices.append(points * sign + centre)
        joints.append(np.concatenate([grid * radius_m, np.zeros((21, 1))], 1) * sign + centre)
    joints = np.array(joints)
    uv = camera.project(joints)
    count = len(sides)
    return Hands(
        camera,
        sides=sides,
        confidence=np.linspace(0.987654321, 0.4, count),
        boxes_px=np.concatenate([uv.min(1), np.ptp(uv, axis=1)], 1),
        joints_px=uv,
        joints_m=joints,
        vertices_m=np.array(vertices),
        pose_rad=np.random.default_rng(0).normal(size=(count, 16, 3)),
        shape=np.random.default_rng(1).normal(size=(count, 10)),
        model="dahyf-lite",
        faces=faces,
    )
