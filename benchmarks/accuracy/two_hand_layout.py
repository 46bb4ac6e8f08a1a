"""Two hands beside the truth, as DFL's Fig 3 lays them out: in the picture, and each hand by itself in space.

python -m benchmarks.accuracy.two_hand_layout [--weights dfl --weights auto] [--kinds 4] [--out
docs/two-hand-layout.jpg]. Crops of two hands of the frozen benchmark, the first of each kind of pair: the crop, the
true joints and every model's in the picture; then the right and the left hand of the last model in space, seen from the
side, wrists laid together, the true one in black. Below: the MPJPE of both hands at the true depths of their wrists,
and of the hand drawn.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.shared.arguments import make_parser, one_line_errors
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.metrics.two_hands import with_root_depth
from knuckle.files import write_image
from knuckle.open_model import open_model
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import BONES, HAND_SIDES, WRIST
from knuckle.view.overlay import draw_skeleton
from knuckle.view.sheet import draw_sheet

AMONG = 120
PX, _CELL_PX = 256, 126
_WHITE = 255
_HAND_M = 0.18
"""Width of a cell in which a hand is drawn by itself."""
_FROM_THE_SIDE = rodrigues(np.array([0.0, 1.1, 0.0])) @ rodrigues(np.array([0.35, 0.0, 0.0]))
_DRAWN = np.ones(21, bool)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--weights", action="append", default=None, help="two-hand models or auto; repeatable"
    )
    parser.add_argument("--kinds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("docs/two-hand-layout.jpg"))
    options = parser.parse_args()
    with one_line_errors():
        write_image(options.out, sheet(options.weights or ["dfl", "auto"], options.kinds))
    print(f"wrote {options.out}")


def sheet(names: Sequence[str], count: int) -> UInt8[np.ndarray, "h w 3"]:
    """A row a crop."""
    (benchmark,) = (b for b in open_benchmarks("synthetic-two") if isinstance(b, TwoHandBenchmark))
    frames = chosen(benchmark, count)
    answers = [open_model(name).for_frames()(frames) for name in names]
    cells, captions = [], []
    for i, frame in enumerate(frames):
        shown = cv2.resize(frame.picture, (PX, PX), interpolation=cv2.INTER_CUBIC)
        cells += [shown, skeletons(shown, frame, frame.joints_px)]
        captions += [frame.kind, "true"]
        joints_m = frame.joints_m
        for name, answer in zip(names, answers, strict=True):
            px = np.asarray(answer["joints_px"][i], dtype=float)
            joints_m = with_root_depth(
                px[None],
                np.asarray(answer["joints_m"][i], dtype=float)[None],
                frame.camera.vector[None],
                frame.joints_m[None, :, WRIST, 2],
            )[0]
            cells.append(skeletons(shown, frame, px))
            captions.append(f"{name}: {np.mean(errors_mm(frame, joints_m)):.0f} mm")
        for hand, side in enumerate(HAND_SIDES):
            cells.append(by_itself(frame.joints_m[hand], joints_m[hand]))
            captions.append(f"{side}: {errors_mm(frame, joints_m)[hand]:.0f} mm")
    return draw_sheet(cells, columns=4 + len(names), cell_px=_CELL_PX, gap_px=4, captions=captions)


def chosen(benchmark: TwoHandBenchmark, count: int) -> list[TwoHandFrame]:
    """The first crop of two hands of each kind."""
    found: dict[str, TwoHandFrame] = {}
    for frame in islice(benchmark.frames(), AMONG):
        if frame.is_hand.all():
            found.setdefault(frame.kind, frame)
    return list(found.values())[:count]


def skeletons(
    shown: UInt8[np.ndarray, "S S 3"], frame: TwoHandFrame, joints_px: Float[np.ndarray, "2 21 2"]
) -> UInt8[np.ndarray, "S S 3"]:
    """Both hands over the picture, the farther one first."""
    drawn, scale = shown.copy(), len(shown) / len(frame.picture)
    for hand in np.argsort(-frame.joints_m[..., 2].mean(1)):
        draw_skeleton(drawn, (joints_px[hand] + 0.5) * scale - 0.5, _DRAWN)
    return drawn


def errors_mm(frame: TwoHandFrame, joints_m: Float[np.ndarray, "2 21 3"]) -> Float[np.ndarray, "2"]:
    """Mean joint error of each hand, wrists laid together."""
    rooted = (joints - joints[:, [WRIST]] for joints in (frame.joints_m, joints_m))
    return 1000 * np.linalg.norm(np.subtract(*rooted), axis=-1).mean(1)


def by_itself(
    true_m: Float[np.ndarray, "21 3"], found_m: Float[np.ndarray, "21 3"]
) -> UInt8[np.ndarray, "S S 3"]:
    """A hand from the side, the true one in black, wrists laid together; no perspective."""
    cell = np.full((PX, PX, 3), _WHITE, np.uint8)
    true, found = ((joints - joints[WRIST]) @ _FROM_THE_SIDE.T for joints in (true_m, found_m))
    middle = (true.min(0) + true.max(0)) / 2
    true_px, found_px = ((joints - middle)[:, :2] * (PX / _HAND_M) + PX / 2 for joints in (true, found))
    draw_skeleton(cell, found_px, _DRAWN)
    for parent, child in BONES:
        ends = [[round(float(value)) for value in true_px[joint]] for joint in (parent, child)]
        cv2.line(cell, ends[0], ends[1], (0, 0, 0), 2, cv2.LINE_AA)
    return cell


if __name__ == "__main__":
    main()
