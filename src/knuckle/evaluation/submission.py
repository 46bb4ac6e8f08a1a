"""The files that benchmark servers take: a model's answers for an evaluation split, whose truth need not be there."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from knuckle.datasets.freihand import SIZE, read_freihand
from knuckle.datasets.ho3d import read_ho3d
from knuckle.datasets.labelled import LabelledHand, Patch, to_patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.protocols import freihand, ho3d
from knuckle.evaluation.run import run_patches
from knuckle.evaluation.tips import to_tips
from knuckle.files import atomic_path
from knuckle.geometry.crop import middle_px

Boxes = Literal["picture", "truth"]


def submit(
    folder: Path,
    model: EvaluatedModel,
    out: Path,
    *,
    root: freihand.Root = "predicted",
    boxes: Boxes = "picture",
    progress: Callable[[int], None] = lambda count: None,
) -> tuple[int, tuple[str, ...]]:
    """Write a model's answers for FreiHAND's or HO-3D's evaluation split; returns how many hands, and what to know of
    them.

    Args:
        folder: of the dataset, recognised by its files.
        model: with MANO's mesh.
        out: pred.json, or a .zip with it inside, as the servers take it.
        root: FreiHAND's root depth, as `protocols.freihand.report` takes it.
        boxes: FreiHAND's crops: the whole pictures, or the boxes of the true joints where they are there. HO-3D gives
            boxes.
        progress: called with the number of hands each batch finished.

    Raises KnuckleError for a folder of neither, a model without MANO's mesh (before all hands are predicted), and what
    is missing or cannot be written. Nothing is left half-written.
    """
    if out.suffix not in (".json", ".zip"):
        raise KnuckleError(f"{out}: expected a file ending in .json or .zip")
    if (folder / "evaluation_K.json").is_file():
        hands = read_freihand(folder, truth=boxes == "truth")
        if boxes == "picture":
            hands = [_whole_picture(hand, model.expand) for hand in hands]
        tips, write = "freihand", freihand.write_submission
    elif (folder / "evaluation.txt").is_file():
        if root != "predicted" or boxes != "picture":
            raise KnuckleError(
                "root, boxes: expected with FreiHAND alone, HO-3D gives boxes and no lengths of bones"
            )
        hands = read_ho3d(folder, truth=False)
        tips, write = "ho3d", ho3d.write_submission
    else:
        raise KnuckleError(
            f"{folder}: expected evaluation_K.json (FreiHAND) or evaluation.txt (HO-3D) in it, got neither"
        )
    predict = model.for_single_hands()
    # A model of another mesh is found out by its first answer, not after all of them.
    freihand.require_mano(
        run_patches(predict, _patches(hands[:1], model), keep_vertices=True)[1], what=model.name
    )
    truth, predictions = run_patches(
        predict, _patches(hands, model), batch=32, keep_vertices=True, progress=progress
    )
    notes: tuple[str, ...] = ()
    if root == "scale":
        predictions, failed = freihand.place_by_scale(truth, predictions)
        notes += (f"{failed} hands kept the model's root depth",) if failed else ()
    predictions, of_tips = to_tips(predictions, truth.camera, source=model.tips, target=tips)
    _write(out, predictions, write)
    return len(hands), notes + of_tips


def _whole_picture(hand: LabelledHand, expand: float) -> LabelledHand:
    """The hand with a box whose crop is the whole picture."""
    side, middle = SIZE / expand, middle_px(SIZE)
    return replace(hand, box_px=np.array([middle - side / 2, middle - side / 2, side, side]))


def _patches(hands: list[LabelledHand], model: EvaluatedModel) -> Iterator[Patch]:
    return (to_patch(hand, size=model.size, expand=model.expand) for hand in hands)


def _write(out: Path, predictions: Predictions, write: Callable[[Path, Predictions], None]) -> None:
    if out.suffix == ".json":
        write(out, predictions)
        return
    with tempfile.TemporaryDirectory() as folder, atomic_path(out) as temporary:
        file = Path(folder) / "pred.json"
        write(file, predictions)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(file, file.name)
