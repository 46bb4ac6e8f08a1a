"""HandAR's training objective (3.4, Eq 3 to 8), and the losses of root depth and confidence, which are ours."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.crop import resized_px
from knuckle.geometry.float32 import in_float32
from knuckle.layers.confidence import confidence_loss
from knuckle.layers.partial import share
from knuckle.models.contract import Kind, Targets, truth_mesh
from knuckle.models.handar.config import DEPTH_BOX_M, HandarConfig
from knuckle.models.handar.coordinates import metres_to_bins
from knuckle.models.handar.mesh_joints import joint_matrix, joints_of_mesh
from knuckle.models.handar.model import HandarOutput
from knuckle.models.handar.render_loss import PaintedHand, hand_mask, picture_distance
from knuckle.models.handar.surface import SurfaceLoss
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.skeleton import MIDDLE_MCP

_XY, _Z = slice(0, 2), slice(2, 3)
_UNIT_BINS = 64
"""Lengths are measured in bins of the paper's 64, so that the weights mean the same at every patch size."""


class HandarLoss(nn.Module):
    """Weighted sum of every term that the configuration has; each term is a mean over what counts.

    A coordinate of the truth that lies outside the crop or the depth box does not count, nor does a label that is
    missing; a mesh needs the place of its middle MCP in 3D. `forward` returns the total and every term, unweighted, for
    the log.
    """

    joint_matrix: Tensor

    needs: tuple[Kind, ...] = ("joints_3d", "mesh")
    """Labels that some hands of a run must have."""

    def __init__(self, config: HandarConfig) -> None:
        super().__init__()
        self.config = config
        self.uses_negatives = config.confidence_weight > 0
        rig = load_rig(config.rig, side="right")
        self.rig = RigLayer(rig)
        self.painted = PaintedHand(rig)
        self.surface = SurfaceLoss(self.painted.faces)
        self.register_buffer("joint_matrix", torch.from_numpy(joint_matrix(rig)), persistent=False)

    @in_float32
    def forward(
        self,
        output: HandarOutput,
        targets: Targets,
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        *,
        negatives: bool,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """negatives: whether patches without a hand have joined; the confidence counts from then on."""
        config, hand = self.config, targets.is_hand
        placed = targets.counts("joints_3d")
        rooted = placed[:, config.root_joint]
        meshed = targets.counts("mesh") & placed[:, MIDDLE_MCP] & rooted
        root_depth = targets.joints_m[:, config.root_joint, 2].clamp(min=1e-2)
        with torch.no_grad():
            vertices_m, _ = truth_mesh(self.rig, targets)
            truth = metres_to_bins(vertices_m, root_depth, crop, camera, config)
        meshes = [output.rough, output.final] if config.refine_stage else [output.rough]
        terms = {
            "mesh": sum_of(self._l1(mesh, truth, meshed[:, None, None]) for mesh in meshes),
            "joint": self._joints(output, meshes, truth, targets, meshed, crop, camera),
        }
        counts = inside(truth, config.bins).all(-1) & meshed[:, None]
        scale = _UNIT_BINS / config.bins
        terms["normal"], terms["edge"] = self.surface([m * scale for m in meshes], truth * scale, counts)
        terms |= self._pictures(output, targets, truth, root_depth, meshed & targets.counts("mask"))
        depth_error = (output.root_depth_m.log() - root_depth.log()).abs()
        terms["depth"] = masked_mean(depth_error, rooted)
        terms["confidence"] = confidence_loss(output.confidence_logit.float(), hand, negatives=negatives)
        total = sum_of(getattr(config, f"{name}_weight") * value for name, value in terms.items())
        return total, terms

    def _l1(
        self, points: Float[Tensor, "B n 3"], truth: Float[Tensor, "B n 3"], known: Bool[Tensor, "B #n #3"]
    ) -> Float[Tensor, ""]:
        counts = inside(truth, self.config.bins) & known
        return masked_mean((points - truth).abs(), counts) * (_UNIT_BINS / self.config.bins)

    def _joints(
        self,
        output: HandarOutput,
        meshes: list[Tensor],
        truth: Tensor,
        targets: Targets,
        meshed: Bool[Tensor, "B"],
        crop: Tensor,
        camera: Tensor,
    ) -> Float[Tensor, ""]:
        """Eq 4. The mesh's joints are compared with the true mesh's, regressed alike; the head's with the labels."""
        regressed, known = joints_of_mesh(self.joint_matrix, truth), meshed[:, None, None]
        total = sum_of(self._l1(joints_of_mesh(self.joint_matrix, mesh), regressed, known) for mesh in meshes)
        if output.joints is None:
            return total
        return total + self._labelled(output.joints, targets, crop, camera)

    def _labelled(
        self,
        joints: Float[Tensor, "B 21 3"],
        targets: Targets,
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
    ) -> Float[Tensor, ""]:
        """L1 of the head's joints: in x and y over joints labelled in the picture, in z over those in 3D whose root is
        too, together as if all were."""
        placed, seen = targets.counts("joints_3d"), targets.counts("joints_2d")
        root_depth = targets.joints_m[:, self.config.root_joint, 2].clamp(min=1e-2)
        labelled = metres_to_bins(targets.joints_m, root_depth, crop, camera, self.config)
        # The same but for rounding where a joint is labelled in both.
        plane = resized_px(targets.joints_patch, self.config.bins / self.config.patch_size)
        plane = torch.where(placed[..., None], labelled[..., :2], plane)
        truth = torch.cat([plane, labelled[..., 2:]], dim=-1)
        deep = placed & placed[:, self.config.root_joint, None]
        known = torch.stack([seen, seen, deep], dim=-1)
        whole = (inside(truth, self.config.bins) | ~known) & targets.is_hand[:, None, None]
        kinds = [
            share(whole[..., kind] & known[..., kind], whole[..., kind], like=joints) for kind in (_XY, _Z)
        ]
        error = (joints - truth).abs() * torch.cat(kinds, dim=-1)
        return masked_mean(error, whole) * (_UNIT_BINS / self.config.bins)

    def _masks(
        self, drawn_mask: Bool[Tensor, "B m m"], targets: Targets, drawn: Bool[Tensor, "B"]
    ) -> tuple[Bool[Tensor, "B m m"], Bool[Tensor, "B"]]:
        """The data set's own masks where it has them, else those of the drawn mesh, and which rows have either."""
        own = targets.own
        if own is None or own.mask is None or own.has_mask is None:
            return drawn_mask, drawn
        size = drawn_mask.shape[-1]
        given = F.interpolate(own.mask[:, None].float(), size=(size, size), mode="area")[:, 0] >= 0.5
        has_own = own.has_mask & targets.is_hand
        return torch.where(has_own[:, None, None], given, drawn_mask), drawn | has_own

    def _pictures(
        self,
        output: HandarOutput,
        targets: Targets,
        truth: Tensor,
        root_depth: Tensor,
        drawn: Bool[Tensor, "B"],
    ) -> dict[str, Tensor]:
        """Eq 7 and 8, against one picture of the true mesh (so its mask is amodal); where a data set has masks of its
        own, the segmentation is compared with those. drawn: whose mesh is known."""
        config = self.config
        if not (config.render or config.segmentation):
            return {}
        box = {"bins": config.bins, "box_m": DEPTH_BOX_M, "size": config.render_size}
        with torch.no_grad():
            true_picture = self.painted(truth, root_depth, **box)
        terms = {}
        if output.segmentation is not None:
            mask, known = self._masks(hand_mask(true_picture, config.mask_size), targets, drawn)
            per_pixel = F.cross_entropy(output.segmentation, mask.long(), reduction="none")
            terms["segmentation"] = masked_mean(per_pixel.mean((1, 2)), known)
        if config.render:
            picture = self.painted(output.final, root_depth, **box)
            distance = picture_distance(picture.image, true_picture.image, config.render_levels)
            terms["render"] = masked_mean(distance, drawn)
        return terms


def inside(points: Float[Tensor, "B n 3"], bins: int) -> Bool[Tensor, "B n 3"]:
    """Which coordinates lie within the crop and the depth box."""
    return (points >= -0.5) & (points <= bins - 0.5)


def masked_mean(values: Tensor, counts: Tensor) -> Float[Tensor, ""]:
    """Mean over what counts; 0 where nothing does, even if what does not count is not finite."""
    kept = torch.where(counts, values, 0)
    return kept.sum() / counts.sum().clamp(min=1)


def sum_of(terms: Iterable[Tensor]) -> Tensor:
    """Sum of an iterable of tensors as a tensor."""
    return torch.stack(list(terms)).sum()
