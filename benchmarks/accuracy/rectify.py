"""What it brings to show hands far from the picture's middle as a turned camera sees them.

python -m benchmarks.accuracy.rectify [--hands 60] [--model dahyf]

Rendered hands of a seed that trained nothing, before wide cameras (focal lengths of 514 to 808 px), their middle
10 to 20, 20 to 30, 30 to 40 and 40 to 50 degrees off the axis, --hands of each. Box (as a detector gives it) and camera
are given; the model answers the picture as it is, and as `RectifiedPredictor` shows it, whatever the angle. Printed:
PA-MPJPE and MPJPE (wrists laid together), mm; how far the wrist is off, mean and median, and how far its direction is,
degrees; the 2D error in % of the longer side of the true joints' box; the share of hands whose PA-MPJPE is smaller
rectified, and mean and standard error of the differences of PA-MPJPE.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.tables import plain_table
from benchmarks.training.certainty_cases import Case, found_hand
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import middle_px
from knuckle.hands import Hands
from knuckle.inference.auto import open_predictor
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.rectified import RectifiedPredictor
from knuckle.skeleton import WRIST
from knuckle.synth.camera.placement import Placement, crop_round
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions

SEED, SIZE, WIDE = 5151, 256, 2.4
BANDS = ((10, 20), (20, 30), (30, 40), (40, 50))
_NEAR_M, _FAR_M = 0.25, 0.7
_FRAME = 4000


class Hand(NamedTuple):
    """A rendered hand, and where a detector sees it."""

    case: Case
    box_px: np.ndarray
    evidence: Evidence


def wide_hands(band: tuple[int, int], count: int) -> Iterator[Hand]:
    """Hands so many degrees off the axis."""
    engine = SynthEngine(SEED, SynthOptions(size=SIZE, backgrounds="procedural"))
    rng = np.random.default_rng([SEED, *band])

    def place(_: np.random.Generator, joints: np.ndarray, size: int) -> Placement:
        focal = float(np.hypot(1280, 720) * rng.uniform(0.35, 0.55))
        # The frame is so large that none of the hands is cut: only the angle counts.
        camera = Camera(focal, focal, middle_px(_FRAME), middle_px(_FRAME), _FRAME, _FRAME)
        off, way = np.deg2rad(rng.uniform(*band)), rng.uniform(0, 2 * np.pi)
        ray = np.array([np.sin(off) * np.cos(way), np.sin(off) * np.sin(way), np.cos(off)])
        distance = float(np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M))))
        translation = distance * ray - (joints.min(0) + joints.max(0)) / 2
        crop = crop_round(camera.project(joints + translation), size, wide=WIDE, shift=np.zeros(2))
        return Placement(camera, translation, crop)

    index = given = 0
    while given < count:
        draw = engine.draw(1000 * band[0] + index)
        index += 1
        sample, _ = engine.hand(draw, place=place)
        (scale, _, left), (_, _, top) = sample.patch_from_frame.astype(float)
        fx, fy, cx, cy = sample.camera.astype(float)
        camera = Camera(fx * scale, fy * scale, cx * scale + left, cy * scale + top, SIZE, SIZE)
        low, high = sample.joints_px.min(0), sample.joints_px.max(0)
        box = np.concatenate([low, high - low]).astype(float)
        joints = sample.joints_px.astype(float), sample.joints_m.astype(float)
        case = Case(sample.image, camera, box, "right", *joints)
        found, evidence = found_hand(case, rng)
        if evidence.found[0]:
            given += 1
            yield Hand(case, found, evidence)


def errors(hands: Hands, case: Case) -> tuple[float, ...]:
    """PA-MPJPE, MPJPE, wrist (mm), direction (degrees), 2D (% of the box)."""
    said, true = hands.joints_m[0], np.asarray(case.joints_m)
    aligned = np.linalg.norm(align_similarity(true, said) - true, axis=-1).mean()
    laid = np.linalg.norm((said - said[WRIST]) - (true - true[WRIST]), axis=-1).mean()
    rays = [one[WRIST] / np.linalg.norm(one[WRIST]) for one in (said, true)]
    flat = np.linalg.norm(hands.joints_px[0] - np.asarray(case.joints_px), axis=-1).mean()
    return (
        1e3 * float(aligned),
        1e3 * float(laid),
        1e3 * float(np.linalg.norm(said[WRIST] - true[WRIST])),
        float(np.rad2deg(np.arccos(np.clip(rays[0] @ rays[1], -1, 1)))),
        100 * float(flat) / float(case.box_px[2:].max()),
    )


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--hands", type=int, default=60)
    parser.add_argument("--model", default="dahyf")
    options = parse(parser)
    plain = open_predictor(options.model, threads=1)
    models = {"as it is": plain, "rectified": RectifiedPredictor(plain, from_rad=0.0)}
    table = plain_table(
        (
            "degrees off",
            "shown",
            "PA-MPJPE",
            "MPJPE",
            "wrist",
            "median",
            "direction",
            "2D",
            "% better",
            "PA difference",
        )
    )
    for band in BANDS:
        rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in models}
        for hand in wide_hands(band, options.hands):
            for name, model in models.items():
                case = hand.case
                said = model(case.picture, hand.box_px[None], ("right",), case.camera, evidence=hand.evidence)
                rows[name].append(errors(said, case))
        off = {name: np.array(values) for name, values in rows.items()}
        change = off["rectified"][:, 0] - off["as it is"][:, 0]
        for name, values in off.items():
            mean, better = values.mean(0), name == "rectified"
            table.add_row(
                f"{band[0]}-{band[1]}",
                name,
                *(f"{v:.2f}" for v in mean[:2]),
                f"{mean[2]:.0f}",
                f"{np.median(values[:, 2]):.0f}",
                *(f"{v:.2f}" for v in mean[3:]),
                f"{100 * (change < 0).mean():.0f}" if better else "",
                f"{change.mean():+.2f} +- {change.std() / np.sqrt(len(change)):.2f}" if better else "",
            )
    Console(width=160).print(table)


if __name__ == "__main__":
    with one_line_errors():
        main()
