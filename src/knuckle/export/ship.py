"""From trained weights to what the package carries: an onnx file and the record of it."""

import hashlib
import json
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from knuckle.export.onnx import export_onnx
from knuckle.files import atomic_path
from knuckle.inference.onnx_model import OnnxModel
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

    The confidence threshold is that of `confidence_threshold` on the set's held-out crops.
    Raises KnuckleError for weights that do not say what they are, a set of the other kind of crops, and an unwritable
    folder.
    """
    model, metadata = load_model(weights)
    source = HandSource(validation_set, validation=validation, upright=model.upright)
    check_hands(model, metadata["system"], source, str(validation_set))
    onnx_path = folder / f"{name}.onnx"
    export_onnx(model, onnx_path)
    record = WeightsRecord(
        name=name,
        system=metadata["system"],
        preset=metadata["preset"],
        rig=metadata["rig"],
        file=onnx_path.name,
        sha256=hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
        size=model.config.patch_size,
        expand=EXPAND[model.hands],
        confidence_threshold=round(confidence_threshold(*_held_out_confidence(onnx_path, source)), 4),
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


def confidence_threshold(confidence: Float[np.ndarray, "*n"], is_hand: Bool[np.ndarray, "*n"]) -> float:
    """The score that 95 % of hands reach; for crops of two hands (n 2) at least the one that 99 % of a lone hand's
    absent partners do not: a hand that is missed has a one-hand system to answer for it, a ghost has nobody."""
    threshold = float(np.quantile(confidence[is_hand], 0.05))
    lone = is_hand.any(-1) & ~is_hand.all(-1) if is_hand.ndim == 2 else np.zeros(len(is_hand), bool)
    if not lone.any():
        return threshold
    return max(threshold, float(np.quantile(confidence[lone][~is_hand[lone]], 0.99)))


def _held_out_confidence(onnx_path: Path, source: HandSource) -> tuple[np.ndarray, np.ndarray]:
    """The confidence of the held-out crops, and where there are hands."""
    network = OnnxModel(onnx_path, threads=1)
    found, there = [], []
    for batch in validation_batches(source, 64):
        output = network(
            images_to_input(batch["image"]).numpy(), batch["crop"].numpy(), batch["camera"].numpy()
        )
        found.append(output["confidence"])
        there.append(batch["is_hand"].numpy())
    return np.concatenate(found), np.concatenate(there)
