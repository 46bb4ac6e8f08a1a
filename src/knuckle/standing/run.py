"""The run: stretches of new crops one after the other, until its time is up or the user stops it."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.sets.reader import SynthSet
from knuckle.sets.storage import INDEX
from knuckle.standing.limits import TimeLimit
from knuckle.standing.picture import draw_learning
from knuckle.standing.recipe import StandingRecipe
from knuckle.standing.score import (
    PICTURE,
    check_against,
    newest_weights,
    score_weights,
    shipping_commands,
)
from knuckle.standing.sets import (
    OpenOpinion,
    delete_sets,
    find_photo_folder,
    make_held_out_set,
    make_photo_set,
    render_stretch,
    set_folder,
)
from knuckle.standing.state import STATE, State, Stretch, read_earlier_runs, read_state
from knuckle.standing.stop import StopRequest
from knuckle.standing.trainer import (
    COOLED,
    COOLING,
    Outcome,
    StretchTrainer,
    new_progress,
    read_progress,
)
from knuckle.standing.verdict import Verdict
from knuckle.training.loop import CHECKPOINT
from knuckle.training.objective import Objective
from knuckle.training.recipe import Recipe
from knuckle.training.start import load_initial
from knuckle.view.charts import require_matplotlib, write_figure

START = "start.safetensors"
LEAST_CROPS = 512
"""Smallest set worth rendering in the time left."""


class StandingRun:
    """A standing run and its folder. Nothing is rendered or trained before `run`.

    Raises KnuckleError if the recipe cannot be trained, if pictures cannot be drawn, or if the folder holds a run of
    another model.

    Args:
        recipe: of the run.
        folder: holds everything the run writes.
        open_opinion: opens the model whose depths are averaged with the teacher's, for photographs.
        seed: new stretches get the first unused seed from this one on.
        commit: of the code, for the record.
    """

    def __init__(
        self,
        recipe: StandingRecipe,
        folder: Path,
        *,
        open_opinion: OpenOpinion,
        seed: int | None = None,
        commit: str = "",
    ) -> None:
        self.recipe, self.folder, self.seed, self.commit = recipe, folder, seed, commit
        self.open_opinion = open_opinion
        self.stop = StopRequest()
        self.state = self._open_state()
        self.progress = read_progress(folder / CHECKPOINT) or new_progress(recipe.name)
        self.render_rate = self.train_rate = math.nan

    def _open_state(self) -> State:
        recipe = self.recipe
        require_matplotlib()
        if recipe.photos.share:
            find_photo_folder(recipe.photos)
        check_against(recipe.score.against)
        start = recipe.start
        before = _check_model(recipe, self._start_weights())
        if not (self.folder / STATE).exists():
            return State(
                recipe=recipe.name,
                model=recipe.model,
                start={"weights": start.weights, "samples": before},
                earlier=read_earlier_runs(Path(start.record)) if start.record else {},
            )
        state = read_state(self.folder / STATE)
        for expected, got in (
            (_describe(recipe.model), _describe(state.model)),
            (f"start weights {start.weights!r}", f"start weights {state.start['weights']!r}"),
        ):
            if expected != got:
                raise KnuckleError(
                    f"{self.folder}: expected a run of {expected}, got one of {got}; choose another --folder"
                )
        return state

    def _start_weights(self) -> str:
        """The weights the folder began with: a copy, since this run's weights may later replace the original file."""
        copy = self.folder / START
        return str(copy) if self.recipe.start.weights and copy.exists() else self.recipe.start.weights

    def run(self, limit: TimeLimit, *, stretches: int | None = None) -> Outcome:
        """Train until the time is up, the user stops the run, or the folder has this many stretches."""
        self._fill_folder()
        self.held_out = make_held_out_set(self.folder, self.recipe.render)
        self.photos = make_photo_set(
            self.folder,
            self.recipe.photos,
            size=self.recipe.render.options.size,
            workers=self.recipe.render.workers,
            open_opinion=self.open_opinion,
        )
        cooling, trainer = self._resume_cool_down(limit), None
        while True:
            index = self._next_stretch()
            if stretches is not None and index >= stretches:
                outcome = Outcome.FINISHED
                break
            if limit.left() <= 0 or (index == len(self.state.stretches) and not self._begin_stretch(limit)):
                outcome = Outcome.TIME_UP
                break
            outcome, trainer = self._train_stretch(index, limit, cooling=cooling)
            cooling = trainer.cooling
            if outcome is not Outcome.FINISHED:
                break
        if cooling and outcome is not Outcome.STOPPED:
            self._end_cool_down(trainer or self._make_trainer(self.progress["stretch"], cooling=True))
        return outcome

    def score(self) -> tuple[Verdict, list[str]]:
        """Score the newest weights beside the shipped model; write record and picture. Returns the verdict, and the
        commands that ship these weights."""
        self.stop.polled = False
        newest_weights(self.folder)
        held_out = make_held_out_set(self.folder, self.recipe.render)
        verdict = score_weights(
            self.folder,
            self.recipe,
            self.state,
            held_out=held_out,
            commit=self.commit,
        )
        self.state.write(self.folder)
        write_figure(self.folder / PICTURE, draw_learning(self.state))
        return verdict, shipping_commands(
            self.folder, self.recipe, self.state, held_out=held_out, commit=self.commit
        )

    def _fill_folder(self) -> None:
        if self.recipe.start.weights and not (self.folder / START).exists():
            with atomic_path(self.folder / START) as temporary:
                shutil.copyfile(self.recipe.start.weights, temporary)
        # Written last: a folder with this file holds a run.
        self.state.write(self.folder)

    def _resume_cool_down(self, limit: TimeLimit) -> bool:
        """Whether to resume an interrupted cool-down: only if it was to end at the same time as this command.
        Otherwise its checkpoint is deleted."""
        found = read_progress(self.folder / COOLING)
        if found is None:
            return False
        if (
            limit.deadline is not None
            and found["cooling"]["deadline"] == limit.deadline
            and limit.in_cool_down
        ):
            self.progress = found
            return True
        (self.folder / COOLING).unlink()
        return False

    def _next_stretch(self) -> int:
        """Index of the stretch to train on next."""
        return self.progress["stretch"] + bool(self.progress["finished"])

    def _begin_stretch(self, limit: TimeLimit) -> bool:
        """Add a new stretch to the record; False if there is no time for one."""
        render = self.recipe.render
        count = min(render.count, self._affordable_crops(limit))
        if count < min(render.count, LEAST_CROPS):
            return False
        self.state.stretches.append(
            Stretch(
                seed=self.state.new_seed(self.seed),
                render={"count": count, "options": render.options.to_dict()},
                commit=self.commit,
            )
        )
        self.state.write(self.folder)
        return True

    def _affordable_crops(self, limit: TimeLimit) -> int:
        """How many crops can be rendered and trained on in the time left, at the speed so far."""
        left = limit.left()
        seconds = self.recipe.render.passes / (1 - self.recipe.photos.share) / self.train_rate
        if limit.deadline is not None:
            seconds += 1 / self.render_rate
        if math.isinf(left) or math.isnan(seconds):
            return self.recipe.render.count
        return int(left / seconds)

    def _train_stretch(
        self, index: int, limit: TimeLimit, *, cooling: bool
    ) -> tuple[Outcome, StretchTrainer]:
        stretch = self.state.stretches[index]
        if not cooling:
            delete_sets(self.folder, before=index)
        self._refresh(stretch, index)
        count = stretch.render["count"]
        resumed = (set_folder(self.folder, index) / INDEX).exists()
        print(f"stretch {index}: {count} crops of seed {stretch.seed}{', resumed' * resumed}", flush=True)
        render_stretch(self.folder, stretch, index, workers=self.recipe.render.workers)
        if stretch.render_seconds:
            self.render_rate = count / stretch.render_seconds
        self.state.write(self.folder)
        trainer = self._make_trainer(index, cooling=cooling)
        before = dict(trainer.progress)
        if not trainer.progress["samples"]:
            self._record_scores(trainer.samples_seen, trainer.score(), False)

        def on_scores(samples: int, scores: dict[str, float]) -> None:
            self._record_training(stretch, trainer, before)
            self._record_scores(samples, scores, False)

        self.stop.polled = True
        outcome = trainer.train(limit, stop=lambda: self.stop.asked, on_scores=on_scores)
        self.stop.polled = False
        self.progress = trainer.progress
        self._record_training(stretch, trainer, before)
        return outcome, trainer

    def _make_trainer(self, index: int, *, cooling: bool) -> StretchTrainer:
        return StretchTrainer(
            self._make_recipe(self.state.stretches[index], set_folder(self.folder, index)),
            self.folder,
            stretch=index,
            held_out=self.held_out,
            validation=self.recipe.render.held_out,
            cooling=cooling,
        )

    def _record_training(self, stretch: Stretch, trainer: StretchTrainer, before: dict[str, Any]) -> None:
        progress = trainer.progress
        if (seconds := progress["seconds"] - before["seconds"]) > 0:
            self.train_rate = (progress["samples"] - before["samples"]) / seconds
        if not trainer.cooling:
            stretch.samples_before = progress["begun"]["samples"]
            stretch.samples_after = progress["samples"] if progress["finished"] else None
            stretch.train_seconds = round(progress["seconds"] - progress["begun"]["seconds"], 1)
        self.state.write(self.folder)

    def _refresh(self, stretch: Stretch, index: int) -> None:
        """Update a stretch to the recipe's present options, if no training on it has begun."""
        options = self.recipe.render.options.to_dict()
        untouched = self.progress["stretch"] < index
        if untouched and stretch.render["options"] != options:
            stretch.render = {"count": self.recipe.render.count, "options": options}

    def _make_recipe(self, stretch: Stretch, data: Path) -> Recipe:
        recipe, share = self.recipe, self.recipe.photos.share
        hands = int(SynthSet(data).labels["is_hand"].sum())
        rows = max(round(hands * recipe.render.passes / (1 - share)), recipe.run.batch)
        sets = (str(data),) if self.photos is None else (str(data), str(self.photos))
        return replace(
            recipe.run,
            data=sets,
            shares=() if self.photos is None else (1 - share, share),
            validation=0,
            samples=rows,
            seed=stretch.seed,
            init=self._start_weights(),
            checkpoint_seconds=recipe.schedule.checkpoint_seconds,
        )

    def _record_scores(self, samples: int, scores: dict[str, float], cooled: bool) -> None:
        self.state.note(
            samples, {k: round(v, 4) for k, v in scores.items() if math.isfinite(v)}, cooled=cooled
        )
        self.state.write(self.folder)

    def _end_cool_down(self, trainer: StretchTrainer) -> None:
        """Write the weights of the cool-down; the next command resumes from the checkpoint of the constant rate."""
        self._record_scores(trainer.samples_seen, trainer.score(), True)
        trainer.write_weights(COOLED)
        (self.folder / COOLING).unlink(missing_ok=True)
        self.progress = read_progress(self.folder / CHECKPOINT) or new_progress(self.recipe.name)


def _check_model(recipe: StandingRecipe, start: str) -> int:
    """Check the model and the weights it starts from; returns how many samples these weights saw.

    Raises KnuckleError if the model is not of one hand, does not take the crops' size, or does not fit the weights.
    """
    run = replace(recipe.run, init=start)
    if run.init and not Path(run.init).is_file():
        raise KnuckleError(
            f"start: expected weights to start from (.safetensors), got {run.init}, which is not there"
        )
    model = Objective(replace(run, pretrained=False))
    size, hands = model.model.config.patch_size, model.model.hands
    if hands != 1:
        raise KnuckleError(f"run: expected a system of one hand, got {run.system}")
    if size != recipe.render.options.size:
        raise KnuckleError(
            f"render size: expected {size} px, which {run.system} {run.preset} takes, got"
            f" {recipe.render.options.size} px"
        )
    return load_initial(model.model, run).samples


def _describe(model: dict[str, Any]) -> str:
    switches = f" with {model['switches']}" if model["switches"] else ""
    return f"{model['system']} {model['preset']} at {model['size']} px{switches}"
