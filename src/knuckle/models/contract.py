"""What every system is, takes as labels and gives at inference, so that one can stand for another."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.geometry.float32 import in_float32
from knuckle.rig.layer import RigLayer
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import MIDDLE_MCP
from knuckle.truth import Validity

Kind = Literal["joints_2d", "joints_3d", "pose", "shape", "mesh", "mask"]
"""A field of `Validity`."""


class OwnSurface(NamedTuple):
    """A data set's own surface of hands, beside what the rig's pose and shape give; None where no set of a run has it.

    mesh_m: vertices of the rig's mesh, camera frame, metres. mask: at half the patch's size, 1 where the hand is seen.
    has_mesh, has_mask: which rows have them; the others hold zeros.
    """

    mesh_m: Float[Tensor, "B *hands V 3"] | None = None
    has_mesh: Bool[Tensor, "B *hands"] | None = None
    mask: UInt8[Tensor, "B m m"] | None = None
    has_mask: Bool[Tensor, "B"] | None = None

    def of_hand(self, hand: int) -> "OwnSurface":
        """One hand's, of a batch with an axis of hands."""
        if self.mesh_m is None or self.has_mesh is None:
            return self
        return self._replace(mesh_m=self.mesh_m[:, hand], has_mesh=self.has_mesh[:, hand])

    def with_hands(self, hands: int) -> "OwnSurface":
        """With an axis of so many hands, of a batch without one."""
        if self.mesh_m is None or self.has_mesh is None:
            return self
        return self._replace(
            mesh_m=self.mesh_m[:, None].expand(-1, hands, -1, -1),
            has_mesh=self.has_mesh[:, None].expand(-1, hands),
        )


class Targets(NamedTuple):
    """Labels of a batch of right hands; rows without a hand (`is_hand` false) count in the confidence loss only.

    joints_patch: px of the patch, pixel centres at integers; joints_px: px of the frame; joints_m: camera frame,
    metres; pose: axis-angle in MANO's order, the first one camera-from-hand. valid: which labels are there, None for
    all of them; those that are not are any finite numbers. own: what a data set says of the surface itself.
    """

    joints_patch: Float[Tensor, "B 21 2"]
    joints_px: Float[Tensor, "B 21 2"]
    joints_m: Float[Tensor, "B 21 3"]
    pose: Float[Tensor, "B 16 3"]
    shape: Float[Tensor, "B 10"]
    is_hand: Bool[Tensor, "B"]
    valid: Validity | None = None
    own: OwnSurface | None = None

    def counts(self, kind: Kind) -> Bool[Tensor, "B *joints"]:
        """Which labels of a kind are there, of hands that are; of joints with an axis of 21."""
        return _counted(self, kind)


class TwoHandTargets(NamedTuple):
    """`Targets` with an axis of hands (two, or one), the right one first; is_hand: which of them are there.

    The left hand's pose and shape are those of a left rig. part_mask: at half the patch's size, 0 background, 1-16 the
    right hand's parts (MANO's order), 17-32 the left one's; None where a set has none.
    """

    joints_patch: Float[Tensor, "B H 21 2"]
    joints_px: Float[Tensor, "B H 21 2"]
    joints_m: Float[Tensor, "B H 21 3"]
    pose: Float[Tensor, "B H 16 3"]
    shape: Float[Tensor, "B H 10"]
    is_hand: Bool[Tensor, "B H"]
    part_mask: UInt8[Tensor, "B m m"] | None = None
    valid: Validity | None = None
    own: OwnSurface | None = None

    def counts(self, kind: Kind) -> Bool[Tensor, "B *hands_and_joints"]:
        """Which labels of a kind are there, of hands that are (B, H); of joints (B, H, 21); of part masks (B)."""
        return _counted(self, kind)

    def of_hand(self, hand: int) -> Targets:
        """One hand's targets."""
        labels = {
            name: getattr(self, name)[:, hand] for name in Targets._fields if name not in ("valid", "own")
        }
        return Targets(
            **labels,
            valid=None if self.valid is None else self.valid.of_hand(hand),
            own=None if self.own is None else self.own.of_hand(hand),
        )


def _counted(targets: Targets | TwoHandTargets, kind: Kind) -> Tensor:
    here = targets.is_hand
    if kind.startswith("joints"):
        here = here[..., None].expand(*here.shape, targets.joints_m.shape[-2])
    if kind == "mask" and here.ndim == 2:
        # Of the whole crop: a crop without hands has a mask of background.
        here = torch.ones_like(here[:, 0])
    return here if targets.valid is None else here & getattr(targets.valid, kind)


