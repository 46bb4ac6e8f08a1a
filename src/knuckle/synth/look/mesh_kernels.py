"""Compiled geometry of one sample: normals, projection into the crop, visibility of joints."""

import numpy as np
from numba import njit


@njit(cache=True)
def vertex_normals(vertices, faces, normals):
    """Area-weighted unit normals (V, 3) of a welded mesh, outward for faces wound counter-clockwise."""
    normals[:] = 0.0
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = (
            vertices[j, 0] - vertices[i, 0],
            vertices[j, 1] - vertices[i, 1],
            vertices[j, 2] - vertices[i, 2],
        )
        vx, vy, vz = (
            vertices[k, 0] - vertices[i, 0],
            vertices[k, 1] - vertices[i, 1],
            vertices[k, 2] - vertices[i, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (i, j, k):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(normals.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + 1e-20
        for c in range(3):
            normals[v, c] /= length


@njit(cache=True)
def project_to_patch(vertices, camera, patch_from_frame, projected):
    """Camera-frame vertices (V, 3) m to (u, v) px of the crop and depth m."""
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    a = patch_from_frame
    for v in range(vertices.shape[0]):
        z = vertices[v, 2]
        projected[v, 2] = z
        if z <= 1e-6:
            continue
        x, y = vertices[v, 0] / z * fx + cx, vertices[v, 1] / z * fy + cy
        projected[v, 0] = a[0, 0] * x + a[0, 1] * y + a[0, 2]
        projected[v, 1] = a[1, 0] * x + a[1, 1] * y + a[1, 2]


@njit(cache=True)
def joint_visibility(
    joints_px, joint_depth, joint_part, parents, reach, face_id, depth, face_part, occluder, visible
):
    """Which joints the camera sees, from the doubled z-buffer of the whole scene.

    A joint lies inside the hand, so it counts as seen when the nearest surface at its pixel belongs to its
    own part or a neighbour in the chain, lies at most reach[j] m in front of it, and no foreground object
    covers it.
    """
    height, width = face_id.shape
    for j in range(joints_px.shape[0]):
        visible[j] = False
        x, y = int(np.rint(2.0 * joints_px[j, 0] + 0.5)), int(np.rint(2.0 * joints_px[j, 1] + 0.5))
        if x < 0 or y < 0 or x >= width or y >= height:
            continue
        if occluder[y // 2, x // 2] > 127:
            continue
        f = face_id[y, x]
        if f < 0:
            # A joint of a thin finger may project just outside its own silhouette: nothing hides it.
            visible[j] = True
            continue
        part = face_part[f]
        if part < 0:
            continue
        own = joint_part[j]
        related = part == own or parents[part] == own or parents[own] == part
        visible[j] = related and joint_depth[j] - depth[y, x] < reach[j]
