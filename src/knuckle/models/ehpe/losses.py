"""EHPE's training objectives: Eq 6 of the TW-stage, Eq 14 of the PG-stage, and the mesh head's."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.geometry.float32 import in_float32
from knuckle.layers.confidence import confidence_loss
from knuckle.layers.partial import share
from knuckle.models.contract import Kind, Targets, TwoHandTargets, truth_mesh
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.models.ehpe.coordinates import PlacedHands, from_labels, to_px_mm
from knuckle.models.ehpe.model import Ehpe, EhpeOutput, sides_of
from knuckle.models.ehpe.spi import neighbours
from knuckle.models.ehpe.tw_stage import gaussian_targets
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import JOINT_COUNT, MIDDLE_MCP, WRIST
from knuckle.truth import Validity


class EhpeLoss(nn.Module):
    """The sum of the configuration's weights times terms; phase: "tw" Eq 6, "pg" Eq 14 and the mesh, "all" both.

    `forward` returns the total and every term, unweighted, for the log. x and y count in px of a 256-px crop, z in mm.
    Every term is a mean over the labels that are there; z needs its joint's and the wrist's place in 3D.
    """

    uniform: Tensor
    edges: Tensor

    def __init__(self, config: EhpeConfig, phase: str = "all") -> None:
        super().__init__()
        if phase not in Ehpe.PHASES:
            raise KnuckleError(f"ehpe phase: expected one of {', '.join(Ehpe.PHASES)}, got {phase!r}")
        self.config, self.phase = config, phase
        self.uses_negatives = config.confidence_weight > 0
        self.needs: tuple[Kind, ...] = ("joints_2d", "joints_3d")
        if phase != "tw":
            self.needs += ("pose", "shape")
        self.rigs = nn.ModuleList(RigLayer(load_rig(config.rig, side=side)) for side in sides_of(config))
        edges = torch.stack(neighbours(config)).float()
        self.register_buffer("edges", edges, persistent=False)
        self.register_buffer("uniform", edges / edges.sum(-1, keepdim=True), persistent=False)
        self.weights = {
            "heatmap": config.heatmap_weight,
            "distance": config.distance_weight,
            "l1": config.l1_weight,
            "position": config.position_weight,
            "edge": config.edge_loss_weight,
            "pose": config.pose_weight,
            "shape": config.shape_weight,
            "joints": config.mesh_joints_weight,
            "vertices": config.mesh_vertices_weight,
            "projected": config.mesh_2d_weight,
            "confidence": config.confidence_weight,
        }

    @in_float32
    def forward(
        self,
        output: EhpeOutput,
        targets: Targets | TwoHandTargets,
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        *,
        negatives: bool,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """negatives: whether the batch has patches without a hand; they count in the confidence alone.

        With `hands=2`, one-hand targets are the right hand's, and the left one counts as absent.
        """
        if isinstance(targets, Targets):
            targets = _with_hands(targets, self.config.hands)
        truth = from_labels(
            targets.joints_patch,
            targets.joints_m,
            patch_size=self.config.patch_size,
            depth_range_mm=self.config.depth_range_mm,
        )
        rows: dict[str, Tensor] = {}
        if self.phase != "pg" and output.tw_joints is not None:
            rows |= self._first_stage(output, truth, targets)
        if self.phase != "tw":
            assert output.hands is not None
            rows |= self._second_stage(output, truth, targets) | self._mesh(output.hands, targets, crop)
        hand = targets.is_hand.to(truth.dtype)
        terms = {name: (value * hand).sum() / hand.sum().clamp(min=1) for name, value in rows.items()}
        if self.phase != "pg" and output.tw_joints is not None:
            terms["l1"] = output.l1
        terms["confidence"] = confidence_loss(
            output.confidence_logit, targets.is_hand.any(1), negatives=negatives
        )
        total = torch.stack([value * self.weights[name] for name, value in terms.items()]).sum()
        return total, terms

    def _first_stage(
        self, output: EhpeOutput, truth: Float[Tensor, "B H 21 3"], targets: TwoHandTargets
    ) -> dict[str, Tensor]:
        """L_H (Eq 3), the mean of the stacks, and L_ED (Eq 4); a joint outside the depth box or the crop counts at its
        edge in L_ED, as a soft-argmax cannot leave them."""
        config = self.config
        assert output.heatmaps is not None and output.tw_joints is not None
        joints, drawn = list(config.tw_joints), list(config.drawn_joints)
        size = output.heatmaps.shape[-1]
        target = gaussian_targets(
            truth[:, :, drawn, :2].flatten(1, 2), size, sigma_cells=config.heatmap_sigma
        ).unflatten(1, (config.hands, -1))
        truth = truth[:, :, joints]
        maps = output.heatmaps.unflatten(2, (config.hands, -1))
        squared = (maps - target[:, None]).square().sum((-1, -2))
        seen = _joint_share(targets, targets.counts("joints_2d"), drawn, like=squared)
        reachable = to_px_mm(truth.clamp(-1, 1), config.depth_range_mm)
        return {
            "heatmap": (squared * seen[:, None]).mean((1, 3)),
            "distance": self._coordinates(output.tw_joints - reachable, targets, joints),
        }

    def _second_stage(
        self, output: EhpeOutput, truth: Float[Tensor, "B H 21 3"], targets: TwoHandTargets
    ) -> dict[str, Tensor]:
        """L_P (Eq 12) and L_E (Eq 13)."""
        terms: dict[str, Tensor] = {}
        if self.config.has_pg:
            assert output.joints_25d is not None
            error = output.joints_25d - to_px_mm(truth, self.config.depth_range_mm)
            terms["position"] = self._coordinates(error, targets, list(range(JOINT_COUNT)))
        if output.attention is not None and self.config.edge_loss_target != "off":
            terms["edge"] = self.edge_loss(output.attention)
        return terms

    def edge_loss(self, attention: Float[Tensor, "B H layers heads 21 21"]) -> Float[Tensor, "B H"]:
        """Eq 13: sum over directed edges, self loops included, of (alpha - target)^2, or their mean
        (`edge_loss_reduction`); mean over heads and layers."""
        target = self.uniform if self.config.edge_loss_target == "uniform" else 1.0
        each = ((attention - target) * self.edges).square().sum((-1, -2))
        if self.config.edge_loss_reduction == "mean":
            each = each / self.edges.sum((-1, -2))
        return each.mean((2, 3))

    def _mesh(
        self, hands: PlacedHands, targets: TwoHandTargets, crop: Float[Tensor, "B 3"]
    ) -> dict[str, Tensor]:
        """L1 of rotation matrices, shape, root-relative joints (metres) and projected joints (cells of an 8x8 map)."""
        root = slice(MIDDLE_MCP, MIDDLE_MCP + 1)
        truth_joints = targets.joints_m - targets.joints_m[..., root, :]
        joints = hands.mesh_joints_m - hands.mesh_joints_m[..., root, :]
        cells = 8 / crop[:, 2, None, None, None]
        every, here = list(range(JOINT_COUNT)), targets.is_hand
        placed = targets.counts("joints_3d")
        rooted = _joint_share(targets, placed & placed[..., root], every, like=joints)
        seen = _joint_share(targets, targets.counts("joints_2d"), every, like=joints)
        posed, sized = (share(targets.counts(kind), here, like=joints) for kind in ("pose", "shape"))
        # Bounded: a hand that the first steps put beside the camera must not outweigh the batch.
        projected = ((hands.mesh_joints_px - targets.joints_px) * cells).abs().clamp(max=16)
        terms = {
            "pose": (hands.rotations - rodrigues(targets.pose)).abs().mean((2, 3, 4)) * posed,
            "shape": (hands.shape - targets.shape).abs().mean(2) * sized,
            "joints": ((joints - truth_joints).abs() * rooted[..., None]).mean((2, 3)),
            "projected": (projected * seen[..., None]).mean((2, 3)),
        }
        if self.config.mesh_vertices_weight:
            assert hands.vertices_m is not None
            truth = torch.stack([self._truth_vertices(h, targets) for h in range(len(self.rigs))], dim=1)
            vertices = hands.vertices_m - hands.mesh_joints_m[..., root, :]
            covered = share(targets.counts("mesh"), here, like=joints)
            terms["vertices"] = (vertices - truth).abs().mean((2, 3)) * covered
        return terms

    def _truth_vertices(self, hand: int, targets: TwoHandTargets) -> Float[Tensor, "B V 3"]:
        rig = self.rigs[hand]
        assert isinstance(rig, RigLayer)
        vertices, joints = truth_mesh(rig, targets.of_hand(hand))
        return vertices - joints[:, MIDDLE_MCP : MIDDLE_MCP + 1]

    def _coordinates(
        self, error: Float[Tensor, "B H J 3"], targets: TwoHandTargets, joints: list[int]
    ) -> Float[Tensor, "B H"]:
        """Eq 4 and 12: squared distance; or the sum of absolute coordinates. Mean over these joints."""
        each = error.square() if self.config.coordinate_loss == "squared" else error.abs()
        placed = targets.counts("joints_3d")
        kinds = (targets.counts("joints_2d"), placed & placed[..., WRIST : WRIST + 1])
        plane, depth = (_joint_share(targets, kind, joints, like=each) for kind in kinds)
        return (each * torch.stack([plane, plane, depth], dim=-1)).sum(-1).mean(-1)


def _joint_share(
    targets: TwoHandTargets, counts: Bool[Tensor, "B H 21"], joints: list[int], *, like: Tensor
) -> Float[Tensor, "B H J"]:
    """`share` of some joints of the hands that are there."""
    chosen = counts[..., joints]
    return share(chosen, targets.is_hand[..., None].expand_as(chosen), like=like)


def _with_hands(targets: Targets, hands: int) -> TwoHandTargets:
    """One-hand targets with an axis of hands, only the first of which is there."""

    def repeated(part: Tensor) -> Tensor:
        return part[:, None].expand(-1, hands, *part.shape[1:])

    parts = {
        name: repeated(getattr(targets, name)) for name in Targets._fields if name not in ("valid", "own")
    }
    parts["is_hand"] = parts["is_hand"] & (torch.arange(hands, device=targets.is_hand.device) == 0)
    own = None if targets.own is None else targets.own.with_hands(hands)
    if targets.valid is None:
        return TwoHandTargets(**parts, valid=None, own=own)
    known = {name: repeated(part) for name, part in targets.valid._asdict().items() if name != "mask"}
    return TwoHandTargets(**parts, valid=Validity(**known, mask=targets.valid.mask), own=own)
