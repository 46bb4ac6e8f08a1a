"""Light on things worn, and their place in the picture: small meshes shaded by vertex over a finished layer."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numba import njit

from knuckle.raster.numba_raster import barycentric, fill_buffers
from knuckle.synth.camera.placement import Placement
from knuckle.synth.look import shade
from knuckle.synth.look.ambient_kernels import radiance
from knuckle.synth.look.lighting import LUMINANCE, Light
from knuckle.synth.look.mesh_kernels import project_to_patch
from knuckle.synth.look.render import Renderer
from knuckle.synth.wear.mesh import Solid

GLINT = 60.0
"""Exponent of the lobe of polished metal and of glass."""


@dataclass(frozen=True, eq=False)
class Finish:
    """Linear colour of what scatters light and of what mirrors it; both of the trim, too. waves (2, 3) and phases
    (2,): the things round about that polished metal mirrors, which no spherical harmonics hold."""

    matt: Float[np.ndarray, "3"]
    mirror: Float[np.ndarray, "3"]
    trim_matt: Float[np.ndarray, "3"]
    trim_mirror: Float[np.ndarray, "3"]
    waves: Float[np.ndarray, "2 3"]
    phases: Float[np.ndarray, "2"]


def put_on(
    layer: Float[np.ndarray, "s s 4"],
    renderer: Renderer,
    placement: Placement,
    light: Light,
    solid: Solid,
    finish: Finish,
) -> None:
    """Draw a solid into the layer in place, where nothing of the scene stands before it."""
    colour = _lit(renderer, light, solid, finish)
    projected = np.zeros((len(solid.place), 3))
    project_to_patch(solid.place, placement.camera.vector, placement.crop.patch_from_frame, projected)
    face_id = np.full_like(renderer.face_id, -1)
    depth = renderer.depth.copy()
    fill_buffers(projected, solid.faces, 2.0, 0.5, 0, face_id, depth)
    _over(layer, projected, solid.faces, colour, face_id, renderer.face_id)


def _lit(renderer: Renderer, light: Light, solid: Solid, finish: Finish) -> Float[np.ndarray, "n 3"]:
    """Linear colour of every vertex: what the skin under it gets of the light, it gets too."""
    under = renderer.attributes[solid.corners]
    weights = solid.weights[..., None]
    space = (under[..., shade.LIGHT_SPACE : shade.LIGHT_SPACE + 3] * weights).sum(1)
    cells = renderer.height.shape[0]
    x, y = (np.clip(space[:, k].astype(int), 0, cells - 1) for k in (0, 1))
    gap = renderer.height[y, x] - space[:, 2] - 0.006
    lit = 1 - light.shadow_strength * np.clip(gap / light.shadow_softness, 0, 1)
    open_share = (renderer.open_share[solid.corners] * weights).sum(1) @ LUMINANCE
    normal = solid.normal
    view = -solid.place / np.linalg.norm(solid.place, axis=1, keepdims=True)
    mirrored = 2 * (normal * view).sum(1, keepdims=True) * normal - view
    round_about = _seen(light, normal, 0.6)
    glints, direct = np.zeros((len(normal), 3)), np.zeros((len(normal), 3))
    for m, share in ((0, lit), (1, open_share)):
        cosine = np.maximum(normal @ light.directions[m], 0)
        direct += (share * cosine)[:, None] * light.colours[m]
        glint = 0.35 * GLINT / 8 * np.maximum(mirrored @ light.directions[m], 0) ** GLINT
        glints += (share * glint)[:, None] * light.colours[m]
    detail = np.exp(0.75 * np.sin(mirrored @ finish.waves.T + finish.phases).sum(1) - 0.3)
    reflected = _seen(light, mirrored, 1.0) * (detail * (0.25 + 0.75 * open_share))[:, None] + glints
    trim = solid.trim[:, None]
    matt = finish.matt + (finish.trim_matt - finish.matt) * trim
    mirror = finish.mirror + (finish.trim_mirror - finish.mirror) * trim
    return matt * (round_about * open_share[:, None] + direct) + mirror * reflected


def _seen(light: Light, direction: Float[np.ndarray, "n 3"], sharpness: float) -> Float[np.ndarray, "n 3"]:
    """The environment's radiance from directions of the camera frame; less sharpness is softer."""
    return _radiance(light.sh, np.ascontiguousarray(direction @ light.env_from_camera.T), sharpness)


@njit(cache=True)
def _radiance(sh, directions, sharpness):
    values = np.empty((len(directions), 3))
    for v in range(len(directions)):
        for c in range(3):
            full = radiance(sh, directions[v, 0], directions[v, 1], directions[v, 2], c)
            mean = 0.282095 * sh[0, c]
            values[v, c] = max(mean + sharpness * (full - mean), 0.05 * mean)
    return values


@njit(cache=True)
def _over(layer, projected, faces, colour, face_id, scene_id):
    """Samples of the doubled buffer that the solid owns replace the scene's share of their pixel."""
    size = layer.shape[0]
    for py in range(size):
        for px in range(size):
            own, left = 0, 0
            red, green, blue = 0.0, 0.0, 0.0
            for s in range(4):
                y, x = 2 * py + s // 2, 2 * px + s % 2
                f = face_id[y, x]
                if f < 0:
                    left += 1 if scene_id[y, x] >= 0 else 0
                    continue
                own += 1
                a, b, c = barycentric(projected, faces, f, 2.0, 0.5, float(x), float(y))
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                red += a * colour[i, 0] + b * colour[j, 0] + c * colour[k, 0]
                green += a * colour[i, 1] + b * colour[j, 1] + c * colour[k, 1]
                blue += a * colour[i, 2] + b * colour[j, 2] + c * colour[k, 2]
            if own == 0:
                continue
            coverage = layer[py, px, 3]
            keep = left / 4.0 / coverage if coverage > 0.0 else 0.0
            layer[py, px, 0] = layer[py, px, 0] * keep + red / 4.0
            layer[py, px, 1] = layer[py, px, 1] * keep + green / 4.0
            layer[py, px, 2] = layer[py, px, 2] * keep + blue / 4.0
            layer[py, px, 3] = (left + own) / 4.0
