"""HandAR's joint stage after its encoder: joint feature, joints and segmentation (3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.blocks import conv_block, separable_block
from knuckle.models.handar.config import HandarConfig


class JointFeature(nn.Module):
    """The map of the joint decoder to the joint feature F_J at stride 4.

    paper: a 3x3 convolution. lite: its decoder stops at stride 8, so a narrow map is enlarged once more.
    """

    def __init__(self, config: HandarConfig) -> None:
        super().__init__()
        if config.backbone == "resnet50":
            self.narrow: nn.Module = nn.Identity()
            self.mix = conv_block(config.fusion_width, config.shared_width)
        else:
            self.narrow = conv_block(config.fusion_width, config.shared_width, kernel=1)
            self.mix = separable_block(config.shared_width, config.shared_width)
        self.cells = config.patch_size // 4

    def forward(self, decoded: Float[Tensor, "B C h w"]) -> Float[Tensor, "B F cells cells"]:
        narrow = self.narrow(decoded)
        if narrow.shape[-1] != self.cells:
            narrow = F.interpolate(narrow, size=(self.cells, self.cells), mode="nearest")
        return self.mix(narrow)


class Fuse(nn.Module):
    """Joint feature and shallow image feature together, the mesh encoder's input (3.2)."""

    def __init__(self, config: HandarConfig) -> None:
        super().__init__()
        width = config.shared_width
        self.mix = nn.Conv2d(2 * width, width, 1) if config.fuse == "concat" else None

    def forward(
        self, joint_feature: Float[Tensor, "B C h w"], shared: Float[Tensor, "B C h w"]
    ) -> Float[Tensor, "B C h w"]:
        if self.mix is None:
            return joint_feature + shared
        return self.mix(torch.cat([joint_feature, shared], dim=1))


class SegmentationHead(nn.Module):
    """U-Net decoder over an encoder's maps (finest first, stride 2): logits of background and hand at stride 2."""

    def __init__(self, channels: list[int], *, separable: bool) -> None:
        super().__init__()
        mix = separable_block if separable else conv_block
        skips, deeper = channels[-2::-1], channels[:0:-1]
        self.narrow = nn.ModuleList(nn.Conv2d(d, s, 1) for d, s in zip(deeper, skips, strict=True))
        self.mix = nn.ModuleList(mix(s, s) for s in skips)
        middle = max(channels[0] // 4, 8)
        self.predict = nn.Sequential(conv_block(channels[0], middle), nn.Conv2d(middle, 2, 1))

    def forward(self, maps: list[Tensor]) -> Float[Tensor, "B 2 h w"]:
        decoded = maps[-1]
        for skip, narrow, mix in zip(reversed(maps[:-1]), self.narrow, self.mix, strict=True):
            # A 1x1 convolution and enlarging commute; the other order is four times cheaper.
            decoded = F.interpolate(narrow(decoded), size=skip.shape[-2:], mode="bilinear")
            decoded = mix(decoded + skip)
        return self.predict(decoded)
