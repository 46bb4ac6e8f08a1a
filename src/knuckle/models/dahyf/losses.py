"""DaHyF's training objective (3.5, Eq 10 and 11) with learned uncertainty weights."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32
from knuckle.layers.heatmap import heatmap_loss
from knuckle.layers.partial import share
from knuckle.layers.simcc import classification_loss
from knuckle.models.contract import Kind, Targets
from knuckle.models.dahyf.config import TERMS, DahyfConfig
from knuckle.models.dahyf.model import DahyfOutput
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import BONES, JOINT_COUNT, MIDDLE_MCP


class DahyfLoss(nn.Module):
    """L = sum_k (L_k / sigma_k^2 + log sigma_k^2) / 2 + L_c.

    The paper prints Eq 11 without the logarithm, whose minimum is an infinite sigma; this is Kendall's form, with
    s_k = log sigma_k^2 learned. Lengths are measured in decimetres and 2D offsets in patch sides, so that the terms
    are of one order. Every term is a mean over the labels that are there, and a term without any leaves its sigma
    alone. `forward` returns the total and every term, unweighted, for the log.
    """

    needs: tuple[Kind, ...] = ("joints_2d",)
    """Labels that some hands of a run must have."""

    def __init__(self, config: DahyfConfig) -> None:
        super().__init__()
        self.config = config
        self.uses_negatives = config.contrastive
        """Whether patches without a hand teach anything."""
        self.log_variance = nn.ParameterDict(
            {
                term: nn.Parameter(torch.tensor(float(config.log_variance[term])))
                for term in self._active_terms()
            }
        )

    def _active_terms(self) -> list[str]:
        return [term for term in TERMS if term != "2d" or self.config.joint2d != "none"]

    @in_float32
    def forward(
        self,
        output: DahyfOutput,
        targets: Targets,
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        *,
        negatives: bool,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """negatives: whether patches without a hand have joined; L_c counts from then on."""
        hand = targets.is_hand.to(output.joints_m.dtype)
        counts = {
            "2d": targets.counts("joints_2d"),
            "3d": _with_root(targets),
            "2dp": targets.counts("joints_2d"),
            "m": targets.counts("pose") | targets.counts("shape"),
            "b": _bones_there(targets),
        }
        terms = {
            "3d": _joints_3d(output, targets, counts["3d"]),
            "2dp": self._projected(output, targets, crop),
            "m": _parameters(output, targets),
            "b": _bones(output, targets, counts["b"]),
        }
        if self.config.joint2d != "none":
            terms["2d"] = self._joints_2d(output, targets)
        means = {name: (value * hand).sum() / hand.sum().clamp(min=1) for name, value in terms.items()}
        total = sum(
            self.config.term_weight[name]
            * 0.5
            * (means[name] * torch.exp(-self.log_variance[name]) + self.log_variance[name])
            * counts[name].any()
            for name in self._active_terms()
        )
        if self.config.contrastive and output.similarity is not None:
            target = torch.where(targets.is_hand, 1.0, float(self.config.neg_target))
            means["c"] = (output.similarity - target).square().mean()
            # Multiplied rather than left out: every parameter keeps a gradient before L_c begins.
            total = total + means["c"] * float(negatives)
        return torch.as_tensor(total), means

    def _projected(
        self, output: DahyfOutput, targets: Targets, crop: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B"]:
        """L1 of the projected joints, in patch sides."""
        error = (output.joints_px - targets.joints_px).div(crop[:, None, 2:]).abs()
        if self.config.far_2dp:
            # A hand that the first steps put beside the camera must not outweigh the batch.
            error = error.clamp(max=self.config.far_2dp)
        counts = targets.counts("joints_2d")
        weight = share(counts, _all_joints(targets), like=error)
        return (error * weight[..., None]).mean((1, 2))

    def _joints_2d(self, output: DahyfOutput, targets: Targets) -> Float[Tensor, "B"]:
        config = self.config
        uv, truth = output.joints_patch, targets.joints_patch
        assert uv is not None
        known = targets.counts("joints_2d")
        inside = ((truth > -0.5) & (truth < config.patch_size - 0.5)).all(-1) & known
        inside = inside.to(uv.dtype)
        per_joint = torch.zeros_like(inside)
        if config.loss2d != "kl":
            per_joint = per_joint + 10 * (uv - truth).abs().sum(-1) / config.patch_size
        if config.loss2d != "l1":
            per_joint = per_joint + self._distribution_loss(output, truth)
        per_hand = (per_joint * inside).sum(1) / inside.sum(1).clamp(min=1)
        return per_hand * share(known.any(1), targets.is_hand, like=uv)

    def _distribution_loss(self, output: DahyfOutput, truth: Tensor) -> Float[Tensor, "B 21"]:
        config = self.config
        if output.logits is None:
            assert output.maps is not None
            return heatmap_loss(output.maps, truth, config.patch_size, sigma_cells=config.heatmap_sigma)
        options = {"split": config.split, "sigma": config.label_sigma}
        along_x, along_y = output.logits
        return classification_loss(along_x, truth[..., 0], **options) + classification_loss(
            along_y, truth[..., 1], **options
        )


def _all_joints(targets: Targets) -> Bool[Tensor, "B 21"]:
    return targets.is_hand[:, None].expand(-1, JOINT_COUNT)


def _with_root(targets: Targets) -> Bool[Tensor, "B 21"]:
    """The 3D joints that are there beside the one that they are measured from."""
    counts = targets.counts("joints_3d")
    return counts & counts[:, MIDDLE_MCP : MIDDLE_MCP + 1]


def _joints_3d(output: DahyfOutput, targets: Targets, counts: Bool[Tensor, "B 21"]) -> Float[Tensor, "B"]:
    """L1 of root-relative joints, in decimetres."""
    root = slice(MIDDLE_MCP, MIDDLE_MCP + 1)
    predicted = output.joints_m - output.joints_m[:, root]
    truth = targets.joints_m - targets.joints_m[:, root]
    each = (predicted - truth).abs().sum(-1)
    return 10 * (each * share(counts, _all_joints(targets), like=each)).mean(-1)


def _parameters(output: DahyfOutput, targets: Targets) -> Float[Tensor, "B"]:
    """L_m: squared error of rotation matrices (the global one counts as the other 15 together) and of shape."""
    error = (output.rotations - rodrigues(targets.pose)).square().sum((2, 3))
    shape = (output.shape - targets.shape).square().mean(1)
    posed, sized = (share(targets.counts(kind), targets.is_hand, like=error) for kind in ("pose", "shape"))
    return 0.5 * error[:, 0] * posed + 0.5 * error[:, 1:].mean(1) * posed + 0.02 * shape * sized


_START, _END = [a for a, _ in BONES], [b for _, b in BONES]


def _bones_there(targets: Targets) -> Bool[Tensor, "B 20"]:
    """The bones both of whose ends are labelled in 3D."""
    counts = targets.counts("joints_3d")
    return counts[:, _START] & counts[:, _END]


def _bones(output: DahyfOutput, targets: Targets, counts: Bool[Tensor, "B 20"]) -> Float[Tensor, "B"]:
    """L_b: L1 of the 20 bone lengths (after Kulon et al.), in decimetres."""

    def lengths(joints: Tensor) -> Tensor:
        return (joints[:, _START] - joints[:, _END]).square().sum(-1).add(1e-12).sqrt()

    each = (lengths(output.joints_m) - lengths(targets.joints_m)).abs()
    whole = targets.is_hand[:, None].expand_as(counts)
    return 10 * (each * share(counts, whole, like=each)).mean(1)
