"""HIC for `knuckle data`; the layout is in `knuckle.datasets.hic`. To score on, not to train on."""

from collections import Counter
from pathlib import Path

import numpy as np

from knuckle.datasets import hic
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError
from knuckle.skeleton import HAND_SIDES


def check(folder: Path, *, decode: bool = False) -> Report:
    """Every picture of the list and every fit, and how far these lie from the joints that people placed."""
    report, top = Report("HIC"), hic.top_folder(folder)
    listed = report.add_file(top, hic.LIST, optional="the papers' list: every picture with a fit is taken")
    try:
        rows = hic.read_rows(folder)
    except KnuckleError as error:
        if listed:
            report.faults.append(str(error))
        report.add("pictures", 0, hic.IMAGES)
        report.add("fits (.ply and .pkl)", 0, hic.IMAGES)
        return report
    images = list(dict.fromkeys(row.image for row in rows))
    there = [image for image in images if image.is_file()]
    report.add("pictures", len(there), len(images))
    _missing(report, top, "pictures", images)
    report.add_pictures(top, there, decode=decode)
    meshes = [mesh for row in rows for mesh in row.meshes if mesh is not None]
    files = [mesh.with_suffix(end) for mesh in meshes for end in (".ply", ".pkl")]
    report.add("fits (.ply and .pkl)", sum(file.is_file() for file in files), len(files))
    _missing(report, top, "fits", files)
    damaged, apart = [], []
    for row in rows:
        if not all(
            mesh.with_suffix(end).is_file() for mesh in row.meshes if mesh for end in (".ply", ".pkl")
        ):
            continue
        try:
            frame = hic.read_frame(row)
            path = hic.annotation_of(row.image)
            if path.is_file():
                apart.append(hic.CAMERA.project(frame.joints_m) - hic.annotated_px(path))
        except KnuckleError as error:
            damaged.append(str(error))
    report.add_faults("pictures whose labels cannot be used", damaged)
    kinds = Counter(row.hand_type for row in rows)
    if listed and len(images) != hic.IMAGES:
        report.notes.append(f"{len(images)} pictures in {hic.LIST}; DFL counts {hic.IMAGES}")
    report.notes.append(", ".join(f"{count} of {kind}" for kind, count in kinds.items()))
    if apart:
        distances = np.linalg.norm(np.stack(apart), axis=-1)
        labelled = distances[np.isfinite(distances)]
        if len(labelled):
            report.notes.append(
                f"fits lie {np.median(labelled):.1f} px (median) from the {len(labelled)} joints that people placed"
            )
    return report


def preview(folder: Path, *, count: int) -> list[LabelledHand]:
    """Hands of the list, right and left by turns."""
    rows, hands = hic.read_rows(folder), []
    for turn, number in enumerate(spread(len(rows), count)):
        frame = hic.read_frame(rows[number])
        seen = np.flatnonzero(frame.is_hand)
        if len(seen):
            hands.append(labelled(frame, int(seen[turn % len(seen)])))
    return hands


def labelled(frame: hic.HicFrame, hand: int) -> LabelledHand:
    """One hand of a frame."""
    joints_px = hic.CAMERA.project(frame.joints_m[hand])
    return LabelledHand(
        frame.name,
        "HIC",
        frame.image,
        HAND_SIDES[hand],
        hic.CAMERA,
        tight_box(joints_px),
        joints_px,
        frame.joints_m[hand],
        frame.vertices_m[hand],
    )


def _missing(report: Report, top: Path, what: str, paths: list[Path]) -> None:
    absent = [path for path in paths if not path.is_file()]
    if len(absent) < len(paths):
        report.add_faults(f"missing {what}", (str(path.relative_to(top)) for path in absent))
