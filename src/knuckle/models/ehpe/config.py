"""Every size and switch of EHPE in one dataclass; the presets are values of it."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields, check_patch_size, choose
from knuckle.skeleton import JOINT_CLASSES

LETTERS = "WMPDT"
"""Wrist, MCP, PIP, DIP, tip: the order along a finger."""

TABLE_4 = ("WTD", "WTDP", "TD", "TDP", "T", "W", "WDPM", "WT")


def check_joint_set(letters: str) -> None:
    """Raise KnuckleError unless some, but not all, of the five classes are named once each, in any order."""
    unknown = not isinstance(letters, str) or not set(letters) <= set(LETTERS)
    if unknown or len(set(letters)) < len(letters):
        raise KnuckleError(
            f"ehpe tw_joint_set: expected letters among {', '.join(LETTERS)}, each at most once, got {letters!r}"
        )
    if len(letters) in (0, len(LETTERS)):
        raise KnuckleError(
            f"ehpe tw_joint_set: expected some but not all of {', '.join(LETTERS)}, got {letters!r}. "
            "A joint set that leaves a stage empty is refused"
        )


def joints_of(letters: str) -> tuple[int, ...]:
    """Indices of the classes' joints in the common order, ascending."""
    return tuple(sorted(joint for letter in letters for joint in JOINT_CLASSES[letter]))


CROP_PX = 256
"""Side of the crop in which x and y are measured, whatever the patch's own size: loss weights keep their meaning."""


