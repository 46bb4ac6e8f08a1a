"""A progress bar, drawn only in a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def show_progress(title: str, total: int | None, *, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr until the block ends; yields a function that advances it by a count.

    total: None where it is not known. done: how much was done before.
    """
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda count: bar.advance(task, count)
