"""`knuckle export WEIGHTS`: trained weights to onnx with their record."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    weights: Annotated[Path, typer.Argument(help="weights.safetensors of a run.")],
    name: Annotated[str, typer.Option(help="Name of the model, such as dahyf-lite.")],
    data: Annotated[
        Path, typer.Option(help="A synthetic set; its held-out crops give the confidence threshold.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for NAME.onnx and NAME.json.")],
    trained_on: Annotated[str, typer.Option(help="The record's words on the training data.")],
    commit: Annotated[str, typer.Option(help="Commit of the code that trained the weights.")],
    held_out: Annotated[
        int, typer.Option(min=1, help="How many of the set's last crops are held out for the threshold.")
    ] = 512,
) -> None:
    """Write trained weights as onnx (network, decoding, rig) with the record that describes them."""
    from knuckle.export.ship import ship

    record = ship(
        weights,
        out,
        name=name,
        validation_set=data,
        trained_on=trained_on,
        commit=commit,
        validation=held_out,
    )
    typer.echo(f"{out / record.file}: {record.name}, confidence threshold {record.confidence_threshold}")
