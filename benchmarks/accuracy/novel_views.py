"""Estimated hands from views that no camera had, beside their confidence (DaHyF, Fig 5).

python -m benchmarks.accuracy.novel_views [--weights dahyf] [--hands 4] [--out docs/novel-views.jpg]. Rendered hands of
the frozen benchmark, evenly taken from the whole, and one of its crops without a hand: the crop, the mesh over it, and
the mesh and the true one (grey) from the side and from above, turned about the middle of their joints by 90 degrees.
Below: the calibrated confidence with the hand's state, and the PA-MPJPE. Box and side are given; of a crop without a
hand the box is its middle half.
"""

from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.accuracy.finger_silhouettes import chosen
from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.crop_hands import crop_hand
from knuckle.datasets.labelled import Patch
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.metrics.joints import procrustes_errors
from knuckle.files import write_image
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import apply_affine, invert_affine
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.estimate import BoxedHands, predict
from knuckle.rig.rotations import rodrigues
from knuckle.view.overlay import draw_hands
from knuckle.view.palette import HAND_COLOURS
from knuckle.view.shading import Mesh, draw_layer, find_window
from knuckle.view.sheet import draw_sheet

PX = 224
EXPAND = 1.5
VIEWS = {"side": (0.0, np.pi / 2, 0.0), "above": (np.pi / 2, 0.0, 0.0)}
"""Axis-angle by which a mesh is turned."""
_EMPTY = 1
_CELL_PX = 136
_PAPER, _TRUE = 255, np.array([150, 150, 150])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", default="dahyf", help="a one-hand model")
    parser.add_argument("--hands", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("docs/novel-views.jpg"))
    options = parser.parse_args()
    with one_line_errors():
        write_image(options.out, sheet(open_predictor(options.weights, threads=1), options.hands))
    print(f"wrote {options.out}")


def sheet(predictor: AnyPredictor, count: int) -> UInt8[np.ndarray, "h w 3"]:
    """A row a crop: as it is, the mesh over it, and both meshes from each view."""
    benchmark = next(b for b in open_benchmarks("synthetic") if isinstance(b, Benchmark))
    assert benchmark.others is not None
    cells, captions = [], []
    patches = chosen(benchmark, PX, EXPAND, count) + list(islice(benchmark.others(PX, EXPAND), _EMPTY))
    for patch in patches:
        hands = estimated(predictor, patch)
        hand = hands[0]
        cells += [patch.pixels, draw_hands(patch.pixels, hands, labels=False)]
        captions += [said(patch), f"{hand.confidence:.2f} {hand.state}{error(patch, hands)}"]
        for name, turn in VIEWS.items():
            camera = hands.camera
            about = hand.joints_m.mean(0)
            cells.append(seen(turned(hand.vertices_m, about, turn), camera, hands.faces, HAND_COLOURS[0]))
            captions.append(name)
            if patch.vertices_m is None or patch.joints_m is None:
                cells.append(np.full((PX, PX, 3), _PAPER, np.uint8))
                captions.append("no hand")
                continue
            # Where the estimate stands, so that distances compare.
            true = patch.vertices_m - patch.joints_m.mean(0) + about
            cells.append(seen(turned(true, about, turn), camera, hands.faces, _TRUE))
            captions.append(f"{name}, true")
    return draw_sheet(cells, columns=2 + 2 * len(VIEWS), cell_px=_CELL_PX, gap_px=4, captions=captions)


def estimated(predictor: AnyPredictor, patch: Patch) -> Hands:
    """The hand of a patch that is a picture of its own."""
    if patch.joints_px is not None:
        hand = crop_hand(patch, "")
        return predict(predictor, patch.pixels, BoxedHands(hand.box_px[None], ("right",), None), hand.camera)
    fx, fy, cx, cy = (float(v) for v in patch.camera)
    in_patch = invert_affine(patch.frame_from_patch)
    scale = float(in_patch[0, 0])
    (u, v) = apply_affine(in_patch, np.array([[cx, cy]]))[0].tolist()
    camera = Camera(fx * scale, fy * scale, u, v, PX, PX)
    middle = np.array([[PX / 4, PX / 4, PX / 2, PX / 2]])
    return predict(predictor, patch.pixels, BoxedHands(middle, ("right",), None), camera)


def turned(
    vertices_m: Float[np.ndarray, "V 3"],
    about_m: Float[np.ndarray, "3"],
    axis_angle: tuple[float, float, float],
) -> Float[np.ndarray, "V 3"]:
    """A mesh turned about a point."""
    return (vertices_m - about_m) @ rodrigues(np.array(axis_angle)).T + about_m


def seen(
    vertices_m: Float[np.ndarray, "V 3"], camera: Camera, faces: np.ndarray, colour: np.ndarray
) -> UInt8[np.ndarray, "S S 3"]:
    """A mesh alone on white, brought before the middle of the picture."""
    centre = vertices_m.mean(0)
    ahead = np.array([(PX / 2 - camera.cx) / camera.fx, (PX / 2 - camera.cy) / camera.fy, 1.0]) * centre[2]
    mesh = Mesh(vertices_m - centre + ahead, faces, colour)
    picture = np.full((PX, PX, 3), _PAPER, np.uint8)
    window = find_window(mesh, camera)
    if window is None:
        return picture
    layer = draw_layer([mesh], camera, window).astype(float)
    part = picture[window.top : window.top + window.height, window.left : window.left + window.width]
    part[:] = np.minimum(part * (1 - layer[..., 3:] / 255) + layer[..., :3], 255).astype(np.uint8)
    return picture


def said(patch: Patch) -> str:
    """What a crop shows."""
    return "crop" if patch.joints_m is not None else "crop without a hand"


def error(patch: Patch, hands: Hands) -> str:
    """PA-MPJPE, as the caption has it."""
    if patch.joints_m is None:
        return ""
    return f", {1000 * float(procrustes_errors(patch.joints_m[None], hands.joints_m).mean()):.0f} mm"


if __name__ == "__main__":
    main()
