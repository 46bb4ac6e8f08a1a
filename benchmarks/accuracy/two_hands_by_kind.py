"""Which crops of two hands the models get wrong, and where the error comes from; on the frozen two-hand benchmark.

python -m benchmarks.accuracy.two_hands_by_kind [--weights dfl --weights auto ...] [--no-evidence] [--limit N]
[--worst 24 --sheet FILE].

Prints Markdown: errors by kind of pair, by how much of a hand is hidden, by how far the boxes overlap, and by side, a
column a model; for each model, what is left of the error with true depths or true places in the picture, and how wrong
the wrists stand to each other. A two-hand system sees each crop whole, a one-hand one each hand in a crop of its own,
"auto" is given the true boxes and sides. --no-evidence: without the landmark network's joints. --worst lists the crops
with the largest mean error of each model, --sheet also draws them, in FILE with the model added to its name.
"""

import argparse

import numpy as np

from benchmarks.shared.arguments import add_weights, add_worst, make_parser, one_line_errors, parse
from benchmarks.shared.two_hand_results import error_table, sheet, source_table, worst_table
from knuckle import weights
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.benchmarks.rendered import set_frames, split
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandJointErrors
from knuckle.evaluation.breakdown.two_hand_groups import hand_groups
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import run_frames
from knuckle.files import write_image
from knuckle.open_model import open_model
from knuckle.progress import show_progress
from knuckle.sets.reader import SynthSet
from knuckle.synth.benchmark import load_two_hand_benchmark
from knuckle.weights import AUTO


def main() -> None:
    parser = make_parser(__doc__)
    add_weights(parser, default="two-hand systems and auto")
    parser.add_argument("--limit", type=int, default=None, help="crops")
    add_worst(parser, "crops")
    options = parse(parser)
    with one_line_errors():
        report(options)


def report(options: argparse.Namespace) -> None:
    """Score, print and write what was asked for."""
    two = [name for name in weights.available() if weights.resolve(name)[1].hands == 2]
    models = [open_model(name, evidence=options.evidence) for name in options.weights or [*two, AUTO]]
    rendered = load_two_hand_benchmark()
    shown = split(rendered)[0][: options.limit]
    answers = [(model, *predict(model, rendered, shown)) for model in models]
    truth = answers[0][1]
    groups = hand_groups(truth, np.asarray(rendered.labels["visible"][shown], dtype=bool))
    errors = {model.name: TwoHandJointErrors.of(truth, predictions) for model, _, predictions in answers}
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
    model: EvaluatedModel, rendered: SynthSet, shown: np.ndarray
) -> tuple[TwoHandTruth, TwoHandPredictions]:
    """What a model says of the crops of a rendered set, beside their truth."""
    with show_progress(model.name, len(shown)) as advance:
        return run_frames(model.for_frames(), set_frames(rendered, shown), progress=advance)


if __name__ == "__main__":
    main()
