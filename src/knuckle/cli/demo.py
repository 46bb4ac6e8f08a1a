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
    """Find and estimate the two hands of the sample photo in the package, a rendered one whose camera is known."""
    from knuckle.cli.batch import run
    from knuckle.cli.inputs import Given
    from knuckle.inference.estimate import Request
    from knuckle.photos import sample

    known = sample.read_sample_labels()
    request = Request.checked(camera=known["camera"])
    done = run([Given(sample.SAMPLE_PHOTO)], request, model=model, out=out)
    if not done:
        raise typer.Exit(2)
    outputs = done[0].outputs
    typer.echo(f"Look at {outputs.picture}; open {outputs.glb[0]} in any 3D viewer.")
