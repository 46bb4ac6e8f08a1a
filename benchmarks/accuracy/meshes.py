"""Which mesh lies better on the picture: that of the fitted rig or the network's own (`estimate(..., mesh=)`).

python -m benchmarks.accuracy.meshes [--weights handar ...] [--data synthetic --data photos] [--limit N] [--sheet
FILE.png]. mIoU and Hausdorff distance of silhouettes drawn with 224x224 px into the crop that the model saw
(benchmarks/README.md). Rendered hands: the true mesh's silhouette, of the hand and of its palm and fingers. Photographs
(hand-graph, where KNUCKLE_DATA names the folder that holds `eval-dev`): the hand found by colour from its labelled
joints (`benchmarks/shared/photo_masks.py`), above the wrist, of the hand alone. Boxes and sides are the true ones. Per
model: the rig fitted to the network's and the landmark network's joints ("rig", what `knuckle estimate` does), to the
network's alone ("rig, no evidence"), and the network's own mesh; of HandAR its rough mesh too. --sheet draws
photographs with the mask's outline (white) and both meshes' (rig blue, network orange).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from rich.console import Console

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.photo_masks import above_wrist, hand_mask
from benchmarks.shared.photographs import hand_graph_photographs, have_photographs
from benchmarks.shared.tables import plain_table
from knuckle.datasets.labelled import LabelledHand, to_patch
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark, photographed_hands
from knuckle.evaluation.metrics.alignment import confusion, hausdorff_px, mean_iou
from knuckle.evaluation.metrics.silhouettes import LabelledFaces, labelled_faces, region_map
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.protocols.alignment import SIZE
from knuckle.evaluation.protocols.common import ROUGH
from knuckle.evaluation.run import evaluate, run_patches
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.open_model import open_model
from knuckle.progress import show_progress
from knuckle.rig.load import load_rig

MODELS = ("dahyf", "ehpe", "handar")
WAYS = {
    "rig": {"refine": True, "evidence": True},
    "rig, no evidence": {"refine": True, "evidence": False},
    "network": {"refine": False, "evidence": False},
}
SCORES = ("mIoU hand", "mIoU fingers", "Hausdorff hand", "Hausdorff fingers")
HEADINGS = ("mIoU hand (%)", "fingers (%)", "Hausdorff hand (px)", "fingers (px)")
_COLOURS = {"mask": (255, 255, 255), "rig": (60, 120, 255), "network": (255, 140, 0)}
_SHEET = 12


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", action="append", default=None, help="one-hand models; repeatable")
    parser.add_argument("--data", action="append", choices=("synthetic", "photos"), default=None)
    parser.add_argument("--limit", type=int, default=None, help="hands of each")
    parser.add_argument("--sheet", type=Path, default=None, help="where photographs are drawn (.png)")
    options = parse(parser)
    console, names = Console(width=200), options.weights or list(MODELS)
    with one_line_errors():
        for data in options.data or ("synthetic", "photos"):
            if data == "photos" and not have_photographs():
                print("photographs skipped: KNUCKLE_DATA does not name a folder with eval-dev")
            elif data == "photos":
                compare_photographs(names, options.limit, console, options.sheet)
            else:
                compare_rendered(names, options.limit, console)


def compare_rendered(names: Sequence[str], limit: int | None, console: Console) -> None:
    """A row a model and mesh, on the frozen rendered hands."""
    benchmark = next(b for b in open_benchmarks("synthetic", limit=limit) if isinstance(b, Benchmark))
    title = f"{len(benchmark)} rendered hands, silhouettes of the true mesh"
    table = plain_table(("model", "mesh", *HEADINGS), title=title, left=("mesh",))
    for name in names:
        for way, options in WAYS.items():
            model = open_model(name, **options)
            with show_progress(f"{name}, {way}", 2 * len(benchmark) + benchmark.other_count) as advance:
                report = evaluate(model, benchmark, alignment=meshes_of(), progress=advance)
            found = {score.name: score.value for score in report.scores}
            table.add_row(name, way, *(f"{found[score]:.2f}" for score in SCORES))
            if way == "network" and f"{ROUGH}{SCORES[0]}" in found:
                table.add_row(name, "network, rough", *(f"{found[ROUGH + score]:.2f}" for score in SCORES))
    console.print(table, "")


def compare_photographs(
    names: Sequence[str], limit: int | None, console: Console, sheet: Path | None
) -> None:
    """A row a model and mesh, on the hand-graph photographs."""
    hands = hand_graph_photographs()[:limit]
    title = f"{len(hands)} hand-graph photographs, silhouettes by colour, above the wrist"
    headings = ("mIoU hand (%)", "Hausdorff hand (px)", "median (px)")
    table = plain_table(("model", "mesh", *headings), title=title, left=("mesh",))
    (benchmark,) = photographed_hands(hands)
    for name in names:
        drawn: dict[str, list[np.ndarray]] = {}
        seen: list[_Seen] = []
        for way, options in WAYS.items():
            model = open_model(name, **options)
            # Crops are the model's own, and the same for all its meshes.
            seen = seen or [_Seen(hand, model.expand) for hand in hands]
            drawn[way] = list(_silhouettes(model, benchmark))
            table.add_row(name, way, *map(_text, _scores(seen, drawn[way])))
        if sheet is not None and name == names[-1]:
            _draw_sheet(sheet, seen, drawn)
    console.print(table)


class _Seen:
    """A photographed hand in a model's crop: the picture, the true silhouette, and the half that is compared."""

    def __init__(self, hand: LabelledHand, expand: float) -> None:
        patch = to_patch(hand, size=SIZE, expand=expand)
        assert patch.joints_px is not None
        crop = Crop.from_vector(patch.crop, SIZE)
        joints = apply_affine(crop.patch_from_frame, patch.joints_px)
        self.pixels: UInt8[np.ndarray, "S S 3"] = patch.pixels
        self.mask: Bool[np.ndarray, "S S"] = hand_mask(patch.pixels, joints)
        self.compared: Bool[np.ndarray, "S S"] = above_wrist(joints, self.mask.shape)


