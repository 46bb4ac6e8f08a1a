"""A dataset's training split written as a set of crops, in the format of `knuckle synth`: what training reads.

Every crop is the square of `expand` times the longer side of the joints' box, resampled; where it reaches beyond the
picture, the picture's edge is repeated. Left hands are mirrored with their frame, so all hands are right ones. The
arrays are those of `knuckle.sets.samples.Sample`, with two differences. `visible` tells whether a joint lies
within the picture, and is seen where the dataset says so. `residual_m` is added: the mean distance of the rig's
joints from the dataset's.

Pose and shape are those of one rig, open or MANO, and mean nothing to another: the index names it (`rig_name`) and
whose fingertips it has (`tips`). The joints have the same ones: by MANO's mesh they are converted from the dataset's;
the open rig's are those of the fitted pose.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from knuckle.datasets.hand_free import SIDES_OF_FRAME, hand_free_crop
from knuckle.datasets.labelled import LabelledHand, Patch, to_patch
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.rig_labels import RigLabels, to_rig_tips, with_tips
from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.geometry.projection import project
from knuckle.rig.hand_rig import HandRig
from knuckle.sets.samples import blank_sample, label_table
from knuckle.sets.storage import FORMAT, DamagedInput, Header, array_specs, open_arrays, write_set
from knuckle.skeleton import JOINT_COUNT
from knuckle.truth import validity_table

MOST_NEGATIVES = 0.9
SHARD = 256
"""Crops a shard; a multiple of FreiHAND's four versions of a sample, which share one fit."""


_HAND_FREE = 4
"""Of the random numbers of hand-free crops."""
_MOST_ATTEMPTS, _NEXT_FRAME = 64, 977
"""How many frames are tried for one hand-free crop, and how far apart they are."""


class Source(Protocol):
    """The hands of a dataset's training split by number."""

    count: int
    rig: HandRig
    """What the labels are of; a MANO file has the dataset's fingertips."""
    tips: str
    """Whose fingertips the dataset's joints have (`knuckle.rig.tips`)."""

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers, with joints_px and joints_m."""
        ...

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands; joints_m: their joints, left hands mirrored."""
        ...


@runtime_checkable
class PartialSource(Source, Protocol):
    """A source whose hands lack labels: joints are None or NaN where they do, and so are pose and shape."""

    def validity(self, numbers: range) -> dict[str, np.ndarray]:
        """What is labelled of these hands: the arrays of `knuckle.truth.validity_table`."""
        ...


@runtime_checkable
class CheckedSource(Source, Protocol):
    """A source that has left out what cannot be used."""

    faults: list[str]
    """A sentence for each."""
    labels_digest: str
    """Tells the labels of one folder from those of another."""


