"""`knuckle convert DATASET FOLDER`: the training split of a dataset as a set to train on."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def convert(
    dataset: Annotated[Literal["freihand", "obman"], typer.Argument(help="Which dataset.")],
    folder: Annotated[Path, typer.Argument(help="Its folder, as downloaded and unpacked.")],
    out: Annotated[Path, typer.Option(help="Folder of the set.")],
    size: Annotated[int, typer.Option(help="Side of the crops, px.")] = 256,
    rig: Annotated[
        Path | None,
        typer.Option(help="Your MANO_RIGHT.pkl, or a rig file (.npz); without it the open rig is fitted."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many crops.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Finish a set that was cut short.")] = False,
    expand: Annotated[
        float, typer.Option(help="Crop side over the longer side of the joints' box; leaves room to augment.")
    ] = 1.5,
) -> None:
    """Cut the training hands of FreiHAND or ObMan into a set that `knuckle train` reads."""
    from knuckle.datasets.training_set import convert_set

    try:
        index = convert_set(
            dataset,
            folder,
            out,
            size=size,
            expand=expand,
            rig=rig,
            limit=limit,
            workers=workers,
            resume=resume,
            progress=True,
        )
    except KeyboardInterrupt:
        typer.echo(f"{out}: stopped; the same command with --resume goes on from here", err=True)
        raise typer.Exit(130) from None
    typer.echo(
        f"{out}: {index['count']} crops of {size} px; the joints of the {index['rig_name']} rig lie"
        f" {index['residual_mm']} mm from the dataset's"
    )
