"""The predictor of one-hand systems: a picture, boxes, sides and a camera in; `Hands` out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, hand_roll
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.geometry.pyramid import Pyramid
from knuckle.hands import Hands, Mesh, check_mesh
from knuckle.inference.detection.evidence import Evidence, gather_evidence
from knuckle.inference.disagreement import Disagreement, Estimated
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.own_mesh import own_mesh
from knuckle.inference.refine import fuse, unfitted_joints, with_pose
from knuckle.inference.window import Answer, ask_network, mirror_hands
from knuckle.rig import load_rig
from knuckle.rig.fit.joints import FitStart
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.skeleton import Side
from knuckle.weights import ONE_HAND, Weights, resolve

TURNED_WRONG_RAD = np.deg2rad(15.0)
"""An upright crop that is off by more, by the network's own joints, is looked at again (docs/accuracy/ablations.md)."""


@dataclass(frozen=True, eq=False)
class SeenHands:
    """A one-hand network's answer to N hands, before the fit."""

    answer: Answer
    """The network's own, all hands shown as right ones."""
    sides: tuple[Side, ...]
    boxes_px: Float[np.ndarray, "N 4"]
    """x, y, w, h in the picture as it is."""
    camera: Camera
    """Of the picture as it is."""

    @property
    def is_left(self) -> Bool[np.ndarray, "N"]:
        """Which hands are left ones."""
        return np.array([side == "left" for side in self.sides], dtype=bool)

    def rows(self, chosen: Int[np.ndarray, "n"]) -> "SeenHands":
        """Some of the hands."""
        answer = Answer(
            {name: value[chosen] for name, value in self.answer.outputs.items()},
            self.answer.crops[chosen],
            self.answer.cameras[chosen],
            self.answer.rolls[chosen],
        )
        return SeenHands(
            answer, tuple(self.sides[int(i)] for i in chosen), self.boxes_px[chosen], self.camera
        )


class Joints(NamedTuple):
    """Joints of N hands in the picture as it is."""

    px: Float[np.ndarray, "N 21 2"]
    m: Float[np.ndarray, "N 21 3"]
    confidence: Float[np.ndarray, "N"]
    branches_px: Float[np.ndarray, "N 21"]
    """As of `Disagreement`."""

    def rows(self, chosen: Int[np.ndarray, "n"] | Bool[np.ndarray, "N"]) -> "Joints":
        """Of some of the hands."""
        return Joints(*(values[chosen] for values in self))

    @classmethod
    def none(cls, count: int) -> "Joints":
        """Of hands that were not looked at."""
        nan = np.nan
        px, m, branches = (np.full((count, 21, *tail), nan) for tail in ((2,), (3,), ()))
        return cls(px, m, np.zeros(count), branches)


