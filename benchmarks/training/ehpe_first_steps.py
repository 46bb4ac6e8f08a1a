"""The first steps of EHPE's paper recipes on a few rendered hands: whether they learn or blow up.

python -m benchmarks.training.ehpe_first_steps --data SET [--stage tw|pg] [--reading "fem_out=fc" ...] [--steps 250]
[--batch 8] [--held-out 40] [--start WEIGHTS] [--keep WEIGHTS] [--report 0 1 3 10 50 100 150 200].
SET: knuckle synth --count 320 --size 256 --seed 401, 301 crops with a hand; their size is the network's patch.
Optimiser, learning rate, warm-up and clipping are those of recipes/paper/ehpe-paper-resnet50-STAGE.toml; the backbone
starts from random weights, crops are not augmented, the rig is the open one. A reading changes switches of the preset.
Prints at some steps the loss, the gradient's norm before any clipping, the 2D error in px of a 256-px crop of the
batches since the last line, and that of held-out hands; and first what an answer has that is the same for every crop,
the trained hands' mean: below it a network has learned something of the picture.

The PG-stage's first stage is frozen: random, or that of --start, which --keep wrote for the TW-stage. What it makes of
each hand is computed once.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.tables import plain_table
from benchmarks.training.ablations import switches_of
from knuckle.models.ehpe.config import CROP_PX
from knuckle.models.ehpe.model import Ehpe, EhpeOutput, FirstStage
from knuckle.sets.reader import SynthSet
from knuckle.training.batches import Batch, TrainingBatches, collate
from knuckle.training.checkpoint import load_parts, save_weights
from knuckle.training.objective import Objective, images_to_input, targets_of
from knuckle.training.recipe import Recipe, read_recipe

FIRST_STAGE = ("backbone.", "fusion.", "tw.")


class Line(NamedTuple):
    """error_px: of the batches since the last line; held_out_px: of the held-out hands."""

    step: int
    loss: float
    gradient: float
    error_px: float
    held_out_px: float


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stage", choices=("tw", "pg"), default="pg")
    parser.add_argument("--reading", action="append", default=[], help="name=value[,name=value]; repeatable")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--held-out", type=int, default=40, help="the set's last hands, not trained on; 0: none"
    )
    parser.add_argument("--report", type=int, nargs="+", default=[0, 1, 2, 3, 10, 50, 100, 150, 200])
    parser.add_argument("--start", type=Path, default=None, help="weights whose first stage is taken")
    parser.add_argument("--keep", type=Path, default=None, help="where the trained weights are written")
    options = parser.parse_args()
    with one_line_errors():
        kept: dict[int, FirstStage] = {}
        for reading in options.reading or [""]:
            # Readings of the PG-stage leave the first one as it is, down to its random weights.
            run = Run(options, reading, kept)
            title = f"{run.recipe.name} {reading or '(as the preset)'}: lr {run.recipe.lr:g}, clip {run.recipe.clip:g}"
            print("the trained hands' mean: 2D px {:.1f}, held-out {:.1f}".format(*run.mean_answer_px()))
            table = plain_table(("step", "loss", "gradient norm", "2D px", "held-out 2D px"), title=title)
            for line in run.lines():
                cells = [f"{line.loss:.4g}", f"{line.gradient:.4g}", f"{line.error_px:.1f}"]
                table.add_row(str(line.step), *cells, f"{line.held_out_px:.1f}")
                print(f"step {line.step}: " + ", ".join((*cells, f"{line.held_out_px:.1f}")), flush=True)
            Console(width=160).print(table)
            if options.keep:
                save_weights(
                    options.keep, run.model, metadata={"system": "ehpe", "steps": str(options.steps)}
                )


class Run:
    """One reading of a stage, trained as its recipe says."""

    def __init__(self, options: argparse.Namespace, reading: str, kept: dict[int, FirstStage]) -> None:
        torch.set_num_threads(1)
        stage, steps = options.stage, options.steps
        recipe = read_recipe(Path(f"recipes/paper/ehpe-paper-resnet50-{stage}.toml"))
        size = SynthSet(options.data).images.shape[1]
        self.recipe: Recipe = replace(
            recipe,
            data=str(options.data),
            switches={"patch_size": size, **switches_of(reading)},
            validation=options.held_out,
            batch=options.batch,
            # A step schedule counts shares of the recipe's own run, of which this is the beginning.
            samples=steps * options.batch,
            step_at=(),
            processes=1,
            workers=0,
            init="",
            augment=False,
            pretrained=False,
        )
        self.report = {*options.report, steps - 1}
        torch.manual_seed(self.recipe.seed)
        self.objective = Objective(self.recipe).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        model = self.objective.model
        assert isinstance(model, Ehpe)
        self.model = model
        if options.start:
            load_parts(options.start, model, FIRST_STAGE)
        self.data = TrainingBatches(self.recipe)
        self.kept = kept

    def lines(self) -> Iterator[Line]:
        """Train, and report some of the steps."""
        trained = [p for p in self.objective.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(trained, lr=self.recipe.lr, fused=True)
        errors: list[float] = []
        for step in range(self.recipe.steps):
            optimiser.param_groups[0]["lr"] = self.recipe.learning_rate(step)
            chosen = [self.data.sample(step, row)[1] for row in range(self.recipe.batch)]
            batch = self._batch(chosen)
            self.objective.train()
            output = self._output(batch, chosen)
            total, _ = self.objective.loss(
                output, targets_of(batch), batch["crop"], batch["camera"], negatives=False
            )
            optimiser.zero_grad()
            total.backward()
            most = self.recipe.clip or float("inf")
            gradient = torch.nn.utils.clip_grad_norm_(trained, most)
            errors.append(self._error_px(output, batch))
            # Before the step: the first line is what the network gives before it has learned anything.
            if step in self.report:
                held_out = self._held_out_px()
                yield Line(step, total.item(), gradient.item(), sum(errors) / len(errors), held_out)
                errors = []
            optimiser.step()

    def _batch(self, chosen: list[int]) -> Batch:
        return collate([self.data.sources[0].item(index, rng=None) for index in chosen])

    def _output(self, batch: Batch, chosen: list[int]) -> EhpeOutput:
        if self.recipe.phase != "pg":
            patch = images_to_input(batch["image"]).to(memory_format=torch.channels_last)
            return self.model(patch, batch["crop"], batch["camera"])
        return self.model.second_stage(self._first(chosen), batch["crop"], batch["camera"], vertices=True)

    def _first(self, chosen: list[int]) -> FirstStage:
        """The frozen first stage's answers to some hands, without its heatmaps, which the second one does not read."""
        for index in chosen:
            if index not in self.kept:
                patch = images_to_input(self._batch([index])["image"]).to(memory_format=torch.channels_last)
                features, tw = self.model.first_stage(patch)
                assert tw is not None
                self.kept[index] = FirstStage(features, tw._replace(heatmaps=torch.zeros(1, 1, 1, 1, 1)))
        rows = [self.kept[index] for index in chosen]
        tws = [row.tw for row in rows if row.tw is not None]
        tw = tws[0]._replace(
            heatmaps=torch.cat([tw.heatmaps for tw in tws]), joints=torch.cat([tw.joints for tw in tws])
        )
        return FirstStage(torch.cat([row.features for row in rows]), tw)

    def _error_px(self, output: EhpeOutput, batch: Batch) -> float:
        """Mean distance of the joints that the stage gives to the labelled ones, px of a 256-px crop."""
        scale = CROP_PX / batch["image"].shape[-1]
        truth = (batch["joints_patch"] + 0.5) * scale - 0.5
        joints: Tensor | None = output.joints_25d
        if self.recipe.phase == "tw":
            joints, truth = output.tw_joints, truth[:, list(self.model.config.tw_joints)]
        assert joints is not None
        return (joints[:, 0, :, :2] - truth).norm(dim=-1).mean().item()

    def mean_answer_px(self) -> tuple[float, float]:
        """The error of an answer that is the same for every crop, of the trained and of the held-out hands."""
        source = self.data.sources[0]
        joints = (np.asarray(source.set.labels["joints_px"]) + 0.5) * (CROP_PX / source.set.images.shape[1])
        if self.recipe.phase == "tw":
            joints = joints[:, list(self.model.config.tw_joints)]
        middle = joints[source.train].mean(0)
        trained, held_out = (
            float(np.linalg.norm(joints[rows] - middle, axis=-1).mean()) if len(rows) else float("nan")
            for rows in (source.train, source.validation)
        )
        return trained, held_out

    @torch.no_grad()
    def _held_out_px(self) -> float:
        self.model.eval()
        rows = [int(index) for index in self.data.sources[0].validation]
        chunks = [rows[i : i + 8] for i in range(0, len(rows), 8)]
        errors = []
        for chosen in chunks:
            batch = self._batch(chosen)
            errors.append(self._error_px(self._output(batch, chosen), batch) * len(chosen))
        return sum(errors) / max(len(rows), 1)


if __name__ == "__main__":
    main()
