"""Scores of a model on a set's held-out hands, while it trains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from knuckle.evaluation.procrustes import align_similarity
from knuckle.models.contract import HandOutput, Targets, truth_mesh
from knuckle.training.batches import Batch
from knuckle.training.objective import images_to_input


@torch.no_grad()
def held_out_scores(model: Any, batches: Sequence[Batch], device: torch.device) -> dict[str, float]:
    """PA-MPJPE and PA-MPVPE (mm), and 2D errors (% of the patch) of the joints in px and of the 2D branch.

    The model is evaluated as it is (callers put it into evaluation mode), by its own `infer`.
    """
    rows: dict[str, list[np.ndarray]] = {}

    def note(name: str, values: np.ndarray) -> None:
        rows.setdefault(name, []).append(values)

    for batch in batches:
        batch = {name: value.to(device) for name, value in batch.items()}
        output: HandOutput = model.infer(images_to_input(batch["image"]), batch["crop"], batch["camera"])
        targets = Targets(**{name: batch[name] for name in Targets._fields})
        vertices, _ = truth_mesh(model.rig, targets)
        note("pa_mpjpe_mm", 1e3 * _aligned_error(targets.joints_m, output.joints_m))
        note("pa_mpvpe_mm", 1e3 * _aligned_error(vertices, output.vertices_m))
        off = (output.joints_px - targets.joints_px).norm(dim=-1).mean(1) / batch["crop"][:, 2]
        note("projected_percent_of_patch", 100 * off.cpu().numpy())
        if output.joints_patch is not None:
            off = (output.joints_patch - targets.joints_patch).norm(dim=-1).mean(1)
            note("branch_percent_of_patch", 100 * off.cpu().numpy() / batch["image"].shape[-1])
    return {name: float(np.concatenate(values).mean()) for name, values in rows.items()}


def _aligned_error(truth: torch.Tensor, predicted: torch.Tensor) -> np.ndarray:
    """Mean distance a sample after the official alignment."""
    expected, found = truth.double().cpu().numpy(), predicted.double().cpu().numpy()
    return np.linalg.norm(align_similarity(expected, found) - expected, axis=-1).mean(1)