class Predictor:
    """One model's weights, ready to estimate hands in pictures.

    Args:
        model: a shipped model's name, the path of an .onnx file with its record beside it, or either resolved already
            (`knuckle.weights.resolve`).
        threads: of one run of the network; None lets onnxruntime choose.
        refine: fit the rig to the network's 2D and 3D joints (`knuckle.inference.refine`).
        evidence: fit it to the landmark network's joints too (`knuckle.inference.detection.evidence`).
        int8: run the quicker 8-bit file of the network where there is one.
        mesh: "rig": the fitted rig's; "network": the network's own, with its joints (`knuckle.inference.own_mesh`);
            None: the one that its record names as the better one. Without `refine` nothing is fitted, and it is the
            network's.

    Raises KnuckleError for an unknown model, damaged weights or a two-hand system.
    """

    def __init__(
        self,
        model: str | Weights = ONE_HAND,
        *,
        threads: int | None = None,
        refine: bool = True,
        evidence: bool = True,
        int8: bool = False,
        mesh: Mesh | None = None,
    ) -> None:
        path, self.record = resolve(model, int8=int8)
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
        chosen: Mesh = self.record.mesh if mesh is None else check_mesh(mesh)
        self._mesh: Mesh = chosen if refine else "network"

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
        return self.estimate(image, boxes_px, sides, camera, evidence=evidence).hands

    def estimate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        evidence: Evidence | None = None,
        start: FitStart | None = None,
        seen: SeenHands | None = None,
    ) -> Estimated:
        """As calling the predictor, and how far the answers to each hand lie apart. start: what the hands were like in
        the frame before. seen: the network's answer, where it was asked already."""
        known = gather_evidence(image, boxes_px, sides, known=evidence, wanted=self.wants_evidence)
        if seen is None:
            seen = self.ask(image, boxes_px, sides, camera, rolls=known.rotation_rad)
        return self.fit(seen, known, start=start)

    @property
    def uses_evidence(self) -> bool:
        """Whether the rig is fitted to the landmark network's joints too."""
        return self._refine and self._evidence

    @property
    def wants_evidence(self) -> bool:
        """Whether the landmark network is to be asked: for its joints, or for how far to turn the crop."""
        return self.uses_evidence or self._network.upright

    def ask(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        rolls: Float[np.ndarray, "N"] | None = None,
        again: bool = True,
        pyramid: Pyramid | None = None,
    ) -> SeenHands:
        """The network's own answer to the hands in boxes (x, y, w, h px of the image).

        rolls: how far each hand is turned from fingers-up, clockwise in the picture, radians; a system of upright crops
        turns its crops by that, and, if `again`, looks again where its own joints show another turn. pyramid: of the
        picture, from which crops are then cut.
        """
        boxes = np.asarray(boxes_px, dtype=float).reshape(-1, 4)
        is_left = np.array([side == "left" for side in sides], dtype=bool)
        turns = np.zeros(len(boxes)) if rolls is None or not self._network.upright else rolls
        first = self._ask_once(image, boxes, is_left, camera, turns, pyramid=pyramid)
        seen = SeenHands(first, tuple(sides), boxes, camera)
        if not (self._network.upright and len(boxes) and again):
            return seen
        answer = seen.answer
        own = better_rolls(answer.outputs["joints_px"], answer.rolls)
        wrong = np.flatnonzero(own != answer.rolls)
        if not len(wrong):
            return seen
        turns = np.where(is_left, -own, own)
        second = self._ask_once(image, boxes[wrong], is_left[wrong], camera, turns[wrong])
        for name, values in second.outputs.items():
            answer.outputs[name][wrong] = values
        answer.rolls[wrong] = second.rolls
        return seen

    def _ask_once(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes: Float[np.ndarray, "N 4"],
        is_left: Bool[np.ndarray, "N"],
        camera: Camera,
        turns: Float[np.ndarray, "N"],
        *,
        pyramid: Pyramid | None = None,
    ) -> Answer:
        size, expand, aspect = self.record.size, self.record.expand, camera.fy / camera.fx
        crops = [
            Crop.from_box(box, size, expand=expand, roll_rad=float(turn), aspect=aspect)
            for box, turn in zip(boxes, turns, strict=True)
        ]
        return ask_network(self._network, image, camera, crops, is_left, pyramid=pyramid)

    def joints(self, seen: SeenHands) -> Joints:
        """The joints of the network's answer, in the picture as it is, before the fit and without evidence."""
        answer, is_left, width = seen.answer, seen.is_left, seen.camera.width
        if not len(is_left):
            return Joints.none(0)
        if self._refine:
            joints = unfitted_joints(
                answer.outputs, answer.crops, answer.cameras, self.record.size, roll=answer.rolls
            )
        else:
            joints = (
                *(answer.outputs[name].astype(float) for name in ("joints_px", "joints_m")),
                np.full((len(is_left), 21), np.nan),
            )
        px, m, branches_px = joints
        return Joints(
            np.where(is_left[:, None, None], mirror_px(px, width), px),
            np.where(is_left[:, None, None], m * MIRROR_POINT, m),
            np.clip(answer.outputs["confidence"].astype(float), 0, 1),
            branches_px,
        )

    def given(
        self, joints: Joints, sides: Sequence[Side], boxes_px: Float[np.ndarray, "N 4"], camera: Camera
    ) -> SeenHands:
        """Joints that are known, before the fit, as the network's answer."""
        is_left = np.array([side == "left" for side in sides], dtype=bool)
        where, count = is_left[:, None, None], len(is_left)
        outputs = {
            "joints_px": np.where(where, mirror_px(joints.px, camera.width), joints.px),
            "joints_m": np.where(where, joints.m * MIRROR_POINT, joints.m),
            "vertices_m": np.zeros((count, *self._rig.vertices.shape)),
            "confidence": joints.confidence,
            "branches_px": joints.branches_px,
        }
        cameras = np.stack([(camera.mirrored() if left else camera).vector for left in is_left])
        answer = Answer(outputs, np.zeros((count, 3)), cameras, np.zeros(count))
        return SeenHands(answer, tuple(sides), boxes_px, camera)

    def fit(
        self, seen: SeenHands, evidence: Evidence | None = None, *, start: FitStart | None = None
    ) -> Estimated:
        """Hands of the network's answer, together with evidence of them. start: what they were like in the frame
        before."""
        if not len(seen.sides):
            nothing = Hands(seen.camera, model=self.record.name, faces=self._faces, mesh=self._mesh)
            return Estimated(nothing, Disagreement.none(0))
        is_left, width, answer = seen.is_left, seen.camera.width, seen.answer
        if self._refine:
            known = None
            if self.uses_evidence and evidence is not None and evidence.found.any():
                known = evidence.mirrored(is_left, width)
            raw = fuse(
                answer.outputs,
                answer.crops,
                answer.cameras,
                rig=self._rig,
                size=self.record.size,
                roll=answer.rolls,
                evidence=known,
                system=self.record.name,
                start=None if start is None else start.mirrored(is_left),
            )
            if self._mesh == "network":
                # How far the answers lie apart stays the fit's, by which the confidence is calibrated.
                raw |= own_mesh(answer.outputs, answer.cameras, self._rig)
        else:
            raw = with_pose(answer.outputs, self._rig) | vars(Disagreement.none(len(seen.sides)))
        outputs = {
            "joints_px": raw["joints_px"].astype(float),
            "joints_m": raw["joints_m"].astype(float),
            "vertices_m": raw["vertices_m"].astype(float),
            "pose_rad": matrix_to_axis_angle(raw["rotations"].astype(float)),
            "shape": raw["shape"].astype(float),
            # Rounding may leave a cosine a hair outside.
            "confidence": np.clip(raw["confidence"].astype(float), 0, 1),
        }
        fields: dict[str, Any] = mirror_hands(outputs, is_left, width)
        hands = Hands(
            seen.camera,
            sides=seen.sides,
            boxes_px=seen.boxes_px,
            model=self.record.name,
            faces=self._faces,
            mesh=self._mesh,
            **fields,
        )
        return Estimated(hands, Disagreement.of_arrays(raw))


def better_rolls(
    joints_px: Float[np.ndarray, "B 21 2"], rolls: Float[np.ndarray, "B"]
) -> Float[np.ndarray, "B"]:
    """How far the crops of an upright network are better turned, by what it saw in crops turned by `rolls`; the same
    angle where a second look would hardly differ."""
    own = hand_roll(joints_px)
    apart = np.abs((own - rolls + np.pi) % (2 * np.pi) - np.pi)
    return np.where(apart > TURNED_WRONG_RAD, own, rolls)
