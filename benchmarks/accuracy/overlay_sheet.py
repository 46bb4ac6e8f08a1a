"""A contact sheet of real photographs: every installed model's mesh over the same 24 hands, with its errors.

python -m benchmarks.accuracy.overlay_sheet [--models dahyf ...] [--out out/overlays.png], with KNUCKLE_DATA naming the
folder that holds `eval-dev`. Each block is the crop, then each model as `knuckle estimate` runs it, boxes and sides
from the ground truth; the choice of photographs is fixed. They are licensed for research only, and so is the sheet:
keep it to yourself (out/ is not under version control).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.photographs import labelled_photographs
from knuckle import weights
from knuckle.datasets.eval_dev import by_source
from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.metrics.joints import box_errors, procrustes_errors
from knuckle.evaluation.protocols import handgraph
from knuckle.files import write_image
from knuckle.geometry.crop import Crop
from knuckle.hands import HandPredictor, Hands
from knuckle.inference.auto import open_predictor
from knuckle.view.close_up import draw_close_up
from knuckle.view.overlay import draw_hands
from knuckle.view.sheet import draw_sheet

COUNT = 24
FROM_OTHERS = 2
"""Hands of each source but the large recording."""

CELL_PX, WIDTH_CELLS = 320, 8
EXPAND = 1.5


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--models", nargs="+", default=None, help="names or .onnx files; default: all installed"
    )
    parser.add_argument("--out", type=Path, default=Path("out/overlays.png"))
    options = parser.parse_args()
    with one_line_errors():
        models = options.models or list(weights.available())
        predictors = [open_predictor(model, threads=1) for model in models]
        hands = choose(labelled_photographs())
        write_image(options.out, sheet(hands, predictors))
    print(
        f"{options.out}: {len(hands)} hands by {', '.join(models)}. Photographs for research only: do not pass them on."
    )


def choose(hands: list[LabelledHand]) -> list[LabelledHand]:
    """COUNT hands, the same ones every time: a few of each source, the rest evenly out of the recording."""
    groups = by_source(hands)
    recording = groups.pop(handgraph.SOURCE, [])
    others = [hand for group in groups.values() for hand in group[:FROM_OTHERS]][:COUNT]
    places = np.linspace(0, len(recording) - 1, min(COUNT - len(others), len(recording))).round()
    return [recording[int(place)] for place in places] + others


def sheet(hands: Sequence[LabelledHand], predictors: Sequence[HandPredictor]) -> np.ndarray:
    """Blocks of crop and models, a few blocks a row."""
    cells, captions = [], []
    for hand in hands:
        photo = hand.read()
        window = Crop.from_box(hand.box_px, CELL_PX, expand=EXPAND)
        results = [predictor(photo, hand.box_px[None], (hand.side,), hand.camera) for predictor in predictors]
        cells.append(window.warp(photo))
        captions.append(f"{hand.name}, {hand.side}")
        for result in results:
            cells.append(draw_hands(*draw_close_up(photo, result, window), labels=False))
            captions.append(f"{result.model.removesuffix('-lite')}  {errors(hand, result)}")
    block = 1 + len(predictors)
    return draw_sheet(cells, columns=block * max(1, WIDTH_CELLS // block), cell_px=CELL_PX, captions=captions)


def errors(hand: LabelledHand, result: Hands) -> str:
    """PA-MPJPE where joints are labelled in metres, and the 2D error in % of the box, as the protocols define them."""
    parts = []
    if hand.joints_m is not None:
        aligned = procrustes_errors(hand.joints_m[None], result.joints_m)
        parts.append(f"PA {1000 * np.nanmean(aligned):.1f} mm")
    if hand.joints_px is not None:
        parts.append(f"2D {100 * np.nanmean(box_errors(hand.joints_px[None], result.joints_px)):.1f} %")
    return ", ".join(parts)


if __name__ == "__main__":
    main()
