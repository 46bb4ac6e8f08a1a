"""How often each sign of the four fingers is shown, in photographs and in rendered sets: what training hands lack.

python -m benchmarks.accuracy.signs [--data eval-dev --data synthetic --data FOLDER ...]. Counts true joints; no model
runs. Sources of fewer than 20 hands are left out.
"""

from collections import Counter

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.tables import plain_table
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.breakdown.pose_classes import signs, view_classes
from knuckle.evaluation.protocols import handgraph

_PATCH_PX = 8
_WHOLE = ("none", "all", "between")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--data", action="append", default=None, help="as `knuckle evaluate` takes it; repeatable"
    )
    options = parser.parse_args()
    with one_line_errors():
        found = [
            benchmark for data in options.data or ["eval-dev", "synthetic"] for benchmark in _large(data)
        ]
        Console(width=160).print(table([(b.name, joints(b)) for b in found]))


def joints(benchmark: Benchmark) -> np.ndarray:
    """True joints (N, 21, 3) of the hands that have all of them."""
    labels = (patch.joints_m for patch in benchmark.patches(_PATCH_PX, 1.5))
    return np.stack([label for label in labels if label is not None and np.isfinite(label).all()])


def table(sets: list[tuple[str, np.ndarray]]) -> Table:
    """A row a sign, its share of each set in %, and the signs that show some fingers straight and some curled: in all,
    and not from the palm.
    """
    found = [(signs(hands), view_classes(hands)) for _, hands in sets]
    counts = [Counter(names) for names, _ in found]
    result = plain_table(("straight fingers", *(f"{name} (%)" for name, _ in sets)))
    for name in sorted(set().union(*counts), key=lambda name: (-counts[0][name], name)):
        result.add_row(name, *(_share(c[name], c.total()) for c in counts))
    mixed = [[view for name, view in zip(*pair, strict=True) if name not in _WHOLE] for pair in found]
    off_palm = [sum(view != "palm" for view in views) for views in mixed]
    for title, rows in (("some of them", [len(m) for m in mixed]), ("some, not from the palm", off_palm)):
        result.add_row(title, *(_share(n, c.total()) for n, c in zip(rows, counts, strict=True)))
    return result


def _large(data: str) -> list[Benchmark]:
    return [b for b in open_benchmarks(data) if isinstance(b, Benchmark) and len(b) >= handgraph.FEW]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}"


if __name__ == "__main__":
    main()
