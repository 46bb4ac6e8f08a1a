"""The hand detector's network: MediaPipe's palm backbone, and one answer for each cell of three grids."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.geometry.cells import CELL_STRIDES, LARGEST_LOG_SIZE, cells_to_boxes, grid_cells
from knuckle.layers.palm_backbone import ALL_BLOCKS, PalmBackbone
from knuckle.layers.prelu import PReLU

ANSWERS = 8
"""Numbers a cell: logit of a hand; the box (`knuckle.geometry.cells`); logit of a right hand; its direction."""
HIDDEN = 64
"""Channels of the heads' hidden layer."""
RARE = -4.6
"""Logit that the cells start with: most of them see no hand."""
USUAL_LOG_SIZE = 1.2


class Answers(NamedTuple):
    """What a network says of a batch of pictures, cell by cell."""

    logits: Float[Tensor, "B N"]
    """Of a hand in the cell's box; trained towards how well the box fits."""
    said: Float[Tensor, "B N 4"]
    """The box as `cells_to_boxes` takes it."""
    right: Float[Tensor, "B N"]
    """Logit of a right hand."""
    direction: Float[Tensor, "B N 2"]
    """Cosine and sine of the hand's roll (`knuckle.geometry.crop.hand_roll`), of any length."""

    def boxes(self, cells: Float[Tensor, "N 3"]) -> Float[Tensor, "B N 4"]:
        """x, y, w, h in px of the pictures."""
        return cells_to_boxes(self.said, cells)


class HandBoxes(nn.Module):
    """RGB in 0..1 (B, 3, H, W), H and W multiples of 32, to `Answers` of the cells of `grid_cells(H, W)`.

    frozen: whether the layers down to stride 4 keep the weights they start with, which saves three quarters of a
    step's time: edges and textures are learnt already. kept: which of the backbone's blocks there are, all by default.
    """

    def __init__(self, *, frozen: bool = True, kept: Sequence[Sequence[int]] = ALL_BLOCKS) -> None:
        super().__init__()
        self.backbone = PalmBackbone(kept=kept)
        self.frozen = frozen
        for module in self.backbone.first_modules() if frozen else ():
            module.requires_grad_(False)
        self.heads = nn.ModuleList(Head(channels) for channels in PalmBackbone.channels)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Answers:
        return answers_of(self.raw(image))

    def raw(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B N 8"]:
        """What the cells say, as one tensor."""
        maps = self.backbone(image, frozen=self.frozen)
        said = [head(x) for head, x in zip(self.heads, maps, strict=True)]
        return torch.cat([x.permute(0, 2, 3, 1).flatten(1, 2) for x in said], 1)


class Head(nn.Module):
    """Each cell's answer from its map: a linear one, and what a hidden layer adds to it. Which side a hand is depends
    on its turn, on where the thumb is and on which face is seen together: no sum of the three tells it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(channels, ANSWERS, 1)
        self.hidden = nn.Sequential(nn.Conv2d(channels, HIDDEN, 1), PReLU(HIDDEN))
        self.added = nn.Conv2d(HIDDEN, ANSWERS, 1)
        assert self.linear.bias is not None and self.added.bias is not None
        nn.init.normal_(self.linear.weight, std=1e-3)
        nn.init.zeros_(self.added.weight)
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor([RARE, 0, 0, USUAL_LOG_SIZE, USUAL_LOG_SIZE, 0, 0, 0]))
            self.added.bias.zero_()

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 8 h w"]:
        return self.linear(x) + self.added(self.hidden(x))


def answers_of(raw: Float[Tensor, "B N 8"]) -> Answers:
    """Take the cells' numbers apart."""
    said = torch.cat([raw[..., 1:3], raw[..., 3:5].clamp(-3.0, LARGEST_LOG_SIZE)], -1)
    return Answers(raw[..., 0], said, raw[..., 5], raw[..., 6:8])


def cells_like(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "N 3"]:
    """The cells of pictures of this size."""
    height, width = image.shape[2:]
    return torch.from_numpy(grid_cells(height, width)).to(image.device)


assert len(PalmBackbone.channels) == len(CELL_STRIDES)
