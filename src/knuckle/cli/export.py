"""`knuckle export HANDS --to FORMAT`: hands of a photo or video for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What `--to` takes."""

    glb = "glb"
    bvh = "bvh"
    openxr = "openxr"
    usd = "usd"
    csv = "csv"
    npz = "npz"


class Unit(StrEnum):
    """What `--unit` takes."""

    cm = "cm"
    m = "m"


def export(
    hands: Annotated[
        Path,
        typer.Argument(
            metavar="TRACK|PHOTO.json", help="VIDEO.hands.jsonl of `knuckle track`, PHOTO.json of `estimate`."
        ),
    ],
    to: Annotated[list[Format], typer.Option(help="What to write; may be given several times.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; default: beside the input.")
    ] = None,
    unit: Annotated[Unit, typer.Option(help="Of lengths in BVH, which says none itself.")] = Unit.cm,
    rig: Annotated[
        str | None,
        typer.Option(help="File of the hand model, where the hands are not of the open rig: MANO_RIGHT.pkl."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Write hands for other programs: NAME.hands.glb (animated, skinned), NAME.left_hand_0.bvh (one a hand),
    NAME.openxr.jsonl, NAME.hands.usda, NAME.hands.csv or NAME.hands.npz.

    docs/export.md says for each format its units and axes, what it keeps, and how to open it.
    """
    from knuckle.animation.export import export_hands
    from knuckle.cli.batch import check_folder
    from knuckle.files import printable

    folder = hands.parent if out is None else out
    if out is not None:
        check_folder(out)
    written = export_hands(
        hands,
        folder,
        formats=[each.value for each in dict.fromkeys(to)],
        bvh_unit=unit.value,
        rig=rig,
        overwrite=overwrite,
    )
    for path in written:
        typer.echo(f"wrote {printable(path)}")
    if Format.bvh in to and not any(path.suffix == ".bvh" for path in written):
        typer.echo(printable(f"note: {hands} has no hands, so there is no BVH"), err=True)
