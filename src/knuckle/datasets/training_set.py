"""A dataset's training split written as a set of crops, in the format of `knuckle synth`: what training reads.

Every crop is the square of `expand` times the longer side of the joints' box, resampled; where it reaches beyond the
picture, the picture's edge is repeated. Left hands are mirrored with their frame, so all hands are right ones. The
arrays are those of `knuckle.sets.samples.Sample`, with two differences. `visible` tells whether a joint lies
within the picture, and is seen where the dataset says so. `residual_m` is added: the mean distance of the rig's
joints from the dataset's.

Pose and shape are those of one rig, open or MANO, and mean nothing to another: the index names it (`rig_name`) and
whose fingertips it has (`tips`). The joints have the same ones: by MANO's mesh they are converted from the dataset's;
the open rig's are those of the fitted pose.

Of data sets with masks and meshes of their own there are two arrays more, at which training then looks instead of the
posed rig. `own_mask`: at half the crop's side, 1 where the hand is seen, 0 elsewhere and beyond the picture.
`own_mesh_m`: the vertices, camera frame, metres; with MANO's rig alone, whose mesh they are of.
"""

import json
import math
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.datasets.hand_free import SIDES_OF_FRAME, hand_free_crop, hand_mask
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


_OWN = ("own_mask", "own_mesh_m")
_LEFT_OUT = "left_out"
_SHOWN = 5
"""Sentences of one kind that a message holds; the index holds all."""
_HAND_FREE = 4
"""Of the random numbers of hand-free crops."""
_MOST_ATTEMPTS, _NEXT_FRAME = 64, 977
"""How many frames are tried for one hand-free crop, and how far apart they are."""


class _Shown(NamedTuple):
    """A hand whose files could be read."""

    hand: LabelledHand
    patch: Patch
    surface: dict[str, np.ndarray]


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
class EmptySource(Source, Protocol):
    """A source that has whole pictures without a hand."""

    empty_count: int

    def empty(self, number: int) -> LabelledHand | None:
        """One of these pictures, the joints beside it; None where it shows a hand after all."""
        ...


@runtime_checkable
class SurfaceSource(Source, Protocol):
    """A source whose hands have masks, or vertices of the rig's mesh."""

    has_masks: bool
    has_meshes: bool


@runtime_checkable
class OrderedSource(Source, Protocol):
    """A source whose hands come in an order of its own, so that the last ones can be held out."""

    together: int
    """How many hands in turn are versions of one photograph."""
    order: str
    """Tells this order from others; "" for the data set's own."""


