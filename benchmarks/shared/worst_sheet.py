"""A sheet of the hands a model gets most wrong: the crop, the true skeleton, and the model's mesh with its skeleton."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from benchmarks.shared.crop_hands import CropHand, crop_hand
from knuckle.datasets.labelled import Patch
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.model import EvaluatedModel
from knuckle.geometry.crop import apply_affine
from knuckle.hands import Hands
from knuckle.rig import load_rig
from knuckle.view.overlay import draw_hands, draw_skeleton
from knuckle.view.sheet import draw_sheet

CELL_PX, COLUMNS = 240, 9


def sheet(
    benchmark: Benchmark, model: EvaluatedModel, worst: Sequence[int], captions: Sequence[str]
) -> np.ndarray:
    """Three cells a hand, in the order of `worst` (indices into the benchmark); captions: one a hand. Every hand is
    shown as the model sees it, a left one mirrored. The model's mesh is drawn with the open rig's triangles.
    """
    shown = _chosen(benchmark, CELL_PX, model.expand, worst)
    seen = _chosen(benchmark, model.size, model.expand, worst)
    faces, cells, texts = load_rig("open").faces, [], []
    for patch, small, caption in zip(shown, seen, captions, strict=True):
        hand = crop_hand(patch, caption)
        result = _hands(hand, small, model, faces)
        cells += [hand.pixels, _true(hand), draw_hands(hand.pixels, result, labels=False)]
        texts += [caption, "true", "estimated"]
    return draw_sheet(cells, columns=COLUMNS, cell_px=CELL_PX, captions=texts)


def _chosen(benchmark: Benchmark, size: int, expand: float, worst: Sequence[int]) -> list[Patch]:
    wanted = set(worst)
    patches = islice(benchmark.patches(size, expand), max(worst) + 1)
    found = {i: patch for i, patch in enumerate(patches) if i in wanted}
    return [found[i] for i in worst]


def _true(hand: CropHand) -> np.ndarray:
    picture = hand.pixels.copy()
    assert hand.joints_px is not None
    draw_skeleton(picture, np.nan_to_num(hand.joints_px), np.all(np.isfinite(hand.joints_px), axis=1))
    return picture


def _hands(hand: CropHand, patch: Patch, model: EvaluatedModel, faces: np.ndarray) -> Hands:
    """The model's answer to its own patch, in the frame of the shown one."""
    found = model.predict([patch])
    empty = np.zeros((1, 0, 3))
    return Hands(
        hand.camera,
        sides=("right",),
        confidence=np.ones(1),
        boxes_px=hand.box_px[None],
        joints_px=apply_affine(hand.patch_from_frame, np.asarray(found["joints_px"], dtype=float)),
        joints_m=found["joints_m"],
        vertices_m=found.get("vertices_m", empty),
        pose_rad=np.zeros((1, 16, 3)),
        shape=np.zeros((1, 10)),
        faces=faces,
    )
