"""DFL's training objective (3.4, Eq 6 to 11), and the losses of validity and root depth, which are ours."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.crop import resized_px
from knuckle.geometry.float32 import in_float32
from knuckle.layers.partial import share
from knuckle.layers.segmentation_loss import dice_loss, focal_loss
from knuckle.models.contract import Kind, TwoHandTargets
from knuckle.models.dfl.config import CROP_PX, DEPTH_BOX_M, DflConfig
from knuckle.models.dfl.coordinates import from_labels
from knuckle.models.dfl.heads import PairState
from knuckle.models.dfl.model import DflOutput
from knuckle.skeleton import WRIST


class DflLoss(nn.Module):
    """L = L_2D + lambda_1 L_2.5D + lambda_2 L_seg (Eq 11), and validity and depths of the wrists.

    u and v count in px of a 256-px crop, d in bins of 1.5625 mm behind the own wrist; every term is a mean over what
    counts: labels that are there, of hands that are. `forward` returns the total and every term, unweighted, for the
    log.
    """

    def __init__(self, config: DflConfig) -> None:
        super().__init__()
        self.config = config
        self.needs: tuple[Kind, ...] = ("joints_2d", "joints_3d")
        if config.seg and config.lambda_seg:
            self.needs += ("mask",)
        self.weights = {
            "2d": 1.0,
            "25d": config.lambda_joints,
            "focal": config.lambda_seg,
            "dice": config.lambda_seg,
            "validity": config.validity_weight,
            "depth": config.depth_weight,
            "relative": config.relative_weight,
            "attention": config.attention_weight,
        }

    @in_float32
    def forward(
        self,
        output: DflOutput,
        targets: TwoHandTargets,
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        *,
        negatives: bool,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """negatives: taken as every system's loss takes it; here validity counts from the start, as frames of a lone
        hand already say what an absent one is."""
        terms = self._terms(output, targets)
        total = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        return total, terms

    def _terms(self, output: DflOutput, targets: TwoHandTargets) -> dict[str, Tensor]:
        config, there = self.config, targets.is_hand
        seen, deep = targets.counts("joints_2d"), _with_wrist(targets)
        truth = from_labels(targets.joints_patch, targets.joints_m, patch_size=config.patch_size)
        known = torch.stack([seen, seen, deep], dim=-1)
        truth = torch.where(known, truth, 0.0)
        terms = {"25d": self._final(output.joints_25d - truth, targets, seen, deep)}
        if output.joints_2d is not None:
            error = self._per_joint(smooth_l1(output.joints_2d - truth[:, None, ..., :2], config.tau_uv))
            terms["2d"] = masked_mean(error, seen[:, None])
        if config.attention_weight and output.attention:
            terms["attention"] = self._attention(output.attention, truth[..., :2].flatten(1, 2), seen)
        if output.log_parts is not None:
            terms |= self._segmentation(output.log_parts, targets)
        logits = output.pair.validity_logit
        terms["validity"] = F.binary_cross_entropy_with_logits(logits, there.to(logits.dtype))
        return terms | self._depths(output.pair, targets)

    def _final(
        self,
        error: Float[Tensor, "B 2 21 3"],
        targets: TwoHandTargets,
        seen: Bool[Tensor, "B 2 21"],
        deep: Bool[Tensor, "B 2 21"],
    ) -> Float[Tensor, ""]:
        """L_2.5D: means of its part in the plane over joints seen, of its depth over joints placed."""
        whole = targets.is_hand[..., None].expand_as(seen)
        plane, depth = (share(counts, whole, like=error) for counts in (seen, deep))
        return masked_mean(self.joints_25d(error, plane=plane, depth=depth), whole)

    def joints_25d(
        self,
        error: Float[Tensor, "B 2 21 3"],
        *,
        plane: Float[Tensor, "B 2 21"] | float = 1.0,
        depth: Float[Tensor, "B 2 21"] | float = 1.0,
    ) -> Float[Tensor, "B 2 21"]:
        """Eq 6 and 7 for each joint; plane, depth: factors of its two parts."""
        config = self.config
        along = config.alpha * smooth_l1(error[..., :2], config.tau_uv).sum(-1) * plane
        total = along + config.beta * smooth_l1(error[..., 2], config.tau_d) * depth
        return total if config.coordinates == "sum" else total / 3

    def _per_joint(self, each: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b"]:
        return each.sum(-1) if self.config.coordinates == "sum" else each.mean(-1)

    def _attention(
        self, attention: list[Tensor], uv: Float[Tensor, "B 42 2"], seen: Bool[Tensor, "B 2 21"]
    ) -> Float[Tensor, ""]:
        """-log of the attention that lies on the joint, interpolated between cells; mean over maps and over joints in
        the crop."""
        inside = ((uv > -0.5) & (uv < CROP_PX - 0.5)).all(-1) & seen.flatten(1)
        each = [masked_mean(-sample_attention(maps, uv).clamp(min=1e-8).log(), inside) for maps in attention]
        return torch.stack(each).mean()

    def _segmentation(self, log_parts: Float[Tensor, "B n 33"], targets: TwoHandTargets) -> dict[str, Tensor]:
        """Eq 8 to 10 over the crops with part masks; zero, with a zero gradient, where there are none."""
        if targets.part_mask is None:
            return {"focal": log_parts.sum() * 0, "dice": log_parts.sum() * 0}
        step = targets.part_mask.shape[-1] // self.config.map_size
        labels = targets.part_mask[:, ::step, ::step].flatten(1).long()
        masked = targets.counts("mask")
        weight = share(masked, torch.ones_like(masked), like=log_parts)
        return {
            "focal": (focal_loss(log_parts, labels, gamma=self.config.focal_gamma) * weight).mean(),
            "dice": (dice_loss(log_parts.exp(), labels, smooth=self.config.dice_smooth) * weight).mean(),
        }

    def _depths(self, pair: PairState, targets: TwoHandTargets) -> dict[str, Tensor]:
        """depth: L1 of the logarithm, where the wrists of all hands that are there are placed; relative: smooth L1 in
        bins, where those of both are."""
        there, placed = targets.is_hand, targets.counts("joints_3d")[..., WRIST]
        wrists = torch.where(placed, targets.joints_m[:, :, WRIST, 2], 0.0)
        middle = wrists.sum(1) / there.sum(1).clamp(min=1)
        depth = (pair.depth_m.log() - middle.clamp(min=1e-2).log()).abs()
        relative = (pair.relative_m - (wrists[:, 1] - wrists[:, 0])) * (CROP_PX / DEPTH_BOX_M)
        return {
            "depth": masked_mean(depth, there.any(1) & (placed == there).all(1)),
            "relative": masked_mean(smooth_l1(relative, self.config.tau_d), placed.all(1)),
        }


def _with_wrist(targets: TwoHandTargets) -> Bool[Tensor, "B H 21"]:
    """The 3D joints that are there beside the wrist that their depth is measured from."""
    placed = targets.counts("joints_3d")
    return placed & placed[..., WRIST : WRIST + 1]


def smooth_l1(error: Tensor, tau: float) -> Tensor:
    """Eq 7 of each entry: x^2 / (2 tau) below tau, |x| - tau / 2 above."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=tau, reduction="none")


def masked_mean(values: Tensor, counts: Tensor) -> Float[Tensor, ""]:
    """Mean over what counts; 0 where nothing does."""
    counts = counts.expand_as(values)
    return torch.where(counts, values, 0).sum() / counts.sum().clamp(min=1)


def sample_attention(maps: Float[Tensor, "B 42 n"], uv: Float[Tensor, "B 42 2"]) -> Float[Tensor, "B 42"]:
    """Maps over square cells at a place each (px of the 256-px crop), bilinear; the border's value outside."""
    side = math.isqrt(maps.shape[-1])
    place = resized_px(uv, side / CROP_PX).clamp(0, side - 1)
    low = place.floor()
    share = place - low
    total = torch.zeros_like(maps[..., 0])
    for dx, along_x in ((0, 1 - share[..., 0]), (1, share[..., 0])):
        for dy, along_y in ((0, 1 - share[..., 1]), (1, share[..., 1])):
            column, row = (low[..., 0] + dx).clamp(max=side - 1), (low[..., 1] + dy).clamp(max=side - 1)
            cell = (row * side + column).long()
            total = total + along_x * along_y * maps.gather(2, cell[..., None])[..., 0]
    return total
