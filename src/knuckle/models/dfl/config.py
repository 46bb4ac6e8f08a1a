"""Every size and switch of DFL in one dataclass; the presets are values of it."""

from dataclasses import dataclass
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields, check_patch_size, choose

CROP_PX = 256
"""Side of the crop in which u and v are measured, whatever the patch's own size: loss weights keep their meaning."""

DEPTH_BOX_M = 0.4
"""The depth box round the own wrist; it has as many bins as the crop has px (1.5625 mm each)."""

SCALES = 4
PARTS = 33
"""Classes of the segmentation: 0 background, 1-16 the right hand's parts, 17-32 the left one's."""

Relation = Literal["a", "p", "ap"]


@dataclass(frozen=True)
class DflConfig:
    """Switches of the paper's tables: baseline (1); init, ji, jj, reg (2); iters (3). "a" appearance, "p" position,
    "ap" both. The others are sizes, or choices the paper leaves open (see the README).

    baseline: "none" is DFL; "id1" to "id4" the rows of Table 1, which do not decouple. init, ji, jj: whose relations
    guide the joints' first features, joints to image, joints to joints; reg: what the pose is read from. seg: the
    part segmentation, in the appearance features and the loss.
    Features. width: channels C_F of the pyramid and of the appearance features; position_width: C_P. block: the
    pyramid's and segmentation's convolutions. seg_hidden: channels before the segmentation's last layer, 0 for none.
    position_from: what the position features are mapped from: the encoded coordinates of each cell alone, or these
    added to its appearance.
    Decoder. attn: "multihead" with projections, residuals, norms and feed-forward layers; "literal" is Eq 1 to 4 and
    nothing else. joint_codes: joints start with a learned code of which joint they are beside what they gathered.
    ffn: hidden channels of the feed-forward layers. spr_*: of the spatial refinement: its blocks, their width (0 for
    the joints' own), its graph's partitions (the fourth is the same joint of the other hand), the dropout in it and
    how often training leaves a part of a block out.
    scale_prior: half patches per metre at zero output of the root depth head.
    Losses. tau_*: px or bins where a smooth L1 turns from squared to absolute; alpha, beta: Eq 6; lambda_*: Eq 11.
    coordinates: whether a joint's coordinates are summed, as Eq 6 and 7 print them, or averaged (L_2.5D a third, L_2D a
    half of that); both are means over joints. *_weight: of the terms the paper does not have; without relative_weight
    both wrists are put at one depth. pair_gradient: whether validity and depths of the wrists send their gradient into
    the network, or learn beside it. attention_heads: how many heads of every relation between joints and image the
    attention term asks to look at the joint, 0 for all; the others are free to tell what else decides its depth.
    """

    preset: str = "lite"
    backbone: Literal["efficientnet_lite0", "resnet50", "hand_landmark"] = "efficientnet_lite0"
    patch_size: int = 160
    rig: str = "open"
    width: int = 64
    position_width: int = 64
    block: Literal["conv", "separable"] = "separable"
    seg: bool = True
    seg_hidden: int = 0
    position_from: Literal["coordinates", "appearance"] = "coordinates"

    baseline: Literal["none", "id1", "id2", "id3", "id4"] = "none"
    init: Relation = "a"
    ji: Relation = "ap"
    jj: Relation = "p"
    reg: Relation = "p"
    iters: Literal[2, 3, 4, 5] = 3
    attn: Literal["multihead", "literal"] = "multihead"
    joint_codes: bool = True
    heads: int = 4
    ffn: int = 128
    dropout: float = 0.0
    spr_blocks: int = 1
    spr_width: int = 0
    spr_partitions: Literal[3, 4] = 3
    spr_dropout: float = 0.0
    spr_drop_path: float = 0.0

    head_hidden: int = 64
    scale_prior: float = 6.0

    tau_uv: float = 1.0
    tau_d: float = 3.0
    alpha: float = 0.5
    beta: float = 1.0
    lambda_joints: float = 3.0
    lambda_seg: float = 1.0
    coordinates: Literal["sum", "mean"] = "mean"
    focal_gamma: float = 2.0
    dice_smooth: float = 1.0
    validity_weight: float = 5.0
    depth_weight: float = 10.0
    relative_weight: float = 1.0
    pair_gradient: bool = True
    attention_weight: float = 0.0
    attention_heads: int = 0

    def __post_init__(self) -> None:
        check_fields(self, "dfl")
        check_patch_size(self.patch_size, "dfl")
        if self.heads < 1:
            raise KnuckleError(f"dfl heads: expected at least 1, got {self.heads}")
        if not 0 <= self.attention_heads <= self.heads:
            raise KnuckleError(
                f"dfl attention_heads: expected 0 to heads, {self.heads}, got {self.attention_heads}"
            )
        for name in ("width", "position_width"):
            if getattr(self, name) % self.heads or getattr(self, name) % 4:
                raise KnuckleError(
                    f"dfl {name}: expected a multiple of 4 and of heads, {self.heads}, got {getattr(self, name)}"
                )
        if self.spr_blocks < 1 or self.spr_width < 0:
            raise KnuckleError(
                f"dfl spr_blocks, spr_width: expected at least 1 and 0, got {self.spr_blocks} and {self.spr_width}"
            )
        self._check_streams()

    def _check_streams(self) -> None:
        defaults = {"init": "a", "ji": "ap", "jj": "p", "reg": "p"}
        changed = [name for name, value in defaults.items() if getattr(self, name) != value]
        if self.baseline != "none" and changed:
            raise KnuckleError(
                f"dfl baseline: expected none beside {', '.join(changed)}, got {self.baseline!r}: "
                "a baseline has one stream of features"
            )
        blind = self.position_from == "coordinates"
        if blind and all(getattr(self, name) == "p" for name in defaults):
            raise KnuckleError(
                "dfl init, ji, jj, reg: expected appearance in one of them, got 'p' in all four: "
                "nothing would depend on the picture"
            )

    @property
    def map_size(self) -> int:
        """Side of the finest map, F_3, in cells."""
        return self.patch_size // 4

    @property
    def decoupled(self) -> bool:
        return self.baseline == "none"

    @property
    def has_jj(self) -> bool:
        return self.baseline in ("none", "id3", "id4")

    @property
    def has_spr(self) -> bool:
        return self.baseline in ("none", "id4")

    @property
    def scales_read(self) -> tuple[int, ...]:
        """Which scale (0 the coarsest) each iteration reads; the finest one again after the third."""
        return (1, 2, 3, 3, 3)[: self.iters]


PRESETS: dict[str, DflConfig] = {
    "lite": DflConfig(),
    "photo": DflConfig(preset="photo", backbone="hand_landmark"),
    "paper": DflConfig(
        preset="paper",
        backbone="resnet50",
        patch_size=256,
        width=256,
        position_width=256,
        block="conv",
        seg_hidden=128,
        heads=8,
        ffn=1024,
        dropout=0.1,
        spr_partitions=4,
        spr_dropout=0.15,
        head_hidden=512,
        coordinates="sum",
        relative_weight=0.0,
        pair_gradient=False,
    ),
}
"""lite: trained by us. photo: the same on a backbone that has seen photographs. paper: ResNet50-FPN at 256 px."""


def make_config(preset: str = "lite", **switches: Any) -> DflConfig:
    """A preset with some fields changed; raises KnuckleError listing the valid names."""
    return choose("dfl", PRESETS, preset, switches)