def meshes_of() -> list[LabelledFaces]:
    """The triangles of the open rig, which all shipped models have."""
    return [labelled_faces(load_rig("open"))]


def _silhouettes(model: EvaluatedModel, benchmark: Benchmark) -> Iterator[Bool[np.ndarray, "S S"]]:
    """The model's mesh of every hand, drawn."""
    patches = benchmark.patches(model.size, model.expand)
    truth, found = run_patches(model.for_single_hands(), patches, keep_vertices=True)
    assert found.vertices_m is not None
    assert truth.crop is not None
    (mesh,) = meshes_of()
    for vertices_m, crop, camera in zip(found.vertices_m, truth.crop, truth.camera, strict=True):
        yield region_map(vertices_m, mesh, crop, camera, size=SIZE) > 0


def _scores(seen: Sequence[_Seen], drawn: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """mIoU of background and hand, %, and mean and median Hausdorff distance, px."""
    table, apart = np.zeros((2, 2), np.int64), []
    for truth, mesh in zip(seen, drawn, strict=True):
        inside = mesh & truth.compared
        table += confusion(
            truth.mask[truth.compared][None].astype(np.uint8),
            inside[truth.compared][None].astype(np.uint8),
            2,
        )
        apart.append(hausdorff_px(truth.mask, inside))
    return 100 * mean_iou(table), float(np.nanmean(apart)), float(np.nanmedian(apart))


def _text(value: float) -> str:
    return f"{value:.2f}"


def _draw_sheet(path: Path, seen: Sequence[_Seen], drawn: dict[str, list[np.ndarray]]) -> None:
    chosen = np.linspace(0, len(seen) - 1, min(_SHEET, len(seen))).round().astype(int)
    tiles = []
    for i in chosen:
        tile = seen[i].pixels.copy()
        for name, mask in (
            ("rig", drawn["rig"][i]),
            ("network", drawn["network"][i]),
            ("mask", seen[i].mask),
        ):
            outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, outlines, -1, _COLOURS[name], 1)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
    rows = [np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
