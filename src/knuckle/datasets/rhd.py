"""RHD, the Rendered Handpose Dataset (Zimmermann and Brox, ICCV 2017), layout of RHD_published_v2.

    {training,evaluation}/color/%05d.png  41,258 and 2,728 pictures of 320 x 320 px, numbers from 0
    {training,evaluation}/mask/%05d.png   0 background, 1 person; left hand 2-4 thumb (tip to palm), 5-7 index, 8-10
                                          middle, 11-13 ring, 14-16 pinky, 17 palm; right hand 18-33 in the same order
    {training,evaluation}/depth/%05d.png  not read
    SPLIT/anno_SPLIT.pickle               number -> uv_vis (42 x 3: u, v px and whether it is seen), xyz (42 x 3,
                                          metres, camera frame), K (3 x 3)

Joints 0-20 are of the left hand, 21-41 of the right: wrist, then thumb to pinky, each finger from tip to palm. Every
picture has labels of both hands; a hand of which fewer than `LEAST_SEEN` joints are seen is left out here.

Taken from published readers and the data set's own description, not seen on the data: that pixel centres are at
integers. That xyz projects to u, v is checked.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from knuckle.datasets.check import Download, require
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_rgb
from knuckle.datasets.rig_labels import RigLabels, fit_labels, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.rig.safe_pickle import load_whitelisted_pickle
from knuckle.skeleton import JOINT_COUNT, SIDES, Side

Split = Literal["training", "evaluation"]
SPLITS: tuple[Split, Split] = ("training", "evaluation")
COUNTS: dict[Split, int] = {"training": 41_258, "evaluation": 2_728}
SIZE = 320
LEAST_SEEN = 11
SITE = "lmb.informatik.uni-freiburg.de/resources/datasets/RenderedHandposeDataset.en.html"
TO_COMMON = (0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17)
"""The joint of one hand here for each of the common order."""
MASK_VALUES: dict[Side, tuple[int, int]] = {"left": (2, 17), "right": (18, 33)}
"""First and last part of each hand in the masks."""
_SAME_PLACE_PX = 2.0


def top_folder(folder: Path) -> Path:
    """The folder with the splits: the given one, or RHD_published_v2 in it."""
    inner = folder / "RHD_published_v2"
    return inner if inner.is_dir() else folder


def read_annotations(folder: Path, split: Split) -> dict[int, Any]:
    """The entries of a split by number, not yet checked; raises KnuckleError for a damaged or hostile file."""
    path = folder / split / f"anno_{split}.pickle"
    entries = load_whitelisted_pickle(path, what="RHD annotations")
    if not isinstance(entries, dict) or not all(isinstance(number, int) for number in entries):
        raise KnuckleError(f"{path}: expected RHD annotations by number, got a {type(entries).__name__}")
    return entries


def hands_of(folder: Path, split: Split, number: int, entry: Any) -> list[LabelledHand]:
    """Those hands of an entry that are seen. Raises KnuckleError naming the entry and what is wrong with it."""
    where = f"{folder / split / f'anno_{split}.pickle'}: {number}"
    seen_px, joints_m = (
        entry_numbers(entry, "uv_vis", (42, 3), where),
        entry_numbers(entry, "xyz", (42, 3), where),
    )
    camera = Camera.from_matrix(entry_numbers(entry, "K", (3, 3), where), SIZE, SIZE)
    hands = []
    for side in SIDES:
        rows = np.array(TO_COMMON) + (0 if side == "left" else JOINT_COUNT)
        visible = seen_px[rows, 2] == 1
        if visible.sum() < LEAST_SEEN:
            continue
        points_m, points_px = joints_m[rows], seen_px[rows, :2]
        if (points_m[:, 2] <= 0).any():
            raise KnuckleError(
                f"{where}: xyz: expected a {side} hand before the camera, got joints behind it"
            )
        apart = float(np.abs(camera.project(points_m) - points_px).max())
        if apart > _SAME_PLACE_PX:
            raise KnuckleError(f"{where}: uv_vis: expected the projection of xyz, got {apart:.1f} px from it")
        name, mask = f"{split}/{number:05d} {side}", folder / split / "mask" / f"{number:05d}.png"
        hands.append(
            LabelledHand(
                name,
                "RHD",
                folder / split / "color" / f"{number:05d}.png",
                side,
                camera,
                tight_box(points_px),
                points_px,
                points_m,
                mask=mask if mask.is_file() else None,
                mask_values=(MASK_VALUES["left"][0], MASK_VALUES["right"][1]),
                visible=visible,
            )
        )
    return hands


def side_mask(hand: LabelledHand) -> Bool[np.ndarray, "320 320"]:
    """The pixels of one of the picture's two hands; raises KnuckleError for a mask that is missing or damaged."""
    if hand.mask is None:
        raise KnuckleError(f"{hand.name}: expected a mask, got none")
    parts = read_rgb(hand.mask)[..., 0]
    first, last = MASK_VALUES[hand.side]
    return (parts >= first) & (parts <= last)


class RhdTraining:
    """The hands of the training split by number; pictures are read when asked for.

    rig: what is fitted: None for the open rig, a rig file, or MANO_RIGHT.pkl. complete: whether there must be as many
    pictures as entries. Entries that cannot be used are left out and named in `damaged`, for who uses the rest to
    decide. Raises KnuckleError naming what is missing.
    """

    tips = "rhd"
    """Of the modelled characters: no convention on MANO's mesh, so the rig's own are taken."""

    def __init__(self, folder: Path, rig: Path | None, *, complete: bool = True) -> None:
        self.folder, self.rig = top_folder(folder), right_rig(rig, tips="freihand")
        files = ("training/anno_training.pickle",)
        require(self.folder, Download("RHD training", SITE, files))
        entries = read_annotations(self.folder, "training")
        pictures = ("training/color", "*.png", len(entries) if complete else 1)
        require(self.folder, Download("RHD training", SITE, files, (pictures,)))
        self.damaged: list[str] = []
        self.kept: list[LabelledHand] = []
        for number in sorted(entries):
            try:
                self.kept += hands_of(self.folder, "training", number, entries[number])
            except KnuckleError as error:
                self.damaged.append(str(error))
        if not self.kept:
            told = f": {self.damaged[0]}" if self.damaged else ""
            raise KnuckleError(f"{self.folder}: expected hands of RHD training, got none{told}")
        self.count = len(self.kept)

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return self.kept[numbers.start : numbers.stop]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig fitted to the joints of these hands, left ones mirrored already."""
        return fit_labels(self.rig, joints_m)
