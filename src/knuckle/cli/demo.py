"""`knuckle demo`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from knuckle.errors import KnuckleError

ASSETS = Path(__file__).parents[1] / "assets"
SAMPLE = "two_hands"


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

    photo = ASSETS / f"{SAMPLE}.jpg"
    about = _read(photo.with_suffix(".json"))
    if not run([photo], Request(about["boxes"], about["sides"], about["camera"], model), out=out):
        raise typer.Exit(2)
    written = outputs_of(photo, out, chosen_models(model) if model == ALL else None)
    typer.echo(f"Look at {written.picture}; open {written.glb[0]} in any 3D viewer.")


def _read(path: Path) -> dict:
    """boxes (x, y, w, h px), sides and camera (fx, fy, cx, cy px) of the sample photo."""
    try:
        about = json.loads(path.read_text())
        return {key: about[key] for key in ("boxes", "sides", "camera")}
    except (OSError, ValueError, KeyError) as error:
        raise KnuckleError(
            f"{path}: expected the sample photo's boxes, sides and camera, got {error!r}"
        ) from error
