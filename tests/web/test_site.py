"""The page's files: what belongs to it, what does not, and the service worker that names them."""

import hashlib
import json
from pathlib import Path

import pytest

from knuckle.errors import KnuckleError
from knuckle.web import site as site_module
from knuckle.web.site import Site, built_page


def told(site: Site) -> dict:
    first, rest = site.service_worker().split(b"\n", 1)
    assert rest == b"// keeps files\n"
    return json.loads(first.decode().removeprefix("self.KNUCKLE = ").removesuffix(";"))


def test_networks_come_from_the_package(built: Site, assets: Path):
    assert set(built.names) == {
        "index.html",
        "main.js",
        "files.json",
        "service_worker.js",
        "wasm/run.wasm",
        "wasm/later.wasm",
        "models/detector/palm.onnx",
    }
    assert built.read("models/detector/palm.onnx") == (assets / "detector" / "palm.onnx").read_bytes()
    with pytest.raises(KeyError):
        built.read("models/detector/other.onnx")


def test_the_service_worker_names_every_file_by_what_it_holds(built: Site):
    build = told(built)
    assert build["later"] == ["wasm/later.wasm"]
    assert set(build["files"]) == set(built.names) - {"service_worker.js", "files.json", "wasm/later.wasm"}
    for name, digest in build["files"].items():
        assert digest == hashlib.sha256(built.read(name)).hexdigest()


def test_a_network_can_be_left_for_when_it_is_used(page: Path, assets: Path):
    for name, text in (("pair.onnx", "network"), ("pair.json", "of sha 1")):
        (assets / "detector" / name).write_text(text)
    models = ["detector/palm.onnx", "detector/pair.onnx", "detector/pair.json"]
    (page / "files.json").write_text(json.dumps({"models": models, "later": ["models/detector/pair.onnx"]}))
    built = Site(page, assets=assets)
    build = told(built)
    assert build["later"] == ["models/detector/pair.onnx"]
    assert "models/detector/pair.json" in build["files"]
    assert "models/detector/pair.onnx" not in build["files"]
    assert built.read("models/detector/pair.onnx") == b"network"
    # Its record makes another network another version.
    (assets / "detector" / "pair.json").write_text("of sha 2")
    assert told(built)["version"] != build["version"]


@pytest.mark.parametrize("changed", ["page/main.js", "assets/detector/palm.onnx"])
def test_any_changed_file_makes_another_version(built: Site, page: Path, changed: str):
    before = told(built)["version"]
    assert told(built)["version"] == before
    (page.parent / changed).write_text("changed")
    assert told(built)["version"] != before


def test_a_missing_network_is_named(page: Path, assets: Path):
    (assets / "detector" / "palm.onnx").unlink()
    with pytest.raises(
        KnuckleError, match=r"palm\.onnx: expected the network that the page asks for, got none"
    ):
        Site(page, assets=assets)


@pytest.mark.parametrize("missing", ["index.html", "service_worker.js", "files.json"])
def test_a_missing_part_of_the_page_is_named(page: Path, assets: Path, missing: str):
    (page / missing).unlink()
    with pytest.raises(KnuckleError, match=f"{missing}: expected a file of the built page"):
        Site(page, assets=assets)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"models": []}',
        '{"models": ["../secret"], "later": []}',
        '{"models": ["/etc/passwd"], "later": []}',
        '{"models": ["a\\\\b"], "later": []}',
        '{"models": ["c:b"], "later": []}',
        '{"models": [3], "later": []}',
    ],
)
def test_a_list_that_leads_out_of_the_package_is_refused(page: Path, assets: Path, text: str):
    (page / "files.json").write_text(text)
    with pytest.raises(KnuckleError, match=r"files\.json: expected the page's list"):
        Site(page, assets=assets)


def test_hidden_files_and_links_out_of_the_folder_are_no_part(page: Path, assets: Path, tmp_path: Path):
    (tmp_path / "secret.txt").write_text("secret")
    (page / ".hidden").write_text("hidden")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    names = Site(page, assets=assets).names
    assert ".hidden" not in names and "link.txt" not in names


def test_the_page_is_that_of_the_package_or_else_of_the_checkout(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    installed, checkout = tmp_path / "installed", tmp_path / "checkout"
    monkeypatch.setattr(site_module, "INSTALLED", installed)
    monkeypatch.setattr(site_module, "CHECKOUT", checkout)
    with pytest.raises(KnuckleError, match="expected the built page, got an installation without it"):
        built_page()
    checkout.mkdir()
    (checkout / "package.json").write_text("{}")
    with pytest.raises(KnuckleError, match=f"build it with: make -C {tmp_path} web"):
        built_page()
    page.rename(checkout / "dist")
    assert built_page() == checkout / "dist"
    installed.mkdir()
    (installed / "index.html").touch()
    assert built_page() == installed
