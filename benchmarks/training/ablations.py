"""Small runs of one system, trained alike: what each switch of it, or each set of training hands, is worth.

python -m benchmarks.training.ablations RECIPE [--variant "stages=tw_only" ...] [--data NAME=FOLDER ...] [--seeds 3]
[--score eval-dev --score synthetic ... --group fist ... --limit N] [--out runs/ablations]. The recipe says on what and
how long; each variant changes its switches, each --data its set of hands (as many samples are drawn from each), each
seed its seed (initial weights and order of the hands). Prints the errors on the set's held-out crops, mean and spread
over the seeds: PA-MPJPE, PA-MPVPE and 2D of a one-hand system, MPJPE, MRRPE and 2D of a two-hand one; and how many
parameters learned. Held-out crops of different sets are different crops: --score names sets that every run is scored on
besides, as `knuckle evaluate --data` takes them (of photographs the largest source; the network alone), --group classes
of their hands to print beside all of them. A run that was finished before is read, not trained again.

python -m benchmarks.training.ablations --table ehpe-3 [--table ehpe-5 ...] [--budget small|paper] [--data FOLDER]
[--score DATA] [--seeds 2] [--speed] [--markdown FILE]: the rows of a paper's table, each trained in the paper's stages
(`benchmarks/training/paper_tables.toml`), and the paper's own columns beside the paper's figures
(`benchmarks.training.table_command`).
"""

import argparse
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from safetensors import safe_open

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.common_scores import common_scores
from benchmarks.shared.tables import plain_table
from benchmarks.training.table_command import add_table_options, run_tables
from knuckle.errors import KnuckleError
from knuckle.evaluation.breakdown.class_errors import ALL, REFERENCE
from knuckle.evaluation.breakdown.pose_classes import POSES, VIEWS
from knuckle.training.loop import WEIGHTS, Trainer
from knuckle.training.recipe import Recipe, read_recipe

COLUMNS = {
    "pa_mpjpe_mm": "PA-MPJPE (mm)",
    "pa_mpvpe_mm": "PA-MPVPE (mm)",
    "mpjpe_single_mm": "single (mm)",
    "mpjpe_two_mm": "two (mm)",
    "mpjpe_all_mm": "MPJPE (mm)",
    "mrrpe_mm": "MRRPE (mm)",
    "projected_percent_of_patch": "2D (% of patch)",
    "trained_thousands": "trained parameters (thousand)",
}
"""What a system may be scored by on held-out crops, in the table's order; last, how much of it learned."""

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")

Scores = dict[str, float]


