"""Finger-level silhouettes beside the true ones (HandAR, Fig 8): how a mesh lies on the picture, finger by finger.

python -m benchmarks.accuracy.finger_silhouettes [--weights handar] [--hands 4] [--out docs/finger-silhouettes.jpg].
Rendered hands of the frozen benchmark, evenly taken: the crop, the regions (palm and five fingers) of the true mesh, of
the mesh of the rig as `knuckle estimate` fits it, and of the network's own mesh (`mesh="network"`), each drawn with
224x224 px into the crop that the model saw. Below each mesh its mIoU over palm, fingers and background and its mean
Hausdorff distance over palm and fingers, both of this hand alone.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.shared.arguments import make_parser, one_line_errors
from knuckle.datasets.labelled import Patch
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.metrics.alignment import confusion, hausdorff_px, mean_iou
from knuckle.evaluation.metrics.silhouettes import REGIONS, LabelledFaces, labelled_faces, region_map
from knuckle.evaluation.protocols.alignment import SIZE
from knuckle.files import write_image
from knuckle.open_model import open_model
from knuckle.rig.load import load_rig
from knuckle.view.palette import FINGER_COLOURS
from knuckle.view.sheet import draw_sheet

AMONG = 200
"""The first hands of the benchmark, of which the shown ones are evenly taken."""
WAYS = {"rig": True, "network": False}
_CELL_PX = 146
_COLOURS = np.concatenate([[[0, 0, 0], [205, 205, 200]], FINGER_COLOURS]).astype(float)
_OPACITY = 0.72


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", default="handar", help="a one-hand model")
    parser.add_argument("--hands", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("docs/finger-silhouettes.jpg"))
    options = parser.parse_args()
    with one_line_errors():
        write_image(options.out, sheet(options.weights, options.hands))
    print(f"wrote {options.out}")


def sheet(weights: str, count: int) -> UInt8[np.ndarray, "h w 3"]:
    """A row a hand: the crop, the true regions, and those of each mesh."""
    benchmark = next(b for b in open_benchmarks("synthetic", limit=AMONG) if isinstance(b, Benchmark))
    mesh = labelled_faces(load_rig("open"))
    models = {way: open_model(weights, refine=refine) for way, refine in WAYS.items()}
    (size, expand) = next((model.size, model.expand) for model in models.values())
    patches = chosen(benchmark, size, expand, count)
    answers = {way: model.for_single_hands()(patches)["vertices_m"] for way, model in models.items()}
    cells, captions = [], []
    for i, patch in enumerate(patches):
        picture = cv2.resize(patch.pixels, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        true = drawn(patch.vertices_m, patch, mesh)
        cells += [picture, painted(picture, true)]
        captions += ["crop", "true mesh"]
        for way, vertices_m in answers.items():
            found = drawn(vertices_m[i], patch, mesh)
            cells.append(painted(picture, found))
            captions.append(f"{way}: {scores(true, found)}")
    return draw_sheet(cells, columns=2 + len(WAYS), cell_px=_CELL_PX, gap_px=5, captions=captions)


def chosen(benchmark: Benchmark, size: int, expand: float, count: int) -> list[Patch]:
    """Hands of the benchmark, evenly taken."""
    rows = set(np.linspace(0, len(benchmark) - 1, count).round().astype(int).tolist())
    patches = islice(benchmark.patches(size, expand), len(benchmark))
    return [patch for i, patch in enumerate(patches) if i in rows]


def drawn(vertices_m: np.ndarray | None, patch: Patch, mesh: LabelledFaces) -> UInt8[np.ndarray, "S S"]:
    """The regions of a mesh in a patch's crop."""
    assert vertices_m is not None
    return region_map(vertices_m, mesh, patch.crop, patch.camera, size=SIZE)


def painted(picture: UInt8[np.ndarray, "S S 3"], regions: UInt8[np.ndarray, "S S"]) -> np.ndarray:
    """The regions in the colours of the fingers over the picture."""
    shown = (regions > 0)[..., None] * _OPACITY
    return (picture * (1 - shown) + _COLOURS[regions] * shown).round().astype(np.uint8)


def scores(true: UInt8[np.ndarray, "S S"], found: UInt8[np.ndarray, "S S"]) -> str:
    """mIoU and Hausdorff distance of one hand's regions."""
    distances: Sequence[float] = [hausdorff_px(true == r, found == r) for r in range(1, len(REGIONS))]
    table = confusion(true, found, len(REGIONS))
    return f"{100 * mean_iou(table):.0f} %, {np.nanmean(distances):.0f} px"


if __name__ == "__main__":
    main()
