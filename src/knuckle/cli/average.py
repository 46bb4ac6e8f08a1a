"""`knuckle average FIRST SECOND`."""

from pathlib import Path
from typing import Annotated

import typer


def average(
    first: Annotated[Path, typer.Argument(help="Weights of a run (.safetensors).")],
    second: Annotated[Path, typer.Argument(help="Weights of a run that went on from them.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    share: Annotated[float, typer.Option(help="Of the first, 0 to 1.")] = 0.5,
) -> None:
    """Average two runs' weights: what the second learned without all of what it forgot."""
    from knuckle.training.average import average_weights

    metadata = average_weights(first, second, out, share=share)
    typer.echo(f"{out}: {metadata['system']} {metadata['preset']}, averaged with {metadata['averaged_with']}")
