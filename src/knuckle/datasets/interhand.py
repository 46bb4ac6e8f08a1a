"""InterHand2.6M (Moon et al. 2020), version 1.0 at 5 frames a second, official layout.

    images/{train,val,test}/CaptureN/SEQUENCE/camN/imageN.jpg
    annotations/SPLIT/InterHand2.6M_SPLIT_{data,camera,joint_3d,MANO_NeuralAnnot}.json
    aid_human_annot_SPLIT.txt: in annotations/ or beside it, only to tell people's labels from machines'

Joints are millimetres of the world, 42 a frame, each finger from its tip on, right hand first; a camera sees
R (X - position). A frame shows a right hand, a left one or both. Read here into metres of the camera frame (x right,
y down, z forward) and the common order, what is not labelled as NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.datasets.interhand_labels import (
    FITS,
    SPLITS,
    Annotators,
    Fit,
    HandType,
    LabelRow,
    Shown,
    Split,
    fit_of,
    human_ids,
    label_file,
    label_rows,
    require_labels,
)
from knuckle.datasets.photos import check_size, read_json, read_rgb
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import HAND_SIDES, JOINT_COUNT, Side, convert_joints

DARK = 10.0
"""Pictures whose mean is less are left out of the filtered set."""

_MM = 1e-3
_MISSING: dict[str, Any] = {}


class Extrinsics(NamedTuple):
    """Metres: a point of the world is seen at rotation @ point + translation."""

    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]


@dataclass(frozen=True, eq=False)
class InterhandFrame:
    """One picture with its labels; arrays of hands have the right one first."""

    name: str
    """Its path below images/SPLIT."""
    image: Path
    camera: Camera
    extrinsics: Extrinsics
    hand_type: HandType
    hand_type_valid: bool
    """Whether the annotators were sure of it."""
    box_px: Float[np.ndarray, "4"]
    """x, y, w, h of all hands."""
    is_hand: Bool[np.ndarray, "2"]
    joints_m: Float[np.ndarray, "2 21 3"]
    """Camera frame, common order; NaN where not labelled, and of absent hands."""
    joints_px: Float[np.ndarray, "2 21 2"]
    """px of the picture; NaN likewise."""
    fits: tuple[Fit | None, Fit | None]
    """None where there is no fit, or no such hand."""

    def read(self) -> UInt8[np.ndarray, "H W 3"]:
        """The picture, RGB; raises KnuckleError if it is missing, damaged or not of the size its labels assume."""
        picture = read_rgb(self.image)
        check_size(picture, (self.camera.width, self.camera.height), self.image)
        return picture


class Interhand(Sequence[InterhandFrame]):
    """The frames of a split, in the order of its label file; pictures are read later.

    Args:
        folder: of the dataset: holds images and annotations.
        split: "train", "val" or "test".
        annotators: "all" (H+M), "human" (H: those of aid_human_annot_SPLIT.txt) or "machine" (M: the others).
        shown: only frames of one hand, or only of interacting ones.
        filtered: the set of IntagHand and its successors: interacting, sure to be so, with a fit of both hands; they
            leave out dark pictures too (`is_dark`), which is for who reads these.
        limit: only the first so many frames.

    Labels are looked through at once, so that none is found wrong hours later. Raises KnuckleError naming what is
    missing or damaged and in how many places.
    """

    def __init__(
        self,
        folder: Path,
        split: Split = "test",
        *,
        annotators: Annotators = "all",
        shown: Shown = "all",
        filtered: bool = False,
        limit: int | None = None,
    ) -> None:
        for name, value, known in (
            ("split", split, SPLITS),
            ("annotators", annotators, get_args(Annotators)),
            ("shown", shown, get_args(Shown)),
        ):
            if value not in known:
                raise KnuckleError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
        self.folder, self.split = folder, split
        require_labels(folder, split)
        data = read_json(label_file(folder, split, "data"), kind=dict)
        chosen = None if annotators == "all" else human_ids(folder, split)
        self.annotation_count, self._rows = label_rows(
            label_file(folder, split, "data"), data, chosen, human=annotators == "human"
        )
        del data
        self._cameras = read_json(label_file(folder, split, "camera"), kind=dict)
        self._joints = read_json(label_file(folder, split, "joint_3d"), kind=dict)
        fits = label_file(folder, split, FITS)
        self._fits = read_json(fits, kind=dict) if fits.is_file() else {}
        if filtered and not self._fits:
            raise KnuckleError(
                f"{fits}: expected the MANO fits, which the filtered set needs, got no such file"
            )
        if shown != "all" or filtered:
            both = shown == "interacting" or filtered
            self._rows = [row for row in self._rows if (row.hand_type == "interacting") == both]
        if filtered:
            self._rows = [row for row in self._rows if row.hand_type_valid and None not in self._fits_of(row)]
        self._rows = self._rows[:limit]
        self._check_references()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> InterhandFrame:  # pyright: ignore[reportIncompatibleMethodOverride]
        row = self._rows[index]
        camera, extrinsics = self._camera_of(row)
        world_mm, valid = self._joints_of(row)
        is_hand = np.array([row.hand_type in (side, "interacting") for side in HAND_SIDES])
        joints_m = world_mm * _MM @ extrinsics.rotation.T + extrinsics.translation
        valid = valid & is_hand[:, None]
        joints_m = np.where(valid[..., None], joints_m, np.nan)
        return InterhandFrame(
            name=row.name,
            image=self.folder / "images" / self.split / row.name,
            camera=camera,
            extrinsics=extrinsics,
            hand_type=row.hand_type,
            hand_type_valid=row.hand_type_valid,
            box_px=np.array(row.box_px),
            is_hand=is_hand,
            joints_m=joints_m,
            joints_px=camera.project(joints_m),
            fits=self._fits_of(row),
        )

    @property
    def images(self) -> list[Path]:
        """Where the picture of each frame lies."""
        return [self.folder / "images" / self.split / row.name for row in self._rows]

    @property
    def names(self) -> list[str]:
        """The path of each picture below images/SPLIT."""
        return [row.name for row in self._rows]

    @property
    def hand_types(self) -> list[HandType]:
        """What each frame shows."""
        return [row.hand_type for row in self._rows]

    def count_fits(self) -> dict[Side, int]:
        """How many of the frames have a MANO fit of each hand."""
        there = [[fit is not None for fit in self._fits_of(row)] for row in self._rows]
        return {side: sum(row[hand] for row in there) for hand, side in enumerate(HAND_SIDES)}

    def _camera_of(self, row: LabelRow) -> tuple[Camera, Extrinsics]:
        capture = self._cameras[row.capture]
        rotation, position, focal, centre = (
            np.asarray(capture[key][row.camera], dtype=float)
            for key in ("camrot", "campos", "focal", "princpt")
        )
        camera = Camera(float(focal[0]), float(focal[1]), float(centre[0]), float(centre[1]), *row.size)
        return camera, Extrinsics(rotation, -rotation @ position * _MM)

    def _joints_of(self, row: LabelRow) -> tuple[np.ndarray, np.ndarray]:
        """World joints, mm, (2, 21, 3), and which are labelled, (2, 21), in the common order."""
        stored = self._joints[row.capture][row.frame]
        world = np.asarray(stored["world_coord"], dtype=float).reshape(2, JOINT_COUNT, 3)
        # As in the official code the annotation alone says what is labelled, not the joint_valid of joint_3d.
        valid = row.joint_valid.reshape(2, JOINT_COUNT, 1)
        return convert_joints(world, source="interhand"), convert_joints(valid, source="interhand")[..., 0]

    def _fits_of(self, row: LabelRow) -> tuple[Fit | None, Fit | None]:
        stored = self._fits.get(row.capture, _MISSING).get(row.frame) or {}
        right, left = (
            stored.get(side) if row.hand_type in (side, "interacting") else None for side in HAND_SIDES
        )
        return fit_of(right), fit_of(left)

    def _check_references(self) -> None:
        """Every row has its camera, its joints, and numbers in all places."""
        seen: dict[tuple[str, ...], str | None] = {}
        wrong: dict[str, list[str]] = {}
        for row in self._rows:
            for what, key, look in (
                ("camera", (row.capture, row.camera), lambda r: self._camera_of(r)),
                ("joint_3d", (row.capture, row.frame, "joints"), lambda r: _check_finite(self._joints_of(r))),
                (FITS, (row.capture, row.frame, "fits", row.hand_type), lambda r: self._fits_of(r)),
            ):
                if key not in seen:
                    seen[key] = _trouble(lambda look=look, row=row: look(row))
                if seen[key] is not None:
                    wrong.setdefault(what, []).append(f"{row.name} ({seen[key]})")
        for what, rows in wrong.items():
            file = label_file(self.folder, self.split, what)
            raise KnuckleError(
                f"{file}: expected the labels of all {len(self._rows)} frames, got none that can be used of "
                f"{len(rows)}, the first {rows[0]}"
            )


class Chosen(NamedTuple):
    """Which frames of a data set are scored."""

    split: Split = "test"
    annotators: Annotators = "all"
    """As in `Interhand`, the others too."""
    shown: Shown = "all"
    filtered: bool = False

    @property
    def words(self) -> str:
        """What is chosen beside all frames, as text; "" for these."""
        parts = [f"{self.annotators} annotations" if self.annotators != "all" else ""]
        parts.append(f"{self.shown} frames" if self.shown != "all" else "")
        parts.append("the filtered set" if self.filtered else "")
        return ", ".join(part for part in parts if part)

    def frames(self, folder: Path, *, limit: int | None = None) -> Interhand:
        """These frames; black pictures of the filtered set are for who reads them to leave out (`is_dark`)."""
        return Interhand(
            folder,
            self.split,
            annotators=self.annotators,
            shown=self.shown,
            filtered=self.filtered,
            limit=limit,
        )


def is_dark(picture: UInt8[np.ndarray, "H W 3"]) -> bool:
    """Whether a picture shows next to nothing: the dataset has some black ones."""
    return float(picture.mean()) < DARK


def _check_finite(joints: tuple[np.ndarray, np.ndarray]) -> None:
    world, valid = joints
    if not np.isfinite(world[valid]).all():
        raise ValueError("labelled joints that are not finite")


def _trouble(look: Any) -> str | None:
    """What is wrong with a label, in some words; None where nothing is."""
    try:
        look()
    except KeyError as error:
        return f"no {error.args[0]}"
    except (KnuckleError, ValueError, TypeError, IndexError) as error:
        return str(error)
    return None
