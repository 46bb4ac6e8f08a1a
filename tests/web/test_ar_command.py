"""`knuckle ar` as it is typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from knuckle.cli.main import app
from knuckle.web import site as site_module
from knuckle.web.server import PageServer


@pytest.fixture
def checkout(page: Path, assets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = page.parent / "checkout"
    folder.mkdir()
    page.rename(folder / "dist")
    monkeypatch.setattr(site_module, "INSTALLED", folder / "none")
    monkeypatch.setattr(site_module, "CHECKOUT", folder)
    monkeypatch.setattr(site_module.Site.__init__, "__kwdefaults__", {"assets": assets})
    return folder


def test_without_the_built_page_one_sentence_names_the_command(checkout: Path):
    (checkout / "dist" / "index.html").unlink()
    (checkout / "package.json").touch()
    result = CliRunner().invoke(app, ["ar", "--no-browser"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert f"make -C {checkout.parent} web" in result.stderr


def test_write_says_what_was_written(checkout: Path, tmp_path: Path):
    result = CliRunner().invoke(app, ["ar", "--write", str(tmp_path / "site")])
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'site'}: 7 files, 0.0 MB" in result.stdout
    assert (tmp_path / "site" / "models" / "detector" / "palm.onnx").is_file()


def test_it_serves_until_it_is_ended_and_opens_a_browser_unless_told_not_to(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = []

    def end(server: PageServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "wait", end)
    monkeypatch.setattr("webbrowser.open", opened.append)
    result = CliRunner().invoke(app, ["ar", "--port", "0"])
    assert result.exit_code == 0 and "ended by Ctrl-C" in result.stderr
    assert len(opened) == 1 and f"the AR page is at {opened[0]} (Ctrl-C ends)" in result.stdout
    result = CliRunner().invoke(app, ["ar", "--port", "0", "--no-browser", "--host", "0.0.0.0"])
    assert len(opened) == 1 and "browsers lend no camera" in result.stderr


def test_a_port_in_use_is_one_sentence(checkout: Path):
    with PageServer(site_module.Site(checkout / "dist")) as server:
        result = CliRunner().invoke(app, ["ar", "--no-browser", "--port", str(server.port)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: 127.0.0.1:{server.port}: expected an address")
