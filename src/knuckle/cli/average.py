"""`knuckle average FIRST SECOND`."""

from pathlib import Path
from typing import Annotated

import typer


def average(
    first: Annotated[Path, typer.Argument(help="Weights of a run (.safetensors).")],
    second: Annotated[Path, typer.Argument(help="Weights of a run that started from them.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    share: Annotated[float, typer.Option(help="Share of the first weights, 0 to 1.")] = 0.5,
) -> None:
    """Average the weights of two runs. It keeps much of what the second learned, and loses less of the first."""
    from knuckle.training.average import average_weights

    metadata = average_weights(first, second, out, share=share)
    typer.echo(f"{out}: {metadata['system']} {metadata['preset']}, averaged with {metadata['averaged_with']}")
