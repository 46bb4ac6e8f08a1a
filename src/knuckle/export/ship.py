"""From trained weights to the files of the package: an onnx file and its record."""

import hashlib
import json
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from knuckle.export.onnx import export_onnx
from knuckle.files import atomic_path
from knuckle.inference.onnx_model import OnnxModel
from knuckle.rig.tips import OPEN
from knuckle.sets.seen import from_text
from knuckle.training.batches import HandSource, validation_batches
from knuckle.training.checkpoint import load_model
from knuckle.training.objective import check_hands, images_to_input
from knuckle.weights import WeightsRecord

EXPAND = {1: 1.5, 2: 1.4}
"""Crop side over the longer side of the joints' box, by the number of hands in a crop: the middle of the range of the
synthetic crops."""


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

    Raises KnuckleError for weights without metadata, a set of other crops than the system's, and a folder that cannot
    be written.

    Args:
        weights: a run's .safetensors.
        folder: where to write.
        name: of the model.
        validation_set: a synthetic set; the confidence threshold comes from its held-out crops.
        trained_on: the record's words on the training data.
        commit: of the code that trained the weights.
        validation: how many of the set's last crops are held out.
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
        confidence_threshold=round(choose_threshold(*_predict_confidence(onnx_path, source)), 4),
        licence="Apache-2.0",
        trained_on=trained_on,
        recipe=metadata["recipe"],
        commit=commit,
        samples_seen=int(metadata["samples_seen"]),
        train_seconds=float(metadata["train_seconds"]),
        tips=metadata.get("tips", OPEN),
        trained_sets=from_text(metadata.get("trained_sets")),
        started_from=metadata.get("started_from", "ImageNet"),
        switches=json.loads(metadata.get("switches", "{}")),
        hands=model.hands,
    )
    with atomic_path(folder / f"{name}.json") as temporary:
        record.write(temporary)
    return record


def choose_threshold(confidence: Float[np.ndarray, "*n"], is_hand: Bool[np.ndarray, "*n"]) -> float:
    """The confidence that 95 % of the hands reach.

    Crops of two hands (n 2): the threshold also rejects 99 % of the absent hands in crops of a single hand. A one-hand
    system finds a hand that is missed here, but nothing later removes a hand that is not there.
    """
    threshold = float(np.quantile(confidence[is_hand], 0.05))
    single = is_hand.any(-1) & ~is_hand.all(-1) if is_hand.ndim == 2 else np.zeros(len(is_hand), bool)
    if not single.any():
        return threshold
    return max(threshold, float(np.quantile(confidence[single][~is_hand[single]], 0.99)))


def _predict_confidence(onnx_path: Path, source: HandSource) -> tuple[np.ndarray, np.ndarray]:
    """The network's confidence on the held-out crops, and whether there is a hand."""
    network = OnnxModel(onnx_path, threads=1)
    confidence, is_hand = [], []
    for batch in validation_batches(source, 64):
        output = network(
            images_to_input(batch["image"]).numpy(), batch["crop"].numpy(), batch["camera"].numpy()
        )
        confidence.append(output["confidence"])
        is_hand.append(batch["is_hand"].numpy())
    return np.concatenate(confidence), np.concatenate(is_hand)
