"""Scores of a model on a set's held-out crops, while it trains."""

from collections.abc import Sequence

import numpy as np
import torch

from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.evaluation.metrics.two_hands import mpjpe, mrrpe, with_root_depth
from knuckle.models.contract import HandOutput, System, Targets, TwoHandOutput, truth_mesh
from knuckle.rig.layer import RigLayer
from knuckle.skeleton import WRIST
from knuckle.training.batches import Batch
from knuckle.training.objective import images_to_input, targets_of


@torch.no_grad()
def held_out_scores(model: System, batches: Sequence[Batch], device: torch.device) -> dict[str, float]:
    """Scores by name, as the model takes one hand (PA-MPJPE, PA-MPVPE, 2D errors) or two (MPJPE, MRRPE, 2D error, hands
    found and missed).

    The model is evaluated as it is (callers put it into evaluation mode), by its own `infer`.
    """
    return (_one_hand_scores if model.hands == 1 else _two_hand_scores)(model, batches, device)


def _one_hand_scores(model: System, batches: Sequence[Batch], device: torch.device) -> dict[str, float]:
    """PA-MPJPE and PA-MPVPE (mm) of hands with all 3D joints, with a mesh, and 2D errors (% of the patch) of the joints
    in px and of the 2D branch, where they are labelled."""
    rows: dict[str, list[np.ndarray]] = {}
    rig = model.rig
    assert isinstance(rig, RigLayer)

    def note(name: str, values: np.ndarray) -> None:
        rows.setdefault(name, []).append(values)

    for batch in batches:
        batch = {name: value.to(device) for name, value in batch.items()}
        output = model.infer(images_to_input(batch["image"]), batch["crop"], batch["camera"])
        targets = targets_of(batch)
        assert isinstance(output, HandOutput) and isinstance(targets, Targets)
        seen, placed = targets.counts("joints_2d"), targets.counts("joints_3d").all(1)
        meshed = targets.counts("mesh") & placed
        vertices, _ = truth_mesh(rig, targets)
        note("pa_mpjpe_mm", 1e3 * _aligned_error(targets.joints_m[placed], output.joints_m[placed]))
        note("pa_mpvpe_mm", 1e3 * _aligned_error(vertices[meshed], output.vertices_m[meshed]))
        off = _mean_over(output.joints_px - targets.joints_px, seen) / batch["crop"][:, 2]
        note("projected_percent_of_patch", 100 * off[seen.any(1)].cpu().numpy())
        if output.joints_patch is not None:
            off = _mean_over(output.joints_patch - targets.joints_patch, seen)[seen.any(1)]
            note("branch_percent_of_patch", 100 * off.cpu().numpy() / batch["image"].shape[-1])
    return {name: _mean(np.concatenate(values)) for name, values in rows.items()}


def _mean_over(offsets: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Mean distance of the joints that count (B, 21) of each hand."""
    distance = torch.where(counts, offsets.norm(dim=-1), 0.0)
    return distance.sum(1) / counts.sum(1).clamp(min=1)


def _two_hand_scores(model: System, batches: Sequence[Batch], device: torch.device) -> dict[str, float]:
    """MPJPE (mm) by InterHand2.6M's rules at the true depths of the wrists, MRRPE (mm) at the model's own depths, the
    2D error (% of the patch), and % of hands that the confidence gets wrong at one half.

    ghost: absent hands of crops with one hand that are found; missed: hands that are there and are not found. Errors
    are of hands with all joints labelled. A score is NaN where the held-out crops have no such hand.
    """
    answers: list[TwoHandOutput] = []
    known: list[torch.Tensor] = []
    for batch in batches:
        patch, crop, camera = (batch[name].to(device) for name in ("image", "crop", "camera"))
        answer = model.infer(images_to_input(patch), crop, camera)
        assert isinstance(answer, TwoHandOutput)
        answers.append(answer)
        targets = targets_of(batch)
        known.append((targets.counts("joints_2d") & targets.counts("joints_3d")).all(-1))
    truth_px, truth_m, is_hand, camera, crop = (
        _joined([batch[name] for batch in batches])
        for name in ("joints_px", "joints_m", "is_hand", "camera", "crop")
    )
    joints_px, joints_m, confidence = (
        _joined([getattr(answer, name) for answer in answers])
        for name in ("joints_px", "joints_m", "confidence")
    )
    placed_m = with_root_depth(joints_px, joints_m, camera, truth_m[:, :, WRIST, 2])
    labelled = _joined(known)
    errors = mpjpe(truth_m, placed_m, labelled)
    off = np.linalg.norm(joints_px - truth_px, axis=-1).mean(-1) / crop[:, None, 2]
    believed, partner = confidence >= 0.5, ~is_hand & is_hand.any(1, keepdims=True)
    return {
        "mpjpe_single_mm": errors.single_mm,
        "mpjpe_two_mm": errors.two_mm,
        "mpjpe_all_mm": errors.all_mm,
        "mrrpe_mm": mrrpe(truth_m, joints_m, labelled),
        "projected_percent_of_patch": 100 * _mean(off[labelled]),
        "ghost_percent": 100 * _mean(believed[partner]),
        "missed_percent": 100 * _mean(~believed[is_hand]),
    }


def _joined(parts: Sequence[torch.Tensor]) -> np.ndarray:
    whole = torch.cat([part.cpu() for part in parts])
    return (whole.double() if whole.is_floating_point() else whole).numpy()


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _aligned_error(truth: torch.Tensor, predicted: torch.Tensor) -> np.ndarray:
    """Mean distance a sample after the official alignment."""
    expected, found = truth.double().cpu().numpy(), predicted.double().cpu().numpy()
    return np.linalg.norm(align_similarity(expected, found) - expected, axis=-1).mean(1)
