"""From trained weights to what the package carries: an onnx file and the record of it."""

import hashlib
import json
from pathlib import Path

import numpy as np

from knuckle.export.onnx import export_onnx
from knuckle.files import atomic_path
from knuckle.inference.runtime import OnnxModel
from knuckle.training.batches import HandSource, validation_batches
from knuckle.training.checkpoint import load_model
from knuckle.training.objective import check_hands, images_to_input
from knuckle.weights import WeightsRecord

EXPAND = {1: 1.5, 2: 1.4}
"""Crop side over the longer side of the joints' box, by the hands of a crop: the middle of what the synthetic crops
span."""


def ship(
    weights: Path,
    folder: Path,
    *,
    name: str,
    validation_set: Path,
    trained_on: str,
    commit: str,
    validation: int = 512,
) -> WeightsRecord:
    """Write NAME.onnx and its record NAME.json into a folder.

    The confidence threshold is the 5th percentile over the set's held-out hands: 95 % of hands lie above it.
    Raises KnuckleError for weights that do not say what they are, a set of the other kind of crops, and an unwritable
    folder.
    """
    model, metadata = load_model(weights)
    source = HandSource(validation_set, validation=validation)
    check_hands(model, metadata["system"], source, str(validation_set))
    onnx_path = folder / f"{name}.onnx"
    export_onnx(model, onnx_path)
    confidence = _held_out_confidence(onnx_path, source)
    record = WeightsRecord(
        name=name,
        system=metadata["system"],
        preset=metadata["preset"],
        rig=metadata["rig"],
        file=onnx_path.name,
        sha256=hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
        size=model.config.patch_size,
        expand=EXPAND[model.hands],
        confidence_threshold=round(float(np.quantile(confidence, 0.05)), 4),
        licence="Apache-2.0",
        trained_on=trained_on,
        recipe=metadata["recipe"],
        commit=commit,
        samples_seen=int(metadata["samples_seen"]),
        train_seconds=float(metadata["train_seconds"]),
        started_from=metadata.get("started_from", "ImageNet"),
        switches=json.loads(metadata.get("switches", "{}")),
        hands=model.hands,
    )
    with atomic_path(folder / f"{name}.json") as temporary:
        record.write(temporary)
    return record


def _held_out_confidence(onnx_path: Path, source: HandSource) -> np.ndarray:
    """The confidence of every hand of the held-out crops."""
    network = OnnxModel(onnx_path, threads=1)
    found = []
    for batch in validation_batches(source, 64):
        output = network(
            images_to_input(batch["image"]).numpy(), batch["crop"].numpy(), batch["camera"].numpy()
        )
        found.append(output["confidence"][batch["is_hand"].numpy()])
    return np.concatenate(found)
