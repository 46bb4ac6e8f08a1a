"""The picture of a scene: figures projected, lit one by one, and shaded together over a background."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from numba import njit

from knuckle.geometry.camera import Camera
from knuckle.raster.numba_raster import fill_buffers
from knuckle.synth.look import ambient_kernels, light_kernels
from knuckle.synth.look.lighting import LUMINANCE, Light, srgb_curve
from knuckle.synth.look.mesh_kernels import project_to_patch, vertex_normals
from knuckle.synth.look.render import OCCLUSION_AXES, spread_axes
from knuckle.synth.scenes import kernels
from knuckle.synth.scenes.figure import Figure, Material

_SHADOW_CELLS = 256
_CELL_M, _LEAST_CELLS, _MOST_CELLS = 0.0055, 16, 128
"""Of the maps of ambient light: side of a cell, and how many a figure may have along a side."""
_OCCLUSION_TINT = np.array([0.78, 1.0, 1.08])
_WHOLE = np.array([[1.0, 0, 0], [0, 1, 0]])


@dataclass(frozen=True, eq=False)
class Drawn:
    """A rasterised scene: the doubled buffers, and the faces of all figures in one list."""

    figures: list[Figure]
    projected: Float[np.ndarray, "v 3"]
    """px, px, m."""
    faces: Int[np.ndarray, "f 3"]
    face_figure: Int[np.ndarray, "f"]
    face_hand: Int[np.ndarray, "f"]
    """Number among all hands of the scene, -1 elsewhere."""
    face_id: Int[np.ndarray, "hh ww"]
    depth: Float[np.ndarray, "hh ww"]

    @property
    def seen(self) -> set[int]:
        """Numbers of the figures that show."""
        shown = np.zeros(len(self.figures), bool)
        kernels.mark_figures(self.face_id, self.face_figure, shown)
        return set(np.flatnonzero(shown).tolist())


def draw(figures: list[Figure], camera: Camera) -> Drawn:
    """Rasterise figures before a camera. Faces seen from behind are left out."""
    firsts = np.cumsum([0, *(len(figure.vertices) for figure in figures)])
    hands = np.cumsum([0, *(len(figure.hands) for figure in figures)])
    projected = np.zeros((firsts[-1], 3))
    if figures:
        project_to_patch(np.concatenate([f.vertices for f in figures]), camera.vector, _WHOLE, projected)
    faces = [figure.faces + firsts[k] for k, figure in enumerate(figures)]
    own = [
        np.where(figure.face_hand >= 0, figure.face_hand + hands[k], -1) for k, figure in enumerate(figures)
    ]
    drawn = Drawn(
        figures=figures,
        projected=projected,
        faces=np.ascontiguousarray(np.concatenate([np.zeros((0, 3)), *faces]), np.int32),
        face_figure=np.repeat(np.arange(len(figures)), [len(f.faces) for f in figures]).astype(np.int32),
        face_hand=np.concatenate([np.zeros(0), *own]).astype(np.int32),
        face_id=np.full((2 * camera.height, 2 * camera.width), -1, np.int32),
        depth=np.full((2 * camera.height, 2 * camera.width), np.inf, np.float32),
    )
    fill_buffers(drawn.projected, drawn.faces, 2.0, 0.5, -1, drawn.face_id, drawn.depth)
    return drawn


@dataclass(frozen=True, eq=False)
class Lit:
    """The light on a scene: what its vertices get, and each figure's shadow map."""

    attributes: Float[np.ndarray, "v a"]
    maps: Float[np.ndarray, "figures cells cells"]
    light: Light
    mean: float
    """Brightness of what faces the camera."""


def paint(
    image: UInt8[np.ndarray, "h w 3"],
    drawn: Drawn,
    light: Light,
    turn: Float[np.ndarray, "3 3"],
    *,
    exposure: float,
) -> None:
    """Light and shade what is drawn, over the image.

    Args:
        image: changed in place.
        drawn: the rasterised scene.
        light: of all figures; each one casts shadows on itself only.
        turn: of the axes along which ambient light is blocked.
        exposure: mean brightness of what faces the camera.
    """
    seen = drawn.seen
    if seen:
        lit = light_figures(drawn.figures, seen, light, turn)
        shade(image, drawn, lit, gain=exposure / lit.mean)


def light_figures(figures: list[Figure], seen: set[int], light: Light, turn: Float[np.ndarray, "3 3"]) -> Lit:
    """Light those figures that are seen; the others stay black. turn: see `paint`."""
    count = sum(len(figure.vertices) for figure in figures)
    attributes = np.zeros((count, kernels.ATTRIBUTES), np.float32)
    maps = np.full((len(figures), _SHADOW_CELLS, _SHADOW_CELLS), -1e9, np.float32)
    axes = np.ascontiguousarray(spread_axes(OCCLUSION_AXES) @ turn.T)
    first, total, front = 0, 0.0, 0
    for k, figure in enumerate(figures):
        rows = slice(first, first + len(figure.vertices))
        first = rows.stop
        if k in seen:
            one, many = _light(figure, light, axes, attributes[rows], maps[k])
            total, front = total + one, front + many
    return Lit(attributes, maps, light, max(total / max(front, 1), 0.05))


