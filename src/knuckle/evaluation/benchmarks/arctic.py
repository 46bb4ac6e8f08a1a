"""ARCTIC's validation split as a benchmark of two hands: labels of the test split are not published."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Int

from knuckle.datasets import arctic
from knuckle.datasets.photos import check_size, read_rgb
from knuckle.datasets.rectified import is_inside
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.protocols import arctic as protocol
from knuckle.geometry.lenses import RationalLens, seen_by_pinhole
from knuckle.sets.seen import Seen, variants_of
from knuckle.skeleton import HAND_SIDES, SIDES, Side

LEAST_IN_SIGHT = 3
"""Joints, the wrist among them, without which the authors do not score a hand."""


def is_arctic(folder: Path) -> bool:
    """Whether a folder holds ARCTIC's cameras and splits."""
    top = arctic.top_folder(folder)
    return (top / "meta" / "misc.json").is_file() and (top / "splits_json").is_dir()


def arctic_benchmark(
    folder: Path,
    *,
    variant: str | None = None,
    mano: Path | None = None,
    limit: int | None = None,
    seen: Seen | None = None,
) -> TwoHandBenchmark:
    """The pictures of a protocol's validation split with a hand that counts.

    Args:
        folder: of the data set.
        variant: "p1", the fixed cameras, "p2", the one on the head, or every tenth frame of either ("p1-tenth").
        mano: MANO_RIGHT.pkl, MANO_LEFT.pkl beside it: gives the joints where neither processed_seqs nor splits do.
        limit: only the first so many pictures, of a download that need not be complete.
        seen: what models were trained on; recordings of the training split of theirs are left out.

    Raises KnuckleError naming what is missing or damaged, and where nothing is left.
    """
    name = variant or "p1"
    if name.removesuffix("-tenth") not in arctic.PROTOCOLS:
        raise KnuckleError(f"variant: expected p1, p2, p1-tenth or p2-tenth with ARCTIC, got {name}")
    setup = cast(arctic.Protocol, name.removesuffix("-tenth"))
    every = 10 if name.endswith("-tenth") else 1
    data = arctic.Arctic(folder, mano)
    listed = arctic.read_protocol(data.folder, setup, "val")
    trained = {
        each
        for told in variants_of(seen or {}, "arctic")
        for each in arctic.read_protocol(data.folder, told.removesuffix("-tenth"), "train")
    }
    names = [each for each in listed if each not in trained]
    if not names:
        raise KnuckleError(
            f"{data.folder}: expected recordings of ARCTIC {setup} val that the weights were not trained on, got"
            f" {len(listed)} listed, none of them"
        )
    rows, by_file = _rows(data, names, setup, every=every, limit=limit)
    notes = (f"{len(listed) - len(names)} of {len(listed)} recordings left out, as training saw them",)
    notes = notes if len(names) < len(listed) else ()
    notes += ("validation split: labels of the test split are not published",)
    if not by_file:
        notes += (
            "no file says which hands the authors score: those of which wrist and two more joints are in the picture,"
            " wherever the thing is",
        )
    if every > 1 or limit is not None:
        notes += (f"{len(rows)} pictures, not all of the split: not the papers' figure",)
    return TwoHandBenchmark(
        f"{protocol.NAME} {setup} val",
        len(rows),
        lambda: _frames(data, names, rows),
        "",
        "",
        notes=notes,
        hands_from="" if seen is None else f"arctic {name}",
        score=protocol.report,
    )


def _rows(
    data: arctic.Arctic, names: list[str], setup: arctic.Protocol, *, every: int, limit: int | None
) -> tuple[Int[np.ndarray, "n 5"], bool]:
    """Recording, frame, view, and whether the right and the left hand count; and whether files say so of all."""
    rows: list[tuple[int, int, int, bool, bool]] = []
    missing: list[str] = []
    by_file = True
    for at, name in enumerate(names):
        sequence = data.sequence(name)
        if sequence.joints_m is None:
            raise KnuckleError(
                f"{data.folder}: expected processed_seqs or splits, or your file of MANO (--mano MANO_RIGHT.pkl), for"
                f" the joints of {name}, got neither"
            )
        by_file &= sequence.counts is not None
        counts = {
            (side, view): counted(data, sequence, side, view)
            for side in SIDES
            for view in arctic.VIEWS[setup]
        }
        for frame in data.labelled_frames(sequence)[::every]:
            for view in arctic.VIEWS[setup]:
                right, left = (bool(counts[side, view][frame]) for side in HAND_SIDES)
                if not (right or left):
                    continue
                path, _ = data.picture(name, frame, view)
                if path.is_file():
                    rows.append((at, frame, view, right, left))
                else:
                    missing.append(str(path.relative_to(data.folder)))
        if limit is not None and len(rows) >= limit:
            break
    if missing and limit is None:
        raise KnuckleError(
            f"{data.folder}: expected the pictures of ARCTIC {setup} val ({arctic.SITE}), missing {len(missing)}, the"
            f" first {missing[0]}"
        )
    if not rows:
        why = f", missing {len(missing)} pictures, the first {missing[0]}" if missing else ""
        raise KnuckleError(f"{data.folder}: expected pictures of ARCTIC {setup} val, got none{why}")
    return np.array(rows[:limit], int), by_file


def counted(data: arctic.Arctic, sequence: arctic.Sequence, side: Side, view: int) -> np.ndarray:
    """Of every frame, whether a hand is scored in a view: as the files say, else where enough of it is in the picture;
    never where a joint lies behind the camera, which has no place in a picture."""
    joints_m, camera = data.joints_m(sequence, side, view), data.camera(sequence, view)
    before = (joints_m[..., 2] > 0).all(-1)
    if sequence.counts is not None:
        return sequence.counts[side][:, view] & before
    lens = RationalLens(camera, sequence.distortion) if view == arctic.HEAD else camera
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = is_inside(lens, joints_m)
    return inside[:, 0] & (inside.sum(-1) >= LEAST_IN_SIGHT) & before


def _frames(data: arctic.Arctic, names: list[str], rows: Int[np.ndarray, "n 5"]) -> Iterator[TwoHandFrame]:
    for at, frame, view, right, left in rows.tolist():
        sequence = data.sequence(names[at])
        image, camera, lens = data.shown(sequence, frame, view)
        picture = read_rgb(image)
        check_size(picture, (camera.width, camera.height), image)
        if lens is not None:
            picture = seen_by_pinhole(picture, lens, camera, np.eye(3))
        is_hand = np.array([right, left], dtype=bool)
        joints_m = np.full((2, 21, 3), np.nan)
        for hand in np.flatnonzero(is_hand):
            joints_m[hand] = data.joints_m(sequence, HAND_SIDES[hand], view)[frame]
        joints_px = np.full((2, 21, 2), np.nan)
        joints_px[is_hand] = camera.project(joints_m[is_hand])
        yield TwoHandFrame(
            name=f"{names[at]}/{view}/{image.stem}",
            picture=picture,
            camera=camera,
            is_hand=is_hand,
            joints_px=joints_px,
            joints_m=joints_m,
        )
