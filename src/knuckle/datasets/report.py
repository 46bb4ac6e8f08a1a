"""What `knuckle data check` finds: parts of a download with their counts, and faults by name."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from knuckle.datasets.decoder_warnings import read_whole
from knuckle.datasets.photos import read_rgb
from knuckle.errors import KnuckleError

_SHOWN = 5
"""Names of one kind of fault that are written out; all are counted."""
_ENDS = {".jpg": (b"\xff\xd8", b"\xff\xd9"), ".png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82")}
_TAIL = 64
"""Last bytes of a picture that are looked at: some writers pad."""


@dataclass(frozen=True)
class Part:
    """Files or entries of one kind."""

    name: str
    found: int
    expected: int
    optional: str = ""
    """What cannot be done without it; "" where nothing can."""

    @property
    def state(self) -> str:
        """ "ok", "missing" (none there), "partly" or "absent" (none there, and not needed)."""
        if self.found >= self.expected:
            return "ok"
        if self.found:
            return "partly"
        return "absent" if self.optional else "missing"


@dataclass
class Report:
    """Of one folder: whole where every part that is needed is, and no fault was found."""

    title: str
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is worth knowing and wrong with nothing, such as the version."""
    faults: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all is there and nothing is wrong."""
        return not self.faults and all(part.state in ("ok", "absent") for part in self.parts)

    def add(self, name: str, found: int, expected: int = 1, *, optional: str = "") -> None:
        """Note a part."""
        self.parts.append(Part(name, found, expected, optional))

    def add_file(self, folder: Path, name: str, *, optional: str = "") -> bool:
        """Note whether a file is there; returns it."""
        there = (folder / name).is_file()
        self.add(name, int(there), optional=optional)
        return there

    def add_faults(self, what: str, names: Iterable[str]) -> None:
        """Note a fault that several files or entries have, counted, the first of them by name."""
        self.faults += _counted(what, names)

    def add_notes(self, what: str, names: Iterable[str]) -> None:
        """The same of what is no fault."""
        self.notes += _counted(what, names)

    def add_pictures(
        self, folder: Path, pictures: list[Path], *, decode: bool, what: str = "damaged pictures"
    ) -> None:
        """Note which pictures are damaged; names are written from `folder` on."""
        self.add_faults(what, (_name(p, folder) for p in pictures if not is_whole_picture(p, decode=decode)))

    def lines(self) -> list[str]:
        """The report as text, a part a line."""
        wide = max((len(part.name) for part in self.parts), default=0)
        rows = []
        for part in self.parts:
            without = f"  (without: no {part.optional})" if part.optional and part.state != "ok" else ""
            rows.append(f"{part.state:8}{part.name:{wide}}  {part.found} of {part.expected}{without}")
        rows += [f"note    {note}" for note in self.notes]
        rows += [f"fault   {fault}" for fault in self.faults]
        return [*rows, f"{self.title}: {'complete' if self.whole else 'NOT complete'}"]


def is_whole_picture(path: Path, *, decode: bool = False) -> bool:
    """Whether a picture has the first and last bytes of its format; decode: whether it can be read, too, and its
    decoder finds no damage inside.

    Only JPEG and PNG files can be told by their ends; others are decoded.
    """
    ends = _ENDS.get(path.suffix.lower())
    try:
        if ends is not None:
            with path.open("rb") as file:
                head = file.read(len(ends[0]))
                size = path.stat().st_size
                file.seek(max(0, size - _TAIL))
                if head != ends[0] or ends[1] not in file.read():
                    return False
        if decode or ends is None:
            read_whole(lambda: read_rgb(path), path)
    except (OSError, KnuckleError):
        return False
    return True


def spread(total: int, count: int) -> list[int]:
    """Up to `count` numbers of 0 to total - 1, evenly apart."""
    wanted = min(total, count)
    return [number * total // wanted for number in range(wanted)]


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _counted(what: str, names: Iterable[str]) -> list[str]:
    found = list(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [f"{len(found)} {what}: {', '.join(found[:_SHOWN])}{more}"] if found else []
