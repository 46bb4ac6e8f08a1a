"""The rig as the last layer of a network (torch)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.lbs import LbsArrays, articulate, joints16_and_tips_to_common


class RigLayer(nn.Module):
    """Rotations and shape in, vertices and joints in metres out; nothing learned, everything a buffer.

    Same maths as `HandRig.posed_by_matrices` (knuckle.rig.lbs). `.double()` turns it into a float64 layer.
    The buffers are not saved with a checkpoint: the rig file is their only source.
    """

    def __init__(self, rig: HandRig) -> None:
        super().__init__()
        self.name, self.side = rig.name, rig.side
        self._tip_vertices = tuple(int(vertex) for vertex in rig.tip_vertices)
        for prefix, tips_only in (("all", False), ("tips", True)):
            for key, array in rig.arrays(tips_only=tips_only)._asdict().items():
                self.register_buffer(f"{prefix}_{key}", torch.from_numpy(array.copy()), persistent=False)
        self.register_buffer("faces", torch.from_numpy(rig.faces.astype("int64")), persistent=False)

    @in_float32
    def forward(
        self, rotations: Float[Tensor, "b 16 3 3"], shape: Float[Tensor, "b 10"], *, vertices: bool = True
    ) -> tuple[Float[Tensor, "b v 3"] | None, Float[Tensor, "b 21 3"]]:
        """Vertices (or None) and the 21 joints in the common order, in the rig's frame turned by rotations[:,
        0].

        With `vertices=False` only the five tip vertices are skinned, which is what training on joints needs.
        """
        points, joints16, _ = articulate(self._arrays("all" if vertices else "tips"), rotations, shape)
        if not vertices:
            return None, joints16_and_tips_to_common(joints16, points)
        tips = torch.stack([points[..., vertex, :] for vertex in self._tip_vertices], -2)
        return points, joints16_and_tips_to_common(joints16, tips)

    def _arrays(self, prefix: str) -> LbsArrays:
        return LbsArrays(*(getattr(self, f"{prefix}_{key}") for key in LbsArrays._fields))
