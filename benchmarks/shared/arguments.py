"""What scripts share on the command line: options that several have, and how they end on bad input."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knuckle.errors import KnuckleError


def make_parser(text: str | None) -> argparse.ArgumentParser:
    """A parser that prints a script's docstring as its help."""
    return argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_weights(parser: argparse.ArgumentParser, *, default: str, what: str = "a model's name, auto") -> None:
    """--weights, repeatable, and --no-evidence. what: what it takes beside files; default: which models otherwise."""
    text = f"{what}, an .onnx or a .safetensors file; repeatable; default: {default}"
    parser.add_argument("--weights", action="append", default=None, help=text)
    parser.add_argument(
        "--no-evidence",
        dest="evidence",
        action="store_false",
        help="without the landmark network's joints",
    )


def add_worst(parser: argparse.ArgumentParser, what: str) -> None:
    """--worst and --sheet: the worst hands or crops (`what`), listed and drawn."""
    parser.add_argument("--worst", type=int, default=0, help=f"how many of the worst {what} are listed")
    parser.add_argument("--sheet", type=Path, default=None, help="where they are drawn (.jpg or .png)")


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, with the checks that all scripts share."""
    options = parser.parse_args()
    limit = getattr(options, "limit", None)
    if limit is not None and limit < 1:
        parser.error(f"--limit: expected at least 1, got {limit}")
    if getattr(options, "sheet", None) and getattr(options, "worst", 1) < 1:
        parser.error("--sheet: expected --worst N beside it")
    return options


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the script with the sentence of a KnuckleError."""
    try:
        yield
    except KnuckleError as error:
        raise SystemExit(f"error: {error}") from error
