"""The clips that a command is given: files, folders, patterns, lists and URLs."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic, iglob
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from knuckle.archives.engine import import_daft
from knuckle.errors import KnuckleError

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".wmv"}
)
"""Of the files that are taken for clips in a folder or pattern; one that is named itself may have any."""
LIST_SUFFIX = ".txt"
"""Of a file that names clips, one a line."""


@dataclass(frozen=True)
class Clip:
    """A clip that is to be done."""

    name: str
    """Its absolute path, or its URL: it stands for the clip in tables and messages."""
    bytes: int | None
    """Its size; None where it is not known, as of a file that is not there."""


def find_clips(arguments: Sequence[str], *, io_config: Any = None) -> list[Clip]:
    """The clips that arguments name, each once, in the arguments' order.

    A folder, or a URL that ends with a slash, stands for the clips in it and below it, by name; an argument with *, ?
    or [ is a pattern (** for any subfolders); a file whose name ends with .txt names clips, one a line, relative ones
    as seen from its folder. URLs (s3://, gs://, http:// and what else Daft reads) are resolved by Daft.

    Raises KnuckleError for a folder, pattern or list without a clip.
    """
    found: dict[str, Clip] = {}
    for argument in arguments:
        for clip in _clips_of(argument, io_config):
            found.setdefault(clip.name, clip)
    return list(found.values())


def is_url(name: str) -> bool:
    """Whether Daft is to fetch it."""
    return "://" in name


def _clips_of(argument: str, io_config: Any) -> Iterator[Clip]:
    if argument.startswith("file://"):
        argument = urlsplit(argument).path
    path = Path(argument)
    if is_url(argument):
        yield from _remote(argument, io_config)
    elif path.is_dir():
        yield from _several(argument, "a folder with videos", _below(path))
    elif has_magic(argument) and not path.exists():
        matches = sorted(Path(match) for match in iglob(argument, recursive=True))  # noqa: PTH207 - takes whole paths
        taken = (match for match in matches if match.is_file() and _is_clip(match.name))
        yield from _several(argument, "a pattern that videos match", taken)
    elif path.suffix.lower() == LIST_SUFFIX:
        yield from _listed(path, io_config)
    else:
        yield _local(path)


def _several(argument: str, kind: str, paths: Iterator[Path]) -> Iterator[Clip]:
    found = False
    for path in paths:
        found = True
        yield _local(path)
    if not found:
        raise KnuckleError(f"{argument}: expected {kind} ({', '.join(sorted(SUFFIXES))}), got none")


def _below(folder: Path) -> Iterator[Path]:
    # Not Path.rglob, which ends at a folder that may not be read.
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if _is_clip(name))


def _is_clip(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".") and ".overlay." not in name


def _local(path: Path) -> Clip:
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolves no links, as Path does
    try:
        absolute.encode()
    except UnicodeEncodeError:
        raise KnuckleError(f"{path!r}: expected a name in UTF-8, which tables need") from None
    try:
        return Clip(absolute, os.stat(absolute).st_size)  # noqa: PTH116 - of the text as it is
    except (OSError, ValueError):
        return Clip(absolute, None)


def _listed(path: Path, io_config: Any) -> Iterator[Clip]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise KnuckleError(f"{path}: expected a list of clips that can be read ({error.strerror})") from error
    except ValueError as error:
        raise KnuckleError(f"{path}: expected a list of clips in UTF-8, got {error}") from error
    names = [line.strip() for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise KnuckleError(f"{path}: expected a list of clips, one a line, got none")
    for name in names:
        if Path(name).suffix.lower() == LIST_SUFFIX:
            raise KnuckleError(f"{path}: expected clips, got another list, {name}")
        yield from _clips_of(name if is_url(name) else str(path.parent / name), io_config)


def _remote(address: str, io_config: Any) -> Iterator[Clip]:
    if not address.endswith("/") and not has_magic(address):
        yield Clip(address, None)
        return
    daft = import_daft()
    pattern = f"{address}**" if address.endswith("/") else address
    try:
        listed = daft.from_glob_path(pattern, io_config=io_config).select("path", "size").to_pydict()
    except Exception as error:
        # Daft raises FileNotFoundError, its own and the reader's errors.
        raise KnuckleError(
            f"{address}: expected videos that Daft can list, got none ({first_line(error)})"
        ) from error
    pairs = sorted(zip(listed["path"], listed["size"], strict=True))
    clips = [Clip(name, size) for name, size in pairs if _is_clip(name.rsplit("/", 1)[-1])]
    if not clips:
        raise KnuckleError(f"{address}: expected videos ({', '.join(sorted(SUFFIXES))}), got none")
    yield from clips


def first_line(error: BaseException) -> str:
    """What an error says first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
