"""The last layer before coordinates, rotations or a camera."""

from jaxtyping import Float
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32


class CoordinateLinear(nn.Linear):
    """A linear layer in float32 under autocast too, which would round its answers to 8 bits."""

    @in_float32
    def forward(self, input: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch k"]:
        return super().forward(input)
