"""`knuckle ship WEIGHTS`: trained weights to onnx with their record."""

from pathlib import Path
from typing import Annotated

import typer


def ship(
    weights: Annotated[Path, typer.Argument(help="weights.safetensors of a run.")],
    name: Annotated[str, typer.Option(help="Name of the model, such as dahyf-lite.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.onnx and NAME.json.")],
    trained_on: Annotated[str, typer.Option(help="The record's words on the training data.")],
    commit: Annotated[str, typer.Option(help="Commit of the code that trained the weights.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="A synthetic set; its held-out crops give the confidence threshold. Not for the hand detector."
        ),
    ] = None,
    held_out: Annotated[
        int, typer.Option(min=1, help="How many of the set's last crops are held out for the threshold.")
    ] = 512,
) -> None:
    """Write trained weights as onnx (network, decoding, rig) with the record that describes them."""
    from knuckle.errors import KnuckleError
    from knuckle.export.hand_boxes import ship_hand_boxes
    from knuckle.export.ship import ship as write_files
    from knuckle.training.checkpoint import read_metadata
    from knuckle.training.hand_boxes.recipe import SYSTEM

    if read_metadata(weights).get("system") == SYSTEM:
        if name != SYSTEM:
            raise KnuckleError(f"--name: expected {SYSTEM}, which these weights are of, got {name}")
        detector = ship_hand_boxes(weights, out, trained_on=trained_on, commit=commit)
        typer.echo(f"{out / detector.file}: {detector.name}, {detector.samples_seen} pictures")
        return
    if data is None:
        raise KnuckleError("--data: expected a synthetic set, got none")
    record = write_files(
        weights,
        out,
        name=name,
        validation_set=data,
        trained_on=trained_on,
        commit=commit,
        validation=held_out,
    )
    typer.echo(f"{out / record.file}: {record.name}, confidence threshold {record.confidence_threshold}")
