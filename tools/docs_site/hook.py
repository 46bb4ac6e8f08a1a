"""Hook of mkdocs: pages of the repository that lie outside docs/ become pages of the site, and links lead to them.

Pages link to each other as files of the repository, so that they can be read there. On the site docs/ is the root, and
all else that they link to lies under repository/: pages as pages, other files as they are. A link to a folder has
nothing to open on a site and becomes plain text.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = "repository"
LINK = re.compile(
    r"""(?P<open>\]\(|<img[^>]*\ssrc=")(?P<path>[^)"#\s]+)(?P<anchor>#[^)"\s]*)?(?P<close>\)|")"""
)
TEXT_AND_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)\s#]+)\)")
FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add what pages link to outside of docs/, and what those link to in turn."""
    waiting = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    added: set[Path] = set()
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            inside = target.is_relative_to(ROOT / "docs")
            if inside or target in added or not target.is_file() or not target.is_relative_to(ROOT):
                continue
            added.add(target)
            files.append(File.generated(config, _site_path(target), abs_src_path=str(target)))
            if target.suffix == ".md":
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turn a page's links between files of the repository into links between files of the site."""
    uri = PurePosixPath(page.file.src_uri)
    outside = uri.parts[0] == OUTSIDE
    source = ROOT.joinpath(*uri.parts[1:]) if outside else ROOT / "docs" / uri
    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _relinked(part, source) for part in parts)


def _relinked(text: str, source: Path) -> str:
    here = PurePosixPath(_site_path(source)).parent

    def plain_folders(match: re.Match[str]) -> str:
        target = _target(source, match["path"])
        readme = target is not None and (target / "README.md").exists()
        return match[0] if target is None or not target.is_dir() or readme else match["text"]

    def relinked(match: re.Match[str]) -> str:
        target = _target(source, match["path"])
        if target is None or not target.exists():
            return match[0]
        if target.is_dir():
            target /= "README.md"
        path = os.path.relpath(_site_path(target), here)
        return f"{match['open']}{path}{match['anchor'] or ''}{match['close']}"

    return LINK.sub(relinked, TEXT_AND_LINK.sub(plain_folders, text))


def _targets(page: Path) -> Iterator[Path]:
    for part in FENCE.split(page.read_text(encoding="utf-8")):
        if part.startswith("```"):
            continue
        for match in LINK.finditer(part):
            target = _target(page, match["path"])
            if target is not None:
                yield target / "README.md" if target.is_dir() else target


def _target(source: Path, path: str) -> Path | None:
    """The file that a page's link names; None for one to another site."""
    return None if re.match(r"[a-z]+:", path) else (source.parent / path).resolve()


def _site_path(file: Path) -> str:
    """Where a file of the repository lies on the site."""
    docs = ROOT / "docs"
    if file.is_relative_to(docs):
        return file.relative_to(docs).as_posix()
    return f"{OUTSIDE}/{file.relative_to(ROOT).as_posix()}"
