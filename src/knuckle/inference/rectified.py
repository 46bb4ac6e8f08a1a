"""Hands far from the middle of a picture, shown to the networks as a camera that looks at them would see them.

Far from the axis a picture stretches what it shows. A camera in the same place that is turned to the hand sees it
unstretched, and its picture is a warp of the given one: both see along the same rays. The networks are asked about that
picture with that camera, and their answer is turned back. Hands near the axis are left as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera, turned_homography
from knuckle.geometry.crop import hand_roll, middle_px
from knuckle.geometry.projection import project, px_to_rays
from knuckle.hands import Hands
from knuckle.inference.auto import AutoPredictor
from knuckle.inference.detection.evidence import Evidence, gather_evidence
from knuckle.inference.disagreement import Disagreement, Estimated
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import pair_boxes, union_box
from knuckle.inference.two_hands import PairPredictor
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.skeleton import Side

RECTIFY = True
"""Whether it is done where nobody says so (docs/metric.md has the figures)."""
FROM_RAD = np.deg2rad(25.0)
"""Hands nearer to the axis are left as they are: DaHyF, which knows where its crop lies, does nearly as well there
(docs/metric.md has the figures). Pictures of an assumed camera hardly reach as far."""
_ROOM = 2.6
"""Side of what the turned camera sees, over the longer side of the hands' box: crops have to fit in."""
_LARGEST_PX = 768
"""Of that picture: networks are shown far less."""
_FARTHEST = np.cos(np.deg2rad(80.0))
_NEAREST_M = 1e-2


