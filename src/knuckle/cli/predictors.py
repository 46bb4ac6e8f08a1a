"""What `--weights` may name, each as the function that evaluation calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knuckle import weights as store
from knuckle.datasets.labelled import Patch, Photo
from knuckle.evaluation.runner import PatchPredictor
from knuckle.evaluation.two_hand_runner import FramePredictor, by_boxes
from knuckle.inference.door import AUTO, ONE_HAND, open_predictor
from knuckle.inference.evidence import Evidence, look_at
from knuckle.inference.fusion import fuse, fuse_pair
from knuckle.inference.landmarks import default_landmark_network
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


class FittedPredictor:
    """A network and the fit, as `knuckle.inference.Predictor` has them, for patches of right hands.

    Called with arrays, it knows no more than they show; of patches with photos the landmark network is asked too, if
    `evidence`, about the right hand where the network knows two.
    """

    def __init__(
        self, network: OnnxModel, record: store.WeightsRecord, *, refine: bool, evidence: bool
    ) -> None:
        self._network, self._record, self._rig = network, record, load_rig(record.rig)
        self._refine, self._evidence = refine, refine and evidence

    def __call__(
        self, patches: np.ndarray, crop: np.ndarray, camera: np.ndarray, /
    ) -> Mapping[str, np.ndarray]:
        return self._answer(patches, crop, camera, None)

    def of_patches(self, patches: Sequence[Patch], /) -> Mapping[str, np.ndarray]:
        """The answer to patches, evidence of their photos included."""
        pixels, crop, camera = (
            np.stack([getattr(patch, name) for patch in patches]) for name in ("pixels", "crop", "camera")
        )
        evidence = None
        if self._evidence and any(patch.photo is not None for patch in patches):
            evidence = Evidence.joined([_seen(patch.photo) for patch in patches])
        return self._answer(pixels, crop, camera, evidence)

    def _answer(
        self, patches: np.ndarray, crop: np.ndarray, camera: np.ndarray, evidence: Evidence | None
    ) -> Mapping[str, np.ndarray]:
        outputs = self._network(normalise(patches), crop, camera)
        if not self._refine:
            return outputs
        if self._record.hands == 2:
            count = len(camera)
            both = None if evidence is None else evidence.placed(2 * np.arange(count), 2 * count)
            return fuse_pair(outputs, camera, rig=self._rig, evidence=both)
        size, name = self._record.size, self._record.name
        return fuse(outputs, crop, camera, rig=self._rig, size=size, evidence=evidence, system=name)


def _seen(photo: Photo | None) -> Evidence:
    """What the landmark network says of a right hand's photo, in the frame of its patch."""
    if photo is None:
        return Evidence.none(1)
    seen = look_at(default_landmark_network(), photo.pixels, photo.box_px[None], ["right"])
    return seen.moved(photo.frame_from_photo)


def open_model(weights: str, *, threads: int = 1, refine: bool = True, evidence: bool = True) -> OpenedModel:
    """A shipped model's name, an .onnx file with its record beside it, a .safetensors file of `knuckle train`, or
    "auto": `knuckle estimate`'s choice, which for single hands is the one-hand system.

    refine, evidence: fuse 2D and 3D joints, and those that the landmark network sees, as `knuckle estimate` does (onnx
    only; a checkpoint is scored as it is).
    Raises KnuckleError for anything else and for damaged files.
    """
    if weights.endswith(".safetensors"):
        return _open_checkpoint(Path(weights), threads=threads)
    if weights == AUTO:
        return _open_auto(threads=threads, refine=refine, evidence=evidence)
    path, record = store.find(weights)
    network = OnnxModel(path, threads=threads)
    return OpenedModel(
        record.name + _without(refine, evidence, "network alone"),
        record.size,
        record.expand,
        FittedPredictor(network, record, refine=refine, evidence=evidence),
        record.samples_seen,
        record.hands,
        record.confidence_threshold,
    )


def _without(refine: bool, evidence: bool, no_fit: str) -> str:
    """What a model's name says of what was turned off."""
    if not refine:
        return f" ({no_fit})"
    return "" if evidence else " (no evidence)"


def _open_auto(*, threads: int, refine: bool, evidence: bool) -> OpenedModel:
    alone = open_model(ONE_HAND, threads=threads, refine=refine, evidence=evidence)
    chosen = open_predictor(AUTO, threads=threads, refine=refine, evidence=evidence)
    name = AUTO + _without(refine, evidence, "no fit")
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
