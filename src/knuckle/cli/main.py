"""The `knuckle` command: its subcommands by name, each imported only when it runs."""

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from knuckle.errors import KnuckleError, install_command

COMMANDS = {
    "estimate": "Find the hands in photos; write their joints, meshes and pictures.",
    "track": "Follow the hands through videos; write JSON lines, tables and an overlay video.",
    "annotate": "Follow the hands through archives of clips, on one machine or a cluster; write a table.",
    "live": "Show a camera, stream or video with its hands drawn over it.",
    "view": "Show hands in three dimensions, on a page or in the Rerun viewer.",
    "ar": "Show the AR page: hands among virtual objects, in the browser; or write it as a folder.",
    "explain": "Show where a two-hand system looked for joints.",
    "demo": "Estimate the sample photo that comes with the package.",
    "calibrate": "Find a camera's focal length from pictures of a bank card; write it for --camera.",
    "doctor": "Show cameras, codecs, runtimes and speed here, and what live video would choose.",
    "info": "Print versions, installed packages and weights, for a bug report.",
    "synth": "Render labelled hands as a set, or a sheet of them to look at.",
    "data": "Check a data set's download, look at its labels, turn it into a set to train on.",
    "convert": "The same as data convert, the folder written to as --out.",
    "train": "Train a system from a recipe; resumes after an interruption.",
    "standing": "Train continuously: render, train, score, repeat; resumes after an interruption.",
    "average": "Average the weights of two runs, one of which started from the other.",
    "evaluate": "Score weights on the synthetic benchmark or on real photos.",
    "score": "Score anybody's prediction file by a benchmark's official rules.",
    "submit": "Write a model's answers as a benchmark's server takes them.",
    "ship": "Write trained weights as onnx with their record.",
    "export": "Hands of a photo or video for other programs: glb, bvh, openxr, usd, csv, npz.",
}

# The extra of the package that installs a module which the base install does not have.
EXTRAS = {
    "av": "video",
    "pyarrow": "parquet",
    "daft": "archives",
    "ray": "archives-ray",
    **dict.fromkeys(("torch", "torchvision", "timm", "accelerate", "safetensors"), "train"),
    **dict.fromkeys(("numba", "tensorboard", "onnx", "onnxscript", "matplotlib"), "train"),
}


class LazyGroup(TyperGroup):
    """Lists its subcommands without importing them. Prints a KnuckleError, or the name of a missing module, as one
    sentence and exits with code 2."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, text in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=text, callback=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            # Set before the import, so that the error about a missing module can name the command.
            ctx.invoked_subcommand = name
            command = _load(name)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KnuckleError as error:
            message = str(error)
        except ModuleNotFoundError as error:
            module = (error.name or "").split(".")[0]
            if module not in EXTRAS:
                raise
            message = (
                f"knuckle {ctx.invoked_subcommand} needs {module}, which is not installed:"
                f" {install_command(EXTRAS[module])}"
            )
        typer.echo(f"error: {message}", err=True)
        raise typer.Exit(2)


def _load(name: str) -> Any:
    """The subcommand NAME: the function of that name in knuckle.cli.NAME, or the group of several."""
    function = getattr(import_module(f"knuckle.cli.{name}"), name)
    if isinstance(function, typer.Typer):
        return typer.main.get_command(function)
    single = typer.Typer(add_completion=False)
    single.command(name)(function)
    return typer.main.get_command(single)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from knuckle import __version__

        typer.echo(f"knuckle {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """3D hands from one RGB camera: joints in metres, mesh, rotations, side and confidence."""


def main() -> None:
    """Entry point of the `knuckle` script."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal or file cannot show is written with escapes; it must not end the call.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
