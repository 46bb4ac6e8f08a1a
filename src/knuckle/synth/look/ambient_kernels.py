"""Compiled ambient light and occlusion, from low-resolution orthographic height maps of the posed mesh.

Occlusion is found per vertex, not per pixel: the hand's mesh is about as fine as the pixels of a crop. Points
of the mesh are splatted along a few axes into height maps; a vertex is dark towards a direction when
something stands above it there. One map serves both directions of its axis. This replaces screen-space
sampling.
"""

import numpy as np
from numba import njit

MAP_CELLS = 44


@njit(cache=True, fastmath=True, inline="always")
def basis(d):
    """Two unit vectors orthogonal to d and to each other."""
    if abs(d[2]) < 0.9:
        ax, ay, az = -d[1], d[0], 0.0
    else:
        ax, ay, az = 0.0, -d[2], d[1]
    length = np.sqrt(ax * ax + ay * ay + az * az)
    ax, ay, az = ax / length, ay / length, az / length
    return ax, ay, az, d[1] * az - d[2] * ay, d[2] * ax - d[0] * az, d[0] * ay - d[1] * ax


@njit(cache=True, fastmath=True, inline="always")
def _rotate(r, x, y, z):
    return (
        r[0, 0] * x + r[0, 1] * y + r[0, 2] * z,
        r[1, 0] * x + r[1, 1] * y + r[1, 2] * z,
        r[2, 0] * x + r[2, 1] * y + r[2, 2] * z,
    )


@njit(cache=True, fastmath=True, inline="always")
def radiance(sh, x, y, z, channel):
    """Second-order spherical harmonics sh (9, 3) evaluated at a unit direction of the environment's frame."""
    return (
        0.282095 * sh[0, channel]
        + 0.488603 * (sh[1, channel] * y + sh[2, channel] * z + sh[3, channel] * x)
        + 1.092548 * (sh[4, channel] * x * y + sh[5, channel] * y * z + sh[7, channel] * x * z)
        + 0.315392 * sh[6, channel] * (3.0 * z * z - 1.0)
        + 0.546274 * sh[8, channel] * (x * x - y * y)
    )


@njit(cache=True, fastmath=True)
def ambient(
    vertices, normals, faces, centre, radius, axes, sh, env_from_camera, low, high, middles, ratio, light
):
    """Ambient light (V, 3) that reaches every vertex: irradiance / pi from `sh`, times the unoccluded share.

    axes (K, 3): K axes, 2K directions. The share is weighted by the radiance from each direction, so light
    from a window is blocked by a finger before it, not by one behind. low, high: (cells, cells) scratch;
    middles: (F, 3) scratch for the faces' centres.
    """
    count, cells = vertices.shape[0], low.shape[0]
    scale = 0.5 * cells / radius
    ratio[:] = 1e-4
    light[:] = 1e-4
    for f in range(faces.shape[0]):
        i, j, m = faces[f, 0], faces[f, 1], faces[f, 2]
        for c in range(3):
            middles[f, c] = (vertices[i, c] + vertices[j, c] + vertices[m, c]) / 3.0
    for k in range(axes.shape[0]):
        dx, dy, dz = axes[k, 0], axes[k, 1], axes[k, 2]
        sx, sy, sz, tx, ty, tz = basis(axes[k])
        low[:] = 1e9
        high[:] = -1e9
        s0 = centre[0] * sx + centre[1] * sy + centre[2] * sz - radius
        t0 = centre[0] * tx + centre[1] * ty + centre[2] * tz - radius
        for f in range(faces.shape[0]):
            x, y, z = middles[f, 0], middles[f, 1], middles[f, 2]
            u = int((x * sx + y * sy + z * sz - s0) * scale)
            v = int((x * tx + y * ty + z * tz - t0) * scale)
            if u < 0 or v < 0 or u >= cells or v >= cells:
                continue
            h = x * dx + y * dy + z * dz
            low[v, u] = min(low[v, u], h)
            high[v, u] = max(high[v, u], h)
        ex, ey, ez = _rotate(env_from_camera, dx, dy, dz)
        front = (max(radiance(sh, ex, ey, ez, 0), 0.02), max(radiance(sh, ex, ey, ez, 1), 0.02),
                 max(radiance(sh, ex, ey, ez, 2), 0.02))  # fmt: skip
        back = (max(radiance(sh, -ex, -ey, -ez, 0), 0.02), max(radiance(sh, -ex, -ey, -ez, 1), 0.02),
                max(radiance(sh, -ex, -ey, -ez, 2), 0.02))  # fmt: skip
        for v in range(count):
            nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
            cosine = nx * dx + ny * dy + nz * dz
            towards = abs(cosine)
            if towards < 0.03:
                continue
            # Off the surface by a few mm, and a bias growing with the slope, or a face would shade itself.
            x, y, z = vertices[v, 0] + 0.004 * nx, vertices[v, 1] + 0.004 * ny, vertices[v, 2] + 0.004 * nz
            a = int((x * sx + y * sy + z * sz - s0) * scale)
            b = int((x * tx + y * ty + z * tz - t0) * scale)
            blocked = 0.0
            if 0 <= a < cells and 0 <= b < cells:
                h = x * dx + y * dy + z * dz
                gap = high[b, a] - h if cosine > 0.0 else h - low[b, a]
                bias = 0.001 + min(0.7 / (scale * towards), 0.014)
                blocked = min(max((gap - bias) / 0.006, 0.0), 1.0)
            for c in range(3):
                weight = towards * (front[c] if cosine > 0.0 else back[c])
                light[v, c] += weight
                ratio[v, c] += weight * (1.0 - blocked)
    for v in range(count):
        x, y, z = _rotate(env_from_camera, normals[v, 0], normals[v, 1], normals[v, 2])
        for c in range(3):
            # Ramamoorthi and Hanrahan 2001: bands weigh 1, 2/3 and 1/4 after the division by pi.
            band1 = 0.488603 * (sh[1, c] * y + sh[2, c] * z + sh[3, c] * x)
            band0 = 0.282095 * sh[0, c]
            band2 = radiance(sh, x, y, z, c) - band0 - band1
            irradiance = band0 + band1 * 2.0 / 3.0 + band2 * 0.25
            ratio[v, c] = ratio[v, c] / light[v, c]
            light[v, c] = max(irradiance, 0.06 * band0)


@njit(cache=True, fastmath=True)
def smooth_over_faces(values, faces, total, weight):
    """One round of averaging (V, 3) values over the faces round each vertex, in place."""
    total[:] = 0.0
    weight[:] = 0.0
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        for c in range(3):
            mean = (values[i, c] + values[j, c] + values[k, c]) / 3.0
            total[i, c] += mean
            total[j, c] += mean
            total[k, c] += mean
        weight[i] += 1.0
        weight[j] += 1.0
        weight[k] += 1.0
    for v in range(values.shape[0]):
        if weight[v] > 0.0:
            for c in range(3):
                values[v, c] = total[v, c] / weight[v]
