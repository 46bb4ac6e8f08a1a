"""The loop that trains the hand detector."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from knuckle.errors import KnuckleError
from knuckle.layers.palm_backbone import load_palm
from knuckle.models.hand_boxes.losses import hand_boxes_loss
from knuckle.models.hand_boxes.model import HandBoxes, cells_like
from knuckle.training.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from knuckle.training.hand_boxes.batches import GrowingScenes, HandBoxesBatch, MixedBatches, photographs
from knuckle.training.hand_boxes.mixing import Mixed, Sources, mix
from knuckle.training.hand_boxes.recipe import HandBoxesRecipe
from knuckle.training.hand_boxes.validation import as_mixed, detection_scores, finder

CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "weights.safetensors"
SHOWN_PX = 256
"""Longer side of the photographs that validate."""
LOG_EVERY = 20


class HandBoxesTrainer:
    """One run in a folder: `run()` trains to the recipe's end, continuing from the folder's checkpoint."""

    def __init__(self, recipe: HandBoxesRecipe, folder: Path) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.recipe, self.folder = recipe, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = HandBoxes(frozen=recipe.frozen)
        load_palm(model.backbone)
        before = load_weights(Path(recipe.init), model) if recipe.init else {}
        self.before = {name: float(before.get(name, 0)) for name in ("samples_seen", "train_seconds")}
        """What `init` has behind it."""
        self.model = model.to(self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.optimiser = _optimiser(self.model, recipe)
        self.average = {name: t.detach().clone() for name, t in self.model.state_dict().items()}
        self.progress: dict[str, Any] = {"step": 0, "seconds": 0.0, "recipe": recipe.name}

    def run(self) -> dict[str, float]:
        """Train to the end; returns the last validation's scores."""
        path = self.folder / CHECKPOINT
        if path.exists():
            self.progress = load_checkpoint(
                path, module=self.model, average=self.average, optimiser=self.optimiser
            )
        first = self.progress["step"]
        data = MixedBatches(self.recipe)
        validation = validation_pictures(self.recipe, data)
        steps = range(first, self.recipe.steps)
        loader = DataLoader(data, batch_size=None, sampler=steps, num_workers=self.recipe.workers)
        clock = saved = time.monotonic()
        seen: list[dict[str, float]] = []
        scores: dict[str, float] = {}
        for step, batch in zip(steps, loader, strict=True):
            seen.append(self.step(batch, step))
            now = time.monotonic()
            self.progress["step"] = step + 1
            self.progress["seconds"] += now - clock
            clock = now
            last = step + 1 == self.recipe.steps
            if (step + 1) % LOG_EVERY == 0:
                self._log("loss", {k: float(np.mean([s[k] for s in seen])) for k in seen[0]})
                seen = []
            if last or now - saved > self.recipe.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
            if last or (step + 1) % self.recipe.validate_every == 0:
                scores = self.validate(validation)
                self._log("validation", scores)
                clock = time.monotonic()
        self.save_weights(scores)
        return scores

    def step(self, batch: HandBoxesBatch, step: int) -> dict[str, float]:
        """One optimiser step; returns the loss and its terms."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate(step) * group["lr_factor"]
        images = batch.images.to(self.device)
        labels = [type(one)(**{k: v.to(self.device) for k, v in vars(one).items()}) for one in batch.labels]
        self.model.train()
        total, terms = hand_boxes_loss(self.model(images), labels, cells_like(images))
        if not torch.isfinite(total):
            raise KnuckleError(
                f"training: the loss of step {step} is {total.item()}; lower the learning rate"
            )
        self.optimiser.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimiser.step()
        self._update_average(step)
        return {"total": total.item(), "norm": norm.item(), **{k: v.item() for k, v in terms.items()}}

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        decay = min(self.recipe.ema, (step + 1) / (step + 10))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def validate(self, pictures: dict[str, list[Mixed]]) -> dict[str, float]:
        """Scores of the averaged weights, for each kind of picture."""
        model = HandBoxes(frozen=self.recipe.frozen)
        model.load_state_dict(self.average)
        find = finder(model.to(self.device, memory_format=torch.channels_last).eval())  # pyright: ignore[reportCallIssue]
        scores = {}
        for kind, some in pictures.items():
            told = detection_scores(find, some)
            for name in ("ap50", "recall", "threshold", "side", "turn_deg"):
                scores[f"{kind}_{name}"] = getattr(told, name)
        return scores

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(
            self.folder / CHECKPOINT,
            module=self.model,
            average=self.average,
            optimiser=self.optimiser,
            progress=self.progress,
        )

    def save_weights(self, scores: dict[str, float]) -> None:
        """Write the averaged weights with what made them."""
        model = HandBoxes(frozen=self.recipe.frozen)
        model.load_state_dict(self.average)
        metadata = {
            "system": self.recipe.system,
            "recipe": self.recipe.name,
            "samples_seen": f"{self.before['samples_seen'] + self.progress['step'] * self.recipe.batch:.0f}",
            "train_seconds": f"{self.before['train_seconds'] + self.progress['seconds']:.0f}",
            "validation": json.dumps({k: round(v, 4) for k, v in scores.items() if v == v}),
        }
        save_weights(self.folder / WEIGHTS, model, metadata=metadata)

    def _log(self, group: str, values: dict[str, float]) -> None:
        seen, seconds = self.progress["step"] * self.recipe.batch, self.progress["seconds"]
        text = " ".join(f"{name} {value:.3g}" for name, value in values.items())
        rate = seen / max(seconds, 1e-9)
        print(f"{seen:>8} pictures {seconds:6.0f} s {rate:5.1f}/s  {group}: {text}", flush=True)


def validation_pictures(recipe: HandBoxesRecipe, data: MixedBatches) -> dict[str, list[Mixed]]:
    """Photographs of the validation split; mosaics of them among pictures without hands; held-out scenes."""
    photos = photographs(recipe, "val")
    pictures = {"photo": [as_mixed(photo, longest=SHOWN_PX) for photo in photos]}
    sources = Sources(photos, data.empty)
    pictures["mosaic"] = [
        mix(sources, np.random.default_rng([10_007, i]), height=256, width=320) for i in range(80)
    ]
    if scenes := GrowingScenes(recipe).held_out():
        pictures["scene"] = [as_mixed(scene, longest=SHOWN_PX) for scene in scenes]
    return pictures


def _optimiser(model: HandBoxes, recipe: HandBoxesRecipe) -> torch.optim.Optimizer:
    """AdamW; no decay on vectors, a faster rate for the heads."""
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = recipe.head_rate if name.startswith("heads.") else 1.0
            groups.setdefault((parameter.ndim >= 2, rate), []).append(parameter)
    described = [
        {"params": parameters, "weight_decay": recipe.weight_decay * decays, "lr_factor": rate}
        for (decays, rate), parameters in groups.items()
    ]
    return torch.optim.AdamW(described, lr=recipe.lr, fused=True)
