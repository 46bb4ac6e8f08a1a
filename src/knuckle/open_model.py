"""What `--weights` may name, each as the model that evaluation asks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from knuckle import weights as store
from knuckle.datasets.labelled import Patch, Photo
from knuckle.evaluation.model import EvaluatedModel, by_boxes
from knuckle.geometry.crop import Crop, middle_px, turned_px
from knuckle.inference.auto import open_predictor
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.one_hand import better_rolls
from knuckle.inference.onnx_model import ATTENTION, OnnxModel
from knuckle.inference.pairing import PairEstimate
from knuckle.inference.refine import fit_pairs, fuse
from knuckle.inference.window import normalise
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.tips import OPEN
from knuckle.sets.seen import from_text, joined
from knuckle.weights import AUTO, ONE_HAND


class Network(Protocol):
    """What `FittedPredictor` runs: an onnx file's network, or a checkpoint's."""

    upright: bool

    def __call__(
        self,
        patch: Float[np.ndarray, "B 3 S S"],
        crop: Float[np.ndarray, "B 3"],
        camera: Float[np.ndarray, "B 4"],
        *,
        roll: Float[np.ndarray, "B"] | None = None,
    ) -> Mapping[str, np.ndarray]:
        """As `knuckle.inference.onnx_model.OnnxModel`."""
        ...


class FittedPredictor:
    """A network and the fit, as `knuckle.inference.one_hand.Predictor` has them, for patches of right hands.

    Where patches have photos, the landmark network looks at these too: for its evidence of the joints, and for how far
    to turn the crop of an upright network. Without photos the network knows the patches alone.

    Args:
        network: what answers the patches.
        size: side of its patches, px.
        hands: 2 where its answers have an axis of hands, the right one first.
        rig: what is fitted to its joints.
        system: whose calibrated trust in the evidence is used, by the model's name.
        refine: whether the rig is fitted.
        evidence: whether the fit uses the landmark network's joints (of the right hand, where the network knows two).
    """

    def __init__(
        self,
        network: Network,
        *,
        size: int,
        hands: int,
        rig: HandRig | None = None,
        system: str = "",
        refine: bool = False,
        evidence: bool = False,
    ) -> None:
        self._network, self._size, self._hands, self._rig, self._system = network, size, hands, rig, system
        self._refine, self._evidence = refine, refine and evidence

    def __call__(self, patches: Sequence[Patch], /) -> Mapping[str, np.ndarray]:
        """As `knuckle.evaluation.model.PatchPredictor`."""
        crop, camera = (np.stack([getattr(p, name) for p in patches]) for name in ("crop", "camera"))
        wanted = self._evidence or self._network.upright
        if not wanted or not any(patch.photo is not None for patch in patches):
            return self._fitted(self._unturned(patches, crop, camera), crop, camera)
        evidence = Evidence.joined([_seen(patch.photo) for patch in patches])
        known = evidence if self._evidence else None
        if not self._network.upright:
            return self._fitted(self._unturned(patches, crop, camera), crop, camera, known)
        first = self._look(patches, crop, camera, evidence.rotation_rad)
        roll = better_rolls(first["joints_px"], evidence.rotation_rad)
        same = np.array_equal(roll, evidence.rotation_rad)
        seen = first if same else self._look(patches, crop, camera, roll)
        outputs = dict(self._fitted(seen, crop, camera, known, roll))
        # The caller knows the patches as they were, not turned.
        if "joints_patch" in outputs:
            middle, aspect = middle_px(self._size), camera[:, 1] / camera[:, 0]
            outputs["joints_patch"] = (
                turned_px(outputs["joints_patch"] - middle, roll, aspect=aspect) + middle
            )
        return outputs

    def _unturned(
        self, patches: Sequence[Patch], crop: np.ndarray, camera: np.ndarray
    ) -> Mapping[str, np.ndarray]:
        """What the network says of the patches as they are."""
        return self._network(normalise(np.stack([patch.pixels for patch in patches])), crop, camera)

    def _look(
        self, patches: Sequence[Patch], crop: np.ndarray, camera: np.ndarray, roll: np.ndarray
    ) -> Mapping[str, np.ndarray]:
        """What the network says of the patches' windows, turned."""
        turned = [_turned(p, self._size, float(angle)) for p, angle in zip(patches, roll, strict=True)]
        return self._network(normalise(np.stack(turned)), crop, camera, roll=roll)

    def _fitted(
        self,
        outputs: Mapping[str, np.ndarray],
        crop: np.ndarray,
        camera: np.ndarray,
        evidence: Evidence | None = None,
        roll: np.ndarray | None = None,
    ) -> Mapping[str, np.ndarray]:
        if not self._refine or self._rig is None:
            return outputs
        if self._hands == 2:
            count = len(camera)
            both = None if evidence is None else evidence.placed(2 * np.arange(count), 2 * count)
            fitted = fit_pairs(PairEstimate.of_outputs(outputs), camera, rig=self._rig, evidence=both)
            # Of the network's own mesh, which the fitted one replaces.
            replaced = ("mesh_joints_m", "rotations", "shape")
            own = {n: np.asarray(v, dtype=float) for n, v in outputs.items() if n not in replaced}
            return own | fitted.arrays()
        trust = {"evidence": evidence, "system": self._system}
        return fuse(outputs, crop, camera, rig=self._rig, size=self._size, roll=roll, **trust)


