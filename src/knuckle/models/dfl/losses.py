"""DFL's training objective (3.4, Eq 6 to 11), and the losses of validity and root depth, which are ours."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.crop import resized_px
from knuckle.geometry.float32 import in_float32
from knuckle.layers.segmentation_loss import dice_loss, focal_loss
from knuckle.models.contract import TwoHandTargets
from knuckle.models.dfl.config import CROP_PX, DEPTH_BOX_M, DflConfig
from knuckle.models.dfl.coordinates import from_labels
from knuckle.models.dfl.heads import PairState
from knuckle.models.dfl.model import DflOutput
from knuckle.skeleton import JOINT_COUNT, WRIST


class DflLoss(nn.Module):
    """L = L_2D + lambda_1 L_2.5D + lambda_2 L_seg (Eq 11), and validity and depths of the wrists.

    u and v count in px of a 256-px crop, d in bins of 1.5625 mm behind the own wrist; every term is a mean over what
    counts: joints of hands that are there. `forward` returns the total and every term, unweighted, for the log.
    """

    def __init__(self, config: DflConfig) -> None:
        super().__init__()
        self.config = config
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
        truth = from_labels(targets.joints_patch, targets.joints_m, patch_size=config.patch_size)
        truth = torch.where(there[:, :, None, None], truth, 0.0)
        terms = {"25d": masked_mean(self.joints_25d(output.joints_25d - truth), there[:, :, None])}
        if output.joints_2d is not None:
            error = self._per_joint(smooth_l1(output.joints_2d - truth[:, None, ..., :2], config.tau_uv))
            terms["2d"] = masked_mean(error, there[:, None, :, None])
        if config.attention_weight and output.attention:
            terms["attention"] = self._attention(output.attention, truth[..., :2].flatten(1, 2), there)
        if output.log_parts is not None:
            terms |= self._segmentation(output.log_parts, targets)
        terms["validity"] = F.binary_cross_entropy_with_logits(output.pair.validity_logit, there.float())
        return terms | self._depths(output.pair, targets)

    def joints_25d(self, error: Float[Tensor, "B 2 21 3"]) -> Float[Tensor, "B 2 21"]:
        """Eq 6 and 7 for each joint."""
        config = self.config
        plane = config.alpha * smooth_l1(error[..., :2], config.tau_uv).sum(-1)
        total = plane + config.beta * smooth_l1(error[..., 2], config.tau_d)
        return total if config.coordinates == "sum" else total / 3

    def _per_joint(self, each: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b"]:
        return each.sum(-1) if self.config.coordinates == "sum" else each.mean(-1)

    def _attention(
        self, attention: list[Tensor], uv: Float[Tensor, "B 42 2"], there: Bool[Tensor, "B 2"]
    ) -> Float[Tensor, ""]:
        """-log of the attention that lies on the joint, interpolated between cells; mean over maps and over joints in
        the crop."""
        inside = ((uv > -0.5) & (uv < CROP_PX - 0.5)).all(-1) & there.repeat_interleave(JOINT_COUNT, 1)
        each = [masked_mean(-sample_attention(maps, uv).clamp(min=1e-8).log(), inside) for maps in attention]
        return torch.stack(each).mean()

    def _segmentation(self, log_parts: Float[Tensor, "B n 33"], targets: TwoHandTargets) -> dict[str, Tensor]:
        """Eq 8 to 10; zero, with a zero gradient, where the set has no part masks."""
        if targets.part_mask is None:
            return {"focal": log_parts.sum() * 0, "dice": log_parts.sum() * 0}
        step = targets.part_mask.shape[-1] // self.config.map_size
        labels = targets.part_mask[:, ::step, ::step].flatten(1).long()
        return {
            "focal": focal_loss(log_parts, labels, gamma=self.config.focal_gamma).mean(),
            "dice": dice_loss(log_parts.exp(), labels, smooth=self.config.dice_smooth).mean(),
        }

    def _depths(self, pair: PairState, targets: TwoHandTargets) -> dict[str, Tensor]:
        """depth: L1 of the logarithm; relative: smooth L1 in bins, where both hands are there."""
        there = targets.is_hand
        wrists = torch.where(there, targets.joints_m[:, :, WRIST, 2], 0.0)
        middle = wrists.sum(1) / there.sum(1).clamp(min=1)
        depth = (pair.depth_m.log() - middle.clamp(min=1e-2).log()).abs()
        relative = (pair.relative_m - (wrists[:, 1] - wrists[:, 0])) * (CROP_PX / DEPTH_BOX_M)
        return {
            "depth": masked_mean(depth, there.any(1)),
            "relative": masked_mean(smooth_l1(relative, self.config.tau_d), there.all(1)),
        }


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
