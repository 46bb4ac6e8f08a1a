"""Running a predictor over patches."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.datasets.labelled import Patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import MESHES, Predictions, Truth
from knuckle.geometry.crop import apply_affine
from knuckle.skeleton import JOINT_COUNT

Progress = Callable[[int], None]
Item = TypeVar("Item")


class PatchPredictor(Protocol):
    """What is evaluated: patches of right hands with their crops and cameras in, arrays with leading B out.

    Must give joints_px (B, 21, 2) px of the frame and joints_m (B, 21, 3) camera frame, metres; may give
    joints_patch (B, 21, 2) px of the patch, confidence (B,), vertices_m (B, V, 3), and, in the same frame,
    rough_vertices_m (B, V, 3) before a refinement and mesh_joints_m (B, 21, 3) of a mesh head; a system of two hands,
    pair_confidence (B, 2) of its right and left hand. Other outputs are left alone.
    """

    def __call__(
        self,
        patches: UInt8[np.ndarray, "B S S 3"],
        crop: Float[np.ndarray, "B 3"],
        camera: Float[np.ndarray, "B 4"],
        /,
    ) -> Mapping[str, np.ndarray]: ...


@runtime_checkable
class SeesPhotos(Protocol):
    """A predictor that looks at the pictures of patches too, where they have one."""

    def of_patches(self, patches: Sequence[Patch], /) -> Mapping[str, np.ndarray]:
        """As `PatchPredictor`."""
        ...


def run(
    predictor: PatchPredictor,
    patches: Iterable[Patch],
    *,
    names: Iterable[str] = (),
    batch: int = 32,
    keep_vertices: bool = False,
    progress: Progress = lambda count: None,
) -> tuple[Truth, Predictions]:
    """Predict every patch and collect its truth beside it.

    keep_vertices: keep the predicted meshes (large), for protocols that score vertices. progress is called with
    the number of hands each batch finished. Raises KnuckleError when there is no patch, an output is missing
    or not finite.
    """
    labels: list[Patch] = []
    parts: list[dict[str, np.ndarray]] = []
    for chunk in chunks(patches, batch):
        outputs = _predict(predictor, chunk)
        parts.append({name: outputs[name] for name in outputs if keep_vertices or name not in MESHES})
        labels += [_without_pixels(patch) for patch in chunk]
        progress(len(chunk))
    if not labels:
        raise KnuckleError("evaluation: expected at least one hand, got none")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _truth(labels, tuple(names)), Predictions(**joined)


def confidences(
    predictor: PatchPredictor,
    patches: Iterable[Patch],
    *,
    batch: int = 32,
    progress: Progress = lambda count: None,
) -> Float[np.ndarray, "N"]:
    """The confidence alone, for patches that show no hand. Raises KnuckleError if the model gives none."""
    scores: list[np.ndarray] = []
    for chunk in chunks(patches, batch):
        outputs = predict_patches(predictor, chunk)
        if "confidence" not in outputs:
            raise KnuckleError("evaluation: expected a model that gives a confidence, got one without")
        scores.append(np.asarray(outputs["confidence"], dtype=float))
        progress(len(chunk))
    return np.concatenate(scores) if scores else np.zeros(0)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items in order, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def predict_patches(predictor: PatchPredictor, chunk: Sequence[Patch]) -> Mapping[str, np.ndarray]:
    """The predictor's answer for patches, as they come."""
    if isinstance(predictor, SeesPhotos):
        return predictor.of_patches(chunk)
    pixels, crop, camera = (
        np.stack([getattr(p, name) for p in chunk]) for name in ("pixels", "crop", "camera")
    )
    return predictor(pixels, crop, camera)


def _predict(predictor: PatchPredictor, chunk: list[Patch]) -> dict[str, np.ndarray]:
    outputs = predict_patches(predictor, chunk)
    missing = [name for name in ("joints_px", "joints_m") if name not in outputs]
    if missing:
        raise KnuckleError(
            f"evaluation: expected a model that gives joints_px and joints_m, missing {missing}"
        )
    kept = ("joints_px", "joints_m", "confidence", "pair_confidence", "mesh_joints_m")
    result = {name: np.asarray(outputs[name], dtype=float) for name in kept if name in outputs}
    # Thousands of meshes: single precision is exact to 0.1 µm and takes half the memory.
    result |= {name: np.asarray(outputs[name], dtype=np.float32) for name in MESHES if name in outputs}
    if "joints_patch" in outputs:
        maps = np.stack([patch.frame_from_patch for patch in chunk])
        result["joints_2d_px"] = apply_affine(maps, np.asarray(outputs["joints_patch"], dtype=float))
    return result


def _without_pixels(patch: Patch) -> Patch:
    """The labels alone: thousands of pictures need not stay in memory."""
    return Patch(
        np.zeros((0, 0, 3), np.uint8),
        patch.crop,
        patch.camera,
        patch.joints_px,
        patch.joints_m,
        patch.vertices_m,
        patch.scale_m,
    )


def _truth(labels: list[Patch], names: tuple[str, ...]) -> Truth:
    def rows(name: str, last: int) -> np.ndarray:
        unlabelled = np.full((JOINT_COUNT, last), np.nan)
        values = (getattr(patch, name) for patch in labels)
        return np.stack([unlabelled if value is None else value for value in values])

    vertices = [patch.vertices_m for patch in labels if patch.vertices_m is not None]
    same_mesh = len(vertices) == len(labels) and len({v.shape for v in vertices}) == 1
    scales = [patch.scale_m for patch in labels if patch.scale_m is not None]
    return Truth(
        joints_px=rows("joints_px", 2),
        joints_m=rows("joints_m", 3),
        camera=np.stack([patch.camera for patch in labels]),
        vertices_m=np.stack(vertices).astype(np.float32) if same_mesh else None,
        scale_m=np.array(scales) if len(scales) == len(labels) else None,
        crop=np.stack([patch.crop for patch in labels]),
        names=names[: len(labels)],
    )
