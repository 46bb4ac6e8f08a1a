"""What goes into wheel and source archive of the built page; hatchling itself is not needed for it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

HOOK = Path(__file__).parents[2] / "hatch_build.py"


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function: target and version of a build -> what the hook adds to it."""
    parts = ["hatchling", "builders", "hooks", "plugin", "interface"]
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules[".".join(parts)], "BuildHookInterface", object, raising=False)
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(target: str, version: str = "standard") -> dict[str, str]:
        data: dict[str, Any] = {"force_include": {}}
        build = SimpleNamespace(root=str(tmp_path), target_name=target)
        module.PageHook.initialize(build, version, data)
        return data["force_include"]

    return call


def test_without_a_built_page_nothing_is_added(included: Any, tmp_path: Path):
    (tmp_path / "web" / "dist").mkdir(parents=True)
    assert included("wheel") == included("sdist") == {}


def test_the_built_page_goes_to_where_the_package_looks(included: Any, tmp_path: Path):
    page = tmp_path / "web" / "dist"
    page.mkdir(parents=True)
    (page / "index.html").touch()
    assert included("wheel") == {str(page): "knuckle/web/static"}
    assert included("sdist") == {str(page): "web/dist"}
    assert included("wheel", "editable") == {}
