"""Every size, switch and weight of HandAR in one dataclass; the presets are values of it."""

from dataclasses import dataclass
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields, check_patch_size, choose
from knuckle.skeleton import MIDDLE_MCP, WRIST

DEPTH_BOX_M = 0.3
"""Depths from -0.15 to +0.15 m round the root fill the bins of z."""


@dataclass(frozen=True)
class HandarConfig:
    """Switches of Table 3: joint_stage, refine_stage, refine_local, refine_global, refine_offset, segmentation,
    render. The others are sizes, and choices the paper leaves open.

    patch_size: input side, px; there is a bin for every four. upright: crops are turned so that the hand points up.
    fuse: how the joint feature meets the shallow image feature. head_dilation: 0, or a 1D convolution of that
    dilation before every lixel head's last one. z_root: the joint round whose depth the bins of z lie. fusion_width,
    mesh_width: channels of the maps the joints' and the mesh's heatmaps are read from; depth_width: the same for the z
    rows. global_width: channels of the broadcast feature. gin_*: hidden width of the first graph convolution, width of
    the others, number of residual blocks, hidden width of the last; train_eps learns eps of Eq 2. mean_start: a fresh
    model answers the mean hand.
    render_size, render_levels: side of the painted picture, px, and levels of its pyramid. scale_prior: weak-
    perspective scale at zero output, in half patches per metre. *_weight: factors of Eq 3 to 8, and of the root's
    depth and the confidence, which are ours.
    """

    preset: str = "lite"
    backbone: Literal["efficientnet_lite0", "resnet50", "hand_landmark"] = "efficientnet_lite0"
    patch_size: int = 128
    upright: bool = False
    rig: str = "open"
    joint_stage: bool = True
    refine_stage: bool = True
    refine_local: bool = True
    refine_global: bool = True
    refine_offset: bool = True
    segmentation: bool = True
    render: bool = True
    fuse: Literal["sum", "concat"] = "sum"
    head_dilation: int = 0
    z_root: Literal["middle_mcp", "wrist"] = "middle_mcp"
    fusion_width: int = 128
    mesh_width: int = 96
    depth_width: int = 48
    global_width: int = 64
    gin_hidden: int = 64
    gin_width: int = 32
    gin_blocks: int = 3
    gin_tail: int = 16
    train_eps: bool = False
    mean_start: bool = True
    render_size: int = 64
    render_levels: int = 3
    scale_prior: float = 8.0
    mesh_weight: float = 1.0
    joint_weight: float = 1.0
    normal_weight: float = 1.0
    edge_weight: float = 1.0
    segmentation_weight: float = 1.0
    render_weight: float = 10.0
    depth_weight: float = 5.0
    confidence_weight: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, "handar")
        check_patch_size(self.patch_size, "handar")
        sizes = ("fusion_width", "mesh_width", "depth_width", "global_width", "gin_hidden")
        sizes += ("gin_width", "gin_tail", "render_size", "render_levels")
        for name in sizes:
            if getattr(self, name) < 1:
                raise KnuckleError(f"handar {name}: expected at least 1, got {getattr(self, name)}")
        for name in ("head_dilation", "gin_blocks"):
            if getattr(self, name) < 0:
                raise KnuckleError(f"handar {name}: expected at least 0, got {getattr(self, name)}")

        if self.mask_size % self.render_size and self.render_size % self.mask_size:
            raise KnuckleError(
                f"handar render_size: expected a multiple or a whole fraction of {self.mask_size}, the mask's side, "
                f"got {self.render_size}"
            )

    @property
    def root_joint(self) -> int:
        """Index of `z_root` in the common order."""
        return MIDDLE_MCP if self.z_root == "middle_mcp" else WRIST

    @property
    def bins(self) -> int:
        """Bins of every axis of the heatmap space."""
        return self.patch_size // 4

    @property
    def mask_size(self) -> int:
        """Side of the predicted segmentation, px."""
        return self.patch_size // 2

    @property
    def shared_width(self) -> int:
        """Channels of the shallow image feature at stride 4, and of the joint feature that is added to it."""
        return 64 if self.backbone == "resnet50" else 24


PRESETS: dict[str, HandarConfig] = {
    "lite": HandarConfig(),
    "photo": HandarConfig(
        preset="photo", backbone="hand_landmark", patch_size=160, upright=True, render_size=80
    ),
    "paper": HandarConfig(
        preset="paper",
        backbone="resnet50",
        patch_size=256,
        fusion_width=256,
        mesh_width=256,
        depth_width=256,
        global_width=512,
        gin_hidden=256,
        gin_width=64,
        gin_tail=32,
        mean_start=False,
        render_size=128,
    ),
}
"""lite: 128 px, trained by us. photo: the same on a backbone that has seen photographs, 160 px,
upright crops. paper: two ResNet-50 at 256 px."""


def make_config(preset: str = "lite", **switches: Any) -> HandarConfig:
    """A preset with some fields changed; raises KnuckleError listing the valid names."""
    return choose("handar", PRESETS, preset, switches)
