"""Tables as scripts print them: for the terminal, and in Markdown."""

from collections.abc import Iterable, Sequence

from rich.table import Table


def plain_table(headings: Iterable[str], *, title: str | None = None, left: Sequence[str] = ()) -> Table:
    """A table without lines; columns stand to the right but the first one and those named in `left`."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 or heading in left else "right", no_wrap=True)
    return table


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (headings, *rows)]
    return "\n".join([lines[0], "|---" * len(headings) + "|", *lines[1:]])
