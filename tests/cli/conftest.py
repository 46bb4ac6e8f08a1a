"""What tests of several commands use: installed models, what the detector finds, and how results are read."""

import json
import shutil
from pathlib import Path

import pytest

from knuckle import weights
from knuckle.inference import estimate
from knuckle.inference.detection.detection import Detection


@pytest.fixture
def two_models(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, fake_model: str):
    """Names of the only models installed. Their networks are the same, their crops are not: answers differ."""
    folder = tmp_path_factory.mktemp("installed")
    record = json.loads(Path(fake_model).with_suffix(".json").read_text())
    shutil.copy(fake_model, folder)
    for name, expand in (("first-lite", 1.5), ("second-lite", 2.5)):
        changed = {**record, "name": name, "expand": expand}
        (folder / f"{name}.json").write_text(json.dumps(changed))
    monkeypatch.setattr(weights, "WEIGHTS_FOLDER", folder)
    estimate._predictor.cache_clear()
    yield ["first-lite", "second-lite"]
    estimate._predictor.cache_clear()


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[Detection]:
    """What the detector finds; the real one is replaced."""
    found: list[Detection] = []
    monkeypatch.setattr("knuckle.inference.detection.finder.default_detector", lambda **_: lambda _: found)
    return found


def one_error(result) -> str:
    """The only error line of a call that ends with code 2."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.output
    return lines[0]


def names(folder: Path) -> list[str]:
    """Files of a folder."""
    return sorted(path.name for path in folder.iterdir())