class HandOutput(NamedTuple):
    """A system's answer for a batch of right hands; None where the system has no such output.

    joints_px: px of the frame; joints_m, vertices_m: camera frame, metres; confidence: 0..1; rotations: MANO's
    order, the first one camera-from-hand; joints_patch: the system's own 2D joints, px of the patch. For evaluation
    only: rough_vertices_m, a mesh before refinement, and rough_joints_m, its joints; mesh_joints_m, the mesh's joints
    where joints_m are others.
    """

    joints_px: Float[Tensor, "B 21 2"]
    joints_m: Float[Tensor, "B 21 3"]
    vertices_m: Float[Tensor, "B V 3"]
    confidence: Float[Tensor, "B"]
    rotations: Float[Tensor, "B 16 3 3"] | None = None
    shape: Float[Tensor, "B 10"] | None = None
    joints_patch: Float[Tensor, "B 21 2"] | None = None
    rough_vertices_m: Float[Tensor, "B V 3"] | None = None
    rough_joints_m: Float[Tensor, "B 21 3"] | None = None
    mesh_joints_m: Float[Tensor, "B 21 3"] | None = None


class TwoHandOutput(NamedTuple):
    """A two-hand system's answer, the right hand first, both in one camera frame.

    joints_px: px of the frame; joints_m: camera frame, metres; confidence: 0..1, whether that hand is there;
    joints_patch: px of the patch. attention, for pictures only: where every joint (right hand's first) looked in each
    of T iterations, by appearance and by position, at the finest map's size. The others as in `HandOutput`, of systems
    with a mesh; a left hand's are those of a left rig.
    """

    joints_px: Float[Tensor, "B 2 21 2"]
    joints_m: Float[Tensor, "B 2 21 3"]
    confidence: Float[Tensor, "B 2"]
    joints_patch: Float[Tensor, "B 2 21 2"]
    attention: Float[Tensor, "B T 2 42 m m"] | None = None
    vertices_m: Float[Tensor, "B 2 V 3"] | None = None
    rotations: Float[Tensor, "B 2 16 3 3"] | None = None
    shape: Float[Tensor, "B 2 10"] | None = None
    mesh_joints_m: Float[Tensor, "B 2 21 3"] | None = None


class System(nn.Module):
    """A network that finds one hand, or two, in a patch: what training, evaluation and export know of any system.

    `create_model` builds it as `CLASS(config, pretrained=...)`; without a backbone `pretrained` is ignored. A recipe's
    `backbone_rate` applies to the submodule `backbone`. A one-hand system has `rig`, the `RigLayer` of `config.rig`:
    validation poses the true mesh with it.

    Everywhere: patch (B, 3, S, S) RGB scaled to -1..1; crop (B, 3) = centre u, centre v, side, px of the frame; camera
    (B, 4) = fx, fy, cx, cy. A left hand alone comes mirrored, with crop and camera of the mirrored frame.
    """

    PHASES: ClassVar[tuple[str, ...]] = ("all",)
    """The training phases a recipe may name; "all" trains everything at once."""

    config: Any
    """The system's own dataclass; all have `preset`, `patch_size` (px) and `rig`, the name of the rig it learns."""
    hands: Literal[1, 2]
    """How many hands a patch shows; of two the right one comes first."""
    upright: bool = False
    """Whether crops are turned so that the hand points up."""

    def forward(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> Any:
        """All that the system's own loss needs."""
        raise NotImplementedError

    def infer(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> HandOutput | TwoHandOutput:
        """The answer: of one hand a `HandOutput`, of two a `TwoHandOutput`."""
        raise NotImplementedError

    def set_phase(self, phase: str) -> None:
        """Let only what a phase trains have gradients. Raises KnuckleError for a phase that is not in `PHASES`."""
        if phase not in self.PHASES:
            raise KnuckleError(f"phase: expected one of {', '.join(self.PHASES)}, got {phase!r}")

    def after_loading_parts(self, parts: Sequence[str]) -> None:
        """Called once a trainer has loaded the tensors whose names start with `parts`: a system may start others from
        them."""


@torch.no_grad()
@in_float32
def truth_mesh(rig: RigLayer, targets: Targets) -> tuple[Float[Tensor, "B V 3"], Float[Tensor, "B 21 3"]]:
    """The rig's vertices and joints under the labelled pose, in the camera frame, middle MCP on the label's; of hands
    whose data set has a mesh of its own, that mesh and the labelled joints."""
    vertices, joints = rig(rodrigues(targets.pose), targets.shape)
    root = slice(MIDDLE_MCP, MIDDLE_MCP + 1)
    offset = targets.joints_m[:, root] - joints[:, root]
    vertices, joints = vertices + offset, joints + offset
    if targets.own is None or targets.own.mesh_m is None or targets.own.has_mesh is None:
        return vertices, joints
    own = targets.own.has_mesh[:, None, None]
    return torch.where(own, targets.own.mesh_m, vertices), torch.where(own, targets.joints_m, joints)
