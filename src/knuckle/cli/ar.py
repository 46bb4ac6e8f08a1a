"""`knuckle ar`."""

from pathlib import Path
from typing import Annotated

import typer


def ar(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0: any that is free.")
    ] = 8766,
    host: Annotated[
        str, typer.Option(help="Address of the page. The default is this computer alone.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the page in the default browser.")] = True,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the page with its networks into a folder that any host can serve; then end.",
        ),
    ] = None,
) -> None:
    """Show the AR page: hands that hide virtual objects, push water, grab and press, in the browser.

    The camera's pictures stay in the browser: this only serves the page's own files.
    """
    from knuckle.web.site import Site, built_page

    site = Site(built_page())
    if write is not None:
        from knuckle.files import printable
        from knuckle.web.folder import write_folder

        size = write_folder(write, site)
        typer.echo(f"{printable(write)}: {len(site.names)} files, {size / 1e6:.1f} MB")
        return
    from knuckle.web.server import PageServer

    with PageServer(site, host=host, port=port) as server:
        typer.echo(f"the AR page is at {server.url} (Ctrl-C ends)")
        if not server.is_local:
            typer.echo(
                "note: browsers lend no camera to a page of another computer without https; serve the folder of --write"
                " from a host that has it",
                err=True,
            )
        if browser:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.wait()
        except KeyboardInterrupt:
            typer.echo("ended by Ctrl-C", err=True)
