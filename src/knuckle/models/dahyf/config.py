"""Every size and switch of DaHyF in one dataclass; the presets are values of it."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields, check_patch_size, choose

Term = Literal["2d", "3d", "2dp", "m", "b"]
TERMS: tuple[Term, ...] = ("2d", "3d", "2dp", "m", "b")


def _zeros() -> dict[str, float]:
    return dict.fromkeys(TERMS, 0.0)


def _ones() -> dict[str, float]:
    return dict.fromkeys(TERMS, 1.0)


@dataclass(frozen=True)
class DahyfConfig:
    """Switches of Table 4: dirmap, joint2d, pe, contrastive. The others are choices the paper leaves open.

    patch_size: input side, px. upright: crops are turned so that the hand points up. finest: stride of the map F.
    width: channels of F_m. pool: "gap" is the paper's; "conv" narrows F_m by two strided blocks first. pe_coord: what
    Eq 6 encodes: "patch" the literal patch offset over the frame's focal length, "frame" the camera-frame direction,
    "unit" the offset over the patch's side. gdm_replicate "match" copies the direction map to as many channels as F
    (literal); "two" keeps two. local_map: whether the local direction map runs from 0 to 1 or to the number of cells.
    decode: how `infer` reads coordinates off SimCC's bins (`knuckle.layers.simcc`); training averages over all of them.
    loss2d: which terms L_2d has. far_2dp: how far off, in patch sides, a coordinate of L_2d^p has no gradient any more,
    0 for the plain L1. rot_repr: what the MLP predicts for each rotation. neg_target: cosine asked of patches without a
    hand. detach_2d: stop the gradient of L_c into the 2D branch, by way of the encoded joints too. scale_prior: weak-
    perspective scale at zero output, in half patches per metre. log_variance: initial log sigma^2 of each term of Eq
    11; term_weight: its factor (1 in the paper).
    """

    preset: str = "lite"
    backbone: Literal["efficientnet_lite0", "resnet50", "hrnet_w64", "hand_landmark"] = "efficientnet_lite0"
    patch_size: int = 128
    upright: bool = False
    finest: int = 8
    fusion: Literal["topdown", "concat", "deconv"] = "topdown"
    width: int = 128
    pool: Literal["gap", "conv"] = "conv"
    pool_width: int = 512
    dirmap: Literal["none", "local", "global"] = "global"
    local_map: Literal["unit", "cells"] = "unit"
    gdm_replicate: Literal["two", "match"] = "two"
    joint2d: Literal["none", "heatmap", "simcc"] = "simcc"
    split: int = 3
    decode: Literal["soft", "local"] = "soft"
    label_sigma: float = 6.0
    heatmap_sigma: float = 1.0
    pe: bool = True
    pe_bands: int = 4
    pe_coord: Literal["patch", "frame", "unit"] = "unit"
    contrastive: bool = True
    neg_target: Literal[-1, 0] = -1
    detach_2d: bool = False
    loss2d: Literal["kl", "l1", "both"] = "both"
    far_2dp: float = 2.0
    rot_repr: Literal["aa", "rot6d"] = "rot6d"
    mlp_width: int = 512
    mlp_layers: int = 2
    dropout: float = 0.0
    rig: str = "open"
    scale_prior: float = 8.0
    log_variance: dict[str, float] = field(default_factory=_zeros)
    term_weight: dict[str, float] = field(default_factory=_ones)

    def __post_init__(self) -> None:
        check_fields(self, "dahyf")
        check_patch_size(self.patch_size, "dahyf")
        for name in ("log_variance", "term_weight"):
            if set(getattr(self, name)) != set(TERMS):
                raise KnuckleError(
                    f"dahyf {name}: expected the terms {', '.join(TERMS)}, got {getattr(self, name)}"
                )
        if self.far_2dp < 0:
            raise KnuckleError(f"dahyf far_2dp: expected at least 0, got {self.far_2dp}")
        if self.joint2d == "none" and (self.pe or self.contrastive):
            raise KnuckleError(
                "dahyf: expected pe and contrastive to be false when joint2d is none: both need the 2D joints"
            )

    @property
    def map_size(self) -> int:
        """Side of the feature map F_m in cells."""
        return self.patch_size // self.finest


_PAPER = DahyfConfig(
    preset="paper",
    backbone="hrnet_w64",
    patch_size=224,
    finest=4,
    fusion="concat",
    width=256,
    pool="gap",
    local_map="cells",
    pe_coord="patch",
    gdm_replicate="match",
    far_2dp=0.0,
    rot_repr="aa",
    mlp_width=1024,
    dropout=0.5,
)

_LITE = DahyfConfig(
    log_variance={"2d": 1.0, "3d": -1.5, "2dp": -2.5, "m": -0.5, "b": -3.0},
    term_weight={"2d": 8.0, "3d": 1.0, "2dp": 1.0, "m": 1.0, "b": 0.3},
)

PRESETS: dict[str, DahyfConfig] = {
    "lite": _LITE,
    "photo": replace(_LITE, preset="photo", backbone="hand_landmark", patch_size=160, upright=True),
    "paper": _PAPER,
    "resnet50": replace(_PAPER, preset="resnet50", backbone="resnet50", fusion="deconv"),
}
"""lite: trained by us. photo: lite's head on a backbone that has seen photographs, upright crops.
paper: HRNet-W64 at 224 px. resnet50: the model of the paper's Table 4."""


def make_config(preset: str = "lite", **switches: Any) -> DahyfConfig:
    """A preset with some fields changed; raises KnuckleError listing the valid names."""
    if switches.get("joint2d") == "none":
        switches = {"pe": False, "contrastive": False, **switches}
    return choose("dahyf", PRESETS, preset, switches)
