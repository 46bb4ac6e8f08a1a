"""A standing recipe small enough to train two stretches of in seconds, and one such run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from knuckle.standing.limits import TimeLimit
from knuckle.standing.recipe import read_standing
from knuckle.standing.run import StandingRun
from knuckle.standing.trainer import Outcome

TINY = """
[run]
system = "dahyf"
batch = 8
lr = 1e-3
warmup_samples = 0
pretrained = false
validate_every = 5
[run.switches]
patch_size = 32
width = 16
pool_width = 32
mlp_width = 32
dropout = 0.2
[render]
count = 20
passes = 3
held_out = 4
size = 32
negatives = 0.2
backgrounds = "procedural"
[schedule]
priority = "normal"
"""


def no_opinion(name: str):
    raise AssertionError(f"no photographs are asked for, {name} is not needed")


def start_run(recipe: Path, folder: Path, **options) -> StandingRun:
    return StandingRun(read_standing(recipe), folder, open_opinion=no_opinion, **options)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def whole(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two stretches that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert start_run(tiny, folder).run(TimeLimit(), stretches=2) is Outcome.FINISHED
    return folder


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """The tiny recipe with a text in place of another."""

    def write(old: str, new: str) -> Path:
        assert TINY.count(old) == 1
        path = tmp_path / "tiny.toml"
        path.write_text(TINY.replace(old, new))
        return path

    return write
