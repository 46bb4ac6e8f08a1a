"""Files of one or two hands a frame: InterHand2.6M, by its protocol.

The file is JSON, a .zip with it, or a NumPy archive (.npz) of the same two names:

    names      N names of pictures below images/SPLIT, as file_name in InterHand2.6M_SPLIT_data.json, in any order
    joints_mm  N x 42 x 3: millimetres of the frame of the picture's own camera (x right, y down, z forward), in the
               set's own order: the right hand's 21 joints, each finger from its tip to its base, the wrist last; then
               the left hand's. Of a hand that the annotation does not show anything goes, null or NaN too.

There is one entry for each frame that is scored. Systems with answers in 2.5D lift them at the depth that they take:
the true one of each wrist (A2J-Transformer, DFL), or that of a network.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.interhand import Chosen, Interhand, is_dark
from knuckle.datasets.interhand_labels import V1_COUNTS, label_file
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics.joints import root_relative_errors
from knuckle.evaluation.protocols import interhand
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.prediction_file import read_named
from knuckle.evaluation.scoring.suspicions import (
    better_reading,
    refuse,
    refuse_not_finite,
    suspect_depth,
    suspect_order,
    suspect_unit,
)
from knuckle.geometry.projection import project
from knuckle.skeleton import FROM_COMMON, JOINT_COUNT, TO_COMMON, convert_joints

_MM = 1e-3
_ORDER = "InterHand2.6M's order (right hand, left hand; each finger from its tip, the wrist last)"


def score_frames(
    predictions: Path, truth: Path, *, chosen: Chosen | None = None, as_is: bool = False
) -> Report:
    """The protocol's figures of a prediction file.

    Args:
        predictions: as above.
        truth: the data set's folder; its pictures are needed for the filtered set alone, which leaves out black ones.
        chosen: the frames; None: all of the test split.
        as_is: score a file that looks wrong, and say so in the report.

    Raises KnuckleError for labels that are missing or damaged, a file of other frames, of another unit or joint order,
    or with numbers that are not finite.
    """
    chosen = chosen or Chosen()
    frames = chosen.frames(truth)
    kept, notes = _not_dark(frames, truth, chosen)
    if not kept:
        raise KnuckleError(f"{truth}: expected frames of the kind asked for in {chosen.split}, got none")
    words = f"{chosen.split} ({chosen.words})" if chosen.words else chosen.split
    true = _truth(frames, kept)
    found, told = read_pairs(predictions, true, split=words, as_is=as_is)
    notes, words = notes + told, chosen.words
    if frames.annotation_count != V1_COUNTS[chosen.split]:
        notes += (
            f"{len(kept)} frames of {frames.annotation_count} annotations; version 1.0 at 5 frames a second has"
            f" {V1_COUNTS[chosen.split]}: not the papers' figure",
        )
    return interhand.report(
        true,
        found,
        model=predictions.name,
        benchmark=f"{interhand.NAME} {chosen.split}" + (f", {words}" if words else ""),
        shown="Here a file of joints of the camera's frame: no crop is cut by this program.",
        notes=notes,
    )


def read_pairs(
    path: Path, true: TwoHandTruth, *, split: str, as_is: bool
) -> tuple[TwoHandPredictions, tuple[str, ...]]:
    """The hands of a file of this layout in the order of the truth, and what to know of them; split: what to call the
    frames. Raises KnuckleError as `score_frames`."""
    stored_mm = _in_order(path, true.names, split)
    joints_m, where = np.empty((len(true), 2, JOINT_COUNT, 3)), str(path)
    joints_m[:] = convert_joints(stored_mm.reshape(-1, 2, JOINT_COUNT, 3) * _MM, source="interhand")
    # What is said of a hand that is not there does not count, be it a number or not.
    joints_m[~true.is_hand] = [0, 0, 1]
    refuse_not_finite(joints_m, where=where, what="joints_mm", names=true.names)
    notes = refuse(_suspicions(true, joints_m, where=where), as_is=as_is)
    # A joint in the plane of the camera has no pixel; where it lies beside it decides nothing in space.
    placed = np.where(joints_m[..., 2:] == 0, [0, 0, 1e-9], 0) + joints_m
    return TwoHandPredictions(project(placed, true.camera[:, None, None]), joints_m), notes


def _not_dark(frames: Interhand, truth: Path, chosen: Chosen) -> tuple[dict[str, int], tuple[str, ...]]:
    """The frames to score, name -> number, and what to know of them."""
    named = {name: number for number, name in enumerate(frames.names)}
    if len(named) != len(frames):
        file = label_file(truth, chosen.split, "data")
        raise KnuckleError(f"{file}: expected every picture once, got some twice")
    if not chosen.filtered:
        return named, ()
    lost = [name for name, number in named.items() if not frames.images[number].is_file()]
    if lost:
        return named, (
            f"{len(lost)} of {len(named)} pictures of the filtered set are not there: whether they are black, and left"
            " out by the papers, is not known",
        )
    dark = {name for name, number in named.items() if is_dark(frames[number].read())}
    kept = {name: number for name, number in named.items() if name not in dark}
    return kept, (f"{len(dark)} black pictures are left out",)


def _in_order(path: Path, names: tuple[str, ...], split: str) -> Float[np.ndarray, "N 42 3"]:
    """The file's joints in the order of the frames, NaN where it has null."""
    return read_named(path, names, "joints_mm", (2 * JOINT_COUNT, 3), split)


def _truth(frames: Interhand, kept: dict[str, int]) -> TwoHandTruth:
    chosen = [frames[number] for number in kept.values()]
    return TwoHandTruth(
        joints_px=np.stack([frame.joints_px for frame in chosen]),
        joints_m=np.stack([frame.joints_m for frame in chosen]),
        is_hand=np.stack([frame.is_hand for frame in chosen]),
        camera=np.stack([frame.camera.vector for frame in chosen]),
        names=tuple(kept),
        kinds=tuple(frame.hand_type for frame in chosen),
    )


def _suspicions(true: TwoHandTruth, joints_m: np.ndarray, *, where: str) -> list[str]:
    here = true.is_hand
    labelled = np.isfinite(true.joints_m).all(axis=(2, 3)) & here
    told = [suspect_depth(joints_m[here], where=where, forward=True)]
    if not labelled.any():
        return told
    truth_m, found_m = true.joints_m[labelled], joints_m[labelled]
    told.insert(0, suspect_unit(truth_m, found_m, where=where, what="joints_mm", unit="millimetres"))
    from_read = np.array(FROM_COMMON["interhand"])
    others = {
        "the common order (wrist first, each finger from its base)": tuple(
            from_read[list(TO_COMMON["common"])]
        ),
        "MANO's order": tuple(from_read[list(TO_COMMON["mano21"])]),
    }
    told.append(suspect_order(truth_m, found_m, others, where=where, order=_ORDER))
    told.append(_suspect_sides(true.joints_m[labelled.all(1)], joints_m[labelled.all(1)], where=where))
    return told


def _suspect_sides(truth_m: np.ndarray, joints_m: np.ndarray, *, where: str) -> str:
    """A sentence where pairs fit much better with the hands exchanged; "" otherwise."""
    if not len(truth_m):
        return ""
    own = float(root_relative_errors(truth_m, joints_m).mean())
    better = better_reading(own, {"exchanged": root_relative_errors(truth_m, joints_m[:, ::-1])})
    if better is None:
        return ""
    return (
        f"{where}: expected the right hand first, got pairs that are {own * 1e3:.0f} mm off, but"
        f" {better[1] * 1e3:.0f} mm with their hands exchanged; is the left hand first?"
    )
