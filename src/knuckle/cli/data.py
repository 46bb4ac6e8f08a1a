"""`knuckle data`: what is in a data set's folder, its labels over its pictures, and a set to train on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from knuckle.cli.convert import data_convert

data = typer.Typer(
    no_args_is_help=True,
    help="Check a data set's download, look at its labels, turn it into a set to train on.",
)
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Which data set; `knuckle data list` names them.")]
_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Its folder, as downloaded and unpacked.")]
_CAPTION = "{name} ({side})"

data.command("convert")(data_convert)


@data.command("list")
def data_list() -> None:
    """The data sets that can be read, with what is labelled in them."""
    from knuckle.datasets.registry import DATA_SETS

    wide = max(map(len, DATA_SETS)) + 2
    for entry in DATA_SETS.values():
        trains = "" if entry.converts else "; not to train on"
        trains += f"; --variant {', '.join(entry.variants)}" if entry.variants else ""
        typer.echo(f"{entry.name:{wide}}{entry.title}: {', '.join(entry.labels)}{trains} ({entry.docs})")


@data.command("check")
def data_check(
    name: _Name,
    folder: _Folder,
    decode: Annotated[
        bool, typer.Option("--decode", help="Read every picture whole, not only its first and last bytes.")
    ] = False,
) -> None:
    """Say what is there and what is missing, with counts, and which files are damaged. Exit code 1 if not all is
    well."""
    from knuckle.datasets.registry import find_data_set

    report = find_data_set(name).check(folder, decode=decode)
    for line in report.lines():
        typer.echo(line)
    if not report.whole:
        raise typer.Exit(1)


@data.command("from-coco")
def data_from_coco(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.json", help="COCO keypoints of 21, or COCO-WholeBody.")
    ],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that gets labels.jsonl.")],
    images: Annotated[Path, typer.Option(help="The folder that the file's image names are in.")],
    side: Annotated[
        Literal["left", "right"] | None, typer.Option(help="Of hands whose category does not say.")
    ] = None,
) -> None:
    """Take over COCO keypoints as your own labels; `own` is then the NAME of DIR."""
    from knuckle.datasets.own_import import import_coco

    _say_taken(out, *import_coco(file, images, out, side=side))


@data.command("from-labelme")
def data_from_labelme(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of labelme's .json files.")],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that gets labels.jsonl.")],
) -> None:
    """Take over labelme's files as your own labels; `own` is then the NAME of DIR."""
    from knuckle.datasets.own_import import import_labelme

    _say_taken(out, *import_labelme(folder, out))


def _say_taken(out: Path, count: int, faults: list[str]) -> None:
    for fault in faults:
        typer.echo(f"left out: {fault}", err=True)
    typer.echo(f"{out}: {count} hands" + (f"; {len(faults)} entries left out" if faults else ""))
    if faults:
        raise typer.Exit(1)


@data.command("preview")
def data_preview(
    name: _Name,
    folder: _Folder,
    out: Annotated[Path, typer.Option(help="The picture to write, .png or .jpg.")],
    count: Annotated[int, typer.Option(help="Hands, spread over the set.")] = 12,
    rig: Annotated[
        Path | None,
        typer.Option(help="Your MANO_RIGHT.pkl, for data sets whose labels are MANO's parameters."),
    ] = None,
) -> None:
    """Draw labelled joints and meshes over pictures: a wrong convention shows at a glance."""
    from knuckle.datasets.registry import find_data_set
    from knuckle.errors import KnuckleError
    from knuckle.files import write_image
    from knuckle.view.labelled import draw_labelled
    from knuckle.view.sheet import draw_sheet

    if not 1 <= count <= 200:
        raise KnuckleError(f"count: expected 1 to 200, got {count}")
    hands = find_data_set(name).preview(folder, count=count, rig=rig)
    cells, captions, faults = [], [], []
    for hand in hands:
        try:
            cells.append(draw_labelled(hand))
        except KnuckleError as error:
            faults.append(str(error))
            continue
        captions.append(_CAPTION.format(name=hand.name, side=hand.side))
    for fault in faults:
        typer.echo(f"not drawn: {fault}", err=True)
    if not cells:
        raise KnuckleError(f"{folder}: expected hands that can be drawn, got none of {len(hands)}")
    write_image(out, draw_sheet(cells, cell_px=320, captions=captions))
    typer.echo(f"{out}: {len(cells)} hands" + (f", {len(faults)} not drawn" if faults else ""))
    if faults:
        raise typer.Exit(1)
