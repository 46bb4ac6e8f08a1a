"""How DaHyF's answers are best read and joined: coordinates off its bins, the share of its 2D branch, how far the fit
trusts the joints.

python -m benchmarks.accuracy.decoding --weights weights/dahyf-lite.safetensors --data SET [--hands 512]. The held-out
hands of a synthetic set, network and fit as `knuckle estimate` runs them: 2D error (% of the patch) and PA-MPJPE (mm).
Choices are made on rendered hands alone.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.tables import plain_table
from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.inference import refine as fusion
from knuckle.rig import load_rig
from knuckle.rig.fit import solve as fit_step
from knuckle.training.batches import HandSource, validation_batches
from knuckle.training.checkpoint import load_model
from knuckle.training.objective import images_to_input

SHARES = (0.6, 0.7, 0.8, 0.9)
SPREAD_PX = 12.0
"""Spread of a joint's bins at which branch and projected hand count alike, in the row "by spread"."""
NOISES_M = (0.001, 0.003, 0.01)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="a checkpoint of DaHyF with SimCC")
    parser.add_argument("--data", type=Path, required=True, help="a one-hand set")
    parser.add_argument("--hands", type=int, default=512)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, _ = load_model(options.weights)
    if getattr(model.config, "joint2d", None) != "simcc":
        raise KnuckleError(f"{options.weights}: expected DaHyF with SimCC")
    batches = validation_batches(HandSource(options.data, validation=options.hands), 64)
    headings = ("coordinates", "share of the 2D branch", "trust in joints (mm)")
    table = plain_table((*headings, "2D (% of patch)", "PA-MPJPE (mm)"))
    for decode in ("local", "soft"):
        hands = Answers(model, batches, decode)
        table.add_row(decode, "network alone", "", *hands.scores(hands.outputs))
        for share in SHARES:
            table.add_row(decode, f"{share}", "1", *hands.fitted(share))
        by_spread = SPREAD_PX**2 / (SPREAD_PX**2 + hands.spread_px**2)
        table.add_row(decode, "by spread", "1", *hands.fitted(by_spread[..., None]))
        if decode == "soft":
            for noise in NOISES_M[1:]:
                table.add_row(decode, "0.7", f"{1e3 * noise:.0f}", *hands.fitted(0.7, noise))
    Console(width=120).print(table)


class Answers:
    """What a network says of the held-out hands with one way of reading coordinates, and their truth."""

    def __init__(self, model: Any, batches: list[dict[str, torch.Tensor]], decode: str) -> None:
        self.size, self.rig = model.config.patch_size, load_rig(model.config.rig)
        object.__setattr__(model.config, "decode", decode)
        rows, spread = [], []
        with torch.inference_mode():
            for batch in batches:
                inputs = (images_to_input(batch["image"]), batch["crop"], batch["camera"])
                rows.append({k: v for k, v in model.infer(*inputs)._asdict().items() if v is not None})
                spread.append(_spread_px(model(*inputs).logits, model.config.split))
        self.outputs = {name: torch.cat([row[name] for row in rows]).double().numpy() for name in rows[0]}
        self.spread_px = torch.cat(spread).double().numpy()
        names = ("joints_px", "joints_m", "crop", "camera")
        self.truth = {n: torch.cat([batch[n] for batch in batches]).double().numpy() for n in names}

    def fitted(self, share: float | np.ndarray, noise_m: float = NOISES_M[0]) -> tuple[str, str]:
        """Scores after the fit."""
        fusion.BRANCH_SHARE, fit_step.NOISE_M = share, noise_m
        crop, camera = self.truth["crop"], self.truth["camera"]
        return self.scores(fusion.fuse(self.outputs, crop, camera, rig=self.rig, size=self.size))

    def scores(self, outputs: dict[str, np.ndarray]) -> tuple[str, str]:
        """2D error and PA-MPJPE, as text."""
        off = np.linalg.norm(outputs["joints_px"] - self.truth["joints_px"], axis=-1).mean(1)
        aligned = align_similarity(self.truth["joints_m"], outputs["joints_m"])
        error = np.linalg.norm(aligned - self.truth["joints_m"], axis=-1)
        return f"{100 * (off / self.truth['crop'][:, 2]).mean():.2f}", f"{1e3 * error.mean():.2f}"


def _spread_px(logits: tuple[torch.Tensor, torch.Tensor], split: int) -> torch.Tensor:
    """Standard deviation of each joint over its bins, both axes together, px."""
    variance = torch.zeros(())
    for axis in logits:
        share, place = axis.softmax(-1), torch.arange(axis.shape[-1]) / split
        mean = (share * place).sum(-1, keepdim=True)
        variance = variance + (share * (place - mean).square()).sum(-1)
    return variance.sqrt()


if __name__ == "__main__":
    main()
