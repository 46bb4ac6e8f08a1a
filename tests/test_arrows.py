"""The house's order: no import points back up. Imports inside functions and for type checkers count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import knuckle

PACKAGE = Path(knuckle.__file__).parent
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TRY_COMMANDS = {"hostile/attempt.py", "kills.py"}
"""Benchmarks whose subject is the command line itself."""
_BASE = ("cache", "files", "hands", "progress", "weights")
STANDS_ON = {
    "errors": (),
    "progress": (),
    "cache": ("errors",),
    "files": ("errors",),
    "local_server": ("errors",),
    "skeleton": ("errors",),
    "weights": ("files",),
    "geometry": ("skeleton",),
    "hands": ("geometry",),
    "truth": ("geometry",),
    "rig": _BASE,
    "robots": ("rig",),
    "poses": ("rig",),
    "raster": _BASE,
    "layers": ("rig", "raster"),
    "models": ("layers", "poses", "truth"),
    "sets": ("truth", "files"),
    # Rendering and measuring know no network, and what a user runs knows neither training nor its data.
    "synth": ("poses", "raster", "sets"),
    "photos": ("geometry", "files"),
    "video": ("geometry", "photos", "files", "local_server"),
    "datasets": ("sets", "poses", "photos", "raster"),
    "evaluation": ("datasets", "synth", "progress"),
    "training": ("models", "evaluation"),
    "inference": ("rig", "photos"),
    "live": ("inference",),
    "view": ("evaluation",),
    "knuckle": ("models", "live", "view"),
    "export": ("training", "inference", "view"),
    "tracks": ("export", "live", "video"),
    "animation": ("tracks",),
    "viewers": ("tracks",),
    "archives": ("tracks",),
    "open_model": ("export",),
    "standing": ("open_model",),
    "calibration": ("video",),
    "web": ("files", "local_server"),
    "cli": ("standing", "animation", "viewers", "archives", "calibration", "web", "knuckle"),
    "__main__": ("cli",),
}
"""The rooms from the bottom up, each with those that it stands on: it may import them and whatever they stand on.
"knuckle" is the package's own `__init__.py`."""


def below(room: str) -> set[str]:
    """The rooms that a room may import, itself included."""
    return {room}.union(*(below(lower) for lower in STANDS_ON[room]))


def room_of(module: str) -> str:
    """The room of a module; "knuckle" for the package itself and its public names."""
    name = [*module.split("."), "knuckle"][1]
    return name if name in STANDS_ON else "knuckle"


def imports(source: str) -> Iterator[str]:
    """The modules of the package that a source imports, by their full names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"expected absolute imports, got line {node.lineno}"
            names = [node.module or ""]
            if names == ["knuckle"]:
                names = [f"knuckle.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "knuckle")


def wrong_arrows(module: str, source: str) -> list[str]:
    allowed = below(room_of(module))
    return [f"{module} imports {name}" for name in imports(source) if room_of(name) not in allowed]


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """The modules that each one of `sources` (module -> source) imports from, lazy imports included.

    `from knuckle.a import b` counts as an import of `knuckle.a.b` where that is a module, else of `knuckle.a`.
    """
    graph = {}
    for module, source in sources.items():
        found = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    found.add(name if name in sources else str(node.module))
        graph[module] = found & sources.keys()
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, directly or by way of others; a module that imports itself too."""
    beyond: dict[str, set[str]] = {}
    for start in graph:
        reached, waiting = set(), [start]
        while waiting:
            new = graph[waiting.pop()] - reached
            reached |= new
            waiting += new
        beyond[start] = reached
    groups = {
        tuple(sorted(other for other in reached if module in beyond[other]))
        for module, reached in beyond.items()
        if module in reached
    }
    return [list(group) for group in sorted(groups)]


def test_no_import_points_back_up():
    found = [
        arrow
        for path in sorted(PACKAGE.rglob("*.py"))
        for arrow in wrong_arrows(module_of(path), path.read_text())
    ]
    assert not found, "\n".join(["these point back up:", *found])


def test_training_reads_sets_without_the_renderer():
    """`STANDS_ON` cannot say this: training stands on evaluation, which renders the frozen benchmarks."""
    found = {name for path in (PACKAGE / "training").rglob("*.py") for name in imports(path.read_text())}
    assert not {name for name in found if room_of(name) == "synth"}


def test_no_files_import_each_other_in_a_circle():
    graph = import_graph({module_of(path): path.read_text() for path in PACKAGE.rglob("*.py")})
    assert not circles(graph)


def test_a_circle_is_named():
    sources = {
        "knuckle": "",
        "knuckle.a": "from knuckle import b",
        "knuckle.b": "def f():\n    from knuckle.c import g\n",
        "knuckle.c": "import knuckle.a",
        "knuckle.d": "from knuckle.a import b, e",
    }
    assert circles(import_graph(sources)) == [["knuckle.a", "knuckle.b", "knuckle.c"]]


def test_no_benchmark_imports_the_command_line():
    found = {
        f"{path.relative_to(BENCHMARKS)} imports {name}"
        for path in BENCHMARKS.rglob("*.py")
        if path.relative_to(BENCHMARKS).as_posix() not in TRY_COMMANDS
        for name in imports(path.read_text())
        if room_of(name) == "cli"
    }
    assert BENCHMARKS.is_dir() and not found


def test_every_room_has_its_place_above_those_it_stands_on():
    there = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    there |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert there | {"knuckle"} == set(STANDS_ON)
    order = list(STANDS_ON)
    for room, lower in STANDS_ON.items():
        assert all(order.index(one) < order.index(room) for one in lower), room


def test_an_arrow_that_points_up_is_named():
    source = "def f():\n    from knuckle.inference.auto import open_predictor\n"
    runner = "knuckle.evaluation.run"
    assert wrong_arrows(runner, source) == [f"{runner} imports knuckle.inference.auto"]
    assert wrong_arrows("knuckle.cli.evaluate", source) == []
    assert wrong_arrows("knuckle.rig.fit.joints", "from knuckle import models, errors") == [
        "knuckle.rig.fit.joints imports knuckle.models"
    ]
    assert wrong_arrows("knuckle.models", "import knuckle") == ["knuckle.models imports knuckle"]
    for lower in ("training.loop", "synth.engine", "evaluation.report", "datasets.photos"):
        assert wrong_arrows("knuckle.inference.auto", f"import knuckle.{lower}")
