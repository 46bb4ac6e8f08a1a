"""HandAR's mesh stage: a second encoder and the rough mesh (3.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.layers.backbones import Backbone
from knuckle.layers.blocks import DeconvFusion, TopDownFusion
from knuckle.layers.hand_landmark import HandLandmarkBody
from knuckle.layers.lixel import LixelHead
from knuckle.models.handar.config import HandarConfig


class MeshEncoder(nn.Module):
    """A backbone without its stem, from stride 4 on; maps finest first, `channels` alongside.

    paper: all four stages of a ResNet-50. lite, photo: the blocks after stride 4 up to stride 16 and one of stride 32,
    for size.
    """

    def __init__(self, config: HandarConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        self.backbone_name = config.backbone
        stages = encoder_stages(Backbone(config.backbone, finest=2, pretrained=pretrained))
        self.stages = nn.ModuleList(stages)
        self.channels = [256, 512, 1024, 2048] if config.backbone == "resnet50" else [40, 112, 192]

    def forward(self, fused: Float[Tensor, "B C h w"]) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            fused = stage(fused)
            maps.append(fused)
        return maps

    @torch.no_grad()
    def copy_from(self, backbone: Backbone) -> None:
        """Take over the matching blocks' weights and statistics of a backbone of the same kind."""
        try:
            self.stages.load_state_dict(nn.ModuleList(encoder_stages(backbone)).state_dict())
        except (RuntimeError, AttributeError) as error:
            raise KnuckleError(
                f"mesh encoder: expected a backbone {self.backbone_name}, got another"
            ) from error


def encoder_stages(backbone: Backbone) -> list[nn.Module]:
    """The modules of a backbone that the mesh encoder has too."""
    body = backbone.body
    if hasattr(body, "layer1"):
        return [body.layer1, body.layer2, body.layer3, body.layer4]
    blocks = body.blocks
    if isinstance(body, HandLandmarkBody):
        return [nn.Sequential(*blocks[2:4]), nn.Sequential(*blocks[4:10]), nn.Sequential(blocks[10])]
    return [blocks[2], nn.Sequential(*blocks[3], *blocks[4]), nn.Sequential(blocks[5][0])]


class MeshStage(nn.Module):
    """Decoder and lixel head with one output a vertex: an encoder's maps to the rough mesh in bins."""

    def __init__(self, config: HandarConfig, channels: list[int], vertex_count: int) -> None:
        super().__init__()
        if config.backbone == "resnet50":
            self.decoder: nn.Module = DeconvFusion(channels, config.mesh_width)
        else:
            self.decoder = TopDownFusion(channels, config.mesh_width)
        self.head = LixelHead(
            config.mesh_width,
            channels[-1],
            vertex_count,
            config.bins,
            depth_width=config.depth_width,
            dilation=config.head_dilation,
            position=config.mean_start,
        )

    def forward(self, maps: list[Tensor], pooled: Float[Tensor, "B P"]) -> Float[Tensor, "B V 3"]:
        return self.head(self.decoder(maps), pooled)
