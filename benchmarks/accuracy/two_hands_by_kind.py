"""Which crops of two hands the models get wrong, and where the error comes from; on the frozen two-hand benchmark.

python -m benchmarks.accuracy.two_hands_by_kind [--weights dfl --weights auto ...] [--limit N] [--worst 24 --sheet
FILE]. Prints Markdown: errors by kind of pair, by how much of a hand is hidden, by how far the boxes overlap, and by
side, a column a model; for each model, what is left of the error with true depths or true places in the picture, and
how wrong the wrists stand to each other. A two-hand system sees each crop whole, a one-hand system each hand in a crop
of its own, "auto" is given the true boxes and sides. --worst lists the crops with the largest mean error of each
model, --sheet also draws them, in FILE with the model added to its name.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.shared.two_hand_sheet import sheet
from benchmarks.shared.two_hand_tables import error_table, source_table, worst_table

from knuckle import weights
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.frames import rendered_frames
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandErrors
from knuckle.evaluation.breakdown.two_hand_groups import hand_groups
from knuckle.evaluation.run_two_hands import hand_by_hand, run_frames, whole_frames
from knuckle.evaluation.two_hand_arrays import TwoHandPredictions, TwoHandTruth
from knuckle.files import write_image
from knuckle.inference.auto import AUTO
from knuckle.open_model import OpenedModel, open_model
from knuckle.progress import show_progress
from knuckle.sets.reader import SynthSet
from knuckle.synth.benchmark import load_two_hand_benchmark


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights",
        action="append",
        default=None,
        help="a model's name, auto, an .onnx or a .safetensors file; repeatable; default: two-hand systems and auto",
    )
    parser.add_argument("--limit", type=int, default=None, help="crops")
    parser.add_argument("--worst", type=int, default=0, help="how many of the worst crops are listed")
    parser.add_argument("--sheet", type=Path, default=None, help="where they are drawn (.jpg or .png)")
    options = parser.parse_args()
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit: expected at least 1 crop, got {options.limit}")
    if options.sheet and options.worst < 1:
        parser.error("--sheet: expected --worst N beside it")
    try:
        report(options)
    except KnuckleError as error:
        raise SystemExit(f"error: {error}") from error


def report(options: argparse.Namespace) -> None:
    """Score, print and write what was asked for."""
    two = [name for name in weights.available() if weights.find(name)[1].hands == 2]
    models = [open_model(name) for name in options.weights or [*two, AUTO]]
    rendered = load_two_hand_benchmark()
    shown = np.flatnonzero(np.asarray(rendered.labels["is_hand"], dtype=bool).any(axis=1))[: options.limit]
    answers = [(model, *predict(model, rendered, shown)) for model in models]
    truth = answers[0][1]
    groups = hand_groups(truth, np.asarray(rendered.labels["visible"][shown], dtype=bool))
    errors = {model.name: TwoHandErrors.of(truth, predictions) for model, _, predictions in answers}
    print(error_table(errors, groups))
    for name, found in errors.items():
        print(f"\n{name}: where the error comes from\n\n{source_table(found, groups)}")
    for model, _, predictions in answers if options.worst else ():
        found = errors[model.name]
        worst = found.worst(options.worst)
        print(f"\n{model.name}: the worst {len(worst)} crops\n\n{worst_table(found, truth, worst)}")
        if options.sheet:
            path = options.sheet.with_stem(f"{options.sheet.stem}-{model.name}")
            pictures = [np.asarray(rendered.images[i]) for i in shown[worst]]
            write_image(path, sheet(pictures, truth, predictions, found, worst))


def predict(
    model: OpenedModel, rendered: SynthSet, shown: Sequence[int] | np.ndarray
) -> tuple[TwoHandTruth, TwoHandPredictions]:
    """What a model says of the crops of a rendered set, beside their truth."""
    frames = model.frames
    if frames is None:
        show = whole_frames if model.hands == 2 else hand_by_hand
        frames = show(model.predict, size=model.size, expand=model.expand)
    with show_progress(model.name, len(shown)) as advance:
        return run_frames(frames, rendered_frames(rendered, np.asarray(shown)), progress=advance)


if __name__ == "__main__":
    main()
