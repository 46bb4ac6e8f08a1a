"""The real photographs and their mirror images through the same model: the errors must agree."""

from dataclasses import dataclass, fields

import numpy as np
from benchmarks.shared.photographs import hand_graph_photographs
from benchmarks.shared.tables import plain_table
from rich.table import Table

from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.metrics.joints import box_errors, keypoint_mean, procrustes_errors
from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.hands import HandPredictor
from knuckle.inference.auto import open_predictor

HEADINGS = (
    "model",
    "hands",
    "PA-MPJPE (mm)",
    "mirrored",
    "difference",
    "2D (% of box)",
    "mirrored",
    "largest change of a joint (mm)",
)


class MirroredHand(LabelledHand):
    """A labelled hand of the mirrored photograph."""

    def read(self) -> np.ndarray:
        """The photograph, mirrored."""
        return np.ascontiguousarray(super().read()[:, ::-1])


@dataclass(frozen=True)
class Errors:
    """PA-MPJPE (mm) and 2D error (% of the box) of a model on some photographs, and its joints of each hand."""

    pa_mm: float
    box_percent: float
    joints_m: np.ndarray


def mirrored(hand: LabelledHand) -> MirroredHand:
    """The hand in its photograph's mirror image: side, box, camera and labels mirrored."""
    width = hand.camera.width
    x, y, w, h = hand.box_px
    values = {field.name: getattr(hand, field.name) for field in fields(hand)}
    values |= {
        "side": "right" if hand.side == "left" else "left",
        "camera": hand.camera.mirrored(),
        "box_px": np.array([width - 1 - x - w, y, w, h]),
        "joints_px": None if hand.joints_px is None else mirror_px(hand.joints_px, width),
        "joints_m": None if hand.joints_m is None else hand.joints_m * MIRROR_POINT,
        "vertices_m": None if hand.vertices_m is None else hand.vertices_m * MIRROR_POINT,
    }
    return MirroredHand(**values)


def table(names: list[str], limit: int | None, *, evidence: bool = True) -> Table:
    """A row a model: its errors on the hand-graph photographs and on their mirror images, as `knuckle estimate` runs
    it, and the farthest that a joint moved.
    """
    hands = hand_graph_photographs()[:limit]
    result = plain_table(HEADINGS, title="hand-graph and its mirror image")
    for name in names:
        predictor = open_predictor(name, threads=1, evidence=evidence)
        plain, turned = errors(predictor, hands), errors(predictor, [mirrored(hand) for hand in hands])
        moved = 1e3 * np.linalg.norm(turned.joints_m * MIRROR_POINT - plain.joints_m, axis=-1).max()
        figures = (plain.pa_mm, turned.pa_mm, turned.pa_mm - plain.pa_mm)
        row = (*(f"{v:.3f}" for v in figures), f"{plain.box_percent:.3f}", f"{turned.box_percent:.3f}")
        result.add_row(name, str(len(hands)), *row, f"{moved:.3f}")
    return result


def errors(predictor: HandPredictor, hands: list[LabelledHand] | list[MirroredHand]) -> Errors:
    """The model's errors on labelled hands, one photograph at a time."""
    found = [predictor(h.read(), h.box_px[None], (h.side,), h.camera) for h in hands]
    joints_m, joints_px = (np.concatenate([getattr(f, n) for f in found]) for n in ("joints_m", "joints_px"))
    truth_m, truth_px = (np.stack([getattr(hand, n) for hand in hands]) for n in ("joints_m", "joints_px"))
    return Errors(
        1e3 * keypoint_mean(procrustes_errors(truth_m, joints_m)),
        1e2 * keypoint_mean(box_errors(truth_px, joints_px)),
        joints_m,
    )