def shade(image: UInt8[np.ndarray, "h w 3"], drawn: Drawn, lit: Lit, *, gain: float) -> None:
    """Shade what is drawn over the image, in place. lit: of the same figures, who may have moved a little since. gain:
    times their light."""
    figures, light = drawn.figures, lit.light
    materials, textures, texels, starts, first_cover = _materials(figures)
    face_material = np.concatenate(
        [f.face_material + start for f, start in zip(figures, starts, strict=True)]
    )
    kernels.shade_scene(
        drawn.projected, drawn.faces, lit.attributes,
        np.ascontiguousarray(np.concatenate([f.uv_corner for f in figures]), np.float32),
        face_material.astype(np.int32), drawn.face_figure, first_cover, materials, textures, texels, lit.maps,
        light.shadow_softness, light.shadow_strength, light.colours[0], drawn.face_id, drawn.depth, gain,
        srgb_curve(), image,
    )  # fmt: skip


def _light(
    figure: Figure, light: Light, axes: np.ndarray, attributes: np.ndarray, shadow_map: np.ndarray
) -> tuple[float, int]:
    """Fill one figure's attributes and shadow map; returns the light on its vertices in front, summed, and how many."""
    vertices = np.ascontiguousarray(figure.vertices, float)
    faces, count = np.ascontiguousarray(figure.faces, np.int32), len(vertices)
    normals, ambient, share = np.zeros((count, 3)), np.zeros((count, 3)), np.zeros((count, 3))
    vertex_normals(vertices, faces, normals)
    low, high = vertices.min(0), vertices.max(0)
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low) / 2 + 0.005)
    cells = int(np.clip(2 * radius / _CELL_M, _LEAST_CELLS, _MOST_CELLS))
    below, above = np.zeros((2, cells, cells), np.float32)
    ambient_kernels.ambient(
        vertices, normals, faces, centre, radius, axes, light.sh, light.env_from_camera, below, above,
        np.zeros((len(faces), 3)), share, ambient,
    )  # fmt: skip
    ambient_kernels.smooth_over_faces(share, faces, np.zeros((count, 3)), np.zeros(count))
    diffuse, specular = np.zeros((2, count, 3)), np.zeros((2, count))
    light_kernels.direct(
        vertices, normals, light.directions, light.colours, light.wrap, light.roughness, diffuse, specular
    )
    space = np.ascontiguousarray(attributes[:, kernels.LIGHT_SPACE : kernels.LIGHT_SPACE + 3])
    light_kernels.light_space(vertices, light.directions[0], centre, radius, _SHADOW_CELLS, space)
    light_kernels.shadow_map(space, faces, shadow_map)
    attributes[:, kernels.LIGHT_SPACE : kernels.LIGHT_SPACE + 3] = space
    attributes[:, kernels.ALBEDO : kernels.ALBEDO + 3] = figure.albedo
    if figure.covers is not None:
        attributes[:, kernels.COVER :] = figure.covers
    shine = np.ones(count) if figure.shine is None else figure.shine
    return _combine(
        share, _OCCLUSION_TINT, ambient, diffuse, specular, light.colours @ LUMINANCE, shine, vertices, normals,
        attributes,
    )  # fmt: skip


@njit(cache=True, fastmath=True)
def _combine(share, tint, ambient, diffuse, specular, brightness, shine, vertices, normals, attributes):
    total, seen = 0.0, 0
    for v in range(vertices.shape[0]):
        level, luminance, around = share[v, 1], 0.0, 0.0
        for c in range(3):
            open_share = share[v, c] ** tint[c]
            base = ambient[v, c] * open_share + diffuse[1, v, c] * level
            weight = 0.2126 if c == 0 else 0.7152 if c == 1 else 0.0722
            luminance += weight * (base + 0.7 * diffuse[0, v, c])
            around += weight * ambient[v, c]
            attributes[v, 3 + c] = base
            # A key light is partly diffuse itself, so corners darken it too.
            attributes[v, 6 + c] = diffuse[0, v, c] * (0.45 + 0.55 * open_share)
        attributes[v, 9] = specular[0, v] * shine[v]
        attributes[v, 10] = (specular[1, v] * brightness[1] + 0.02 * around) * level * shine[v]
        facing = 0.0
        for c in range(3):
            facing += normals[v, c] * vertices[v, c]
        if facing < 0.0:
            total += luminance
            seen += 1
    return total, seen


def _materials(
    figures: list[Figure],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int], np.ndarray]:
    """The materials of all figures as tables, each figure's first row and its first cover's row."""
    every: list[Material] = [material for figure in figures for material in figure.materials]
    starts = np.cumsum([0, *(len(figure.materials) for figure in figures)])
    table, textures = np.zeros((len(every), 6), np.float32), np.zeros((len(every), 3), np.int64)
    flat: list[np.ndarray] = []
    place, known = 0, {}
    for row, material in enumerate(every):
        table[row, kernels.GLOSS], table[row, kernels.REPEAT] = material.gloss, material.repeat
        if material.albedo is None:
            table[row, kernels.OWN_ALBEDO] = 1
        else:
            table[row, kernels.RED :] = material.albedo
        texture = material.texture
        if id(texture) not in known:
            known[id(texture)] = (place, *texture.shape[:2])
            flat.append(texture.reshape(-1, 3))
            place += len(flat[-1])
        textures[row] = known[id(texture)]
    covers = [
        starts[k + 1] - kernels.COVERS if figure.covers is not None else -1
        for k, figure in enumerate(figures)
    ]
    return table, textures, np.concatenate(flat), starts[:-1].tolist(), np.array(covers, np.int64)
