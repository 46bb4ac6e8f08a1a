"""The hands of COCO-WholeBody v1.0 (Jin et al. 2020): joints in 2D of people in photographs of COCO 2017.

    annotations/coco_wholebody_{train,val}_v1.0.json   images (id, file_name, width, height), annotations: of a person
        lefthand_kpts, righthand_kpts    21 of x, y, v; v > 0 where labelled; common order
        lefthand_box, righthand_box      x, y, w, h px, what the joints span
        lefthand_valid, righthand_valid  whether annotators could see the hand well; all zeros elsewhere
    {train,val}2017/%012d.jpg            beside annotations, or in images

Sides are the person's. No camera, nothing in 3D. Hands that are not valid are in the pictures too, and people without
labels: a square beside a labelled hand may show another one, so no negatives are cut here.

The format is that of the data set's own page; pixel centres at integers are assumed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import checked_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json
from knuckle.datasets.rig_labels import RigLabels, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT, SIDES, Side
from knuckle.truth import array_name

Split = Literal["train", "val"]
SPLITS: tuple[Split, Split] = get_args(Split)
IMAGES: dict[Split, int] = {"train": 118_287, "val": 5_000}
"""Of COCO 2017."""
SITE = "github.com/jin-s13/COCO-WholeBody; pictures: cocodataset.org"
LEAST_LABELLED = 11
LEAST_SIDE_PX = 16.0
"""Hands with fewer labelled joints, or smaller ones, are left out: choices of ours."""
_MOST_WITHIN = 0.5
"""Labels of which fewer lie in the picture are of another one."""


@dataclass
class WholeBodyHands:
    """The hands of a split: those that are taken, and what became of the others."""

    hands: list[LabelledHand]
    faults: list[str]
    """A sentence for each hand that cannot be used."""
    left_out: Counter[str] = field(default_factory=Counter)
    images: int = 0
    """In the label file."""


def label_file(folder: Path, split: Split) -> Path:
    """The label file of a split, in annotations or in the folder itself."""
    name = f"coco_wholebody_{split}_v1.0.json"
    here = folder / name
    return here if here.is_file() else folder / "annotations" / name


def picture_folder(folder: Path, split: Split) -> Path:
    """Where the pictures of a split are."""
    inner = folder / "images" / f"{split}2017"
    return inner if inner.is_dir() else folder / f"{split}2017"


def is_coco_wholebody(folder: Path) -> bool:
    """Whether a folder holds the labels of the validation split."""
    return label_file(folder, "val").is_file()


def read_coco_wholebody(folder: Path, split: Split, *, limit: int | None = None) -> WholeBodyHands:
    """The valid hands of a split in file order; pictures are read later.

    A hand that cannot be used is left out and named. Raises KnuckleError for a label file that is missing, damaged or
    not of COCO-WholeBody.
    """
    path = label_file(folder, split)
    data = read_json(path, kind=dict)
    missing = [key for key in ("images", "annotations") if not isinstance(data.get(key), list)]
    if missing:
        raise KnuckleError(f"{path}: expected a COCO file, missing the list {' and the list '.join(missing)}")
    if data["annotations"] and not any(
        isinstance(entry, dict) and "lefthand_kpts" in entry for entry in data["annotations"]
    ):
        raise KnuckleError(
            f"{path}: expected COCO-WholeBody's labels, got people without hands: plain COCO keypoints?"
        )
    images = {entry["id"]: entry for entry in data["images"] if isinstance(entry, dict) and "id" in entry}
    read, pictures = WholeBodyHands([], [], images=len(data["images"])), picture_folder(folder, split)
    for number, entry in enumerate(data["annotations"]):
        for side in SIDES:
            if limit is not None and len(read.hands) >= limit:
                return read
            try:
                found = _hand(entry, side, images, pictures, f"{path.name}: annotation {_id(entry, number)}")
            except KnuckleError as error:
                read.faults.append(str(error))
                continue
            if isinstance(found, str):
                read.left_out[found] += 1
            else:
                read.hands.append(found)
    return read


class CocoWholeBodyTraining:
    """The hands of the training split by number, labelled in 2D alone.

    rig: what the set is of; no hand has its pose. complete: whether every picture must be there; without it hands whose
    picture is there are taken. `faults`: hands left out, with why. Raises KnuckleError naming what is missing, and
    where no hand is left.
    """

    def __init__(self, folder: Path, rig: Path | None, *, complete: bool = True) -> None:
        self.rig = right_rig(rig, tips="freihand")
        self.tips = self.rig.tips
        read = read_coco_wholebody(folder, "train")
        path = label_file(folder, "train")
        self.labels_digest = sha256(path.read_bytes()).hexdigest()[:16]
        self.faults = read.faults
        there = {image: image.is_file() for image in dict.fromkeys(hand.image for hand in read.hands)}
        absent = [image for image, found in there.items() if not found]
        if complete and absent:
            raise KnuckleError(
                f"{folder}: expected COCO 2017's pictures of the labelled hands ({SITE}), missing {len(absent)} of "
                f"{len(there)}, the first {absent[0].relative_to(folder)}; with a limit, what is there is converted"
            )
        self.kept = [hand for hand in read.hands if there[hand.image]]
        self.count = len(self.kept)
        if not self.count:
            why = f": {self.faults[0]}" if self.faults else f", pictures of {len(there)} are missing"
            raise KnuckleError(f"{path}: expected hands to train on, got none{why}")

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return self.kept[numbers.start : numbers.stop]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """No pose: NaN throughout."""
        count = len(numbers)
        return RigLabels(
            np.full((count, 16, 3), np.nan),
            np.full((count, 10), np.nan),
            np.zeros((count, 3)),
            np.full(count, np.nan),
        )

    def validity(self, numbers: range) -> dict[str, np.ndarray]:
        """Joints in 2D as labelled, and nothing else."""
        hands = self.hands(numbers)
        known = np.stack([np.isfinite(np.asarray(hand.joints_px)).all(-1) for hand in hands])
        nothing = np.zeros(len(hands), bool)
        return {
            array_name("joints_2d"): known,
            array_name("joints_3d"): np.zeros_like(known),
            **{array_name(kind): nothing for kind in ("pose", "shape", "mesh", "mask")},
        }


def count_people(hands: list[LabelledHand]) -> Iterator[str]:
    """How many hands of each side, in words."""
    for side, count in Counter(hand.side for hand in hands).items():
        yield f"{count} {side} hands"


def _hand(entry: Any, side: Side, images: dict[Any, Any], pictures: Path, where: str) -> LabelledHand | str:
    """A hand, or why it is left out; raises KnuckleError for one that cannot be read."""
    if not isinstance(entry, dict):
        raise KnuckleError(f"{where}: expected a person, got a {type(entry).__name__}")
    if not entry.get(f"{side}hand_valid"):
        return "not valid"
    image = images.get(entry.get("image_id"))
    if image is None or not isinstance(image.get("file_name"), str):
        raise KnuckleError(f"{where}: image_id: expected that of an image with a file_name, got another")
    width, height = (
        int(v) for v in checked_numbers([image.get("width"), image.get("height")], (2,), f"{where}: image")
    )
    rows = checked_numbers(
        entry.get(f"{side}hand_kpts"), (JOINT_COUNT, 3), f"{where}: {side}hand_kpts", nested=True
    )
    known = rows[:, 2] > 0
    if known.sum() < LEAST_LABELLED:
        return f"fewer than {LEAST_LABELLED} joints labelled"
    joints_px = np.where(known[:, None], rows[:, :2], np.nan)
    box = tight_box(joints_px[known])
    if box[2:].max() < LEAST_SIDE_PX:
        return f"smaller than {LEAST_SIDE_PX:.0f} px"
    within = ((joints_px[known] >= -1) & (joints_px[known] <= [width, height])).all(-1)
    if within.mean() < _MOST_WITHIN:
        raise KnuckleError(
            f"{where}: {side}hand_kpts: expected joints in the {width}x{height} px of the picture, got others"
        )
    name = f"{Path(image['file_name']).stem}:{_id(entry, 0)} {side}"
    camera = Camera.from_size(width, height)
    return LabelledHand(name, "COCO-WholeBody", pictures / image["file_name"], side, camera, box, joints_px)


def _id(entry: Any, number: int) -> Any:
    return entry.get("id", number) if isinstance(entry, dict) else number
