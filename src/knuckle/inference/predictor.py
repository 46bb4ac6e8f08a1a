"""The predictor: a picture, boxes, sides and a camera in; `Hands` out. Knows no files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle import weights
from knuckle.camera import Camera, Crop
from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.inference.fusion import fuse, with_pose
from knuckle.inference.mirror import mirror_outputs
from knuckle.inference.runtime import OnnxModel
from knuckle.rig import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.skeleton import Side

BATCH = 16


class Predictor:
    """One model's weights, ready to estimate hands in pictures.

    model: a shipped model's name or the path of an .onnx file with its record beside it. threads: of the
    network, None lets onnxruntime choose. refine: fit the rig to the network's 2D and 3D joints
    (`knuckle.inference.fusion`). Raises KnuckleError for an unknown model, damaged weights or a two-hand system.
    """

    def __init__(self, model: str = "dahyf", *, threads: int | None = None, refine: bool = True) -> None:
        path, self.record = weights.find(model)
        self._network = OnnxModel(path, threads=threads)
        if self._network.hands != 1:
            raise KnuckleError(
                f"{path}: expected a one-hand system, got {self.record.name}: use PairPredictor"
            )
        self._rig = load_rig(self.record.rig)
        if self._network.vertex_count not in (None, len(self._rig.vertices)):
            raise KnuckleError(
                f"{path}: expected a mesh of {len(self._rig.vertices)} vertices, those of its record's rig"
                f" {self.record.rig}, got {self._network.vertex_count}"
            )
        self._faces = self._rig.faces
        self._refine = refine

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        rolls: Float[np.ndarray, "N"] | None = None,
    ) -> Hands:
        """Estimate the hands in boxes (x, y, w, h px of the image), each of the side given.

        rolls: how far each hand is turned from fingers-up, clockwise in the picture, radians; a system of upright crops
        turns its crops by that.
        """
        if not len(sides):
            return Hands(camera, model=self.record.name, faces=self._faces)
        boxes_px = np.asarray(boxes_px, dtype=float)
        turns = np.zeros(len(sides)) if rolls is None or not self._network.upright else np.asarray(rolls)
        chunks = (slice(start, start + BATCH) for start in range(0, len(sides), BATCH))
        parts = [self._estimate(image, boxes_px[c], sides[c], camera, turns[c]) for c in chunks]
        joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return Hands(
            camera,
            sides=tuple(sides),
            boxes_px=np.asarray(boxes_px, dtype=float),
            model=self.record.name,
            faces=self._faces,
            **joined,
        )

    def _estimate(
        self,
        image: np.ndarray,
        boxes_px: np.ndarray,
        sides: Sequence[Side],
        camera: Camera,
        rolls: np.ndarray,
    ) -> dict[str, np.ndarray]:
        width = image.shape[1]
        is_left = np.array([side == "left" for side in sides])
        size, expand, aspect = self.record.size, self.record.expand, camera.fy / camera.fx
        crops = [
            Crop.from_box(box, size, expand=expand, roll_rad=float(roll), aspect=aspect)
            for box, roll in zip(boxes_px, rolls, strict=True)
        ]
        # The patch of the mirrored frame is the mirrored patch: the frame itself need not be turned.
        patches = [
            crop.warp(image)[:, ::-1] if left else crop.warp(image)
            for crop, left in zip(crops, is_left, strict=True)
        ]
        framed = [crop.mirrored(width) if left else crop for crop, left in zip(crops, is_left, strict=True)]
        cameras = [camera.mirrored() if left else camera for left in is_left]
        crop_vectors = np.stack([crop.vector for crop in framed])
        camera_vectors = np.stack([view.vector for view in cameras])
        roll = np.array([crop.roll_rad for crop in framed])
        raw = self._network(normalise(np.stack(patches)), crop_vectors, camera_vectors, roll=roll)
        if self._refine:
            raw = fuse(raw, crop_vectors, camera_vectors, rig=self._rig, size=size, roll=roll)
        else:
            raw = with_pose(raw, self._rig)
        outputs = {
            "joints_px": raw["joints_px"].astype(float),
            "joints_m": raw["joints_m"].astype(float),
            "vertices_m": raw["vertices_m"].astype(float),
            "pose_rad": matrix_to_axis_angle(raw["rotations"].astype(float)),
            "shape": raw["shape"].astype(float),
            # Rounding may leave a cosine a hair outside.
            "confidence": np.clip(raw["confidence"].astype(float), 0, 1),
        }
        return mirror_outputs(outputs, is_left, width)


def normalise(patches: UInt8[np.ndarray, "B S S 3"]) -> Float[np.ndarray, "B 3 S S"]:
    """RGB bytes to the networks' input: (v / 255 - 0.5) / 0.5, channels first, float32."""
    scaled = patches.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
