"""Compiled directional lights: the key light's shadow map, each light at every vertex, and all light put together."""

import numpy as np
from numba import njit

from knuckle.synth.look.ambient_kernels import basis


@njit(cache=True, fastmath=True)
def light_space(vertices, direction, centre, radius, cells, coordinates):
    """Vertices in a directional light's map: (column, row) cells and height towards the light in m."""
    sx, sy, sz, tx, ty, tz = basis(direction)
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
