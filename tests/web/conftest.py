"""A small built page, and a package's assets that it takes a network from."""

import json
from pathlib import Path

import pytest

from knuckle.web.site import Site


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "wasm").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>hands</title>")
    (folder / "main.js").write_text("console.log(1);\n" * 200)
    (folder / "service_worker.js").write_text("// keeps files\n")
    (folder / "wasm" / "run.wasm").write_bytes(b"\0asm" + bytes(4000))
    (folder / "wasm" / "later.wasm").write_bytes(b"\0asm")
    (folder / "files.json").write_text(
        json.dumps({"models": ["detector/palm.onnx"], "later": ["wasm/later.wasm"]})
    )
    return folder


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    (tmp_path / "assets" / "detector").mkdir(parents=True)
    (tmp_path / "assets" / "detector" / "palm.onnx").write_bytes(bytes(range(256)) * 8)
    return tmp_path / "assets"


@pytest.fixture
def built(page: Path, assets: Path) -> Site:
    return Site(page, assets=assets)
