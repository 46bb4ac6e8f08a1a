"""`knuckle submit FOLDER`: the file that a benchmark's server takes."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def submit(
    folder: Annotated[
        Path, typer.Argument(help="FreiHAND's or HO-3D's folder; its truth need not be there.")
    ],
    weights: Annotated[str, typer.Option(help="A model with MANO's mesh: a .safetensors or .onnx file.")],
    out: Annotated[Path, typer.Option(help="pred.json, or a .zip with it inside.")],
    root: Annotated[
        Literal["predicted", "scale"],
        typer.Option(help="FreiHAND's root depth: the model's, or by the bone length given."),
    ] = "predicted",
    boxes: Annotated[
        Literal["picture", "truth"],
        typer.Option(help="FreiHAND's crops: the whole pictures, or boxes of the true joints."),
    ] = "picture",
    refine: Annotated[
        bool, typer.Option(help="Fuse 2D and 3D joints as `knuckle estimate` does, or the network alone.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the network.")] = 1,
) -> None:
    """Write a model's joints and vertices for an evaluation split as the benchmark's server takes them."""
    from knuckle.evaluation.submission import submit as write
    from knuckle.open_model import open_model
    from knuckle.progress import show_progress

    model = open_model(weights, threads=threads, refine=refine, evidence=False)
    with show_progress("predicting", None) as advance:
        count, notes = write(folder, model, out, root=root, boxes=boxes, progress=advance)
    typer.echo("\n".join((f"{out}: {count} hands", *notes)))
