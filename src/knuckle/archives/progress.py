"""How far a run is, and how long the rest will take: told by the workers' journals, weighed by the clips' sizes."""

import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from knuckle.archives.clips import Clip
from knuckle.archives.table import Table, stem_of
from knuckle.archives.worker import PROGRESS

LOOKED_S = 2.0
TOLD_S = 60.0
"""How often a line is written where there is no terminal to draw a bar in."""


class Progress:
    """A bar on stderr, or a line a minute where that is no terminal; a context manager."""

    def __init__(self, clips: Sequence[Clip], table: Table) -> None:
        self._table = table
        known = [clip.bytes for clip in clips if clip.bytes]
        # One whose size is not known counts as one of the others.
        usual = sum(known) / len(known) if known else 1.0
        self._weights = {clip.name: float(clip.bytes or usual) for clip in clips}
        self._names = {stem_of(name): name for name in self._weights}
        self._total = sum(self._weights.values()) or 1.0
        self._finished: set[str] = set()
        self._began_s = self._looked_s = self._told_s = time.monotonic()
        self._first: float | None = None
        columns = (
            TextColumn("{task.fields[text]}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=self._total, text=self._text())

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def finished(self, clip: str) -> None:
        """A clip is done, or cannot be."""
        self._finished.add(clip)
        self.look(now=True)

    def look(self, *, now: bool = False) -> None:
        """Bring the bar up to date; cheap enough to be asked often."""
        if not self._weights or not (now or time.monotonic() - self._looked_s > LOOKED_S):
            return
        self._looked_s = time.monotonic()
        # On a cluster, clips are done long before the engine tells.
        parts = {path.stem for path in self._table.parts()}
        self._finished |= {name for stem, name in self._names.items() if stem in parts}
        done = sum(self._weights[clip] for clip in self._finished if clip in self._weights)
        done += sum(self._weights[clip] * share for clip, share in self._begun().items())
        self._first = done if self._first is None else self._first
        self._bar.update(self._task, completed=done, text=self._text())
        if not sys.stderr.isatty() and self._looked_s - self._told_s > TOLD_S:
            self._told_s = self._looked_s
            fresh, since = done - self._first, self._looked_s - self._began_s
            left = f", {_clock(since * (self._total - done) / fresh)} left" if fresh > 0 else ""
            print(f"{self._text()}, {100 * done / self._total:.0f} %{left}", file=sys.stderr, flush=True)

    def in_hand(self, waiting: Iterable[str]) -> list[str]:
        """Which of some clips were begun and are not done."""
        begun = self._begun()
        return [name for name in waiting if name in begun]

    def _begun(self) -> dict[str, float]:
        """Clips that are begun, with the share that is done."""
        shares = {}
        try:
            folders = list(self._table.journals.iterdir())
        except OSError:
            return shares
        for folder in folders:
            name = self._names.get(folder.name)
            if name is None or name in self._finished:
                continue
            try:
                done, count = map(int, (folder / PROGRESS).read_text(encoding="utf-8").split())
            except (OSError, ValueError):
                continue
            shares[name] = min(1.0, done / count) if count else 0.0
        return shares

    def _text(self) -> str:
        return f"{len(self._finished)} of {len(self._weights)} clips"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
