"""Compiled shading of scenes: from the doubled z-buffer of many figures to an antialiased picture, in place."""

import numpy as np
from numba import njit

from knuckle.raster.numba_raster import barycentric
from knuckle.synth.look.shade import lit_share

ALBEDO, BASE, KEY, KEY_SPECULAR, BASE_SPECULAR, LIGHT_SPACE, COVER = 0, 3, 6, 9, 10, 11, 14
COVERS = 4
ATTRIBUTES = COVER + COVERS
"""Columns of the vertex attributes: those of `look.shade`, then the covers."""
OWN_ALBEDO, GLOSS, REPEAT, RED = 0, 1, 2, 3
"""Columns of the materials: whether the vertices' albedo is taken, gloss, repeats of the texture, albedo (3)."""


@njit(cache=True, fastmath=True, inline="always")
def _texel(texels, start, height, width, u, v):
    """Bilinear sample of a texture of a flat list, which wraps; 128 means 1."""
    x, y = (u - np.floor(u)) * width - 0.5, (v - np.floor(v)) * height - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    x0, y0 = x0 % width, y0 % height
    a, b = (1.0 - fx) * (1.0 - fy) / 128.0, fx * (1.0 - fy) / 128.0
    c, d = (1.0 - fx) * fy / 128.0, fx * fy / 128.0
    p, q = start + y0 * width, start + y1 * width
    return (
        texels[p + x0, 0] * a + texels[p + x1, 0] * b + texels[q + x0, 0] * c + texels[q + x1, 0] * d,
        texels[p + x0, 1] * a + texels[p + x1, 1] * b + texels[q + x0, 1] * c + texels[q + x1, 1] * d,
        texels[p + x0, 2] * a + texels[p + x1, 2] * b + texels[q + x0, 2] * c + texels[q + x1, 2] * d,
    )


@njit(cache=True, fastmath=True)
def shade_scene(
    projected, faces, attributes, uv_corner, face_material, face_figure, first_cover, materials, textures, texels,
    height_maps, softness, shadow_strength, key_colour, face_id, depth, exposure, curve, image,
):  # fmt: skip
    """Put the scene over an sRGB uint8 image, in place.

    Args:
        projected: (V, 3) px, px, m.
        faces: (F, 3).
        attributes: (V, ATTRIBUTES).
        uv_corner: (F, 3, 2).
        face_material: (F,) row of materials.
        face_figure: (F,) which figure's shadow map.
        first_cover: (figures,) row of the first of the covers' materials, -1 for figures without.
        materials: (M, 6), see OWN_ALBEDO.
        textures: (M, 3) first texel, height and width.
        texels: (T, 3), uint8.
        height_maps: (figures, cells, cells) of the key light.
        softness: of shadows, m.
        shadow_strength: 0..1.
        key_colour: (3,) linear.
        face_id: (2H, 2W).
        depth: (2H, 2W), m.
        exposure: times linear light.
        curve: sRGB value (0..255) of linear 0..4 in equal steps.
        image: (H, W, 3).
    """
    last = len(curve) - 1
    value = np.zeros(3)
    for py in range(image.shape[0]):
        for px in range(image.shape[1]):
            covered, nearest, farthest = 0, 1e9, 0.0
            for s in range(4):
                if face_id[2 * py + s // 2, 2 * px + s % 2] >= 0:
                    z = depth[2 * py + s // 2, 2 * px + s % 2]
                    covered += 1
                    nearest, farthest = min(nearest, z), max(farthest, z)
            if covered == 0:
                continue
            smooth = covered == 4 and farthest - nearest < 0.01 * nearest
            shaded = 0
            value[:] = 0.0
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
                material, figure = face_material[f], face_figure[f]
                if first_cover[figure] >= 0:
                    for m in range(COVERS):
                        n = COVER + m
                        if a * attributes[i, n] + b * attributes[j, n] + c * attributes[k, n] > 0.0:
                            material = first_cover[figure] + m
                            break
                u = a * uv_corner[f, 0, 0] + b * uv_corner[f, 1, 0] + c * uv_corner[f, 2, 0]
                v = a * uv_corner[f, 0, 1] + b * uv_corner[f, 1, 1] + c * uv_corner[f, 2, 1]
                repeat = materials[material, REPEAT]
                detail = _texel(
                    texels,
                    textures[material, 0],
                    textures[material, 1],
                    textures[material, 2],
                    u * repeat,
                    v * repeat,
                )
                m = LIGHT_SPACE
                lx = a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m]
                ly = a * attributes[i, m + 1] + b * attributes[j, m + 1] + c * attributes[k, m + 1]
                lz = a * attributes[i, m + 2] + b * attributes[j, m + 2] + c * attributes[k, m + 2]
                lit = 1.0 - shadow_strength * (1.0 - lit_share(height_maps[figure], lx, ly, lz, softness))
                m = KEY_SPECULAR
                gloss = lit * (a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m])
                sheen = a * attributes[i, m + 1] + b * attributes[j, m + 1] + c * attributes[k, m + 1]
                shine = materials[material, GLOSS]
                for channel in range(3):
                    albedo = materials[material, RED + channel]
                    if materials[material, OWN_ALBEDO] > 0.0:
                        m = ALBEDO + channel
                        albedo = a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m]
                    m, n = BASE + channel, KEY + channel
                    base = a * attributes[i, m] + b * attributes[j, m] + c * attributes[k, m]
                    key = a * attributes[i, n] + b * attributes[j, n] + c * attributes[k, n]
                    value[channel] += detail[channel] * albedo * (base + lit * key) + shine * (
                        gloss * key_colour[channel] + sheen
                    )
                if done:
                    break
            coverage = covered / 4.0
            for channel in range(3):
                linear = value[channel] / shaded * exposure * last / 4.0
                own = curve[min(max(int(linear), 0), last)]
                image[py, px, channel] = np.uint8(
                    image[py, px, channel] * (1.0 - coverage) + own * coverage + 0.5
                )


@njit(cache=True)
def count_samples(face_id, face_hand, hands, occluder, counts):
    """How many samples of the doubled buffer show each hand; occluder (H, W): what stands before all, over 127."""
    counts[:] = 0
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            f = face_id[y, x]
            if f >= 0 and occluder[y // 2, x // 2] <= 127:
                hand = face_hand[f]
                if 0 <= hand < hands:
                    counts[hand] += 1


@njit(cache=True)
def mark_figures(face_id, face_figure, shown):
    """Note in `shown` (figures,) which figures own a sample."""
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            if face_id[y, x] >= 0:
                shown[face_figure[face_id[y, x]]] = True
