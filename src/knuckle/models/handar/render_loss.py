"""Hands painted finger by finger, and how far two such pictures are apart (Eq 8)."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.crop import resized_px
from knuckle.models.handar.coordinates import bins_to_depth
from knuckle.raster.mesh_edges import MeshEdges, mesh_edges
from knuckle.raster.torch_raster import Rendering, render
from knuckle.rig.hand_rig import HandRig
from knuckle.skeleton import MANO16_FINGER

COLOURS = (
    (1.0, 1.0, 1.0),
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (1.0, 1.0, 0.0),
    (0.0, 1.0, 1.0),
)
"""RGB of palm, thumb, index, middle, ring, pinky; the background is black."""

_NEAREST_M = 0.05


class PaintedHand(nn.Module):
    """Draws meshes of one rig, each finger and the palm in a colour of its own."""

    colours: Tensor
    faces: Tensor

    def __init__(self, rig: HandRig) -> None:
        super().__init__()
        fingers = rig.finger_label
        if fingers is None:
            fingers = np.array(MANO16_FINGER)[rig.skin_weights.argmax(1)]
        faces = torch.from_numpy(rig.faces.astype("int64"))
        buffers = {
            "faces": faces,
            "colours": torch.tensor(COLOURS)[torch.from_numpy(fingers.astype("int64"))],
        }
        buffers |= {f"edge_{name}": t for name, t in mesh_edges(faces)._asdict().items()}
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)

    def forward(
        self,
        points: Float[Tensor, "B V 3"],
        root_depth_m: Float[Tensor, "B"],
        *,
        bins: int,
        box_m: float,
        size: int,
    ) -> Rendering:
        """points: heatmap space (`coordinates`), `bins` a side, z over `box_m` round the root; size: px."""
        uv = resized_px(points[..., :2], size / bins)
        depth = bins_to_depth(points[..., 2], root_depth_m, bins=bins, box_m=box_m)
        vertices = torch.cat([uv, depth.clamp(min=_NEAREST_M)[..., None]], dim=-1)
        edges = MeshEdges(*(getattr(self, f"edge_{name}") for name in MeshEdges._fields))
        return render(vertices.float(), self.faces, self.colours, size, size, edges=edges)


def picture_distance(
    image: Float[Tensor, "B H W C"], truth: Float[Tensor, "B H W C"], levels: int
) -> Float[Tensor, "B"]:
    """Mean absolute difference of colours, averaged over a pyramid of `levels` pictures, each half the last.

    The renderer's gradient reaches about a pixel beyond an edge; coarser levels let it reach further.
    """
    difference = (image - truth).permute(0, 3, 1, 2)
    total = difference.abs().mean((1, 2, 3))
    for _ in range(levels - 1):
        difference = F.avg_pool2d(difference, 2)
        total = total + difference.abs().mean((1, 2, 3))
    return total / levels


def hand_mask(rendering: Rendering, size: int) -> Bool[Tensor, "B size size"]:
    """Where a rendering shows the hand, `size` a multiple or a whole fraction of its side."""
    alpha = rendering.alpha[:, None]
    if size != alpha.shape[-1]:
        alpha = F.interpolate(alpha, size=(size, size), mode="area" if size < alpha.shape[-1] else "nearest")
    return alpha[:, 0] >= 0.5
