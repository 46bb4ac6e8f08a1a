"""A system and its loss as one module: what the loop steps, and data-parallel training wraps."""

from torch import Tensor, nn

from knuckle.models import create_model
from knuckle.models.dahyf.losses import DahyfLoss, Targets
from knuckle.models.dahyf.model import Dahyf, DahyfOutput
from knuckle.training.batches import Batch
from knuckle.training.recipe import Recipe


def images_to_input(images: Tensor) -> Tensor:
    """Bytes 0..255 to the networks' -1..1."""
    return images.float() / 127.5 - 1.0


class DahyfObjective(nn.Module):
    """Batch in; total loss and its terms out."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        pretrained = recipe.pretrained and not recipe.init
        self.model: Dahyf = create_model(
            recipe.system, preset=recipe.preset, pretrained=pretrained, **recipe.switches
        )
        self.loss = DahyfLoss(self.model.config)

    def forward(self, batch: Batch, contrastive: bool) -> tuple[Tensor, dict[str, Tensor]]:
        output: DahyfOutput = self.model(images_to_input(batch["image"]), batch["crop"], batch["camera"])
        targets = Targets(**{name: batch[name] for name in Targets._fields})
        return self.loss(output, targets, batch["crop"][:, 2], contrastive=contrastive)
