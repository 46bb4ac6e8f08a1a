"""What the 8-bit networks cost in accuracy: the float and the 8-bit files of DaHyF-photo and the landmark network.

python -m benchmarks.accuracy.int8 [--data eval-dev | synthetic] [--limit N]. Boxes and sides from the ground truth, the
protocols of `knuckle evaluate`.
"""

from functools import partial

from benchmarks.shared.arguments import make_parser
from knuckle import open_model
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.run import evaluate
from knuckle.inference.detection import evidence
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.weights import INT8_FOLDER

HEADLINES = ("PA-MPJPE", "MPJPE", "2D error", "confidence ROC-AUC")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--data", choices=("eval-dev", "synthetic"), default="eval-dev")
    parser.add_argument("--limit", type=int, default=None)
    options = parser.parse_args()
    benchmark = open_benchmarks(options.data, limit=options.limit)[0]
    for name, weights, int8 in (
        ("float", "dahyf-photo", False),
        ("8-bit DaHyF", str(INT8_FOLDER / "dahyf-photo.onnx"), False),
        ("8-bit landmark network", "dahyf-photo", True),
        ("both 8-bit", str(INT8_FOLDER / "dahyf-photo.onnx"), True),
    ):
        for module in (open_model, evidence):
            vars(module)["landmark_network"] = partial(landmark_network, int8=int8)
        report = evaluate(open_model.open_model(weights), benchmark)
        shown = [
            f"{each.name} {each.value:.2f} {each.unit}" for each in report.scores if each.name in HEADLINES
        ]
        print(f"{benchmark.name}, {name}: {', '.join(shown)}", flush=True)


if __name__ == "__main__":
    main()
