"""A dataset's training split written as a set of crops, in the format of `knuckle synth`: what training reads.

Every crop is the square of `expand` times the longer side of the joints' box, resampled; where it reaches beyond the
picture, the picture's edge is repeated. Left hands are mirrored with their frame, so all hands are right ones. The
arrays are those of `knuckle.sets.samples.Sample`, with two differences. `visible` only tells whether a joint lies
within the picture: the datasets do not say what is occluded. `residual_m` is added: the mean distance of the rig's
joints from the dataset's.

Pose and shape are those of one rig, open or MANO, and mean nothing to another: the index names it (`rig_name`).
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float

from knuckle.datasets.freihand_training import FreihandTraining
from knuckle.datasets.labelled import LabelledHand, Patch, to_patch
from knuckle.datasets.obman import ObmanTraining
from knuckle.datasets.rig_labels import RigLabels
from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.rig.hand_rig import HandRig
from knuckle.sets.samples import label_table
from knuckle.sets.storage import FORMAT, Header, array_specs, open_arrays, write_set

SHARD = 256
"""Crops a shard; a multiple of FreiHAND's four versions of a sample, which share one fit."""


class Source(Protocol):
    """The hands of a dataset's training split by number."""

    count: int
    rig: HandRig

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers, with joints_px and joints_m."""
        ...

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands; joints_m: their joints, left hands mirrored."""
        ...


SOURCES = {"freihand": FreihandTraining, "obman": ObmanTraining}


def convert_set(
    dataset: str,
    folder: Path,
    out: Path,
    *,
    size: int = 256,
    expand: float = 1.5,
    rig: Path | None = None,
    limit: int | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Header:
    """Write a dataset's training split into the folder `out`; returns what its index.json says.

    dataset: one of `SOURCES`. size: side of the crops, px (a crop takes size^2 x 3 bytes). rig: MANO_RIGHT.pkl or a
    rig file, else the open rig. limit: only the first so many crops, of
    a download that need not be complete. resume: go on with a set that was cut short. The
    index gives the mean of residual_m as residual_mm. Raises KnuckleError naming the file that is missing, damaged or
    disagrees, for options out of range and for a folder in use.
    """
    if dataset not in SOURCES:
        raise KnuckleError(f"dataset: expected one of {', '.join(SOURCES)}, got {dataset!r}")
    check_options(size=size, expand=expand, limit=limit, workers=workers)
    _open.cache_clear()
    return write_crops(
        partial(_open, dataset, folder, rig, limit is None),
        out,
        dataset=dataset,
        options={"size": size, "expand": expand},
        limit=limit,
        workers=workers,
        resume=resume,
        progress=progress,
    )


def check_options(*, size: int, expand: float, limit: int | None, workers: int) -> None:
    """Raise KnuckleError for an option of `convert_set` out of range."""
    for name, value, low, high in (
        ("size", size, 32, 1024),
        ("expand", expand, 1, 4),
        ("limit", 1 if limit is None else limit, 1, 10**9),
        ("workers", workers, 1, 256),
    ):
        if not low <= value <= high:
            raise KnuckleError(f"{name}: expected {low} to {high}, got {value}")


def write_crops(
    opened: Callable[[], Source],
    out: Path,
    *,
    dataset: str,
    options: Header,
    about: Header | None = None,
    limit: int | None,
    workers: int,
    resume: bool,
    progress: bool,
) -> Header:
    """Write the hands of a source as a set; returns what its index.json says.

    opened: gives the source, here and, pickled, in every worker. options: size, expand and what else a resumed set
    must have in common. about: what else the index says. The rest is as in `convert_set`.
    """
    source, size = opened(), options["size"]
    count = min(source.count, limit or source.count)
    table = label_table(size, 0, full=False) | {"residual_m": ((), "float32")}
    header = {
        "format": FORMAT,
        "count": count,
        "dataset": dataset,
        "options": options,
        "rig": source.rig.fingerprint,
        "rig_name": source.rig.name,
        **(about or {}),
        "arrays": array_specs(count, {"images": ((size, size, 3), "uint8"), **table}),
        "complete": False,
    }
    write_set(
        out,
        header,
        partial(_write_shard, opened, out, header),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("format", "count", "dataset", "options", "rig"),
        title="converting" if progress else None,
        summary=_summary,
    )
    return header | _summary(out)


@lru_cache(maxsize=1)
def _open(dataset: str, folder: Path, rig: Path | None, complete: bool) -> Source:
    """A process opens a source once: label files are large."""
    return SOURCES[dataset](folder, rig, complete=complete)


def _summary(out: Path) -> Header:
    residual = np.load(out / "residual_m.npy", mmap_mode="r", allow_pickle=False)
    return {"residual_mm": round(float(residual.mean(dtype=np.float64)) * 1e3, 3)}


def _write_shard(opened: Callable[[], Source], out: Path, header: Header, shard: int) -> None:
    source = opened()
    numbers = range(shard * SHARD, min((shard + 1) * SHARD, header["count"]))
    hands = source.hands(numbers)
    options = header["options"]
    patches = [to_patch(hand, size=options["size"], expand=options["expand"]) for hand in hands]
    crops = [_crop_labels(hand, patch) for hand, patch in zip(hands, patches, strict=True)]
    values = {name: np.stack([crop[name] for crop in crops]) for name in crops[0]}
    values |= source.rig_labels(numbers, values["joints_m"])._asdict()
    for name, array in open_arrays(out, header).items():
        array[numbers.start : numbers.stop] = values[name]
        array.flush()


def _crop_labels(hand: LabelledHand, patch: Patch) -> dict[str, np.ndarray]:
    """What depends on the crop; `Patch` holds the frame mirrored where the hand is left."""
    joints_px = np.asarray(patch.joints_px)
    frame_size = np.array([hand.camera.width, hand.camera.height])
    u, v, side = (float(value) for value in patch.crop)
    patch_from_frame = Crop((u, v), side, len(patch.pixels)).patch_from_frame
    return {
        "images": patch.pixels,
        "is_hand": np.array(True),
        "joints_m": np.asarray(patch.joints_m),
        "joints_px": apply_affine(patch_from_frame, joints_px),
        "camera": patch.camera,
        "frame_size": frame_size,
        "patch_from_frame": patch_from_frame,
        "visible": np.all((joints_px >= 0) & (joints_px <= frame_size - 1), axis=-1),
    }
