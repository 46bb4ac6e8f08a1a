"""tools/release/try_wheel.py tries every extra that there is."""

import importlib.util
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_extra_has_modules_that_must_import():
    spec = importlib.util.spec_from_file_location("try_wheel", ROOT / "tools/release/try_wheel.py")
    assert spec is not None and spec.loader is not None
    try_wheel = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(try_wheel)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(try_wheel.MODULES) == set(project["optional-dependencies"])
