"""InterHand2.6M's label files: where they lie, the annotations of a split as rows, and MANO fits as stored."""

from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.skeleton import JOINT_COUNT

Split = Literal["train", "val", "test"]
Annotators = Literal["all", "human", "machine"]
"""H+M, H and M of the papers."""
Shown = Literal["all", "single", "interacting"]
HandType = Literal["right", "left", "interacting"]

SPLITS: tuple[Split, ...] = get_args(Split)
HAND_TYPES: tuple[HandType, ...] = get_args(HandType)
V1_COUNTS: dict[str, int] = {"train": 1_361_062, "val": 380_125, "test": 849_160}
"""Annotations of version 1.0, H+M, at 5 frames a second."""
SITE = "mks0601.github.io/InterHand2.6M"
FILES = ("data", "camera", "joint_3d")
"""The label files that joints need; the fits are in a fourth one."""
FITS = "MANO_NeuralAnnot"


class Fit(NamedTuple):
    """A hand's MANO fit as stored: metres of the world, its mean pose to be added (`flat_hand_mean=False`)."""

    pose: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    translation: Float[np.ndarray, "3"]


class LabelRow(NamedTuple):
    """What is kept of an annotation."""

    name: str
    capture: str
    camera: str
    frame: str
    size: tuple[int, int]
    box_px: tuple[float, float, float, float]
    joint_valid: Bool[np.ndarray, "42"]
    hand_type: HandType
    hand_type_valid: bool


def label_file(folder: Path, split: str, part: str) -> Path:
    """A label file of a split: in the split's own folder unless it lies in annotations/ itself or, as it did in early
    releases, in annotations/all."""
    name = f"InterHand2.6M_{split}_{part}.json"
    others = (folder / "annotations" / name, folder / "annotations" / "all" / name)
    return next((path for path in others if path.is_file()), folder / "annotations" / split / name)


def require_labels(folder: Path, split: str) -> None:
    """Raise KnuckleError naming the label files of a split that are missing."""
    if not folder.is_dir():
        raise KnuckleError(f"{folder}: expected the folder of InterHand2.6M, got no such folder")
    files = [label_file(folder, split, part) for part in FILES]
    missing = [str(file.relative_to(folder)) for file in files if not file.is_file()]
    if missing:
        raise KnuckleError(f"{folder}: expected InterHand2.6M {split} ({SITE}), missing {'; '.join(missing)}")


def human_ids(folder: Path, split: str) -> set[int]:
    """Ids of the annotations that people made. Raises KnuckleError where the list is missing or holds other lines."""
    name = f"aid_human_annot_{split}.txt"
    places = (folder / "annotations" / name, folder / "annotations" / split / name, folder / name)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise KnuckleError(
            f"{places[0]}: expected the list of the annotations that people made, which telling them from the others"
            " needs (it comes with the code of InterWild and EHPE), got no such file"
        )
    try:
        return {int(line) for line in path.read_text().split()}
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{path}: expected an annotation's id a line, got {error}") from error


def label_rows(
    path: Path, data: dict[str, Any], chosen: set[int] | None, *, human: bool
) -> tuple[int, list[LabelRow]]:
    """How many annotations the file holds, and those that are asked for."""
    for key in ("images", "annotations"):
        if not isinstance(data.get(key), list):
            raise KnuckleError(f"{path}: expected lists images and annotations, missing {key}")
    try:
        images = {image["id"]: image for image in data["images"]}
    except (KeyError, TypeError) as error:
        raise KnuckleError(f"{path}: expected images with ids, got one without ({error!r})") from error
    rows = []
    for number, annotation in enumerate(data["annotations"]):
        try:
            if chosen is not None and (annotation["id"] in chosen) != human:
                continue
            rows.append(_row(images[annotation["image_id"]], annotation))
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(
                f"{path}: annotation {number}: expected one of InterHand2.6M, got {error!r}"
            ) from error
    return len(data["annotations"]), rows


def _row(image: dict[str, Any], annotation: dict[str, Any]) -> LabelRow:
    hand_type = annotation["hand_type"]
    if hand_type not in HAND_TYPES:
        raise ValueError(f"hand_type {hand_type!r}")
    valid = np.asarray(annotation["joint_valid"], dtype=float).reshape(2 * JOINT_COUNT) > 0
    x, y, w, h = (float(value) for value in annotation["bbox"])
    if not np.isfinite((x, y, w, h)).all() or w <= 0 or h <= 0:
        raise ValueError(f"bbox {annotation['bbox']}")
    return LabelRow(
        str(image["file_name"]),
        str(image["capture"]),
        str(image["camera"]),
        str(image["frame_idx"]),
        (int(image["width"]), int(image["height"])),
        (x, y, w, h),
        valid,
        hand_type,
        bool(annotation["hand_type_valid"]),
    )


def fit_of(stored: dict[str, Any] | None) -> Fit | None:
    if not stored:
        return None
    fit = Fit(
        np.asarray(stored["pose"], dtype=float).reshape(16, 3),
        np.asarray(stored["shape"], dtype=float).reshape(10),
        np.asarray(stored["trans"], dtype=float).reshape(3),
    )
    if not all(np.isfinite(part).all() for part in fit):
        raise ValueError("a fit that is not finite")
    return fit
