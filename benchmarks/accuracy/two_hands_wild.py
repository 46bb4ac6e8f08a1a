"""Hands that touch, in whole pictures under any light, as DFL's Fig 5 shows RGB2Hands and HIC: what systems make of
them.

python -m benchmarks.accuracy.two_hands_wild [--data HIC|RGB2HANDS] [--model dahyf --model dfl --model auto] [--rows 3]
[--backgrounds auto|procedural] [--out docs/two-hands-wild.jpg]. A row a picture: the part with both hands, the mesh and
joints of every model over it, and the last model's two hands from the side and from above, where they stand to each
other. The first model stands where the paper has DIGIT: "dahyf" sees each hand by itself. Below, the 2D error of
both hands in % of their boxes; boxes and sides are given.

--data: the paper's own pictures, of whoever has them, evenly taken from those that show both hands; a sheet of them is
to be kept as their licence says. Without it scenes of seed 2301 that show a pair of hands: no studio, but rendered
(`docs/scenes.md`), before photographs where KNUCKLE_DATA has backgrounds.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import UInt8

from benchmarks.accuracy.novel_views import VIEWS, turned
from benchmarks.shared.arguments import make_parser, one_line_errors
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame, tight_box
from knuckle.evaluation.metrics.joints import box_errors
from knuckle.files import write_image
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.hands import Hands
from knuckle.inference.auto import open_predictor
from knuckle.inference.estimate import BoxedHands, predict
from knuckle.skeleton import HAND_SIDES
from knuckle.synth.benchmark import TWO_HANDS
from knuckle.synth.options import BackgroundKind
from knuckle.synth.pairs.frozen import lay_pairs
from knuckle.synth.scenes.engine import SceneEngine
from knuckle.synth.scenes.writer import POOL
from knuckle.view.close_up import draw_close_up
from knuckle.view.overlay import draw_hands
from knuckle.view.palette import HAND_COLOURS
from knuckle.view.shading import Mesh, draw_layer, find_window
from knuckle.view.sheet import draw_sheet

SEED = 2301
AMONG = 60
"""The first pictures of a data set, of which the shown ones are evenly taken."""
PX, _CELL_PX = 256, 150
_EXPAND = 1.5
_LEAST_VISIBLE, _LEAST_PX, _LEAST_LIGHT = 0.35, 60, 50
"""Share of a hand that shows, longer side of its box, mean grey level of the part shown: what a reader can judge."""
_PAPER = 255
_FILLED = 0.75
"""Share of a cell that a view of both hands fills."""
_FOCAL_PX = 2000.0
"""Of the camera that sees both hands from elsewhere: hardly any perspective."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--data", default=None, help="a folder of HIC or RGB2Hands")
    parser.add_argument("--model", action="append", default=None, help="any model or auto; repeatable")
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--backgrounds", choices=("auto", "procedural"), default="auto")
    parser.add_argument("--out", type=Path, default=Path("docs/two-hands-wild.jpg"))
    options = parser.parse_args()
    with one_line_errors():
        if options.rows < 1:
            raise KnuckleError(f"--rows: expected at least 1, got {options.rows}")
        if options.data is None:
            frames = list(islice(scenes(options.backgrounds), options.rows))
        else:
            frames = of_data(options.data, options.rows)
        write_image(options.out, sheet(frames, options.model or ["dahyf", "dfl", "auto"]))
    print(f"wrote {options.out}")


def of_data(folder: str, count: int) -> list[TwoHandFrame]:
    """Pictures of both hands, evenly taken."""
    found = [b for b in open_benchmarks(folder, limit=AMONG) if isinstance(b, TwoHandBenchmark)]
    if not found:
        raise KnuckleError(
            f"{folder}: expected pictures of two hands, such as HIC's or RGB2Hands', got others"
        )
    frames = [frame for frame in found[0].frames() if frame.is_hand.all()]
    if not frames:
        raise KnuckleError(f"{folder}: expected a picture of both hands among the first {AMONG}, got none")
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[place] for place in places]


