"""EgoDexter for `knuckle data`; the layout is in `knuckle.datasets.egodexter`. To score on, not to train on."""

from pathlib import Path

import numpy as np

from knuckle.datasets import egodexter
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError

_SAME_PLACE_PX = 5.0


def check(folder: Path, *, decode: bool = False) -> Report:
    """Every sequence: its pictures, its lines, tips that cannot be, and tips whose px and mm disagree."""
    report, top = Report("EgoDexter"), egodexter.top_folder(folder)
    annotated = 0
    for sequence in egodexter.SEQUENCES:
        pictures = egodexter.pictures_of(top, sequence)
        tips_mm = _points(report, top, f"{sequence}/{egodexter.LABELS_3D}", 3, optional="")
        tips_px = _points(
            report, top, f"{sequence}/{egodexter.LABELS_2D}", 2, optional="comparison of px and mm"
        )
        lines = 0 if tips_mm is None else len(tips_mm)
        report.add(f"{sequence}/color/*.png", len(pictures), max(lines, 1))
        report.add_pictures(top, pictures, decode=decode, what=f"damaged pictures of {sequence}")
        if tips_mm is None:
            continue
        if len(pictures) > lines:
            report.faults.append(
                f"{sequence}: {len(pictures)} pictures, {lines} lines in {egodexter.LABELS_3D}: which line is of which"
                " picture cannot be told"
            )
        annotated += int(np.isfinite(tips_mm).all(-1).any(-1).sum())
        behind = np.nan_to_num(egodexter.to_colour(tips_mm)[..., 2], nan=1.0) <= 0
        report.add_faults(
            f"lines of {sequence}/{egodexter.LABELS_3D} with a tip behind the camera",
            (str(row + 1) for row in np.flatnonzero(behind.any(-1))),
        )
        if tips_px is not None:
            _compare(report, sequence, tips_mm, tips_px)
    if annotated:
        report.notes.append(f"{annotated} pictures with a tip or more (published: {egodexter.ANNOTATED})")
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the sequences that are there; a box is the square that models are shown, before it is made larger."""
    top = egodexter.top_folder(folder)
    there = tuple(name for name in egodexter.SEQUENCES if (top / name / egodexter.LABELS_3D).is_file())
    hands = egodexter.read_egodexter(folder, sequences=there or egodexter.SEQUENCES)
    return [hands[number] for number in spread(len(hands), count)]


def _points(report: Report, top: Path, name: str, last: int, *, optional: str) -> np.ndarray | None:
    if not report.add_file(top, name, optional=optional):
        return None
    try:
        return egodexter.read_points(top / name, last)
    except KnuckleError as error:
        report.faults.append(str(error))
        return None


def _compare(report: Report, sequence: str, tips_mm: np.ndarray, tips_px: np.ndarray) -> None:
    """Say where mm and px, both of the depth camera, do not meet; the data set is known to have some wrong labels."""
    if len(tips_mm) != len(tips_px):
        report.faults.append(
            f"{sequence}: {len(tips_px)} lines in {egodexter.LABELS_2D}, {len(tips_mm)} in {egodexter.LABELS_3D}"
        )
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.linalg.norm(egodexter.DEPTH_CAMERA.project(tips_mm) - tips_px, axis=-1)
    both, off = int(np.isfinite(apart).sum()), np.nan_to_num(apart) > _SAME_PLACE_PX
    if both and off.sum() > both / 2:
        report.faults.append(
            f"{sequence}: {int(off.sum())} of {both} tips in mm are more than {_SAME_PLACE_PX:.0f} px from those in px:"
            " of another camera or unit"
        )
    elif off.any():
        report.add_notes(
            f"lines of {sequence} whose mm and px are more than {_SAME_PLACE_PX:.0f} px apart",
            (str(row + 1) for row in np.flatnonzero(off.any(-1))),
        )