@dataclass(frozen=True)
class Variant:
    """What one row of the tables trains on and how: a set's name and folder (the recipe's own where empty), switches
    as on the command line.
    """

    name: str = ""
    folder: str = ""
    switches: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.name, self.switches))) or "full"

    def recipe(self, base: Recipe, seed: int) -> Recipe:
        """The base recipe changed so, with a seed."""
        switches = {**base.switches, **switches_of(self.switches)}
        return replace(base, switches=switches, seed=seed, data=self.folder or base.data)

    def slug(self, base: Recipe, seed: int) -> str:
        """Folder of one run."""
        parts = (base.name, self.name, self.switches.replace("=", "-").replace(",", "-") or "full")
        return "-".join((*filter(None, parts), str(seed)))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("recipe", type=Path, nargs="?", default=None)
    add_table_options(parser)
    parser.add_argument("--variant", action="append", default=[], help="name=value[,name=value]; repeatable")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        help="NAME=FOLDER of a set; repeatable. With --table: the folder of the set",
    )
    parser.add_argument(
        "--score", action="append", default=[], help="a set to score every run on; repeatable"
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        choices=(REFERENCE, *POSES, *VIEWS),
        help="hands of the scored sets to print apart; repeatable",
    )
    parser.add_argument("--limit", type=int, default=None, help="hands of each scored set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    options = parser.parse_args()
    if (options.recipe is None) == (not options.table):
        parser.error("expected a recipe, or --table with the name of a paper's table")
    with one_line_errors():
        run_tables(options) if options.table else compare(options)


def compare(options: argparse.Namespace) -> None:
    """Train and score every variant with every seed, printing what is known after each run."""
    base = read_recipe(options.recipe)
    variants = [
        Variant(*named, switches)
        for named in ([set_of(text) for text in options.data] or [("", "")])
        for switches in ("", *options.variant)
    ]
    titles = {data: f"{base.name}: scored on {data}" for data in options.score}
    held_out: dict[str, list[Scores]] = {str(variant): [] for variant in variants}
    common = {data: {str(variant): list[Scores]() for variant in variants} for data in options.score}
    console = Console(width=200)
    # Seed by seed, so that a run that is stopped early has every variant equally often.
    for seed in range(options.seeds):
        for variant in variants:
            folder = options.out / variant.slug(base, seed)
            recipe = variant.recipe(base, seed)
            found = scores(recipe, folder)
            found["trained_thousands"] = trained_parameters(folder / WEIGHTS, recipe.frozen) / 1e3
            held_out[str(variant)].append(found)
            for data, rows in common.items():
                groups = common_scores(folder / WEIGHTS, data, limit=options.limit)
                rows[str(variant)].append(flat(groups, (ALL, *options.group)))
            title = f"{base.name}: {base.samples} samples a run, {base.validation} held-out crops"
            console.print(table(title, held_out, COLUMNS))
            for data, rows in common.items():
                columns = dict.fromkeys(name for runs in rows.values() for run in runs for name in run)
                console.print(table(titles[data], rows, {name: name for name in columns}))


def set_of(text: str) -> tuple[str, str]:
    """ "NAME=FOLDER" as name and folder; raises KnuckleError for anything else."""
    name, _, folder = text.partition("=")
    if not name or not Path(folder or " ").is_dir():
        raise KnuckleError(f"--data: expected NAME=FOLDER of a set that is there, got {text!r}")
    return name, folder


def switches_of(text: str) -> dict[str, object]:
    """ "use_spi=false,gat_layers=1" as a dict; what JSON reads as a value is one, the rest is text."""
    result: dict[str, object] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            result[name.strip()] = json.loads(value)
        except ValueError:
            result[name.strip()] = value.strip()
    return result


def scores(recipe: Recipe, folder: Path) -> Scores:
    """Train, or read what an earlier call trained."""
    path = folder / "scores.json"
    if not path.exists():
        torch.manual_seed(recipe.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(Trainer(recipe, folder).run()))
    return json.loads(path.read_text())


def trained_parameters(weights: Path, frozen: tuple[str, ...]) -> int:
    """How many numbers of a run's weights its training moved."""
    still = tuple(f"{module}." for module in frozen)
    with safe_open(weights, framework="np") as file:
        moved = [n for n in file.keys() if not n.startswith(still) and not n.endswith(_STATISTICS)]  # noqa: SIM118
        return sum(math.prod(file.get_slice(name).get_shape()) for name in moved)


def flat(found: dict[str, Scores], groups: tuple[str, ...]) -> Scores:
    """Scores of groups as one row; those of all hands keep their names."""
    return {
        name if group == ALL else f"{group}: {name}": value
        for group in groups
        for name, value in found.get(group, {}).items()
    }


def table(title: str, found: dict[str, list[Scores]], columns: dict[str, str]) -> Table:
    """A row a variant: mean and, over two seeds and more, standard deviation. columns: score -> heading."""
    given = {name for runs in found.values() for run in runs for name in run}
    columns = {name: heading for name, heading in columns.items() if name in given}
    result = plain_table(("variant", "seeds", *columns.values()), title=title)
    for text, runs in found.items():
        cells = [_cell([run[key] for run in runs if key in run]) for key in columns]
        result.add_row(text, str(len(runs)), *cells)
    return result


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


if __name__ == "__main__":
    main()