def scenes(backgrounds: BackgroundKind) -> Iterator[TwoHandFrame]:
    """Scenes whose two hands are large, lit and not hidden, one after another."""
    with TemporaryDirectory() as folder:
        assert TWO_HANDS.pairs is not None
        # A solver of contacts ends elsewhere on another CPU: the pairs are those of the frozen benchmark.
        lay_pairs(TWO_HANDS.pairs, Path(folder) / POOL)
        engine = SceneEngine(SEED, backgrounds=backgrounds, only="pair", folder=Path(folder) / POOL)
        # Environments are free of rights (CC0). Patches of photographs may show somebody.
        engine.backgrounds.patches.clear()
        for number in range(AMONG):
            picture = engine.picture(number)
            by_side = {hand.side: hand for hand in picture.hands}
            if len(picture.hands) != 2 or len(by_side) != 2:
                continue
            hands = [by_side[side] for side in HAND_SIDES]
            frame = TwoHandFrame(
                name=f"scene {number}",
                picture=picture.image,
                camera=picture.camera,
                is_hand=np.ones(2, bool),
                joints_px=np.stack([hand.joints_px for hand in hands]),
                joints_m=np.full((2, 21, 3), np.nan),
                kind="rendered",
            )
            large = min(hand.box_px[2:].max() for hand in hands) >= _LEAST_PX
            shown = min(min(hand.visible, hand.inside) for hand in hands) >= _LEAST_VISIBLE
            if large and shown and window_of(frame).warp(frame.picture).mean() >= _LEAST_LIGHT:
                yield frame


def sheet(frames: Sequence[TwoHandFrame], names: Sequence[str]) -> UInt8[np.ndarray, "h w 3"]:
    """A row a picture."""
    predictors = [open_predictor(name, threads=1) for name in names]
    cells, captions = [], []
    for frame in frames:
        window = window_of(frame)
        cells.append(window.warp(frame.picture))
        captions.append(frame.kind)
        hands: Hands | None = None
        for name, predictor in zip(names, predictors, strict=True):
            boxes = np.stack([tight_box(joints) for joints in frame.joints_px])
            given = BoxedHands(boxes, HAND_SIDES, None)
            hands = predict(predictor, frame.picture, given, frame.camera)
            cells.append(draw_hands(*draw_close_up(frame.picture, hands, window), labels=False))
            errors = box_errors(frame.joints_px, hands.joints_px)
            captions.append(f"{name}: {100 * np.nanmean(errors):.0f} %")
        assert hands is not None
        for view, turn in VIEWS.items():
            cells.append(both(hands, turn))
            captions.append(f"{names[-1]}, {view}")
    return draw_sheet(
        cells, columns=1 + len(names) + len(VIEWS), cell_px=_CELL_PX, gap_px=4, captions=captions
    )


def window_of(frame: TwoHandFrame) -> Crop:
    """The square round both hands."""
    return Crop.from_box(tight_box(frame.joints_px), PX, expand=_EXPAND)


def both(hands: Hands, axis_angle: tuple[float, float, float]) -> UInt8[np.ndarray, "S S 3"]:
    """Both meshes on white, turned about the middle between them and brought before a far camera."""
    about = hands.joints_m.reshape(-1, 3).mean(0)
    meshes_m = [turned(vertices, about, axis_angle) - about for vertices in hands.vertices_m]
    low, high = (f(np.concatenate(meshes_m), axis=0) for f in (np.min, np.max))
    away_m = _FOCAL_PX * float((high - low)[:2].max()) / (_FILLED * PX)
    middle = np.array([*(low + high)[:2] / 2, -away_m])
    camera = Camera(_FOCAL_PX, _FOCAL_PX, PX / 2, PX / 2, PX, PX)
    meshes = [
        Mesh(vertices - middle, hands.faces_of(side), HAND_COLOURS[i])
        for i, (vertices, side) in enumerate(zip(meshes_m, hands.sides, strict=True))
    ]
    picture = np.full((PX, PX, 3), _PAPER, np.uint8)
    windows = [window for mesh in meshes if (window := find_window(mesh, camera)) is not None]
    if not windows:
        return picture
    whole = windows[0] if len(windows) == 1 else windows[0].union(windows[1])
    layer = draw_layer(meshes, camera, whole).astype(float)
    part = picture[whole.top : whole.top + whole.height, whole.left : whole.left + whole.width]
    part[:] = np.minimum(part * (1 - layer[..., 3:] / 255) + layer[..., :3], 255).astype(np.uint8)
    return picture


if __name__ == "__main__":
    main()
