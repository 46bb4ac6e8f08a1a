"""Installed models for the commands: two records of the tiny network, in a folder of their own."""

import json
import shutil
from pathlib import Path

import pytest

from knuckle import weights
from knuckle.inference import estimate


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