@runtime_checkable
class DamagedSource(Source, Protocol):
    """A source some of whose labels are damaged: it can do without these, but its user must say so."""

    damaged: list[str]
    """A sentence for each, naming the file."""


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
    skip_damaged: bool = False,
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
            (`knuckle.datasets.hand_free`), every other one of a frame without any hand where the dataset has such; they
            come after the hands.
        variant: which of the dataset's set-ups or parts (`DataSet.variants`); None: its first.
        limit: only the first so many hands, of a download that need not be complete.
        workers: processes.
        resume: go on with a set that was cut short.
        skip_damaged: finish the set without the hands whose files cannot be read; in their rows stand the next ones
            that can, and the index names them under left_out_damaged.
        progress: show a progress bar.

    A picture or annotation that cannot be read ends nothing at once: the shards without such files are written, and
    then all of them are named. The index gives the mean of residual_m as residual_mm. Raises KnuckleError naming the
    file that is missing, damaged or disagrees, for options out of range and for a folder in use.
    """
    find_data_set(dataset)
    check_options(size=size, expand=expand, limit=limit, workers=workers)
    # Written so that NaN fails too.
    if not 0 <= negatives <= MOST_NEGATIVES:
        raise KnuckleError(f"negatives: expected a share from 0 to {MOST_NEGATIVES}, got {negatives}")
    if negatives and not find_data_set(dataset).negatives:
        raise KnuckleError(
            f"negatives: expected 0, as pictures of {dataset} show hands without labels, got {negatives}"
        )
    _open.cache_clear()
    chosen = find_data_set(dataset).chosen_variant(variant)
    opened: Callable[[], Source] = partial(_open, dataset, folder, rig, limit is None, chosen)
    if find_data_set(dataset).opened_once:
        opened = partial(_same, opened())
    source = opened()
    if isinstance(source, DamagedSource) and source.damaged and not skip_damaged:
        raise DamagedInput(
            f"{_listed(source.damaged)}; {len(source.damaged)} of the annotations cannot be used: mend the files, or"
            f" leave them out with --skip-damaged"
        )
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
        skip_damaged=skip_damaged,
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
    skip_damaged: bool = False,
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
    if isinstance(source, SurfaceSource):
        table |= {"own_mask": ((size // 2, size // 2), "uint8")} if source.has_masks else {}
        table |= {"own_mesh_m": ((len(rig.vertices), 3), "float32")} if source.has_meshes else {}
    ordered = {}
    if isinstance(source, OrderedSource):
        ordered = {"together": source.together} | ({"order": source.order} if source.order else {})
    header = {
        "format": FORMAT,
        "count": count,
        "hand_free": without,
        "dataset": dataset,
        "options": options,
        "rig": rig.fingerprint,
        "rig_name": rig.name,
        "tips": rig.tips,
        **ordered,
        **(about or {}),
        "arrays": array_specs(count, {"images": ((size, size, 3), "uint8"), **table}),
        "complete": False,
    }
    lost = source.damaged if isinstance(source, DamagedSource) else []
    summary = partial(_summary, lost=lost)
    write_set(
        out,
        header,
        partial(_write_shard, opened, out, header, rig.tips, skip_damaged),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("format", "count", "dataset", "options", "rig", "arrays", *ordered),
        title="converting" if progress else None,
        summary=summary,
        otherwise="mend the files, or give --skip-damaged to leave them out, and resume the set",
    )
    return header | summary(out)


def _same(source: Source) -> Source:
    """Pickled with its source."""
    return source


@lru_cache(maxsize=1)
def _open(dataset: str, folder: Path, rig: Path | None, complete: bool, variant: str | None) -> Source:
    """A process opens a source once: label files are large."""
    return find_data_set(dataset).open_source(folder, rig, complete=complete, variant=variant)


def _summary(out: Path, *, lost: list[str]) -> Header:
    residual, is_hand = (
        np.load(out / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("residual_m", "is_hand")
    )
    met = residual[is_hand & np.isfinite(residual)]
    for path in sorted((out / _LEFT_OUT).glob("*.json")):
        lost = lost + json.loads(path.read_text())
    return {
        "residual_mm": round(float(met.mean(dtype=np.float64)) * 1e3, 3) if len(met) else None,
        **({"left_out_damaged": lost} if lost else {}),
    }


def _listed(sentences: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return "; ".join(sentences[:_SHOWN]) + more


def _write_shard(
    opened: Callable[[], Source], out: Path, header: Header, tips: str, skip_damaged: bool, shard: int
) -> None:
    source = opened()
    rig = with_tips(source.rig, tips)
    count, hands = header["count"], header["count"] - header["hand_free"]
    first, last = shard * SHARD, min((shard + 1) * SHARD, count)
    parts = []
    if first < hands:
        last_hand = min(last, hands)
        numbers, damaged = _readable(source, range(first, last_hand), header, hands)
        if damaged and not skip_damaged:
            # All of them, so that they can be mended at once.
            raise DamagedInput("; ".join(dict.fromkeys(damaged)))
        if damaged:
            (out / _LEFT_OUT).mkdir(exist_ok=True)
            (out / _LEFT_OUT / f"{shard:06d}.json").write_text(json.dumps(list(dict.fromkeys(damaged))))
        parts += [_hands(source, rig, run, header) for run in _runs(numbers)]
    for row in range(max(first, hands), last):
        parts.append(_hand_free(source, row, hands, header))
    for name, array in open_arrays(out, header).items():
        array[first:last] = np.concatenate([part[name] for part in parts])
        array.flush()


def _readable(
    source: Source, numbers: range, header: Header, hands: int
) -> tuple[list[tuple[int, _Shown]], list[str]]:
    """The hands of these numbers as they are shown, in the place of each that cannot be read the next one that can; and
    a sentence for each of those. Raises DamagedInput where none of the next ones can be read either."""
    found: list[tuple[int, _Shown]] = []
    damaged: list[str] = []
    for number in numbers:
        for tried in _in_its_place(number, hands, header.get("together", 1)):
            try:
                found.append((tried, _shown(source, tried, header)))
                break
            except KnuckleError as error:
                if tried == number:
                    damaged.append(str(error))
        else:
            raise DamagedInput(f"{damaged[-1]}; nor can the next {_MOST_ATTEMPTS} hands be read")
    return found, damaged


def _in_its_place(number: int, hands: int, together: int) -> Iterator[int]:
    """A hand, the other versions of its photograph, then the hands after it."""
    first = number // together * together
    versions = range(first, min(first + together, hands))
    yield number
    yield from (version for version in versions if version != number)
    for step in range(min(_MOST_ATTEMPTS, hands - len(versions))):
        yield (versions.stop + step) % hands


def _shown(source: Source, number: int, header: Header) -> _Shown:
    (hand,) = source.hands(range(number, number + 1))
    patch = to_patch(hand, size=header["options"]["size"], expand=header["options"]["expand"])
    return _Shown(hand, patch, _own_surface(hand, patch, header))


def _runs(found: list[tuple[int, _Shown]]) -> Iterator[tuple[range, list[_Shown]]]:
    """Hands whose numbers follow each other, as sources give labels of a range."""
    start = 0
    for place in range(1, len(found) + 1):
        if place == len(found) or found[place][0] != found[place - 1][0] + 1:
            first = found[start][0]
            yield range(first, first + place - start), [shown for _, shown in found[start:place]]
            start = place


def _hands(
    source: Source, rig: HandRig, run: tuple[range, list[_Shown]], header: Header
) -> dict[str, np.ndarray]:
    """The rows of these hands."""
    numbers, shown = run
    hands, patches, surfaces = ([getattr(each, name) for each in shown] for name in _Shown._fields)
    # As right hands: left ones come mirrored with their frame.
    unknown = np.full((JOINT_COUNT, 3), np.nan)
    joints_m = np.stack([unknown if patch.joints_m is None else patch.joints_m for patch in patches])
    labels = source.rig_labels(numbers, joints_m)
    told = source.validity(numbers) if isinstance(source, PartialSource) else {}
    joints_m = to_rig_tips(joints_m, labels, rig, source=source.tips)
    crops = [_crop_labels(*row) for row in zip(hands, patches, joints_m, strict=True)]
    crops = [crop | surface for crop, surface in zip(crops, surfaces, strict=True)]
    return {name: np.stack([crop[name] for crop in crops]) for name in crops[0]} | labels._asdict() | told


def _hand_free(source: Source, row: int, hands: int, header: Header) -> dict[str, np.ndarray]:
    """A row without a hand: a square of the frame of one of the set's hands, which are taken evenly."""
    options, without = header["options"], header["hand_free"]
    rng = np.random.default_rng([_HAND_FREE, row])
    number = (row - hands) * hands // without
    for attempt in range(_MOST_ATTEMPTS):
        tried = number + attempt * _NEXT_FRAME
        try:
            hand = _frame_with_room(source, row - hands, tried, header)
            crop = None if hand is None else hand_free_crop(hand, rng, size=options["size"])
            picture = None if hand is None or crop is None else hand.read()
        except KnuckleError:
            # The hand's own row names what cannot be read.
            continue
        if hand is not None and crop is not None and picture is not None:
            sample = blank_sample(crop.warp(picture), hand.camera, crop, vertex_count=None)
            rows = sample.labels() | {"images": sample.image, "residual_m": np.float32(0)}
            # Labels of a hand that is not there: not told apart from those that are.
            told = {name: np.zeros(shape, bool) for name, (shape, _) in validity_table(1).items()}
            told |= {
                name: np.zeros(s["shape"][1:], s["dtype"])
                for name, s in header["arrays"].items()
                if name in _OWN
            }
            rows |= {name: value for name, value in told.items() if name in header["arrays"]}
            return {name: np.asarray(value)[None] for name, value in rows.items()}
    hand = source.hands(range(number, number + 1))[0]
    smallest = round(SIDES_OF_FRAME[-1] * min(hand.camera.width, hand.camera.height))
    raise KnuckleError(
        f"negatives: expected frames with room for {smallest}x{smallest} px without a hand, got none in "
        f"{_MOST_ATTEMPTS} of {header['dataset']}'s, {hand.image} the first; ask for none"
    )


