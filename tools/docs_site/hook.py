"""Hook of mkdocs: pages of the repository that lie outside docs/ become pages of the site, and links lead to them.

Pages link to each other as files of the repository, so that they can be read there. On the site docs/ is the root, and
all else that they link to lies under repository/: pages as pages, other files as they are. A link to a folder has
nothing to open on a site and becomes plain text.

Where the AR page is built (`make web`), it lies under ar/ of the site and plays a recorded track within
docs/for/ar.md.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = "repository"
LINK = re.compile(
    r"""(?P<open>\]\(|<img[^>]*\ssrc=")(?P<path>[^)"#\s]+)(?P<anchor>#[^)"\s]*)?(?P<close>\)|")"""
)
TEXT_AND_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)\s#]+)\)")
AR_MARK = "<!-- ar page -->"
AR_ADDRESS = "ar/index.html?scene=grab&track=tracks/grab.jsonl"
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
            files.append(generated(config, _site_path(target), target))
            if target.suffix == ".md":
                waiting.append(target)
    return files


def generated(config: Any, uri: str, source: Path) -> Any:
    """The site's file at that place, of a file of the repository."""
    from mkdocs.structure.files import File

    return File.generated(config, uri, abs_src_path=str(source))


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turn a page's links between files of the repository into links between files of the site."""
    uri = PurePosixPath(page.file.src_uri)
    outside = uri.parts[0] == OUTSIDE
    source = ROOT.joinpath(*uri.parts[1:]) if outside else ROOT / "docs" / uri
    if AR_MARK in markdown:
        markdown = markdown.replace(AR_MARK, _ar_frame("../" * (len(uri.parts) - 1)))
    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _relinked(part, source) for part in parts)


def on_post_build(*, config: Any, **_: Any) -> None:
    """Write the AR page into the site, where it is built."""
    if not _ar_is_built():
        return
    # The checkout's own package, wherever mkdocs is installed.
    sys.path.insert(0, str(ROOT / "src"))
    from knuckle.web.folder import write_folder
    from knuckle.web.site import Site

    write_folder(Path(config["site_dir"]) / "ar", Site(ROOT / "web/dist"))


def _ar_is_built() -> bool:
    return (ROOT / "web/dist/index.html").is_file() and (ROOT / "web/dist/tracks/grab.jsonl").is_file()


def _ar_frame(root: str) -> str:
    """The page playing a recorded track, or a sentence where it is not built."""
    if not _ar_is_built():
        return "Built with the page (`make web`), this site shows it here with a recorded track."
    return (
        f'<iframe src="{root}{AR_ADDRESS}" title="A recorded hand carries a block" loading="lazy" allow="camera"'
        ' style="width: 100%; height: 34rem; border: 0; border-radius: 8px"></iframe>\n\n'
        f'A recorded track; <a href="{root}ar/index.html">open the page alone</a> to use your camera.'
    )


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
