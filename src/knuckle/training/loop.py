"""The training loop: one process's view of a run; accelerate knows how many there are and on what device."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from knuckle.errors import KnuckleError
from knuckle.layers.batch_norm import synchronise_batch_norms
from knuckle.rig.load import load_rig
from knuckle.sets.seen import joined, to_text
from knuckle.training.batches import Batch, TrainingBatches, open_sources, validation_batches
from knuckle.training.broken import explain_broken
from knuckle.training.checkpoint import load_checkpoint, save_checkpoint, save_weights
from knuckle.training.checks import check_labels_are_seen, check_negatives, check_rig
from knuckle.training.objective import Objective, check_hands, check_needs
from knuckle.training.precision import choose_precision
from knuckle.training.recipe import Recipe
from knuckle.training.start import load_initial
from knuckle.training.validation import held_out_scores

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"


class Trainer:
    """One run in a folder: `run()` trains to the recipe's end, continuing from the folder's checkpoint."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        torch.set_num_threads(recipe.threads)
        self.recipe, self.folder = recipe, folder
        on_gpu = torch.cuda.is_available()
        precision = choose_precision(recipe.precision, torch.device("cuda" if on_gpu else "cpu"))
        self.accelerator = Accelerator(mixed_precision=precision.autocast, cpu=not on_gpu)
        if self.accelerator.is_main_process:
            print(f"precision: {precision.autocast} ({precision.reason})", flush=True)
        torch.manual_seed(recipe.seed)
        folder.mkdir(parents=True, exist_ok=True)
        objective = Objective(recipe)
        if not getattr(objective.loss, "uses_negatives", True):
            # They would take the place of hands and teach nothing.
            self.recipe = recipe = replace(recipe, negatives=0.0)
        self.before = load_initial(objective.model, recipe)
        if recipe.sync_batch_norm and recipe.processes > 1:
            if not on_gpu:
                raise KnuckleError(
                    f"recipe {recipe.name}: sync_batch_norm: expected a GPU for each process, got none"
                )
            synchronise_batch_norms(objective)
        if self.accelerator.device.type == "cpu":
            # Faster on CPU cores; EfficientNet's stem is not of the kind whose gradient oneDNN gets wrong so.
            objective = objective.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        optimiser = _optimiser(objective, recipe)
        self.module, self.optimiser = self.accelerator.prepare(objective, optimiser)
        self.objective: Objective = self.accelerator.unwrap_model(self.module)
        self.average = {name: t.detach().clone() for name, t in self.objective.model.state_dict().items()}
        self.progress: dict[str, Any] = {"step": 0, "seconds": 0.0, "recipe": recipe.name}
        self.held_out = self._held_out_batches()

    @property
    def upright(self) -> bool:
        """Whether the model takes crops that are turned so that the hand points up."""
        return self.objective.model.upright

    def _held_out_batches(self) -> list[Batch]:
        """The first set's held-out crops (main process); refuses a set whose crops or rig are not the model's."""
        config = self.objective.model.config
        sources = open_sources(self.recipe, upright=self.upright)
        for data, source in zip(self.recipe.sets, sources, strict=True):
            check_hands(self.objective.model, self.recipe.system, source, data)
            if source.set.images.shape[1] != config.patch_size:
                raise KnuckleError(
                    f"{data}: expected crops of {config.patch_size} px, got {source.set.images.shape[1]} px; the set's"
                    " `--size` and the system's `patch_size` must be equal"
                )
            check_rig(source.set, config.rig)
            if self.accelerator.is_main_process:
                check_labels_are_seen(source.set)
        check_needs(sources, self.recipe, getattr(self.objective.loss, "needs", ()))
        check_negatives(self.recipe, sources)
        self.trained_on = joined(*(source.seen for source in sources))
        return validation_batches(sources[0], 64) if self.accelerator.is_main_process else []

    def run(self) -> dict[str, float]:
        """Train to the end; returns the last validation scores (main process)."""
        self.resume()
        first = self.progress["step"]
        data = TrainingBatches(
            self.recipe,
            upright=self.upright,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )
        loader = DataLoader(
            data, batch_size=None, sampler=range(first, self.recipe.steps), num_workers=self.recipe.workers
        )
        writer = SummaryWriter(str(self.folder / "tensorboard")) if self.accelerator.is_main_process else None
        clock = saved = time.monotonic()
        scores: dict[str, float] = {}
        for step, batch in enumerate(loader, start=first):
            terms = self.step(batch, step)
            now = time.monotonic()
            self.progress["step"] = step + 1
            self.progress["seconds"] += now - clock
            clock = now
            if writer is None:
                continue
            if (step + 1) % 50 == 0:
                self.log(writer, step + 1, terms)
            last = step + 1 == self.recipe.steps
            if last or (step + 1) % self.recipe.validate_every == 0:
                scores = self.validate()
                self.log(writer, step + 1, scores, group="validation")
            if last or now - saved > self.recipe.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        if writer is not None:
            writer.close()
            self.save_shipping_weights(scores)
        self.accelerator.wait_for_everyone()
        return scores

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One optimiser step; returns the loss terms."""
        # Dropout draws from a stream of this step alone, so that a resumed run draws the same.
        torch.manual_seed(self.recipe.seed * 1_000_003 + step * 64 + self.accelerator.process_index)
        batch = {k: v.to(self.accelerator.device, non_blocking=True) for k, v in batch.items()}
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(step) * group["lr_factor"]
        self.module.train()
        with self.accelerator.autocast():
            total, terms = self.module(batch, self.recipe.with_negatives(step))
        if not torch.isfinite(total):
            raise KnuckleError(self._broken(batch, step))
        self.optimiser.zero_grad()
        self.accelerator.backward(total)
        if self.recipe.clip:
            self.accelerator.clip_grad_norm_(self.module.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.update_average(step)
        return {"total": total.item(), **{k: v.item() for k, v in terms.items()}}

    def _broken(self, batch: Batch, step: int) -> str:
        """What broke a step's loss."""
        data = TrainingBatches(
            self.recipe,
            upright=self.upright,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )
        return explain_broken(
            self.objective, batch, negatives=self.recipe.with_negatives(step), step=step, data=data
        )

    def learning_rate(self, step: int) -> float:
        """The rate of a step."""
        return self.recipe.learning_rate(step)

    @property
    def samples(self) -> int:
        """Hands the run has shown the model."""
        return self.progress["step"] * self.recipe.batch

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Exponential average of the weights, shorter at the start."""
        decay = min(self.recipe.ema, (step + 1) / (step + 10))
        state = self.objective.model.state_dict()
        moving = [name for name, value in state.items() if value.is_floating_point()]
        average = get_ema_multi_avg_fn(decay)
        average([self.average[name] for name in moving], [state[name] for name in moving], step)
        for name in state.keys() - set(moving):
            self.average[name].copy_(state[name])

    def validate(self) -> dict[str, float]:
        """Scores of the averaged weights on the held-out crops."""
        model = self.objective.model
        current = {k: v.clone() for k, v in model.state_dict().items()}
        model.load_state_dict(self.average)
        scores = held_out_scores(model.eval(), self.held_out, self.accelerator.device)
        model.load_state_dict(current)
        return scores

    def log(self, writer: SummaryWriter, step: int, values: dict[str, float], *, group: str = "loss") -> None:
        """To TensorBoard, and as a printed line."""
        for name, value in values.items():
            writer.add_scalar(f"{group}/{name}", value, step * self.recipe.batch)
        seen, seconds = step * self.recipe.batch, self.progress["seconds"]
        text = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        print(
            f"{seen:>9} samples {seconds:7.0f} s {seen / max(seconds, 1e-9):6.1f}/s  {group}: {text}",
            flush=True,
        )

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(
            self.folder / CHECKPOINT,
            module=self.objective,
            average=self.average,
            optimiser=self.optimiser,
            progress=self.progress,
        )

    def resume(self) -> None:
        """Continue from the folder's checkpoint where there is one."""
        path = self.folder / CHECKPOINT
        if path.exists():
            self.progress = load_checkpoint(
                path, module=self.objective, average=self.average, optimiser=self.optimiser
            )

    def save_shipping_weights(self, scores: dict[str, float], *, name: str = WEIGHTS) -> None:
        """The averaged weights as fp16 safetensors with what made them."""
        model = self.objective.model
        model.load_state_dict(self.average)
        metadata = {
            "system": self.recipe.system,
            "preset": self.recipe.preset,
            "switches": json.dumps(self.recipe.switches),
            "rig": model.config.rig,
            "tips": load_rig(model.config.rig).tips,
            "recipe": self.recipe.name,
            "phase": self.recipe.phase,
            "trained_sets": to_text(joined(self.before.sets, self.trained_on)),
            "started_from": self.before.started_from,
            "samples_seen": str(self.before.samples + self.samples),
            "train_seconds": f"{self.before.seconds + self.progress['seconds']:.0f}",
            "validation": " ".join(f"{k}={v:.3f}" for k, v in scores.items() if math.isfinite(v)),
        }
        save_weights(self.folder / name, model, metadata=metadata)


def _optimiser(objective: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam or AdamW; no decay on vectors, a rate of its own for the backbone, and a faster one for the learned
    uncertainties."""
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in objective.named_parameters():
        if not parameter.requires_grad:
            continue
        uncertain, of_backbone = "log_variance" in name, name.startswith("model.backbone.")
        rate = 2.0 if uncertain else recipe.backbone_rate if of_backbone else 1.0
        decays = parameter.ndim >= 2 and not uncertain
        groups.setdefault((decays, rate), []).append(parameter)
    described = [
        {"params": parameters, "weight_decay": recipe.weight_decay * decays, "lr_factor": rate}
        for (decays, rate), parameters in groups.items()
    ]
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(described, lr=recipe.lr, fused=True)
