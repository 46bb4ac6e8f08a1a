"""The photographs with both hands labelled, hand by hand: what each model says of them.

KNUCKLE_DATA=FOLDER python -m benchmarks.accuracy.two_hand_photos [--weights dfl --weights auto ...] [--sheet FILE].
Prints Markdown, a row a hand and model: 2D error (% of the hand's box), MPJPE after its own wrist at that wrist's true
depth, and how far off the left wrist is, seen from the right one. "auto" is given the true boxes and sides, a two-hand
system sees one crop of both. --sheet draws photograph, truth and answer, in FILE with the model added to its name.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.shared.two_hand_sheet import sheet

from knuckle.datasets.eval_dev import read_eval_dev
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.frames import photo_frames, photo_pairs, tight_box
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandErrors
from knuckle.evaluation.run_two_hands import hand_by_hand, run_frames, whole_frames
from knuckle.evaluation.two_hand_arrays import TwoHandPredictions, TwoHandTruth
from knuckle.files import write_image
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.open_model import open_model
from knuckle.weights import AUTO

_SIDES = ("right", "left")
_CELL_PX, _EXPAND = 640, 1.6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights", action="append", help="a model's name; repeatable; default: dfl and auto"
    )
    parser.add_argument("--sheet", type=Path, default=None)
    options = parser.parse_args()
    try:
        compare(options.weights or ["dfl", AUTO], options.sheet)
    except KnuckleError as error:
        raise SystemExit(f"error: {error}") from error


def compare(names: list[str], sheet_path: Path | None) -> None:
    """Print the table of all models, and draw their sheets where asked."""
    if "KNUCKLE_DATA" not in os.environ:
        raise KnuckleError("expected KNUCKLE_DATA to name the folder that holds eval-dev, got nothing")
    pairs = photo_pairs(read_eval_dev(Path(os.environ["KNUCKLE_DATA"]) / "eval-dev"))
    frames = list(photo_frames(pairs))
    print("| photograph | hand | model | 2D (% of box) | MPJPE (mm) | between the wrists (mm) |")
    print("|---|---|---|---|---|---|")
    for name in names:
        model = open_model(name)
        show = whole_frames if model.hands == 2 else hand_by_hand
        predictor = model.frames or show(model.predict, size=model.size, expand=model.expand)
        truth, predictions = run_frames(predictor, frames)
        errors = TwoHandErrors.of(truth, predictions)
        for i, frame in enumerate(frames):
            for hand, side in enumerate(_SIDES):
                figures = (errors.box_percent[i, hand].mean(), errors.mpjpe_mm[i, hand].mean())
                between = np.linalg.norm(errors.between_mm[i]) if hand else np.nan
                cells = (*(f"{value:.1f}" for value in figures), f"{between:.1f}" if hand else "")
                print(f"| {frame.kind} | {side} | {model.name} | {' | '.join(cells)} |")
        if sheet_path:
            path = sheet_path.with_stem(f"{sheet_path.stem}-{model.name}")
            write_image(path, drawn(truth, predictions, errors, [frame.picture for frame in frames]))


def drawn(
    truth: TwoHandTruth, predictions: TwoHandPredictions, errors: TwoHandErrors, pictures: list[np.ndarray]
) -> np.ndarray:
    """The sheet, of squares round both hands."""
    crops = [Crop.from_box(tight_box(px), _CELL_PX, expand=_EXPAND) for px in truth.joints_px]

    def placed(joints_px: np.ndarray) -> np.ndarray:
        rows = zip(crops, joints_px, strict=True)
        return np.stack([apply_affine(crop.patch_from_frame, hands) for crop, hands in rows])

    return sheet(
        [crop.warp(picture) for crop, picture in zip(crops, pictures, strict=True)],
        replace(truth, joints_px=placed(truth.joints_px)),
        replace(predictions, joints_px=placed(predictions.joints_px)),
        errors,
        range(len(pictures)),
    )


if __name__ == "__main__":
    main()
