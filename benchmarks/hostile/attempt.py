"""One hostile input: what is hostile about it, and how it comes to the program."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Protocol

from knuckle.errors import KnuckleError

BOX = ("--box", "30,30,80,80", "--side", "left", "--no-evidence")
"""A hand's place in the sample photo, so that no detector runs."""


@dataclass(frozen=True)
class Attempt:
    """An input that was written, and the call that reads it."""

    name: str
    run: Callable[[], int]
    """Gives the exit code."""
    exit_codes: tuple[int, ...] = (0, 2)


class Kind(Protocol):
    """Makes the inputs of one kind; `materials` are the folder of `benchmarks.hostile.materials`."""

    def __init__(self, materials: Path) -> None: ...

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """Write one input into an empty folder."""
        ...


def command(*arguments: object) -> Callable[[], int]:
    """`knuckle ARGUMENTS...` in this process, by the entry point of the script."""
    return partial(_run_command, [str(argument) for argument in arguments])


def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], int]:
    """A function of the package that a program calls; a KnuckleError ends as the command line has it."""
    return partial(_run_function, partial(function, *arguments, **options))


def exhaust(function: Callable[..., Any], *arguments: Any) -> Callable[[], int]:
    """The same of a function that gives an iterator, to its end."""

    def through() -> None:
        for _ in function(*arguments):
            pass

    return call(through)


def _run_command(arguments: list[str]) -> int:
    from knuckle.cli.main import main

    before, sys.argv = sys.argv, ["knuckle", *arguments]
    try:
        main()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    finally:
        sys.argv = before
    return 0


def _run_function(function: Callable[[], Any]) -> int:
    try:
        function()
    except KnuckleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
