"""The predictor of two-hand systems: a picture, boxes, sides and a camera in; `Hands` in one camera frame out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.hands import Hands
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.looks import Look, join_looks
from knuckle.inference.mirror import mirror_outputs
from knuckle.inference.one_hand import BATCH, normalise
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.pairing import pair_boxes, seen_mirrored, union_box
from knuckle.inference.refine import fuse_pair
from knuckle.rig import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.skeleton import Side
from knuckle.weights import TWO_HANDS, Weights, resolve

HAND_FIELDS = ("joints_px", "joints_m", "vertices_m", "pose_rad", "shape", "confidence")
"""Of `Hands`: what a network answers for each hand."""
JOINT_FIELDS = ("joints_px", "joints_m", "confidence")
"""Of these, what a two-hand network gives itself; the others are the fit's."""


Join = Callable[[Look, Look, np.ndarray, Camera], dict[str, np.ndarray]]
"""How two looks become one: as `knuckle.inference.looks.join_looks`."""


@dataclass(frozen=True, eq=False)
class Window:
    """Where a two-hand network looks: a box (x, y, w, h px of the picture), and whether it is shown mirrored.

    hands_px: the boxes of its right and its left hand; NaN where none is known or asked for.
    """

    box_px: Float[np.ndarray, "4"]
    mirrored: bool
    hands_px: Float[np.ndarray, "2 4"] = field(default_factory=lambda: np.full((2, 4), np.nan))

    @classmethod
    def of_pair(cls, right_box_px: Float[np.ndarray, "4"], left_box_px: Float[np.ndarray, "4"]) -> "Window":
        """Round both hands of a pair."""
        boxes = np.stack([right_box_px, left_box_px])
        return cls(union_box(boxes), seen_mirrored(right_box_px, left_box_px), boxes)

    @classmethod
    def of_hand(cls, box_px: Float[np.ndarray, "4"], side: Side) -> "Window":
        """Round a lone hand, which is shown as a right one."""
        hands = np.full((2, 4), np.nan)
        hands[int(side == "left")] = box_px
        return cls(box_px, side == "left", hands)

    def turned(self) -> "Window":
        """The same window shown the other way round."""
        return replace(self, mirrored=not self.mirrored)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network looked at in one window, as the picture shows it: the right hand first.

    patch: RGB; joints_patch: px of it; attention [iteration, appearance or position, hand, joint]: where that joint
    looked, from edge to edge of the patch.
    """

    patch: UInt8[np.ndarray, "S S 3"]
    joints_patch: Float[np.ndarray, "2 21 2"]
    attention: Float[np.ndarray, "T 2 2 21 m m"]
    confidence: Float[np.ndarray, "2"]


class PairPredictor:
    """A two-hand system's weights, ready to estimate hands in pictures.

    A picture and its mirror image give mirrored hands (`pairing.seen_mirrored`).

    Args:
        model: a shipped model's name, the path of an .onnx file with its record beside it, or either resolved already
            (`knuckle.weights.resolve`).
        threads: of one run of the network; None lets onnxruntime choose.
        refine: joints are those of the rig fitted to them, as the mesh always is.
        looks: 2 shows every window as it is and mirrored, and `join` makes one answer of both; 1 asks the network once,
            in half the time.
        evidence: fit the rig to the landmark network's joints too (`knuckle.inference.detection.evidence`).
        join: as `knuckle.inference.looks.join_looks`.

    Raises KnuckleError for an unknown model, damaged weights, a one-hand system or another number of looks.
    """

    def __init__(
        self,
        model: str | Weights = TWO_HANDS,
        *,
        threads: int | None = None,
        refine: bool = True,
        looks: int = 2,
        evidence: bool = True,
        join: Join = join_looks,
    ) -> None:
        self._looks = check_looks(looks)
        path, self.record = resolve(model)
        self._network = OnnxModel(path, threads=threads)
        if self._network.hands != 2:
            raise KnuckleError(f"{path}: expected a two-hand system, got {self.record.name}: use Predictor")
        self.rig = load_rig(self.record.rig)
        self._refine, self._join, self._evidence = refine, join, evidence

    @property
    def uses_evidence(self) -> bool:
        """Whether the landmark network's joints have a share in the answer."""
        return self._refine and self._evidence

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

        evidence: what is known of them already; without it the landmark network is asked. Boxes that belong together
        (`knuckle.inference.pairing`) share a crop; a lone one gets its own, and the hand of its side is the answer.
        confidence: the network's own, that this hand is there.
        """
        if not len(sides):
            return Hands(camera, model=self.record.name, faces=self.rig.faces)
        boxes = np.asarray(boxes_px, dtype=float)
        pairing = pair_boxes(boxes, sides)
        windows = [Window.of_pair(boxes[right], boxes[left]) for right, left in pairing.pairs]
        windows += [Window.of_hand(boxes[index], sides[index]) for index in pairing.lone]
        row = {index: number for number, pair in enumerate(pairing.pairs) for index in pair}
        row |= {index: number for number, index in enumerate(pairing.lone, start=len(pairing.pairs))}
        rows = np.array([row[i] for i in range(len(sides))])
        hand = np.array([int(side == "left") for side in sides])
        if not self.uses_evidence:
            evidence = Evidence.none(len(sides))
        elif evidence is None:
            evidence = look_at(landmark_network(), image, boxes, sides)
        known = evidence.placed(2 * rows + hand, 2 * len(windows))
        answers = self.fit(self.look_unfitted(image, windows, camera), camera, known)
        chosen: dict[str, Any] = {name: answers[name][rows, hand] for name in HAND_FIELDS}
        return Hands(
            camera,
            sides=tuple(sides),
            boxes_px=boxes,
            model=self.record.name,
            faces=self.rig.faces,
            **chosen,
        )

    def look(
        self, image: UInt8[np.ndarray, "H W 3"], windows: Sequence[Window], camera: Camera
    ) -> dict[str, Float[np.ndarray, "P 2 ..."]]:
        """Both hands of every window (at least one), the right one first, there or not: `HAND_FIELDS`, and
        residual_m of the fit (NaN where there was none)."""
        return self.fit(self.look_unfitted(image, windows, camera), camera)

    def look_unfitted(
        self, image: UInt8[np.ndarray, "H W 3"], windows: Sequence[Window], camera: Camera
    ) -> dict[str, Float[np.ndarray, "P 2 ..."]]:
        """As `look`, the network's own `JOINT_FIELDS` alone: `fit` makes hands of them."""
        seen = self.look_once(image, windows, camera)
        if self._looks == 1:
            return seen
        turned = self.look_once(image, [window.turned() for window in windows], camera)
        return self._join(seen, turned, np.stack([window.hands_px for window in windows]), camera)

    def fit(
        self,
        joints: Mapping[str, Float[np.ndarray, "P 2 ..."]],
        camera: Camera,
        evidence: Evidence | None = None,
    ) -> dict[str, Float[np.ndarray, "P 2 ..."]]:
        """Hands of joints: `JOINT_FIELDS` in, `HAND_FIELDS` and residual_m out. evidence: of the 2 P hands, pair by
        pair."""
        lenses = np.tile(camera.vector, (len(joints["joints_m"]), 1))
        known = self.uses_evidence and evidence is not None and evidence.found.any()
        outputs = fuse_pair(
            joints,
            lenses,
            rig=self.rig,
            refine=self._refine,
            evidence=evidence if known else None,
        )
        outputs["pose_rad"] = matrix_to_axis_angle(outputs["rotations"])
        outputs["confidence"] = np.clip(outputs["confidence"], 0, 1)
        return {name: outputs[name] for name in (*HAND_FIELDS, "residual_m")}

    def look_once(
        self, image: UInt8[np.ndarray, "H W 3"], windows: Sequence[Window], camera: Camera
    ) -> dict[str, Float[np.ndarray, "P 2 ..."]]:
        """As `look_unfitted`, every window shown as it says, and only so."""
        parts = []
        for start in range(0, len(windows), BATCH):
            chunk = windows[start : start + BATCH]
            patches, crops, lenses = self._shown(image, chunk, camera)
            outputs = self._network(normalise(patches), crops, lenses)
            own = {name: outputs[name].astype(float) for name in JOINT_FIELDS}
            mirrored = np.array([window.mirrored for window in chunk])
            parts.append(_as_in_picture(own, mirrored, image.shape[1]))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def explain(self, image: UInt8[np.ndarray, "H W 3"], window: Window, camera: Camera) -> Explanation:
        """Where the network looked in a window. Raises KnuckleError for a system without attention."""
        if not self._network.has_attention:
            raise KnuckleError(f"model: expected a system with attention to explain, got {self.record.name}")
        patches, crops, lenses = self._shown(image, [window], camera)
        outputs = self._network(normalise(patches), crops, lenses, attention=True)
        attention, joints = outputs["attention"][0], outputs["joints_patch"][0].astype(float)
        attention = attention.reshape(*attention.shape[:2], 2, 21, *attention.shape[-2:])
        if not window.mirrored:
            return Explanation(patches[0], joints, attention, outputs["confidence"][0])
        return Explanation(
            patches[0][:, ::-1],
            joints[::-1] * [-1, 1] + [patches.shape[2] - 1, 0],
            attention[:, :, ::-1, :, :, ::-1],
            outputs["confidence"][0, ::-1],
        )

    def _shown(
        self, image: np.ndarray, windows: Sequence[Window], camera: Camera
    ) -> tuple[UInt8[np.ndarray, "P S S 3"], Float[np.ndarray, "P 3"], Float[np.ndarray, "P 4"]]:
        """Patches, crops and cameras of windows, of the mirrored picture where they are shown so.

        The picture itself is mirrored, not the patch: resampling rounds differently then.
        """
        mirrored_image = cv2.flip(image, 1) if any(window.mirrored for window in windows) else image
        patches, crops, lenses = [], [], []
        for window in windows:
            crop = Crop.from_box(window.box_px, self.record.size, expand=self.record.expand)
            crop = crop.mirrored(image.shape[1]) if window.mirrored else crop
            patches.append(crop.warp(mirrored_image if window.mirrored else image))
            crops.append(crop.vector)
            lenses.append((camera.mirrored() if window.mirrored else camera).vector)
        return np.stack(patches), np.stack(crops), np.stack(lenses)


def check_looks(looks: Any) -> int:
    """How often a two-hand system looks at a pair; raises KnuckleError for anything but 1 and 2."""
    if looks not in (1, 2):
        raise KnuckleError(f"looks: expected 1 or 2, got {looks!r}")
    return int(looks)


def _as_in_picture(
    outputs: dict[str, Float[np.ndarray, "P 2 ..."]], mirrored: Bool[np.ndarray, "P"], width: int
) -> dict[str, Float[np.ndarray, "P 2 ..."]]:
    """Answers to mirrored windows mirrored back: what was shown as the right hand is the left one."""
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in outputs.items()}
    turned = mirror_outputs(flat, np.repeat(mirrored, 2), width)
    pairs = {name: value.reshape(len(mirrored), 2, *value.shape[1:]) for name, value in turned.items()}
    return {
        name: np.where(mirrored.reshape(-1, *(1,) * (value.ndim - 1)), value[:, ::-1], value)
        for name, value in pairs.items()
    }