def _turned(patch: Patch, size: int, roll: float) -> UInt8[np.ndarray, "S S 3"]:
    """The patch's window of its photo, turned by `roll`; the patch itself where there is no photo."""
    if patch.photo is None:
        return patch.pixels
    scale, shift = patch.photo.frame_from_photo[0, 0], patch.photo.frame_from_photo[:, 2]
    x, y = ((patch.crop[:2] - shift) / scale).tolist()
    aspect = float(patch.camera[1] / patch.camera[0])
    return Crop((x, y), float(patch.crop[2] / scale), size, roll, aspect).warp(patch.photo.pixels)


def _seen(photo: Photo | None) -> Evidence:
    """What the landmark network says of a right hand's photo, in the frame of its patch."""
    if photo is None:
        return Evidence.none(1)
    seen = look_at(landmark_network(), photo.pixels, photo.box_px[None], ["right"])
    return seen.moved(photo.frame_from_photo)


def open_model(
    weights: str, *, threads: int = 1, refine: bool = True, evidence: bool = True
) -> EvaluatedModel:
    """The model that a name or file stands for.

    Args:
        weights: a shipped model's name, an .onnx file with its record beside it, a .safetensors file of `knuckle
            train`, or "auto": `knuckle estimate`'s choice, which for single hands is the one-hand system.
        threads: CPU threads of the network.
        refine: whether 2D and 3D joints are fused by the rig's fit as `knuckle estimate` does (onnx only; a checkpoint
            is scored as it is).
        evidence: whether the joints that the landmark network sees are used in that fit.

    Raises KnuckleError for anything else and for damaged files.
    """
    if weights.endswith(".safetensors"):
        return _open_checkpoint(Path(weights), threads=threads)
    if weights == AUTO:
        return _open_auto(threads=threads, refine=refine, evidence=evidence)
    path, record = store.resolve(weights)
    fitted = FittedPredictor(
        OnnxModel(path, threads=threads),
        size=record.size,
        hands=record.hands,
        rig=load_rig(record.rig),
        system=record.name,
        refine=refine,
        evidence=evidence,
    )
    return EvaluatedModel(
        name=record.name + _without(refine, evidence, "network alone"),
        size=record.size,
        expand=record.expand,
        predict=fitted,
        hands=record.hands,
        threshold=record.confidence_threshold,
        system=record.system,
        preset=record.preset,
        trained_sets=None if record.trained_sets is None else joined(record.trained_sets),
        tips=record.tips,
        samples_seen=record.samples_seen,
    )


def _without(refine: bool, evidence: bool, no_fit: str) -> str:
    """What a model's name says of what was turned off."""
    if not refine:
        return f" ({no_fit})"
    return "" if evidence else " (no evidence)"


def _open_auto(*, threads: int, refine: bool, evidence: bool) -> EvaluatedModel:
    alone = open_model(ONE_HAND, threads=threads, refine=refine, evidence=evidence)
    chosen = open_predictor(AUTO, threads=threads, refine=refine, evidence=evidence)
    name = AUTO + _without(refine, evidence, "no fit")
    # What trained the two-hand system is not known here.
    return replace(alone, name=name, system="", samples_seen=None, trained_sets=None, frames=by_boxes(chosen))


def _open_checkpoint(path: Path, *, threads: int) -> EvaluatedModel:
    """The torch model a training run's weights belong to."""
    import torch

    from knuckle.export.ship import EXPAND
    from knuckle.models.upright import infer_upright
    from knuckle.training.checkpoint import load_model

    model, metadata = load_model(path)
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device)

    class Checkpoint:
        upright = model.upright

        @torch.inference_mode()
        def __call__(
            self, patch: np.ndarray, crop: np.ndarray, camera: np.ndarray, *, roll: np.ndarray | None = None
        ) -> Mapping[str, np.ndarray]:
            arrays = [patch, crop, camera, *([] if roll is None else [roll])]
            tensors = [torch.as_tensor(a, dtype=torch.float32, device=device) for a in arrays]
            answer = model.infer(*tensors) if roll is None else infer_upright(model, *tensors)
            output = answer._asdict()
            # Attention is for pictures, and large.
            wanted = (name for name, value in output.items() if value is not None and name != ATTENTION)
            return {name: output[name].cpu().numpy() for name in wanted}

    seen = metadata.get("samples_seen")
    size = model.config.patch_size
    return EvaluatedModel(
        name=path.stem,
        size=size,
        expand=EXPAND[model.hands],
        predict=FittedPredictor(Checkpoint(), size=size, hands=model.hands),
        hands=model.hands,
        system=metadata["system"],
        preset=metadata["preset"],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trained_sets=from_text(metadata.get("trained_sets")),
        tips=metadata.get("tips", OPEN),
        samples_seen=None if seen is None else int(seen),
    )
