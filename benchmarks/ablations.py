"""Small runs of one system's switches, trained alike: what each part is worth.

python benchmarks/ablations.py RECIPE [--variant "stages=tw_only" ...] [--seeds 3] [--out runs/ablations]. The recipe
says on what and how long; each variant changes its switches, each seed its seed (initial weights and order of the
hands). Prints the errors on the set's held-out crops, mean and spread over the seeds: PA-MPJPE, PA-MPVPE and 2D of a
one-hand system, MPJPE, MRRPE and 2D of a two-hand one. A run that was finished before is read, not trained again.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from knuckle.training.loop import Trainer
from knuckle.training.recipe import Recipe, read_recipe

COLUMNS = {
    "pa_mpjpe_mm": "PA-MPJPE (mm)",
    "pa_mpvpe_mm": "PA-MPVPE (mm)",
    "mpjpe_single_mm": "single (mm)",
    "mpjpe_two_mm": "two (mm)",
    "mpjpe_all_mm": "MPJPE (mm)",
    "mrrpe_mm": "MRRPE (mm)",
    "projected_percent_of_patch": "2D (% of patch)",
}
"""What a system may be scored by, in the table's order."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--variant", action="append", default=[], help="name=value[,name=value]; repeatable")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    options = parser.parse_args()
    base = read_recipe(options.recipe)
    variants = ["", *options.variant]
    found: dict[str, list[dict[str, float]]] = {text: [] for text in variants}
    # Seed by seed, so that a run that is stopped early has every variant equally often.
    for seed in range(options.seeds):
        for text in variants:
            found[text].append(scores(with_switches(base, text, seed), options.out / slug(base, text, seed)))
            Console(width=160).print(table(base, found))


def with_switches(base: Recipe, text: str, seed: int) -> Recipe:
    """The recipe with a variant's switches and a seed."""
    return replace(base, switches={**base.switches, **switches_of(text)}, seed=seed)


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


def slug(base: Recipe, text: str, seed: int) -> str:
    """Folder of one run."""
    return f"{base.name}-{text.replace('=', '-').replace(',', '-') or 'full'}-{seed}"


def scores(recipe: Recipe, folder: Path) -> dict[str, float]:
    """Train, or read what an earlier call trained."""
    path = folder / "scores.json"
    if not path.exists():
        torch.manual_seed(recipe.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(Trainer(recipe, folder).run()))
    return json.loads(path.read_text())


def table(base: Recipe, found: dict[str, list[dict[str, float]]]) -> Table:
    """A row a variant: mean and, over two seeds and more, standard deviation."""
    title = f"{base.name}: {base.samples} samples a run, {base.validation} held-out crops"
    result = Table(title=title, box=None, pad_edge=False)
    given = {name for runs in found.values() for run in runs for name in run}
    columns = {name: title for name, title in COLUMNS.items() if name in given}
    for name in ("variant", "seeds", *columns.values()):
        result.add_column(name, justify="left" if name == "variant" else "right", no_wrap=True)
    for text, runs in found.items():
        cells = [_cell([run[key] for run in runs if key in run]) for key in columns]
        result.add_row(text or "full", str(len(runs)), *cells)
    return result


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


if __name__ == "__main__":
    main()
