"""The photographs with both hands labelled, hand by hand: what each model says of them.

KNUCKLE_DATA=FOLDER python -m benchmarks.accuracy.two_hand_photos [--weights dfl --weights auto ...] [--sheet FILE].
Prints Markdown, a row a hand and model: 2D error (% of the hand's box), MPJPE after its own wrist at that wrist's true
depth, and how far off the left wrist is, seen from the right one. "auto" is given the true boxes and sides, a two-hand
system sees one crop of both. --sheet draws photograph, truth and answer, in FILE with the model added to its name.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import add_weights, make_parser, one_line_errors, parse
from benchmarks.shared.photographs import labelled_photographs
from benchmarks.shared.tables import markdown_table
from benchmarks.shared.two_hand_results import sheet
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.benchmarks.two_hands import photo_frames, photo_pairs
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandJointErrors
from knuckle.evaluation.frames import tight_box
from knuckle.evaluation.run import run_frames
from knuckle.files import write_image
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.open_model import open_model
from knuckle.skeleton import HAND_SIDES
from knuckle.weights import AUTO

HEADINGS = ("photograph", "hand", "model", "2D (% of box)", "MPJPE (mm)", "between the wrists (mm)")
_CELL_PX, _EXPAND = 640, 1.6


def main() -> None:
    parser = make_parser(__doc__)
    add_weights(parser, default="dfl and auto")
    parser.add_argument("--sheet", type=Path, default=None)
    options = parse(parser)
    with one_line_errors():
        compare(options.weights or ["dfl", AUTO], options.sheet, evidence=options.evidence)


def compare(names: list[str], sheet_path: Path | None, *, evidence: bool = True) -> None:
    """Print the table of all models, and draw their sheets where asked."""
    frames, rows = list(photo_frames(photo_pairs(labelled_photographs()))), []
    for name in names:
        model = open_model(name, evidence=evidence)
        truth, predictions = run_frames(model.for_frames(), frames)
        errors = TwoHandJointErrors.of(truth, predictions)
        for i, frame in enumerate(frames):
            for hand, side in enumerate(HAND_SIDES):
                figures = (errors.box_percent[i, hand].mean(), errors.mpjpe_mm[i, hand].mean())
                between = np.linalg.norm(errors.between_mm[i]) if hand else np.nan
                cells = (*(f"{value:.1f}" for value in figures), f"{between:.1f}" if hand else "")
                rows.append((frame.kind, side, model.name, *cells))
        if sheet_path:
            path = sheet_path.with_stem(f"{sheet_path.stem}-{model.name}")
            write_image(path, drawn(truth, predictions, errors, [frame.picture for frame in frames]))
    print(markdown_table(HEADINGS, rows))


def drawn(
    truth: TwoHandTruth,
    predictions: TwoHandPredictions,
    errors: TwoHandJointErrors,
    pictures: list[np.ndarray],
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
