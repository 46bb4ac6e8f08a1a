"""Errors of two hands by group as Markdown tables, and as a sheet of crops with both hands drawn and named."""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from benchmarks.shared.tables import markdown_table
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandJointErrors
from knuckle.skeleton import HAND_SIDES, WRIST
from knuckle.view.overlay import draw_label, draw_skeleton, find_drawable, hand_colour
from knuckle.view.sheet import draw_sheet

Groups = Mapping[str, np.ndarray]
CELL_PX, COLUMNS = 320, 6
_WRIST_PX = 6
"""Radius of the disc that tells whose wrist it is."""


def error_table(errors: Mapping[str, TwoHandJointErrors], groups: Groups) -> str:
    """A row a group, a column a model: MPJPE (mm) / 2D error (% of box) / MRRPE (mm), "-" where nothing counts."""
    rows = []
    for name, chosen in groups.items():
        found = [model.of_hands(chosen) for model in errors.values()]
        cells = (f"{_n(f.mpjpe_mm)} / {_n(f.box_percent)} / {_n(f.mrrpe_mm)}" for f in found)
        rows.append([name, str(found[0].hands), *cells])
    heads = [f"{model}: MPJPE / 2D / MRRPE" for model in errors]
    return markdown_table(["hands", "number", *heads], rows)


def source_table(errors: TwoHandJointErrors, groups: Groups) -> str:
    """A row a group: MPJPE, the same with true depths and with true places, the wrists' error along each axis, and
    the share of hands drawn nearer to the other hand than to their own.
    """
    rows = []
    for name, chosen in groups.items():
        found = errors.of_hands(chosen)
        x, y, z = (_n(value) for value in found.between_mm)
        parts = (found.mpjpe_mm, found.true_depth_mm, found.true_2d_mm)
        rows.append([name, *(_n(p) for p in parts), f"{x} / {y} / {z}", _n(found.elsewhere_percent)])
    heads = [
        "hands",
        "MPJPE (mm)",
        "true depths",
        "true 2D",
        "wrist to wrist x / y / z (mm)",
        "on the other hand (%)",
    ]
    return markdown_table(heads, rows)


def worst_table(errors: TwoHandJointErrors, truth: TwoHandTruth, worst: Sequence[int]) -> str:
    """A row a crop: its name, what it shows, and its errors."""
    rows = []
    for i in worst:
        row = worst_row(errors, truth, i)
        rows.append([row["crop"], row["kind"], row["mpjpe"], row["2d"], row["mrrpe"]])
    heads = ["crop", "kind", "MPJPE right, left (mm)", "2D right, left (%)", "MRRPE (mm)"]
    return markdown_table(heads, rows)


def worst_row(errors: TwoHandJointErrors, truth: TwoHandTruth, index: int) -> dict[str, str]:
    """One crop as text: crop, kind, mpjpe and 2d of the right and the left hand, mrrpe; "-" for absent hands."""
    there = truth.is_hand[index]

    def means(values: np.ndarray) -> str:
        return ", ".join(f"{v.mean():.0f}" if t else "-" for v, t in zip(values[index], there, strict=True))

    place = f"{np.linalg.norm(errors.between_mm[index]):.0f}" if there.all() else "-"
    return {
        "crop": truth.names[index],
        "kind": truth.kinds[index],
        "mpjpe": means(errors.mpjpe_mm),
        "2d": means(errors.box_percent),
        "mrrpe": place,
    }


def _n(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "-"


def sheet(
    pictures: Sequence[np.ndarray],
    truth: TwoHandTruth,
    predictions: TwoHandPredictions,
    errors: TwoHandJointErrors,
    rows: Sequence[int],
) -> np.ndarray:
    """Three cells a crop, in the order of `rows` (indices into truth, predictions and errors). pictures: one a row,
    square, in px of the joints.
    """
    cells, texts = [], []
    for picture, i in zip(pictures, rows, strict=True):
        row = worst_row(errors, truth, i)
        shown = cv2.resize(picture, (CELL_PX, CELL_PX), interpolation=cv2.INTER_CUBIC)
        scale = CELL_PX / len(picture)
        cells.append(shown)
        for found in (truth, predictions):
            cells.append(_drawn(shown, found.joints_px[i], found.joints_m[i], truth.is_hand[i], scale))
        texts += [
            f"{row['crop']} {row['kind']}",
            "true",
            f"{row['mpjpe']} mm; {row['2d']} %; {row['mrrpe']} mm",
        ]
    return draw_sheet(cells, columns=COLUMNS, cell_px=CELL_PX, captions=texts)


def _drawn(
    picture: np.ndarray, joints_px: np.ndarray, joints_m: np.ndarray, is_hand: np.ndarray, scale: float
) -> np.ndarray:
    drawn, taken = picture.copy(), []
    for hand in np.flatnonzero(is_hand)[np.argsort(-joints_m[is_hand, :, 2].mean(axis=1))]:
        points = (joints_px[hand] + 0.5) * scale - 0.5
        draw_skeleton(drawn, points, find_drawable(points, joints_m[hand]))
        colour = [int(value) for value in hand_colour(hand)]
        cv2.circle(drawn, np.round(points[WRIST]).astype(int).tolist(), _WRIST_PX, colour, -1, cv2.LINE_AA)
        low, high = points.min(axis=0), points.max(axis=0)
        draw_label(drawn, HAND_SIDES[hand], (*low, *(high - low)), hand_colour(hand), taken)
    return drawn
