"""`knuckle view TRACK|PHOTO.json`."""

from pathlib import Path
from typing import Annotated

import typer


def view(
    hands: Annotated[
        Path,
        typer.Argument(
            metavar="TRACK|PHOTO.json", help="VIDEO.hands.jsonl of `knuckle track`, PHOTO.json of `estimate`."
        ),
    ],
    rerun: Annotated[
        Path | None,
        typer.Option(metavar="FILE.rrd", help="Write a file for the Rerun viewer and show no page."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address of the page; all who reach it see the hands. The default is this computer alone."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 8766,
    mesh: Annotated[bool, typer.Option(help="Write surfaces into FILE.rrd, or joints alone.")] = True,
    pictures: Annotated[bool, typer.Option(help="Show the photo or video too, where it is at hand.")] = True,
    rig: Annotated[
        str | None,
        typer.Option(help="File of the hand model, where the hands are not of the open rig: MANO_RIGHT.pkl."),
    ] = None,
) -> None:
    """Show hands in three dimensions: meshes, identities, confidence, the camera and a time line.

    Needs the extra "view" (viser for the page, rerun-sdk for FILE.rrd).
    """
    from knuckle.errors import KnuckleError
    from knuckle.files import printable
    from knuckle.viewers.footage import open_footage

    if rerun is not None and rerun.suffix != ".rrd":
        raise KnuckleError(f"--rerun {rerun}: expected a name that ends in .rrd")
    footage = open_footage(hands, rig=rig)
    if pictures and footage.source is None:
        typer.echo("note: the photo or video is not where the file says; hands are shown alone", err=True)
    if rerun is not None:
        from knuckle.viewers.rerun_file import write_rerun

        write_rerun(rerun, footage, mesh=mesh, pictures=pictures)
        typer.echo(f"wrote {printable(rerun)}; open it with `rerun {printable(rerun)}`")
        return
    from knuckle.viewers.page import HandsPage

    page = HandsPage(footage, host=host, port=port, pictures=pictures)
    typer.echo(f"{printable(hands)} is shown at {page.url} (Ctrl-C ends)")
    try:
        page.run()
    except KeyboardInterrupt:
        typer.echo("ended by Ctrl-C", err=True)
    finally:
        page.close()
