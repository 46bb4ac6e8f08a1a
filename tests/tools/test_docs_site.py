"""The documentation site's hook leads links between files of the repository to the pages of the site."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

HOOK = Path(__file__).parents[2] / "tools/docs_site/hook.py"


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The hook, over a small repository."""
    spec = importlib.util.spec_from_file_location("docs_site_hook", HOOK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in ("docs/home.md", "docs/for/robots.md", "src/part/README.md", "src/part/code.py", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "recipes").mkdir()
    return module


def shown(hook: ModuleType, uri: str, markdown: str) -> str:
    return hook.on_page_markdown(markdown, page=SimpleNamespace(file=SimpleNamespace(src_uri=uri)))


@pytest.mark.parametrize(
    ("uri", "written", "wanted"),
    [
        ("for/robots.md", "[home](../home.md#top)", "[home](../home.md#top)"),
        ("for/robots.md", "[code](../../src/part/code.py)", "[code](../repository/src/part/code.py)"),
        ("home.md", "[part](../src/part)", "[part](repository/src/part/README.md)"),
        ("home.md", "[recipes](../recipes)", "recipes"),
        ("repository/README.md", "[robots](docs/for/robots.md)", "[robots](../for/robots.md)"),
        ("repository/README.md", '<img src="src/part/code.py">', '<img src="src/part/code.py">'),
        ("repository/src/part/README.md", '<img src="../../docs/home.md">', '<img src="../../../home.md">'),
        ("home.md", "[site](https://example.org/a.md)", "[site](https://example.org/a.md)"),
        ("home.md", "[nowhere](../none.md)", "[nowhere](../none.md)"),
        ("home.md", "```\n[code](../src/part)\n```", "```\n[code](../src/part)\n```"),
    ],
)
def test_links_lead_to_where_the_site_has_the_file(hook: ModuleType, uri: str, written: str, wanted: str):
    assert shown(hook, uri, written) == wanted


def test_the_ar_page_is_shown_where_it_is_built_and_told_of_elsewhere(hook: ModuleType, tmp_path: Path):
    assert "make web" in shown(hook, "for/robots.md", hook.AR_MARK)
    for name in ("index.html", "tracks/grab.jsonl"):
        (tmp_path / "web/dist" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "web/dist" / name).touch()
    assert f'<iframe src="../{hook.AR_ADDRESS}"' in shown(hook, "for/robots.md", hook.AR_MARK)


def test_pages_outside_of_docs_come_along_and_what_they_link_to(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "docs/home.md").write_text(
        "[part](../src/part) [self](for/robots.md) [off](../../outside.md)"
    )
    (tmp_path / "src/part/README.md").write_text(
        "[code](code.py) [top](../../README.md)\n```\n[no](no.md)\n```"
    )
    (tmp_path.parent / "outside.md").touch()
    (tmp_path / "src/part/no.md").touch()
    monkeypatch.setattr(hook, "generated", lambda config, uri, target: uri)

    class Files(list[Any]):
        def documentation_pages(self) -> list[Any]:
            return [SimpleNamespace(src_uri="home.md"), SimpleNamespace(src_uri="for/robots.md")]

    assert sorted(hook.on_files(Files(), None)) == [
        "repository/README.md",
        "repository/src/part/README.md",
        "repository/src/part/code.py",
    ]