def _frame_with_room(source: Source, which: int, number: int, header: Header) -> LabelledHand | None:
    """The frame that a hand-free crop is cut from: every other one shows no hand at all, where the source has such."""
    if which % 2 == 0 and isinstance(source, EmptySource) and source.empty_count:
        # Taken evenly too.
        hands = header["count"] - header["hand_free"]
        return source.empty(number * source.empty_count // hands % source.empty_count)
    tried = number % (header["count"] - header["hand_free"])
    return source.hands(range(tried, tried + 1))[0]


def _own_surface(hand: LabelledHand, patch: Patch, header: Header) -> dict[str, np.ndarray]:
    """What the data set itself says of the hand's surface; as a right one. Raises KnuckleError where it is missing."""
    found: dict[str, np.ndarray] = {}
    if "own_mask" in header["arrays"]:
        found["own_mask"] = _mask_in_crop(hand, patch, header["arrays"]["own_mask"]["shape"][-1])
    if "own_mesh_m" in header["arrays"]:
        wanted = tuple(header["arrays"]["own_mesh_m"]["shape"][1:])
        if (
            patch.vertices_m is None
            or patch.vertices_m.shape != wanted
            or not np.isfinite(patch.vertices_m).all()
        ):
            got = (
                "none"
                if patch.vertices_m is None
                else f"{patch.vertices_m.shape}, or numbers that are not finite"
            )
            raise KnuckleError(f"{hand.name}: vertices: expected {wanted} finite numbers, got {got}")
        found["own_mesh_m"] = patch.vertices_m
    return found


def _mask_in_crop(hand: LabelledHand, patch: Patch, size: int) -> UInt8[np.ndarray, "m m"]:
    mask = hand_mask(hand).astype(np.float32)
    if hand.side == "left":
        mask = np.ascontiguousarray(mask[:, ::-1])
    u, v, side = (float(value) for value in patch.crop)
    # Nothing is seen beyond the picture, whose edge the crop repeats.
    inside = cv2.warpAffine(
        mask, Crop((u, v), side, size).patch_from_frame, (size, size), flags=cv2.INTER_LINEAR
    )
    return (inside >= 0.5).astype(np.uint8)


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