@dataclass(frozen=True)
class EhpeConfig:
    """Switches of the paper's tables: backbone (1), stages (3), tw_joint_set (4), use_spi and use_fem (5), edge_weight
    and gat_layers (6). The others are sizes, or choices the paper leaves open (see the README).

    upright: whether crops are turned so that the hand points up.
    Features. finest: stride of the fused map (hourglass input); fusion, width: how it is made, its channels.
    pg_feature: what the PG-stage reads, the backbone's coarsest map (the paper's 8x8) or the fused one.
    block: residual blocks of hourglass and refinement.
    TW-stage. heatmap_joints: whose 2D heatmaps there are, the stage's own joints' or all 21. stacks, hourglass_depth,
    hourglass_width. heatmap_sigma: in cells of the fused map. refine_out: side of
    the 2.5D heatmap in cells. depth_bins over +-depth_range_mm round the wrist. volume_norm: a batch norm after the 1x1
    convolution to the 2.5D heatmaps.
    PG-stage. fused_joints: which joints Eq 11 gives, all or the remaining ones, where the TW-stage's stay as they are.
    node_width: all heads together. gat_reach: what Eq 8's K scales are: heads that see one hop in the first layer and
    two in the later ones, or head k seeing k hops in each. gat_norm: layer norms of what the nodes sampled, and between
    the graph layers. node_identity: whether a node also says which joint it is. spi_out: whether SPI's FC gives a
    change of the node's coordinates or the coordinates. fem_out: an FC of the whole map, one that its cells share, or a
    soft-argmax of 21 small volumes. fc_unit: what a 1 of both FCs' answers is, half a crop and half a depth box, or a
    px of a 256-px crop and a mm, as in the losses.
    Mesh head. mesh_head: how the 21 sampled features meet. scale_prior: weak-perspective scale at zero output, half
    patches per metre.
    Losses. coordinate_loss: "squared" is Eq 4 and 12, "l1" sums absolute coordinates instead; *_weight: factor of each
    term; edge_loss_target: what Eq 13 pulls the attention to (the paper's 1, or 1 / neighbours); edge_loss_reduction:
    its sum over edges, as printed, or their mean.
    """

    preset: str = "lite"
    backbone: Literal["efficientnet_lite0", "resnet50", "hrnet_w64", "fastvit_ma36", "hand_landmark"] = (
        "efficientnet_lite0"
    )
    patch_size: int = 128
    upright: bool = False
    rig: str = "open"
    hands: Literal[1, 2] = 1
    finest: int = 8
    fusion: Literal["topdown", "concat", "deconv"] = "topdown"
    width: int = 128
    pg_feature: Literal["coarse", "fused"] = "fused"
    block: Literal["bottleneck", "separable"] = "separable"

    stages: Literal["tw_only", "pg_only", "tw+pg"] = "tw+pg"
    tw_joint_set: str = "WT"
    heatmap_joints: Literal["tw", "all"] = "tw"
    stacks: int = 1
    hourglass_depth: int = 3
    hourglass_width: int = 64
    heatmap_sigma: float = 1.0
    refine_width: int = 64
    refine_blocks: int = 4
    refine_pools: int = 0
    refine_out: int = 16
    depth_bins: int = 8
    volume_norm: bool = False
    depth_range_mm: float = 150.0

    use_spi: bool = True
    use_fem: bool = True
    fused_joints: Literal["all", "remaining"] = "all"
    node_width: int = 128
    gat_heads: int = 8
    gat_layers: Literal[1, 2, 3] = 2
    gat_score: Literal["additive", "dot", "gatv2"] = "additive"
    gat_reach: Literal["layers", "heads"] = "layers"
    gat_dropout: float = 0.0
    gat_norm: bool = False
    node_identity: bool = False
    edge_weight: Literal["dynamic", "learned", "fixed"] = "dynamic"
    spi_out: Literal["residual", "absolute"] = "residual"
    fem_width: int = 128
    fem_cells: int = 8
    fem_self_blocks: int = 1
    fem_cross_blocks: int = 1
    fem_heads: int = 4
    fem_mlp_ratio: int = 2
    fem_out: Literal["fc", "shared_fc", "softargmax"] = "fc"
    fc_unit: Literal["half_crop", "px_mm"] = "half_crop"

    mesh_head: Literal["transformer", "mlp"] = "mlp"
    mesh_width: int = 32
    mesh_hidden: int = 512
    scale_prior: float = 8.0

    coordinate_loss: Literal["squared", "l1"] = "squared"
    heatmap_weight: float = 3.0
    distance_weight: float = 1e-2
    l1_weight: float = 1e-2
    l1_reduction: Literal["mean", "sum"] = "mean"
    position_weight: float = 2e-2
    edge_loss_weight: float = 2e-1
    edge_loss_target: Literal["1", "uniform", "off"] = "1"
    edge_loss_reduction: Literal["sum", "mean"] = "sum"
    pose_weight: float = 1.0
    shape_weight: float = 1.0
    mesh_joints_weight: float = 10.0
    mesh_vertices_weight: float = 10.0
    mesh_2d_weight: float = 1.0
    confidence_weight: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, "ehpe")
        check_patch_size(self.patch_size, "ehpe")
        check_joint_set(self.tw_joint_set)
        if self.stages == "pg_only" and not self.use_fem:
            raise KnuckleError(
                "ehpe: expected use_fem to be true when stages is pg_only: the nodes start from its joints"
            )
        if self.fused_joints == "remaining" and not (self.has_pg and self.tw_joints):
            raise KnuckleError(
                "ehpe: expected fused_joints to be all where one stage gives every joint, got 'remaining' beside "
                f"stages {self.stages!r}, use_spi {self.use_spi} and use_fem {self.use_fem}"
            )
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.finest not in (4, 8, 16):
            raise KnuckleError(f"ehpe finest: expected 4, 8 or 16, got {self.finest}")
        halved = f"a map of {self.map_size} cells halved as often"
        if self.hourglass_depth < 1 or not _halves(self.map_size, self.hourglass_depth):
            raise KnuckleError(
                f"ehpe hourglass_depth: expected at least 1 and {halved}, got {self.hourglass_depth}"
            )
        pools = self.refine_pools
        if not _halves(self.map_size, pools) or self.refine_blocks % max(pools, 1):
            raise KnuckleError(
                f"ehpe refine_pools: expected {halved} and a number that divides refine_blocks, got {pools}"
            )
        if self.fem_cells < 1 or self.pg_map_size % self.fem_size:
            raise KnuckleError(
                f"ehpe fem_cells: expected to divide the {self.pg_map_size} cells of the PG-stage's map, got "
                f"{self.fem_cells}"
            )
        for width, heads in (("node_width", "gat_heads"), ("fem_width", "fem_heads")):
            if getattr(self, width) % getattr(self, heads):
                raise KnuckleError(
                    f"ehpe {width}: expected a multiple of {heads}, got {getattr(self, width)}"
                )

    @property
    def map_size(self) -> int:
        """Side of the fused feature map and of the 2D heatmaps in cells."""
        return self.patch_size // self.finest

    @property
    def pg_map_size(self) -> int:
        """Side of the PG-stage's feature map in cells."""
        return self.patch_size // 32 if self.pg_feature == "coarse" else self.map_size

    @property
    def fem_size(self) -> int:
        """Side of FEM's token maps in cells: fem_cells, or all of a smaller feature map's."""
        return min(self.fem_cells, self.pg_map_size)

    @property
    def fc_scale(self) -> tuple[float, float, float]:
        """What the branches' last layers are multiplied by to give -1..1 (`coordinates`)."""
        if self.fc_unit == "half_crop":
            return 1.0, 1.0, 1.0
        return 2 / CROP_PX, 2 / CROP_PX, 1 / self.depth_range_mm

    @property
    def has_pg(self) -> bool:
        """Whether any branch of the PG-stage refines the joints (Table 3's and Table 5's first rows have none)."""
        return self.stages != "tw_only" and (self.use_spi or self.use_fem)

    @property
    def tw_joints(self) -> tuple[int, ...]:
        """The joints of the TW-stage in the common order; all 21 without a PG-stage, none without a TW-stage."""
        if self.stages == "pg_only":
            return ()
        return joints_of(self.tw_joint_set if self.has_pg else LETTERS)

    @property
    def drawn_joints(self) -> tuple[int, ...]:
        """The joints that the TW-stage's 2D heatmaps show."""
        return joints_of(LETTERS) if self.heatmap_joints == "all" else self.tw_joints


