"""Training on one stretch: at the constant learning rate, or in a cool-down, when it falls to zero."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch.utils.data import DataLoader

from knuckle.errors import KnuckleError
from knuckle.standing.limits import TimeLimit
from knuckle.training.batches import Batch, TrainingBatches
from knuckle.training.checkpoint import load_checkpoint, save_checkpoint
from knuckle.training.loop import CHECKPOINT, WEIGHTS, Trainer
from knuckle.training.recipe import Recipe

COOLING = "cooling.safetensors"
"""The checkpoint of a cool-down; the checkpoint of the constant rate stays as it was when the cool-down began."""
COOLED = "cooled.safetensors"
"""The weights at the end of a cool-down."""

Outcome = Enum("Outcome", ["FINISHED", "TIME_UP", "STOPPED"])
OnScores = Callable[[int, dict[str, float]], None]
"""Called with samples seen and scores, at the constant rate."""


def new_progress(name: str) -> dict[str, Any]:
    """The progress of a run that has not trained yet.

    - stretch: its index; rows: hands of it seen so far; finished: whether those are all.
    - step, samples, seconds: of all stretches together; begun: samples and seconds when this stretch began.
    - cooling: None, or of a cool-down "factor" (of the learning rate), "first_step" and "deadline".
    - scored: the last scores on the held-out hands, and after how many samples.
    """
    return {
        "recipe": name,
        "stretch": -1,
        "rows": 0,
        "finished": True,
        "step": 0,
        "samples": 0,
        "seconds": 0.0,
        "begun": {"samples": 0, "seconds": 0.0},
        "cooling": None,
        "scored": {"samples": -1, "scores": {}},
    }


def read_progress(path: Path) -> dict[str, Any] | None:
    """The progress stored in a checkpoint; None if the file does not exist. Raises KnuckleError if it is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads((file.metadata() or {})["progress"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise KnuckleError(f"{path}: expected a checkpoint of a standing run, got {error}") from error


class StretchTrainer(Trainer):
    """Trains on the set of one stretch, from the folder's checkpoint.

    Args:
        recipe: of the stretch, with its seed and sets.
        folder: of the run.
        stretch: its index.
        held_out: a set to score on.
        validation: how many of its last hands.
        cooling: whether to resume a cool-down.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, *, stretch: int, held_out: Path, validation: int, cooling: bool
    ) -> None:
        # Scores alone are taken on the held-out hands, and no crop without a hand is among them.
        self.held_out_recipe = replace(
            recipe, data=str(held_out), shares=(), validation=validation, negatives=0.0
        )
        super().__init__(recipe, folder)
        self.progress = new_progress(recipe.name)
        self.cooling, self.left = cooling, math.inf
        self.resume()
        if self.progress["stretch"] != stretch:
            begun = {name: self.progress[name] for name in ("samples", "seconds")}
            self.progress |= {"stretch": stretch, "rows": 0, "finished": False, "begun": begun}

    def _held_out_batches(self) -> list[Batch]:
        super()._held_out_batches()  # checks the stretch's own sets
        own, trained_on = self.recipe, self.trained_on
        self.recipe = self.held_out_recipe
        try:
            return super()._held_out_batches()
        finally:
            self.recipe, self.trained_on = own, trained_on

    @property
    def samples(self) -> int:
        """Hands that the model saw in this folder."""
        return self.progress["samples"]

    @property
    def samples_seen(self) -> int:
        """Hands that the model saw in this folder and before."""
        return self.before.samples + self.samples

    def train(self, limit: TimeLimit, *, stop: Callable[[], bool], on_scores: OnScores) -> Outcome:
        """Train until the stretch ends, the time is up, or `stop` returns True. The last state is always saved."""
        first = self.progress["rows"] // self.recipe.batch
        loader = DataLoader(
            TrainingBatches(self.recipe, upright=self.upright),
            batch_size=None,
            sampler=range(first, self.recipe.steps),
            num_workers=self.recipe.workers,
        )
        clock = saved = time.monotonic()
        # Counted from here: the rate does not fall while a set is rendered, but faster afterwards.
        self.left = limit.left()
        for step, batch in enumerate(loader, start=first):
            if limit.in_cool_down and not self.cooling:
                self._begin_cool_down(limit)
            if limit.left() <= 0 or stop():
                break
            terms = self.step(batch, step)
            seconds, clock = time.monotonic() - clock, time.monotonic()
            self._count(seconds, limit)
            if self.progress["step"] % 50 == 0:
                self._print_values("loss", terms)
            if self.progress["step"] % self.recipe.validate_every == 0 and step + 1 < self.recipe.steps:
                self._validate(on_scores)
            if time.monotonic() - saved > self.recipe.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        if self.progress["rows"] < self.recipe.steps * self.recipe.batch:
            self.save()
            return Outcome.TIME_UP if limit.left() <= 0 else Outcome.STOPPED
        # Scores before the checkpoint: a run that is killed in between ends the stretch again.
        self.progress["finished"] = True
        self._validate(on_scores)
        self.save()
        return Outcome.FINISHED

    def _validate(self, on_scores: OnScores) -> None:
        scores = self.score()
        if not self.cooling:
            on_scores(self.samples_seen, scores)

    def _count(self, seconds: float, limit: TimeLimit) -> None:
        """Count one step that took these seconds."""
        limit.trained += seconds
        for name, value in {
            "rows": self.recipe.batch,
            "samples": self.recipe.batch,
            "step": 1,
            "seconds": seconds,
        }.items():
            self.progress[name] += value
        before, self.left = self.left, limit.left()
        if self.cooling:
            self.progress["cooling"]["factor"] *= self.left / before

    def _begin_cool_down(self, limit: TimeLimit) -> None:
        self.save()
        self.cooling = True
        self.progress["scored"]["samples"] = -1
        self.progress["cooling"] = {
            "factor": 1.0,
            "first_step": self.progress["step"],
            "deadline": limit.deadline,
        }
        self._print(f"the learning rate falls from now on, for {limit.left() / 60:.1f} minutes")

    def learning_rate(self, step: int) -> float:
        """Rises once at the folder's first steps, then is constant; in a cool-down it falls with the time left."""
        warm = min(1.0, (self.samples + self.recipe.batch) / max(self.recipe.warmup_samples, 1))
        return self.recipe.lr * warm * (self.progress["cooling"]["factor"] if self.cooling else 1.0)

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Average the weights over all stretches; a cool-down starts a new average, of its own weights alone."""
        first = self.progress["cooling"]["first_step"] if self.cooling else 0
        super().update_average(self.progress["step"] - first)

    def score(self) -> dict[str, float]:
        """Score the averaged weights on the held-out hands."""
        if self.progress["scored"]["samples"] != self.samples:
            self.progress["scored"] = {"samples": self.samples, "scores": self.validate()}
        self._print_values("validation", self.progress["scored"]["scores"])
        return self.progress["scored"]["scores"]

    def save(self) -> None:
        """Write the checkpoint and, at the constant rate, its averaged weights."""
        save_checkpoint(
            self.folder / (COOLING if self.cooling else CHECKPOINT),
            module=self.objective,
            average=self.average,
            optimiser=self.optimiser,
            progress=self.progress,
        )
        if not self.cooling:
            self.write_weights(WEIGHTS)

    def resume(self) -> None:
        """Load the folder's checkpoint, or that of its cool-down."""
        path = self.folder / (COOLING if self.cooling else CHECKPOINT)
        if path.exists():
            self.progress = load_checkpoint(
                path, module=self.objective, average=self.average, optimiser=self.optimiser
            )

    def write_weights(self, name: str) -> None:
        """Write the averaged weights with their metadata; the model keeps its own weights."""
        model = self.objective.model
        current = {key: value.clone() for key, value in model.state_dict().items()}
        scored = self.progress["scored"]
        self.save_shipping_weights(scored["scores"] if scored["samples"] == self.samples else {}, name=name)
        model.load_state_dict(current)

    def _print_values(self, group: str, values: dict[str, float]) -> None:
        seconds = self.progress["seconds"] - self.progress["begun"]["seconds"]
        rate = (self.samples - self.progress["begun"]["samples"]) / max(seconds, 1e-9)
        text = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._print(f"{rate:6.1f}/s  {group}: {text}")

    def _print(self, text: str) -> None:
        print(f"{self.samples_seen:>9} samples  stretch {self.progress['stretch']}  {text}", flush=True)
