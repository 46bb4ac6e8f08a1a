"""Small builds of DFL, and batches and labels to feed them."""

from typing import Any

import torch

from knuckle.models import create_loss, create_model
from knuckle.models.contract import TwoHandTargets
from knuckle.models.dfl.config import PARTS
from knuckle.models.dfl.model import Dfl, DflOutput

TINY: dict[str, Any] = {"patch_size": 64, "width": 16, "position_width": 8, "ffn": 16, "head_hidden": 8}


def inputs(batch: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    patch = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    crop = torch.tensor([[120.0, 90.0, 150.0]]).repeat(batch, 1)
    camera = torch.tensor([[500.0, 500.0, 160.0, 120.0]]).repeat(batch, 1)
    return patch, crop, camera


def targets(batch: int = 4) -> TwoHandTargets:
    """Both hands, the right one, the left one, none, and again."""
    generator = torch.Generator().manual_seed(7)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(batch, 2, *shape, generator=generator)

    there = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    return TwoHandTargets(
        joints_patch=random(21, 2) * 64,
        joints_px=random(21, 2) * 100 + 50,
        joints_m=random(21, 3) * 0.15 + torch.tensor([0.0, 0.0, 0.5]),
        pose=random(16, 3) - 0.5,
        shape=random(10) - 0.5,
        is_hand=there[torch.arange(batch) % 4],
        part_mask=torch.randint(0, PARTS, (batch, 32, 32), generator=generator).to(torch.uint8),
    )


def tiny(**switches: Any) -> Dfl:
    torch.manual_seed(0)
    return create_model("dfl", **{**TINY, **switches})


def losses(
    model: Dfl, labels: TwoHandTargets, output: DflOutput | None = None
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    values = inputs(len(labels.is_hand), model.config.patch_size)
    output = model(*values) if output is None else output
    return create_loss("dfl", model.config)(output, labels, *values[1:], negatives=True)