def _halves(cells: int, times: int) -> bool:
    return times >= 0 and cells % 2**times == 0


_PAPER = EhpeConfig(
    preset="paper-resnet50",
    backbone="resnet50",
    patch_size=256,
    finest=4,
    fusion="deconv",
    width=256,
    pg_feature="coarse",
    block="bottleneck",
    stacks=2,
    hourglass_depth=4,
    hourglass_width=256,
    heatmap_sigma=2.0,
    refine_width=256,
    refine_blocks=8,
    refine_pools=4,
    refine_out=8,
    volume_norm=True,
    node_width=512,
    gat_dropout=0.1,
    gat_norm=True,
    fem_width=512,
    fem_self_blocks=4,
    fem_cross_blocks=4,
    fem_mlp_ratio=4,
    fem_out="shared_fc",
    fc_unit="px_mm",
    mesh_head="transformer",
    mesh_width=512,
    edge_loss_reduction="mean",
)

_LITE = EhpeConfig(coordinate_loss="l1", mesh_vertices_weight=0.0)

PRESETS: dict[str, EhpeConfig] = {
    "lite": _LITE,
    "photo": replace(
        _LITE,
        preset="photo",
        backbone="hand_landmark",
        patch_size=160,
        upright=True,
        hourglass_depth=2,
        fem_cells=10,
        gat_score="gatv2",
        gat_norm=True,
        node_identity=True,
        edge_loss_reduction="mean",
    ),
    "paper-resnet50": _PAPER,
    "paper-hrnet": replace(_PAPER, preset="paper-hrnet", backbone="hrnet_w64", fusion="concat"),
    "paper-fastvit": replace(_PAPER, preset="paper-fastvit", backbone="fastvit_ma36", fusion="topdown"),
}
"""lite: trained by us. photo: lite's heads on a backbone that has seen photographs, upright crops.
paper-*: the three rows of the paper's Table 1; its ablations are of paper-fastvit."""


def make_config(preset: str = "lite", **switches: Any) -> EhpeConfig:
    """A preset with some fields changed; raises KnuckleError listing the valid names."""
    return choose("ehpe", PRESETS, preset, switches)