def convert_set(
    dataset: str,
    folder: Path,
    out: Path,
    *,
    size: int = 256,
    expand: float = 1.5,
    rig: Path | None = None,
    tips: str | None = None,
    negatives: float = 0.0,
    variant: str | None = None,
    limit: int | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Header:
    """Write a dataset's training split into the folder `out`; returns what its index.json says.

    Args:
        dataset: one of `knuckle.datasets.registry.DATA_SETS`.
        folder: of the dataset, as downloaded.
        out: where the set is written.
        size: side of the crops, px (a crop takes size^2 x 3 bytes).
        expand: side of the crops over the longer side of the joints' box.
        rig: MANO_RIGHT.pkl or a rig file, else the open rig.
        tips: of a MANO rig, whose fingertips the set's joints get (`knuckle.rig.tips`); None: FreiHAND's, as training
            reads MANO_RIGHT.pkl.
        negatives: share of the set's crops that are hand-free squares of the dataset's own frames
            (`knuckle.datasets.hand_free`); they come after the hands.
        variant: which of the dataset's set-ups or parts (`DataSet.variants`); None: its first.
        limit: only the first so many hands, of a download that need not be complete.
        workers: processes.
        resume: go on with a set that was cut short.
        progress: show a progress bar.

    A picture that cannot be read ends nothing at once: the shards without such pictures are written, and then all of
    them are named. The index gives the mean of residual_m as residual_mm. Raises KnuckleError naming the file that is
    missing, damaged or disagrees, for options out of range and for a folder in use.
    """
    find_data_set(dataset)
    check_options(size=size, expand=expand, limit=limit, workers=workers)
    # Written so that NaN fails too.
    if not 0 <= negatives <= MOST_NEGATIVES:
        raise KnuckleError(f"negatives: expected a share from 0 to {MOST_NEGATIVES}, got {negatives}")
    _open.cache_clear()
    chosen = find_data_set(dataset).chosen_variant(variant)
    opened: Callable[[], Source] = partial(_open, dataset, folder, rig, limit is None, chosen)
    if find_data_set(dataset).opened_once:
        opened = partial(_same, opened())
    source = opened()
    about = (
        {"left_out": source.faults, "labels": source.labels_digest}
        if isinstance(source, CheckedSource)
        else None
    )
    return write_crops(
        opened,
        out,
        # The hands of another variant are other hands (`knuckle.sets.seen`).
        dataset=dataset if chosen is None else f"{dataset} {chosen}",
        options={"size": size, "expand": expand} | ({"negatives": negatives} if negatives else {}),
        tips=tips,
        about=about,
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
    tips: str | None = None,
    about: Header | None = None,
    limit: int | None,
    workers: int,
    resume: bool,
    progress: bool,
) -> Header:
    """Write the hands of a source as a set; returns what its index.json says.

    opened: gives the source, here and, pickled, in every worker. options: size, expand and what else a resumed set
    must have in common. tips: as in `convert_set`. about: what else the index says. The rest is as in `convert_set`.
    """
    source, size = opened(), options["size"]
    rig = with_tips(source.rig, tips)
    hands = min(source.count, limit or source.count)
    share = options.get("negatives", 0.0)
    without = math.ceil(hands * share / (1 - share))
    count = hands + without
    table = label_table(size, 0, full=False) | {"residual_m": ((), "float32")}
    if isinstance(source, PartialSource):
        table |= validity_table(1)
    header = {
        "format": FORMAT,
        "count": count,
        "hand_free": without,
        "dataset": dataset,
        "options": options,
        "rig": rig.fingerprint,
        "rig_name": rig.name,
        "tips": rig.tips,
        **(about or {}),
        "arrays": array_specs(count, {"images": ((size, size, 3), "uint8"), **table}),
        "complete": False,
    }
    write_set(
        out,
        header,
        partial(_write_shard, opened, out, header, rig.tips),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("format", "count", "dataset", "options", "rig"),
        title="converting" if progress else None,
        summary=_summary,
    )
    return header | _summary(out)


def _same(source: Source) -> Source:
    """Pickled with its source."""
    return source


@lru_cache(maxsize=1)
def _open(dataset: str, folder: Path, rig: Path | None, complete: bool, variant: str | None) -> Source:
    """A process opens a source once: label files are large."""
    return find_data_set(dataset).open_source(folder, rig, complete=complete, variant=variant)


def _summary(out: Path) -> Header:
    residual, is_hand = (
        np.load(out / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("residual_m", "is_hand")
    )
    met = residual[is_hand & np.isfinite(residual)]
    return {"residual_mm": round(float(met.mean(dtype=np.float64)) * 1e3, 3) if len(met) else None}


def _write_shard(opened: Callable[[], Source], out: Path, header: Header, tips: str, shard: int) -> None:
    source = opened()
    rig = with_tips(source.rig, tips)
    count, hands = header["count"], header["count"] - header["hand_free"]
    first, last = shard * SHARD, min((shard + 1) * SHARD, count)
    parts = []
    if first < hands:
        parts.append(_hands(source, rig, range(first, min(last, hands)), header["options"]))
    for row in range(max(first, hands), last):
        parts.append(_hand_free(source, row, hands, header))
    for name, array in open_arrays(out, header).items():
        array[first:last] = np.concatenate([part[name] for part in parts])
        array.flush()


def _hands(source: Source, rig: HandRig, numbers: range, options: Header) -> dict[str, np.ndarray]:
    """The rows of these hands."""
    hands = source.hands(numbers)
    patches, damaged = [], []
    for hand in hands:
        try:
            patches.append(to_patch(hand, size=options["size"], expand=options["expand"]))
        except KnuckleError as error:
            damaged.append(str(error))
    if damaged:
        # All of them, so that they can be mended at once.
        raise DamagedInput("; ".join(dict.fromkeys(damaged)))
    # As right hands: left ones come mirrored with their frame.
    unknown = np.full((JOINT_COUNT, 3), np.nan)
    joints_m = np.stack([unknown if patch.joints_m is None else patch.joints_m for patch in patches])
    labels = source.rig_labels(numbers, joints_m)
    told = source.validity(numbers) if isinstance(source, PartialSource) else {}
    joints_m = to_rig_tips(joints_m, labels, rig, source=source.tips)
    crops = [_crop_labels(*row) for row in zip(hands, patches, joints_m, strict=True)]
    return {name: np.stack([crop[name] for crop in crops]) for name in crops[0]} | labels._asdict() | told


def _hand_free(source: Source, row: int, hands: int, header: Header) -> dict[str, np.ndarray]:
    """A row without a hand: a square of the frame of one of the set's hands, which are taken evenly."""
    options, without = header["options"], header["hand_free"]
    rng = np.random.default_rng([_HAND_FREE, row])
    number = (row - hands) * hands // without
    for attempt in range(_MOST_ATTEMPTS):
        tried = (number + attempt * _NEXT_FRAME) % hands
        hand = source.hands(range(tried, tried + 1))[0]
        crop = hand_free_crop(hand, rng, size=options["size"])
        if crop is not None:
            sample = blank_sample(crop.warp(hand.read()), hand.camera, crop, vertex_count=None)
            rows = sample.labels() | {"images": sample.image, "residual_m": np.float32(0)}
            # Labels of a hand that is not there: not told apart from those that are.
            told = {name: np.zeros(shape, bool) for name, (shape, _) in validity_table(1).items()}
            rows |= {name: value for name, value in told.items() if name in header["arrays"]}
            return {name: np.asarray(value)[None] for name, value in rows.items()}
    hand = source.hands(range(number, number + 1))[0]
    smallest = round(SIDES_OF_FRAME[-1] * min(hand.camera.width, hand.camera.height))
    raise KnuckleError(
        f"negatives: expected frames with room for {smallest}x{smallest} px without a hand, got none in "
        f"{_MOST_ATTEMPTS} of {header['dataset']}'s, {hand.image} the first; ask for none"
    )


def _crop_labels(hand: LabelledHand, patch: Patch, joints_m: np.ndarray) -> dict[str, np.ndarray]:
    """What depends on the crop; `Patch` holds the frame mirrored where the hand is left."""
    placed = np.isfinite(joints_m).all(-1)
    joints_px = np.full((JOINT_COUNT, 2), np.nan) if patch.joints_px is None else patch.joints_px.copy()
    joints_px[placed] = project(joints_m[placed], patch.camera)
    frame_size = np.array([hand.camera.width, hand.camera.height])
    within = np.all((joints_px >= 0) & (joints_px <= frame_size - 1), axis=-1)
    u, v, side = (float(value) for value in patch.crop)
    patch_from_frame = Crop((u, v), side, len(patch.pixels)).patch_from_frame
    return {
        "images": patch.pixels,
        "is_hand": np.array(True),
        "joints_m": joints_m,
        "joints_px": apply_affine(patch_from_frame, joints_px),
        "camera": patch.camera,
        "frame_size": frame_size,
        "patch_from_frame": patch_from_frame,
        "visible": within if hand.visible is None else within & hand.visible,
    }
