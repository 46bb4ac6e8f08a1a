"""Compiled shading: from the doubled z-buffer to an antialiased colour layer at crop resolution."""

import numpy as np
from numba import njit

from knuckle.raster.numba_raster import barycentric

ALBEDO, BASE, KEY, KEY_SPECULAR, BASE_SPECULAR, LIGHT_SPACE = 0, 3, 6, 9, 10, 11
ATTRIBUTES = 14
"""Columns of the vertex attributes: albedo (3), light that no shadow map touches (3), key light (3), the key
light's specular term, the rest's, and the vertex in the key light's map (3)."""


@njit(cache=True, fastmath=True, inline="always")
def _texture(texture, u, v):
    """Bilinear sample of an (H, W, 3) uint8 texture that wraps; 128 means 1; u and v lie in 0..1 or so."""
    height, width = texture.shape[0], texture.shape[1]
    x, y = u * width - 0.5, v * height - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    x0, y0 = min(max(x0, -1), width - 1), min(max(y0, -1), height - 1)
    x1, y1 = x0 + 1, y0 + 1
    x0, y0 = x0 if x0 >= 0 else width - 1, y0 if y0 >= 0 else height - 1
    x1, y1 = x1 if x1 < width else 0, y1 if y1 < height else 0
    a, b = (1.0 - fx) * (1.0 - fy) / 128.0, fx * (1.0 - fy) / 128.0
    c, d = (1.0 - fx) * fy / 128.0, fx * fy / 128.0
    return (
        texture[y0, x0, 0] * a + texture[y0, x1, 0] * b + texture[y1, x0, 0] * c + texture[y1, x1, 0] * d,
        texture[y0, x0, 1] * a + texture[y0, x1, 1] * b + texture[y1, x0, 1] * c + texture[y1, x1, 1] * d,
        texture[y0, x0, 2] * a + texture[y0, x1, 2] * b + texture[y1, x0, 2] * c + texture[y1, x1, 2] * d,
    )


@njit(cache=True, fastmath=True, inline="always")
def lit_share(height_map, x, y, h, softness):
    """Share of the key light that reaches a point: percentage-closer filtering with a soft threshold."""
    cells = height_map.shape[0]
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    if x0 < 0 or y0 < 0 or x0 >= cells - 1 or y0 >= cells - 1:
        return 1.0
    fx, fy = x - x0, y - y0
    total = 0.0
    for dy in range(2):
        for dx in range(2):
            weight = (fx if dx else 1.0 - fx) * (fy if dy else 1.0 - fy)
            gap = height_map[y0 + dy, x0 + dx] - h - 0.004
            total += weight * min(max(gap / softness, 0.0), 1.0)
    return 1.0 - total


@njit(cache=True, fastmath=True, inline="always")
def _reflected(attributes, i, j, k, a, b, c, lit, channel):
    """Diffuse light leaving a point of the face (i, j, k): albedo x (base + lit x key)."""
    m, n, o = ALBEDO + channel, BASE + channel, KEY + channel
    albedo = a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m]
    base = a * attributes[i, n] + b * attributes[j, n] + c * attributes[k, n]
    key = a * attributes[i, o] + b * attributes[j, o] + c * attributes[k, o]
    return albedo * (base + lit * key)


@njit(cache=True, fastmath=True)
def shade(
    projected, faces, attributes, uv_corner, first_arm, first_sleeve, hand_map, arm_map, cloth_map,
    height_map,
    softness, shadow_strength, key_colour, face_id, depth, layer,
):  # fmt: skip
    """Fill `layer` (S, S, 4): linear RGB times coverage, and coverage, from the (2S, 2S) z-buffer.

    Faces below first_arm take the hand's detail map, those below first_sleeve the arm's, the rest the
    cloth's. A pixel whose four samples lie on one surface is shaded once, at its centre; others once a
    sample.
    """
    size = layer.shape[0]
    for py in range(size):
        for px in range(size):
            covered, nearest, farthest = 0, 1e9, 0.0
            for s in range(4):
                if face_id[2 * py + s // 2, 2 * px + s % 2] >= 0:
                    z = depth[2 * py + s // 2, 2 * px + s % 2]
                    covered += 1
                    nearest, farthest = min(nearest, z), max(farthest, z)
            red, green, blue = 0.0, 0.0, 0.0
            if covered == 0:
                layer[py, px] = 0.0
                continue
            smooth = covered == 4 and farthest - nearest < 0.004
            shaded = 0
            a, b, c = 0.0, 0.0, 0.0
            for s in range(4):
                y, x = 2 * py + s // 2, 2 * px + s % 2
                f = face_id[y, x]
                if f < 0:
                    continue
                shaded += 1
                done = False
                if smooth:
                    a, b, c = barycentric(projected, faces, f, 2.0, 0.5, 2.0 * px + 0.5, 2.0 * py + 0.5)
                    # The centre may lie a little outside this face: fine, unless the face is a sliver.
                    done = min(a, b, c) > -0.6
                if not done:
                    a, b, c = barycentric(projected, faces, f, 2.0, 0.5, float(x), float(y))
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                u = a * uv_corner[f, 0, 0] + b * uv_corner[f, 1, 0] + c * uv_corner[f, 2, 0]
                v = a * uv_corner[f, 0, 1] + b * uv_corner[f, 1, 1] + c * uv_corner[f, 2, 1]
                m = LIGHT_SPACE
                lx = a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m]
                ly = a * attributes[i, m + 1] + b * attributes[j, m + 1] + c * attributes[k, m + 1]
                lz = a * attributes[i, m + 2] + b * attributes[j, m + 2] + c * attributes[k, m + 2]
                lit = 1.0 - shadow_strength * (1.0 - lit_share(height_map, lx, ly, lz, softness))
                m = KEY_SPECULAR
                gloss = lit * (a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m])
                sheen = a * attributes[i, m + 1] + b * attributes[j, m + 1] + c * attributes[k, m + 1]
                if f < first_arm:
                    detail = _texture(hand_map, u, v)
                elif f < first_sleeve:
                    detail = _texture(arm_map, u, v)
                else:
                    detail = _texture(cloth_map, u, v)
                red += (
                    detail[0] * _reflected(attributes, i, j, k, a, b, c, lit, 0)
                    + gloss * key_colour[0]
                    + sheen
                )
                green += (
                    detail[1] * _reflected(attributes, i, j, k, a, b, c, lit, 1)
                    + gloss * key_colour[1]
                    + sheen
                )
                blue += (
                    detail[2] * _reflected(attributes, i, j, k, a, b, c, lit, 2)
                    + gloss * key_colour[2]
                    + sheen
                )
                if done:
                    break
            coverage = covered / 4.0
            layer[py, px, 0] = red / shaded * coverage
            layer[py, px, 1] = green / shaded * coverage
            layer[py, px, 2] = blue / shaded * coverage
            layer[py, px, 3] = coverage


@njit(cache=True, fastmath=True)
def composite(layer, exposure, curve, image):
    """Put a linear, premultiplied layer (S, S, 4) over an sRGB uint8 image in place.

    curve: sRGB value (0..255) of linear 0..4 in len(curve) equal steps.
    """
    last = len(curve) - 1
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            coverage = layer[y, x, 3]
            if coverage <= 0.0:
                continue
            for c in range(3):
                linear = layer[y, x, c] / coverage * exposure * last / 4.0
                value = curve[min(max(int(linear), 0), last)]
                image[y, x, c] = np.uint8(image[y, x, c] * (1.0 - coverage) + value * coverage + 0.5)
