"""What `--weights` may name, each as the function that evaluation calls."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knuckle import weights as store
from knuckle.evaluation.runner import PatchPredictor
from knuckle.evaluation.two_hand_runner import FramePredictor, by_boxes
from knuckle.inference.door import AUTO, ONE_HAND, open_predictor
from knuckle.inference.fusion import fuse, fuse_pair
from knuckle.inference.predictor import normalise
from knuckle.inference.runtime import ATTENTION, OnnxModel
from knuckle.rig.rig import load_rig


@dataclass(frozen=True)
class OpenedModel:
    """A predictor with its name, patch side (px) and crop side over the longer side of the box.

    samples_seen: hands it was trained on, counted as often as shown. hands: 2 for a system that is shown both hands in
    one patch; its arrays then have an axis of hands, the right one first. threshold: the confidence from which on such
    a system's hand counts as seen. frames: what is asked for frames of two hands instead of `predict`.
    """

    name: str
    size: int
    expand: float
    predict: PatchPredictor
    samples_seen: int | None = None
    hands: int = 1
    threshold: float = 0.5
    frames: FramePredictor | None = None


def open_model(weights: str, *, threads: int = 1, refine: bool = True) -> OpenedModel:
    """A shipped model's name, an .onnx file with its record beside it, a .safetensors file of `knuckle train`, or
    "auto": `knuckle estimate`'s choice, which for single hands is the one-hand system.

    refine: fuse 2D and 3D joints as `knuckle estimate` does (onnx only; a checkpoint is scored as it is).
    Raises KnuckleError for anything else and for damaged files.
    """
    if weights.endswith(".safetensors"):
        return _open_checkpoint(Path(weights), threads=threads)
    if weights == AUTO:
        return _open_auto(threads=threads, refine=refine)
    path, record = store.find(weights)
    network, rig = OnnxModel(path, threads=threads), load_rig(record.rig)

    def predict(patches: np.ndarray, crop: np.ndarray, camera: np.ndarray, /) -> Mapping[str, np.ndarray]:
        outputs = network(normalise(patches), crop, camera)
        if not refine:
            return outputs
        if record.hands == 2:
            return fuse_pair(outputs, camera, rig=rig)
        return fuse(outputs, crop, camera, rig=rig, size=record.size)

    return OpenedModel(
        record.name if refine else f"{record.name} (network alone)",
        record.size,
        record.expand,
        predict,
        record.samples_seen,
        record.hands,
        record.confidence_threshold,
    )


def _open_auto(*, threads: int, refine: bool) -> OpenedModel:
    alone = open_model(ONE_HAND, threads=threads, refine=refine)
    chosen = open_predictor(AUTO, threads=threads, refine=refine)
    name = AUTO if refine else f"{AUTO} (no fit)"
    return replace(alone, name=name, samples_seen=None, frames=by_boxes(chosen))


def _open_checkpoint(path: Path, *, threads: int) -> OpenedModel:
    """The torch model a training run's weights belong to."""
    import torch

    from knuckle.export.ship import EXPAND
    from knuckle.training.checkpoint import load_model

    model, metadata = load_model(path)
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device)

    @torch.inference_mode()
    def predict(patches: np.ndarray, crop: np.ndarray, camera: np.ndarray, /) -> Mapping[str, np.ndarray]:
        arrays = (normalise(patches), crop, camera)
        patch, window, lens = (torch.as_tensor(a, dtype=torch.float32, device=device) for a in arrays)
        output = model.infer(patch, window, lens)._asdict()
        # Attention is for pictures, and large.
        wanted = (name for name, value in output.items() if value is not None and name != ATTENTION)
        return {name: output[name].cpu().numpy() for name in wanted}

    seen = metadata.get("samples_seen")
    return OpenedModel(
        path.stem,
        model.config.patch_size,
        EXPAND[model.hands],
        predict,
        None if seen is None else int(seen),
        model.hands,
    )
