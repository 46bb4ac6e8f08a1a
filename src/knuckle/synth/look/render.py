"""One scene's picture: the compiled stages in order, on buffers that are reused from crop to crop."""

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.raster.numba_raster import fill_buffers
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.scene_mesh import SceneMesh
from knuckle.synth.look import ambient_kernels, light_kernels, shade
from knuckle.synth.look.lighting import Light
from knuckle.synth.look.mesh_kernels import project_to_patch, vertex_normals
from knuckle.synth.look.skin import Skin

SHADOW_CELLS = 112
OCCLUSION_AXES = 8
MOST_CELLS = 3
"""How many times MAP_CELLS a map may have where the cells' size is given."""
_OCCLUSION_TINT = np.array([0.78, 1.0, 1.08])
"""Exponents of the occluded share: light that bounces inside skin stays red, so corners do not go grey."""


def spread_axes(count: int) -> Float[np.ndarray, "count 3"]:
    """Axes spread evenly over the half sphere (Fibonacci)."""
    k = np.arange(count) + 0.5
    z, turn = k / count, np.pi * (1 + 5**0.5) * k
    side = np.sqrt(1 - z * z)
    return np.stack([side * np.cos(turn), side * np.sin(turn), z], -1)


class Renderer:
    """Renders a posed scene mesh into a colour layer of `size` px. Not for use by two threads at once.

    rig: whose hand the mesh holds, once or several times. cell_m: side of the ambient maps' cells; None divides
    every hand into MAP_CELLS. The key light's map is finer by SHADOW_CELLS / MAP_CELLS.
    """

    def __init__(self, rig: HandRig, mesh: SceneMesh, size: int, *, cell_m: float | None = None) -> None:
        self.mesh, self.size, self.cell_m = mesh, size, cell_m
        count = mesh.vertex_count
        self.vertices = np.zeros((count, 3))
        self.normals = np.zeros((count, 3))
        self.projected = np.zeros((count, 3))
        self.face_id = np.zeros((2 * size, 2 * size), np.int32)
        self.depth = np.zeros((2 * size, 2 * size), np.float32)
        self.layer = np.zeros((size, size, 4), np.float32)
        self._light, self._share = np.zeros((count, 3)), np.zeros((count, 3))
        self._middles = np.zeros((len(mesh.faces), 3))
        self._total, self._weight = np.zeros((count, 3)), np.zeros(count)
        self._diffuse, self._specular = np.zeros((2, count, 3)), np.zeros((2, count))
        self._attributes = np.zeros((count, shade.ATTRIBUTES), np.float32)
        most = 1 if cell_m is None else MOST_CELLS
        self._maps = np.zeros((2, (most * ambient_kernels.MAP_CELLS) ** 2), np.float32)
        self._heights = np.zeros((most * SHADOW_CELLS) ** 2, np.float32)
        self._height = self._heights[:0].reshape(0, 0)
        self.axes = spread_axes(OCCLUSION_AXES)
        hand = mesh.hand_vertices
        hands = hand // len(rig.vertices)
        palm = np.zeros(hand) if rig.palm_side is None else np.tile(np.asarray(rig.palm_side) / 255.0, hands)
        nail = np.zeros(hand) if rig.nail is None else np.tile(np.asarray(rig.nail) / 255.0, hands)
        self._palm = np.concatenate([palm, np.zeros(count - hand)])
        self._nail = np.concatenate([nail, np.zeros(count - hand)])
        self._first_sleeve = int(mesh.faces[mesh.first_sleeve :].min())
        # The palm's colour ends where the arm starts.
        self._palm[mesh.loop] *= 0.5

    @property
    def attributes(self) -> Float[np.ndarray, "v a"]:
        """The lit vertices' attributes (see `shade`); what is written to them shows in the next layer."""
        return self._attributes

    @property
    def open_share(self) -> Float[np.ndarray, "v 3"]:
        """The part of the ambient light that reaches every vertex, by channel."""
        return self._share

    @property
    def height(self) -> Float[np.ndarray, "c c"]:
        """The key light's map: height of the surface nearest the light, in every cell."""
        return self._height

    def project(self, camera: Float[np.ndarray, "4"], patch_from_frame: Float[np.ndarray, "2 3"]) -> None:
        """Project `vertices` into the crop."""
        project_to_patch(self.vertices, camera, patch_from_frame, self.projected)

    def rasterise(self, *, sleeve: bool) -> np.ndarray:
        """Fill the doubled z-buffer; returns the faces that take part."""
        return self._fill(self.mesh.faces if sleeve else self.mesh.faces[: self.mesh.first_sleeve])

    def _fill(self, faces: np.ndarray) -> np.ndarray:
        self.face_id[:] = -1
        self.depth[:] = np.inf
        fill_buffers(self.projected, faces, 2.0, 0.5, -1, self.face_id, self.depth)
        return faces

    def illuminate(
        self, faces: np.ndarray, light: Light, skin: Skin, occlusion_axes: Float[np.ndarray, "k 3"]
    ) -> float:
        """Light every vertex; returns the mean luminance of light on the hands' front, for the exposure."""
        hand = self.mesh.hand_vertices
        vertex_normals(self.vertices, faces, self.normals)
        body = self.vertices[:hand]
        low, high = body.min(0), body.max(0)
        centre, radius = (low + high) / 2, float(np.linalg.norm(high - low) / 2 + 0.005)
        cells = self._cells(radius)
        shadow_cells = SHADOW_CELLS * cells // ambient_kernels.MAP_CELLS
        below, above = (row[: cells * cells].reshape(cells, cells) for row in self._maps)
        self._height = self._heights[: shadow_cells * shadow_cells].reshape(shadow_cells, shadow_cells)
        ambient_kernels.ambient(
            self.vertices, self.normals, faces, centre, radius, occlusion_axes, light.sh,
            light.env_from_camera,
            below, above, self._middles, self._share, self._light,
        )  # fmt: skip
        ambient_kernels.smooth_over_faces(self._share, faces, self._total, self._weight)
        light_kernels.direct(
            self.vertices, self.normals, light.directions, light.colours, light.wrap, light.roughness,
            self._diffuse, self._specular,
        )  # fmt: skip
        a = self._attributes
        light_kernels.light_space(
            self.vertices, light.directions[0], centre, radius, shadow_cells, a[:, shade.LIGHT_SPACE :]
        )
        light_kernels.shadow_map(a[:, shade.LIGHT_SPACE :], faces, self._height)
        return light_kernels.combine(
            self._share, _OCCLUSION_TINT, self._light, self._diffuse, self._specular, light.colours,
            skin.back,
            skin.palm, skin.nail, skin.cloth, self._palm, self._nail, skin.gloss, skin.nail_gloss,
            self._first_sleeve,
            hand, self.vertices, self.normals, a,
        )  # fmt: skip

    def _cells(self, radius: float) -> int:
        if self.cell_m is None:
            return ambient_kernels.MAP_CELLS
        return int(np.clip(2 * radius / self.cell_m, 16, MOST_CELLS * ambient_kernels.MAP_CELLS))

    def shade(
        self, faces: np.ndarray, light: Light, maps: tuple[UInt8[np.ndarray, "h w 3"], ...]
    ) -> Float[np.ndarray, "s s 4"]:
        """The linear, premultiplied layer, overwritten by the next call; maps: of hand, arm and cloth."""
        hand_map, arm_map, cloth_map = maps
        shade.shade(
            self.projected, faces, self._attributes, self.mesh.uv_corner, self.mesh.first_arm,
            self.mesh.first_sleeve,
            hand_map, arm_map, cloth_map, self._height, light.shadow_softness, light.shadow_strength,
            light.colours[0], self.face_id, self.depth, self.layer,
        )  # fmt: skip
        return self.layer
