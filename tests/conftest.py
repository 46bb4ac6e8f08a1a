"""Fake networks on disk with their records, and other fixtures that tests of several folders use."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import jaxtyping
import pytest

sys.path.insert(0, str(Path(__file__).parent))
# Some tests load onnxruntime themselves, before `knuckle.inference.onnx_model` says so.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from fake_networks import one_hand_network, two_hand_network, write_network

PACKAGE = Path(__file__).parents[1] / "src" / "knuckle"
UNCHECKED = (
    "batch_norm",
    "config",
    "contract",
    "coordinate_linear",
    "hand_landmark",
    "mesh_joints",
    "streams",
    "upright",
)
CHECKED = ["knuckle.rig.lbs", "knuckle.rig.rotations", "knuckle.training.augment"] + [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for room in ("layers", "models")
    for path in sorted((PACKAGE / room).rglob("*.py"))
    if path.stem not in UNCHECKED and not path.stem.endswith("_kernels")
]
# Shapes and dtypes are checked as annotated where tensors flow. Left out are modules whose tests feed wrong shapes to
# see their own messages, and compiled kernels. To be done before any of them is imported.
jaxtyping.install_import_hook(CHECKED, "beartype.beartype")


@pytest.fixture(scope="session")
def fake_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a tiny .onnx file with a weights record beside it: input 32 px, crop side 1.5 boxes, the open
    rig."""
    return write_network(tmp_path_factory.mktemp("fake-weights") / "fake.onnx", one_hand_network(), hands=1)


@pytest.fixture(scope="session")
def fake_pair_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same of a two-hand network."""
    folder = tmp_path_factory.mktemp("fake-pair-weights")
    return write_network(folder / "fake-pair.onnx", two_hand_network(), hands=2)


@pytest.fixture
def installed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    fake_model: str,
    fake_pair_model: str,
) -> Iterator[Path]:
    """A folder of installed weights with nothing but the two networks, as dahyf-lite and dfl-lite."""
    from knuckle import weights
    from knuckle.inference import estimate

    folder = tmp_path_factory.mktemp("installed")
    for name, path in (("dahyf-lite", Path(fake_model)), ("dfl-lite", Path(fake_pair_model))):
        shutil.copy(path, folder)
        record = weights.read_record(path.with_suffix(".json"))
        replace(record, name=name, system=name.removesuffix("-lite")).write(folder / f"{name}.json")
    monkeypatch.setattr(weights, "WEIGHTS_FOLDER", folder)
    estimate._predictor.cache_clear()
    yield folder
    estimate._predictor.cache_clear()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`knuckle ARGUMENTS...` as a user types it; gives the exit code."""
    from knuckle.cli.main import main

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["knuckle", *arguments])
        try:
            main()
        except SystemExit as done:
            return int(done.code or 0)
        return 0

    return call


@pytest.fixture
def unchecked_shapes():
    """Annotations are not checked meanwhile: torch.export's symbolic batch size cannot be compared."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
