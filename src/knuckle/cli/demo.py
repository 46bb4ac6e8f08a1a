"""`knuckle demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the pictures.")] = Path(
        "knuckle-demo"
    ),
    model: Annotated[
        str, typer.Option(help="auto, all, a model `knuckle info` lists, or an .onnx file.")
    ] = "auto",
) -> None:
    """Estimate the two hands of the sample photo in the package, a rendered one whose camera and boxes are
    known."""
    from knuckle.cli.batch import Request, run
    from knuckle.cli.models import ALL, chosen_models
    from knuckle.cli.results import outputs_of
    from knuckle.photos import sample

    known = sample.read_sample_labels()
    photo = sample.SAMPLE_PHOTO
    if not run([photo], Request(known["boxes"], known["sides"], known["camera"], model), out=out):
        raise typer.Exit(2)
    written = outputs_of(photo, out, chosen_models(model) if model == ALL else None)
    typer.echo(f"Look at {written.picture}; open {written.glb[0]} in any 3D viewer.")
