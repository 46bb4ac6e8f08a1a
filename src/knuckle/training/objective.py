"""A system and its loss as one module: what the loop steps, and data-parallel training wraps."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.models import create_loss, create_model
from knuckle.models.contract import Kind, OwnSurface, System, Targets, TwoHandTargets
from knuckle.sets.validity import has_any
from knuckle.training.batches import Batch, HandSource
from knuckle.training.recipe import Recipe
from knuckle.truth import Validity, array_name


def images_to_input(images: Tensor) -> Tensor:
    """Bytes 0..255 to the networks' -1..1."""
    return images.float() / 127.5 - 1.0


OWN = {"mesh_m": "own_mesh_m", "has_mesh": "has_own_mesh", "mask": "own_mask", "has_mask": "has_own_mask"}
"""Fields of `OwnSurface` -> what a batch calls them."""
_CROPS = {1: "a set of one-hand crops", 2: "a set of two-hand crops (knuckle synth --hands two)"}


_WORDS: dict[Kind, str] = {
    "joints_2d": "2D joints",
    "joints_3d": "3D joints",
    "pose": "poses",
    "shape": "shapes",
    "mesh": "meshes",
    "mask": "part masks (or a system without segmentation, `seg = false`)",
}


def targets_of(batch: Batch) -> Targets | TwoHandTargets:
    """A batch's labels: of two hands where is_hand has an axis of them."""
    kind = TwoHandTargets if batch["is_hand"].ndim == 2 else Targets
    names = [array_name(part) for part in Validity._fields]
    valid = Validity(*(batch[name] for name in names)) if names[0] in batch else None
    told = {field: batch.get(name) for field, name in OWN.items()}
    own = OwnSurface(**told) if any(value is not None for value in told.values()) else None
    return kind(**{name: batch[name] for name in kind._fields if name in batch}, valid=valid, own=own)


def check_hands(model: System, system: str, source: HandSource, data: str) -> None:
    """Raise KnuckleError unless a set's crops are of as many hands as the system takes."""
    if source.set.hands != model.hands:
        raise KnuckleError(
            f"{data}: expected {_CROPS[model.hands]} for this {system}, got {_CROPS[source.set.hands]}"
        )


def check_needs(sources: Sequence[HandSource], recipe: Recipe, needs: Sequence[Kind]) -> None:
    """Raise KnuckleError when no hand of a recipe's sets has a label of a kind that its loss cannot do without."""
    for kind in needs:
        if not any(has_any(source.set, kind) for source in sources):
            raise KnuckleError(
                f"{', '.join(recipe.sets)}: expected {_WORDS[kind]} of some hands, which the loss of {recipe.system} "
                "needs, got none"
            )


class Objective(nn.Module):
    """Batch in; total loss and its terms out. Raises KnuckleError for a phase the system does not have."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        pretrained = recipe.pretrained and not recipe.init
        self.frozen: list[nn.Module] = []
        self.model: System = create_model(
            recipe.system, preset=recipe.preset, pretrained=pretrained, **recipe.switches
        )
        if recipe.phase not in self.model.PHASES:
            raise KnuckleError(
                f"recipe {recipe.name}: phase: expected one of {', '.join(self.model.PHASES)}, got {recipe.phase!r}"
            )
        if recipe.phase != "all":
            self.model.set_phase(recipe.phase)
        self.frozen = [self._freeze(name, recipe) for name in recipe.frozen]
        self.loss: Any = create_loss(recipe.system, self.model.config, phase=recipe.phase)

    def _freeze(self, name: str, recipe: Recipe) -> nn.Module:
        modules = dict(self.model.named_modules())
        if not name or name not in modules:
            children = ", ".join(child for child, _ in self.model.named_children())
            raise KnuckleError(
                f"recipe {recipe.name}: frozen: expected some of {children}, or modules in them, got {name!r}"
            )
        return modules[name].requires_grad_(False)

    def train(self, mode: bool = True) -> "Objective":
        """Training mode, but for frozen modules, whose batch norms keep their statistics."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def forward(self, batch: Batch, negatives: bool) -> tuple[Tensor, dict[str, Tensor]]:
        output = self.model(images_to_input(batch["image"]), batch["crop"], batch["camera"])
        targets = targets_of(batch)
        return self.loss(output, targets, batch["crop"], batch["camera"], negatives=negatives)
