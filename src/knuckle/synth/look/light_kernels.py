"""Compiled lighting: ambient occlusion and shadow from low-resolution orthographic height maps of the posed
mesh.

Occlusion is found per vertex, not per pixel: the hand's mesh is about as fine as the pixels of a crop. Points
of the mesh are splatted along a few axes into height maps; a vertex is dark towards a direction when
something stands above it there. One map serves both directions of its axis. This replaces screen-space
sampling.
"""

import numpy as np
from numba import njit

MAP_CELLS = 44


@njit(cache=True, fastmath=True, inline="always")
def _basis(d):
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
        sx, sy, sz, tx, ty, tz = _basis(axes[k])
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


@njit(cache=True, fastmath=True)
def light_space(vertices, direction, centre, radius, cells, coordinates):
    """Vertices in a directional light's map: (column, row) cells and height towards the light in m."""
    sx, sy, sz, tx, ty, tz = _basis(direction)
    scale = 0.5 * cells / radius
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0] - centre[0], vertices[v, 1] - centre[1], vertices[v, 2] - centre[2]
        coordinates[v, 0] = (x * sx + y * sy + z * sz + radius) * scale
        coordinates[v, 1] = (x * tx + y * ty + z * tz + radius) * scale
        coordinates[v, 2] = x * direction[0] + y * direction[1] + z * direction[2]


@njit(cache=True, fastmath=True)
def shadow_map(coordinates, faces, height_map):
    """Height of the surface nearest the light in every cell (-1e9 where none)."""
    cells = height_map.shape[0]
    height_map[:] = -1e9
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = coordinates[i, 0], coordinates[i, 1], coordinates[i, 2]
        bx, by, bz = coordinates[j, 0], coordinates[j, 1], coordinates[j, 2]
        cx, cy, cz = coordinates[k, 0], coordinates[k, 1], coordinates[k, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= 1e-12:
            # Faces turned away from the light lie behind others anyway.
            continue
        left, right = max(0, int(np.ceil(min(ax, bx, cx)))), min(cells - 1, int(np.floor(max(ax, bx, cx))))
        top, bottom = max(0, int(np.ceil(min(ay, by, cy)))), min(cells - 1, int(np.floor(max(ay, by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                wa = (bx - x) * (cy - y) - (by - y) * (cx - x)
                wb = (cx - x) * (ay - y) - (cy - y) * (ax - x)
                wc = (ax - x) * (by - y) - (ay - y) * (bx - x)
                if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                    h = (wa * az + wb * bz + wc * cz) / area
                    height_map[y, x] = max(height_map[y, x], h)


@njit(cache=True, fastmath=True)
def direct(vertices, normals, lights, colours, wrap, roughness, diffuse, specular):
    """Light from directional lights at every vertex: diffuse (L, V, 3), wrapped per channel, and specular (L,
    V).

    lights (L, 3): unit, towards the light, camera frame. wrap (3,): how far light reaches round the
    terminator, most in red, as in skin. specular: Blinn-Phong lobe with Schlick's Fresnel term.
    """
    for m in range(lights.shape[0]):
        lx, ly, lz = lights[m, 0], lights[m, 1], lights[m, 2]
        for v in range(vertices.shape[0]):
            nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
            cosine = nx * lx + ny * ly + nz * lz
            for c in range(3):
                lit = max((cosine + wrap[c]) / (1.0 + wrap[c]), 0.0)
                diffuse[m, v, c] = colours[m, c] * lit
            specular[m, v] = 0.0
            if cosine > 0.0:
                px, py, pz = vertices[v, 0], vertices[v, 1], vertices[v, 2]
                length = np.sqrt(px * px + py * py + pz * pz) + 1e-12
                hx, hy, hz = lx - px / length, ly - py / length, lz - pz / length
                size = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-12
                half = max((nx * hx + ny * hy + nz * hz) / size, 0.0)
                grazing = 1.0 - max((lx * hx + ly * hy + lz * hz) / size, 0.0)
                fresnel = 0.03 + 0.97 * grazing**5
                specular[m, v] = fresnel * (roughness + 8.0) / 8.0 * half**roughness * cosine


@njit(cache=True, fastmath=True)
def combine(
    share, tint, light, diffuse, specular, colours, back, palm, nail, cloth, palm_share, nail_share, gloss,
    nail_gloss,
    first_sleeve_vertex, hand_vertices, vertices, normals, attributes,
):  # fmt: skip
    """Fill the first 11 vertex attributes (see `shade`); returns the mean luminance of light on the hand's
    front.

    share (V, 3): the unoccluded part of the ambient light, raised to the powers `tint` (3,).
    """
    total, seen = 0.0, 0
    second = 0.2126 * colours[1, 0] + 0.7152 * colours[1, 1] + 0.0722 * colours[1, 2]
    for v in range(attributes.shape[0]):
        sleeve = v >= first_sleeve_vertex
        level, luminance, key_luminance = share[v, 1], 0.0, 0.0
        ambient_luminance = 0.0
        for c in range(3):
            skin = back[c] + (palm[c] - back[c]) * palm_share[v]
            skin += (nail[c] - skin) * nail_share[v]
            open_share = share[v, c] ** tint[c]
            base = light[v, c] * open_share + diffuse[1, v, c] * level
            weight = 0.2126 if c == 0 else 0.7152 if c == 1 else 0.0722
            luminance += weight * base
            key_luminance += weight * diffuse[0, v, c]
            ambient_luminance += weight * light[v, c]
            attributes[v, c] = cloth[c] if sleeve else skin
            attributes[v, 3 + c] = base
            # A key light is partly diffuse itself, so corners darken it too.
            attributes[v, 6 + c] = diffuse[0, v, c] * (0.45 + 0.55 * open_share)
        shine = 0.0 if sleeve else gloss + (nail_gloss - gloss) * nail_share[v]
        attributes[v, 9] = specular[0, v] * shine
        attributes[v, 10] = (specular[1, v] * second + 0.02 * ambient_luminance) * level * shine
        if v < hand_vertices:
            facing = (
                normals[v, 0] * vertices[v, 0]
                + normals[v, 1] * vertices[v, 1]
                + normals[v, 2] * vertices[v, 2]
            )
            if facing < 0.0:
                total += luminance + 0.7 * key_luminance
                seen += 1
    return total / max(seen, 1)
