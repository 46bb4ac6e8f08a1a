"""Which term of which sample made a loss infinite or NaN."""

from typing import Any

import torch
from torch import Tensor

from knuckle.training.batches import Batch, TrainingBatches
from knuckle.training.objective import Objective, images_to_input, targets_of

_NAMED = 3
"""Samples that a message names."""


def explain_broken(
    objective: Objective, batch: Batch, *, negatives: bool, step: int, data: TrainingBatches
) -> str:
    """What to say of a step whose loss is not finite. data: gave the batch, and knows its samples."""
    broken = broken_terms(objective, batch, negatives=negatives)
    where = f"training: the loss of step {step} is not finite"
    if not broken or len(broken) == len(batch["image"]):
        terms = sorted({term for names in broken.values() for term in names})
        several = f" ({', '.join(terms)} of every sample)" if terms else ""
        return f"{where}{several}; lower the learning rate"
    said = []
    for row, names in list(broken.items())[:_NAMED]:
        source, index, _ = data.sample(step, row)
        said.append(f"{', '.join(names)} of row {index} of {source.set.path}")
    more = len(broken) - len(said)
    return f"{where}: {'; '.join(said)}{f'; and {more} more' if more else ''}"


@torch.no_grad()
def broken_terms(objective: Objective, batch: Batch, *, negatives: bool) -> dict[int, list[str]]:
    """The terms of a batch's samples that are not finite, by row: each row's answer, given by the batch together, is
    compared with its labels alone."""
    output = objective.model(images_to_input(batch["image"]), batch["crop"], batch["camera"])
    rows = len(batch["image"])
    found = {}
    for row in range(rows):
        alone = {name: value[row : row + 1] for name, value in batch.items()}
        answer = _of_row(output, row, rows)
        _, terms = objective.loss(
            answer, targets_of(alone), alone["crop"], alone["camera"], negatives=negatives
        )
        if names := [name for name, value in terms.items() if not torch.isfinite(value).all()]:
            found[row] = names
    return found


def _of_row(value: Any, row: int, rows: int) -> Any:
    """A row of all tensors in nested tuples and lists that have one for each."""
    if isinstance(value, Tensor):
        return value[row : row + 1] if value.ndim and value.shape[0] == rows else value
    if isinstance(value, tuple):
        parts = [_of_row(part, row, rows) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [_of_row(part, row, rows) for part in value]
    return value
