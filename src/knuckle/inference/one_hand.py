"""The predictor: a picture, boxes, sides and a camera in; `Hands` out. Knows no files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, hand_roll
from knuckle.hands import Hands
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.mirror import mirror_outputs
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.refine import fuse, with_pose
from knuckle.rig import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.skeleton import Side
from knuckle.weights import ONE_HAND, Weights, resolve

BATCH = 16
TURNED_WRONG_RAD = np.deg2rad(15.0)
"""An upright crop that is off by more, by the network's own joints, is looked at again: 17 of 100 rendered hands, of
which the landmark network takes 21 to be turned otherwise; the error of all falls from 13.95 to 13.54 mm."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a one-hand network says of hands, all shown as right ones: its outputs with the crops (N, 3), cameras (N, 4)
    and turns of the crops (N, radians) it saw them with; the hands' sides, boxes and camera in the picture as it is."""

    outputs: dict[str, np.ndarray]
    crops: Float[np.ndarray, "N 3"]
    cameras: Float[np.ndarray, "N 4"]
    rolls: Float[np.ndarray, "N"]
    sides: tuple[Side, ...]
    boxes_px: Float[np.ndarray, "N 4"]
    camera: Camera


class Predictor:
    """One model's weights, ready to estimate hands in pictures.

    Args:
        model: a shipped model's name, the path of an .onnx file with its record beside it, or either resolved already
            (`knuckle.weights.resolve`).
        threads: of one run of the network; None lets onnxruntime choose.
        refine: fit the rig to the network's 2D and 3D joints (`knuckle.inference.refine`).
        evidence: fit it to the landmark network's joints too (`knuckle.inference.detection.evidence`).

    Raises KnuckleError for an unknown model, damaged weights or a two-hand system.
    """

    def __init__(
        self,
        model: str | Weights = ONE_HAND,
        *,
        threads: int | None = None,
        refine: bool = True,
        evidence: bool = True,
    ) -> None:
        path, self.record = resolve(model)
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
        self._refine, self._evidence = refine, evidence

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        evidence: Evidence | None = None,
    ) -> Hands:
        """Estimate the hands in boxes (x, y, w, h px of the image), each of the side given.

        evidence: what is known of them already; without it the landmark network is asked.
        """
        if not self.wants_evidence:
            evidence = Evidence.none(len(sides))
        elif evidence is None:
            evidence = look_at(landmark_network(), image, boxes_px, sides)
        answer = self.ask(image, boxes_px, sides, camera, rolls=evidence.rotation_rad)
        return self.fit(answer, evidence)

    @property
    def uses_evidence(self) -> bool:
        """Whether the landmark network's joints have a share in the answer."""
        return self._refine and self._evidence

    @property
    def wants_evidence(self) -> bool:
        """Whether the landmark network is to be asked: for a share in the answer, or for how far to turn the crop."""
        return self.uses_evidence or self._network.upright

    def ask(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        rolls: Float[np.ndarray, "N"] | None = None,
    ) -> Answer:
        """What the network alone says of the hands in boxes (x, y, w, h px of the image).

        rolls: how far each hand is turned from fingers-up, clockwise in the picture, radians; a system of upright crops
        turns its crops by that, and looks again where its own joints say otherwise.
        """
        boxes = np.asarray(boxes_px, dtype=float).reshape(-1, 4)
        turns = np.zeros(len(boxes)) if rolls is None or not self._network.upright else rolls
        answer = self._ask_once(image, boxes, sides, camera, turns)
        if not self._network.upright or not len(boxes):
            return answer
        own = better_rolls(answer.outputs["joints_px"], answer.rolls)
        wrong = np.flatnonzero(own != answer.rolls)
        if not len(wrong):
            return answer
        mirror = np.array([-1.0 if side == "left" else 1.0 for side in sides])
        again = self._ask_once(
            image, boxes[wrong], [sides[int(i)] for i in wrong], camera, (mirror * own)[wrong]
        )
        for name, values in again.outputs.items():
            answer.outputs[name][wrong] = values
        answer.rolls[wrong] = again.rolls
        return answer

    def _ask_once(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        turns: Float[np.ndarray, "N"],
    ) -> Answer:
        is_left = np.array([side == "left" for side in sides], dtype=bool)
        width, aspect, parts = image.shape[1], camera.fy / camera.fx, []
        crops, cameras, shown_rolls = [], [], []
        for start in range(0, len(sides), BATCH):
            windows = [
                Crop.from_box(
                    box, self.record.size, expand=self.record.expand, roll_rad=float(roll), aspect=aspect
                )
                for box, roll in zip(boxes[start : start + BATCH], turns[start : start + BATCH], strict=True)
            ]
            lefts = is_left[start : start + BATCH]
            # The patch of the mirrored frame is the mirrored patch: the frame itself need not be turned.
            patches = [
                crop.warp(image)[:, ::-1] if left else crop.warp(image)
                for crop, left in zip(windows, lefts, strict=True)
            ]
            framed = [
                crop.mirrored(width) if left else crop for crop, left in zip(windows, lefts, strict=True)
            ]
            crops.append(np.stack([crop.vector for crop in framed]))
            cameras.append(np.stack([(camera.mirrored() if left else camera).vector for left in lefts]))
            shown_rolls.append(np.array([crop.roll_rad for crop in framed]))
            patch = normalise(np.stack(patches))
            parts.append(self._network(patch, crops[-1], cameras[-1], roll=shown_rolls[-1]))
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
        return Answer(
            outputs,
            np.concatenate(crops) if crops else np.zeros((0, 3)),
            np.concatenate(cameras) if cameras else np.zeros((0, 4)),
            np.concatenate(shown_rolls) if shown_rolls else np.zeros(0),
            tuple(sides),
            boxes,
            camera,
        )

    def fit(self, answer: Answer, evidence: Evidence | None = None) -> Hands:
        """Hands of the network's answer, together with evidence of them."""
        if not len(answer.sides):
            return Hands(answer.camera, model=self.record.name, faces=self._faces)
        is_left = np.array([side == "left" for side in answer.sides])
        width, raw = answer.camera.width, answer.outputs
        if self._refine:
            known = None
            if self.uses_evidence and evidence is not None and evidence.found.any():
                known = evidence.mirrored(is_left, width)
            raw = fuse(
                raw,
                answer.crops,
                answer.cameras,
                rig=self._rig,
                size=self.record.size,
                roll=answer.rolls,
                evidence=known,
                system=self.record.name,
            )
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
        fields: dict[str, Any] = mirror_outputs(outputs, is_left, width)
        return Hands(
            answer.camera,
            sides=answer.sides,
            boxes_px=answer.boxes_px,
            model=self.record.name,
            faces=self._faces,
            **fields,
        )


def better_rolls(
    joints_px: Float[np.ndarray, "B 21 2"], rolls: Float[np.ndarray, "B"]
) -> Float[np.ndarray, "B"]:
    """How far the crops of an upright network are better turned, by what it saw in crops turned by `rolls`; the same
    angle where a second look is not worth its time."""
    own = hand_roll(joints_px)
    apart = np.abs((own - rolls + np.pi) % (2 * np.pi) - np.pi)
    return np.where(apart > TURNED_WRONG_RAD, own, rolls)


def normalise(patches: UInt8[np.ndarray, "B S S 3"]) -> Float[np.ndarray, "B 3 S S"]:
    """RGB bytes to the networks' input: (v / 255 - 0.5) / 0.5, channels first, float32."""
    scaled = patches.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
