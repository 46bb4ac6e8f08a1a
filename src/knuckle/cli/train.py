"""`knuckle train RECIPE`."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as recipes/dahyf-lite.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default runs/RECIPE.")] = None,
) -> None:
    """Train a system from a recipe. After an interruption the same command resumes from the last checkpoint."""
    from knuckle.training.launch import launch

    launch(recipe, out or Path("runs") / recipe.stem)