@dataclass(frozen=True, eq=False)
class TurnedView:
    """A camera turned to some hands, and the way between its picture and the given one."""

    given: Camera
    camera: Camera
    """The turned one; its principal point is in the middle of its square picture."""
    turn: Float[np.ndarray, "3 3"]
    """turned_from_given: of points in the camera frames."""

    @classmethod
    def of_box(cls, box_px: Float[np.ndarray, "4"], camera: Camera) -> "TurnedView":
        """The view of a camera that looks at the middle of a box (x, y, w, h px)."""
        x, y, w, h = box_px.tolist()
        ray = np.append(px_to_rays(np.array([x + w / 2, y + h / 2]), camera.lens), 1.0)
        ray /= np.linalg.norm(ray)
        # The least turn that brings the ray to the axis.
        axis = np.array([ray[1], -ray[0], 0.0])
        sine = float(np.linalg.norm(axis))
        angle = float(np.arctan2(sine, ray[2]))
        turn = rodrigues(axis / sine * angle) if sine > 1e-9 else np.eye(3)
        focal = camera.fx / max(float(ray[2]), _FARTHEST)
        rough = cls(camera, Camera(focal, focal, 0.0, 0.0, 1, 1), turn)
        side = _ROOM * float(rough.boxes(box_px[None])[0, 2:].max())
        size = int(np.clip(np.ceil(side), 32, _LARGEST_PX))
        focal *= min(1.0, size / side)
        middle = middle_px(size)
        lens = replace(camera, fx=focal, fy=focal, cx=middle, cy=middle, width=size, height=size)
        return cls(camera, lens, turn)

    @property
    def homography(self) -> Float[np.ndarray, "3 3"]:
        """From px of the given picture to px of the turned one."""
        return turned_homography(self.given, self.camera, self.turn)

    def picture(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "S S 3"]:
        """What the turned camera sees; beyond the given picture its edge is repeated."""
        size = self.camera.width, self.camera.height
        back = turned_homography(self.camera, self.given, self.turn.T)
        shrinks = float(np.sqrt(np.abs(np.linalg.det(self._local(back)))))
        if shrinks > 1.5:
            image = cv2.GaussianBlur(image, (0, 0), 0.4 * shrinks)
        return cv2.warpPerspective(
            image,
            back,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _local(self, back: np.ndarray) -> np.ndarray:
        """How px of the middle change in the given picture."""
        steps = np.array([self.camera.cx, self.camera.cy]) + np.array([[0, 0], [1, 0], [0, 1]])
        seen = _through(back, steps)
        return (seen[1:] - seen[0]).T

    def px(self, points_px: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Px of the given picture in the turned one."""
        return _through(self.homography, points_px)

    def boxes(self, boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N 4"]:
        """Boxes round the ellipses in boxes (x, y, w, h): a stretched hand hardly fills a box's corners."""
        angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        round_ = 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        middle = boxes_px[:, :2] + boxes_px[:, 2:] / 2
        points = self.px(middle[:, None] + round_ * boxes_px[:, None, 2:])
        low = points.min(1)
        return np.concatenate([low, points.max(1) - low], axis=1)

    def evidence(self, known: Evidence) -> Evidence:
        """Evidence in px of the turned picture. Its 3D joints are along the line of sight, which the turned camera's
        axis is."""
        px = self.px(known.joints_px)
        told = np.isfinite(px).all((1, 2))
        rotation = np.where(told, hand_roll(np.nan_to_num(px)), known.rotation_rad)
        return replace(known, box_px=self.boxes(known.box_px), joints_px=px, rotation_rad=rotation)

    def back(self, estimated: Estimated, boxes_px: Float[np.ndarray, "N 4"]) -> Estimated:
        """What was estimated in the turned picture, in the given one. boxes_px: as they were given."""
        hands, apart = estimated
        joints, vertices = hands.joints_m @ self.turn, hands.vertices_m @ self.turn
        pose = hands.pose_rad.copy()
        pose[:, 0] = matrix_to_axis_angle(self.turn.T @ rodrigues(pose[:, 0]))
        scale = boxes_px[:, 2:].max(1) / np.maximum(hands.boxes_px[:, 2:].max(1), 1e-6)
        turned = hands.changed(
            camera=self.given,
            boxes_px=boxes_px,
            joints_px=project(joints, self.given.lens, nearest_m=_NEAREST_M),
            joints_m=joints,
            vertices_m=vertices,
            pose_rad=pose,
        )
        nearer = replace(
            apart,
            branches_px=apart.branches_px * scale[:, None],
            evidence_px=apart.evidence_px * scale[:, None],
        )
        return Estimated(turned, nearer)


def rectified(
    predictor: Predictor | PairPredictor | AutoPredictor, *, wanted: bool
) -> "Predictor | PairPredictor | AutoPredictor | RectifiedPredictor":
    """The predictor itself, or where that is wanted what shows it hands far from the middle rectified."""
    return RectifiedPredictor(predictor) if wanted else predictor


class RectifiedPredictor:
    """Another predictor, which is shown hands far from the picture's middle as a camera turned to them sees them.

    Two hands that it sees together (`pair_boxes`) are seen by one turned camera. from_rad: how far from the axis.
    """

    def __init__(
        self, predictor: Predictor | PairPredictor | AutoPredictor, *, from_rad: float = FROM_RAD
    ) -> None:
        self._predictor, self._from_rad = predictor, from_rad

    @property
    def uses_evidence(self) -> bool:
        """As of the other predictor."""
        return self._predictor.uses_evidence

    @property
    def wants_evidence(self) -> bool:
        """As of the other predictor."""
        return self._predictor.wants_evidence

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        evidence: Evidence | None = None,
    ) -> Hands:
        """Estimate the hands in boxes (x, y, w, h px of the image), each of the side given."""
        return self.estimate(image, boxes_px, sides, camera, evidence=evidence).hands

    def estimate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        evidence: Evidence | None = None,
    ) -> Estimated:
        """As calling the predictor, and how far the answers to each hand lie apart."""
        boxes = np.asarray(boxes_px, dtype=float).reshape(-1, 4)
        groups = self._groups(boxes, sides)
        far = [group for group in groups if self._is_far(boxes[group], camera)]
        if not far:
            return self._predictor.estimate(image, boxes, sides, camera, evidence=evidence)
        # The landmark network squares its own look; it is asked once, about the picture as it is.
        known = gather_evidence(image, boxes, sides, known=evidence, wanted=self.wants_evidence)
        parts = []
        for group in far:
            view = TurnedView.of_box(union_box(boxes[group]), camera)
            answer = self._predictor.estimate(
                view.picture(image),
                view.boxes(boxes[group]),
                [sides[i] for i in group],
                view.camera,
                evidence=view.evidence(known.rows(group)),
            )
            parts.append((group, view.back(answer, boxes[group])))
        rest = np.setdiff1d(np.arange(len(boxes)), np.concatenate(far))
        if len(rest):
            near = self._predictor.estimate(
                image, boxes[rest], [sides[i] for i in rest], camera, evidence=known.rows(rest)
            )
            parts.append((rest, near))
        return _joined(len(boxes), parts)

    def _groups(self, boxes: Float[np.ndarray, "N 4"], sides: Sequence[Side]) -> list[np.ndarray]:
        if isinstance(self._predictor, Predictor):
            return [np.array([i]) for i in range(len(boxes))]
        paired = pair_boxes(boxes, sides)
        return [np.array(pair) for pair in paired.pairs] + [np.array([i]) for i in paired.lone]

    def _is_far(self, boxes: Float[np.ndarray, "k 4"], camera: Camera) -> bool:
        x, y, w, h = union_box(boxes).tolist()
        ray = px_to_rays(np.array([x + w / 2, y + h / 2]), camera.lens)
        return bool(np.arctan(np.linalg.norm(ray)) > self._from_rad)


def _through(homography: np.ndarray, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    x, y, w = np.moveaxis(
        np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1) @ homography.T, -1, 0
    )
    w = np.where(w > 1e-6, w, 1e-6)
    return np.stack([x / w, y / w], axis=-1)


def _joined(count: int, parts: Sequence[tuple[np.ndarray, Estimated]]) -> Estimated:
    """Parts of `count` hands, each with the hands that it is of, as one."""
    order = np.argsort(np.concatenate([chosen for chosen, _ in parts]))
    hands = [part.hands for _, part in parts]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in hands])[order]
        for name in ("confidence", "boxes_px", "joints_px", "joints_m", "vertices_m", "pose_rad", "shape")
    }
    sides, models = ([value for one in hands for value in getattr(one, name)] for name in ("sides", "models"))
    joined = Hands(
        hands[0].camera,
        sides=tuple(sides[i] for i in order),
        models=tuple(models[i] for i in order),
        faces=hands[0].faces,
        mesh=hands[0].mesh,
        **arrays,
    )
    apart = Disagreement.gathered(count, [(chosen, part.disagreement) for chosen, part in parts])
    return Estimated(joined, apart)
