"""Files of HIC and EgoDexter, on which systems are scored that never trained on them. Their layouts are ours.

    HIC         as InterHand2.6M's (`frames`): names as in HIC.json, joints_mm N x 42 x 3
    EgoDexter   names N of SEQUENCE/NUMBER ("Desk/00012"); tips_mm N x 5 x 3: millimetres of the colour camera's frame
                (x right, y down, z forward), thumb to little finger, left hands as they are

as JSON, a .zip with it, or a NumPy archive. There is one entry for each picture that is scored: of HIC those with a
mesh, of EgoDexter those with a labelled tip.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.egodexter import ANNOTATED, CAMERA, TIPS, read_egodexter
from knuckle.datasets.hic import CAMERA as HIC_CAMERA
from knuckle.datasets.hic import IMAGES, LIST, read_frame, read_rows, top_folder
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth, TwoHandTruth
from knuckle.evaluation.metrics.joints import centroid_errors
from knuckle.evaluation.protocols import egodexter, hic
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.frames import read_pairs
from knuckle.evaluation.scoring.prediction_file import read_named
from knuckle.evaluation.scoring.suspicions import (
    better_reading,
    refuse,
    refuse_not_finite,
    suspect_depth,
    suspect_unit,
)
from knuckle.geometry.mirror import MIRROR_POINT
from knuckle.skeleton import JOINT_COUNT

_MM = 1e-3
_SHOWN = "Here a file: no crop is cut by this program."


def score_hic(predictions: Path, truth: Path, *, as_is: bool = False) -> Report:
    """HIC's figures of joints; meshes are scored by `knuckle evaluate` alone. truth: the folder; no picture is read.

    Raises KnuckleError as `knuckle.evaluation.scoring.frames.score_frames`.
    """
    rows = [row for row in read_rows(truth) if any(row.meshes)]
    if not rows:
        raise KnuckleError(f"{truth}: expected pictures of HIC with meshes, got none")
    frames = [read_frame(row) for row in rows]
    joints_m = np.stack([frame.joints_m for frame in frames])
    true = TwoHandTruth(
        joints_px=HIC_CAMERA.project(joints_m),
        joints_m=joints_m,
        is_hand=np.stack([frame.is_hand for frame in frames]),
        camera=np.tile(HIC_CAMERA.vector, (len(frames), 1)),
        names=tuple(frame.name for frame in frames),
        kinds=tuple(frame.hand_type for frame in frames),
    )
    found, notes = read_pairs(predictions, true, split=hic.NAME, as_is=as_is)
    notes += ("no vertex scores: the file is of joints alone",)
    if not (top_folder(truth) / LIST).is_file():
        notes += (f"no {LIST}: every picture with a fit is scored, not the papers' list",)
    elif len(rows) != IMAGES:
        notes += (f"{len(rows)} pictures; DFL scores {IMAGES}",)
    return hic.report(true, found, model=predictions.name, shown=_SHOWN, notes=notes)


def score_egodexter(predictions: Path, truth: Path, *, as_is: bool = False) -> Report:
    """EgoDexter's figures of tips. truth: the folder, whose pictures are counted and not read.

    Raises KnuckleError for labels that are missing or damaged, and a file of other pictures, of another unit, in the
    mirror, with the fingers the other way round, or with numbers that are not finite.
    """
    hands = read_egodexter(truth)
    if not hands:
        raise KnuckleError(f"{truth}: expected pictures of EgoDexter with tips, got none")
    names = tuple(hand.name for hand in hands)
    tips_m = read_named(predictions, names, "tips_mm", (len(TIPS), 3), egodexter.NAME) * _MM
    where = str(predictions)
    refuse_not_finite(tips_m, where=where, what="tips_mm", names=names)
    joints_m, joints_px = (
        np.stack([_labels(points, last) for points in rows])
        for rows, last in (((h.joints_m for h in hands), 3), ((h.joints_px for h in hands), 2))
    )
    told = [
        suspect_unit(joints_m[:, list(TIPS)], tips_m, where=where, what="tips_mm", unit="millimetres"),
        suspect_depth(tips_m, where=where, forward=True),
        _suspect_mirror(joints_m[:, list(TIPS)], tips_m, where=where),
    ]
    notes = refuse(told, as_is=as_is)
    if len(hands) != ANNOTATED:
        notes += (f"{len(hands)} pictures with tips; {ANNOTATED} are published: not the papers' figure",)
    # Only tips are scored; what stands for the other joints decides nothing.
    found_m = np.repeat(tips_m.mean(1, keepdims=True), JOINT_COUNT, axis=1)
    found_m[:, list(TIPS)] = tips_m
    placed = np.where(found_m[..., 2:] == 0, [0, 0, 1e-9], 0) + found_m
    camera = np.tile(CAMERA.vector, (len(hands), 1))
    true = Truth(joints_px=joints_px, joints_m=joints_m, camera=camera, names=names)
    found = Predictions(joints_px=CAMERA.project(placed), joints_m=found_m)
    result = egodexter.report(true, found, model=predictions.name, shown=_SHOWN)
    return result.with_scores((), notes=notes)


def _labels(points: np.ndarray | None, last: int) -> np.ndarray:
    return np.full((JOINT_COUNT, last), np.nan) if points is None else points


def _suspect_mirror(
    truth_m: Float[np.ndarray, "N 5 3"], tips_m: Float[np.ndarray, "N 5 3"], *, where: str
) -> str:
    """A sentence where tips fit much better mirrored, as of right hands, or from the little finger on; "" otherwise."""
    others = {
        "mirrored; are they of right hands?": tips_m * MIRROR_POINT,
        "from the little finger to the thumb; is it that order?": tips_m[:, ::-1],
    }
    own = float(np.nanmean(centroid_errors(truth_m, tips_m)))
    better = better_reading(own, {words: centroid_errors(truth_m, tips) for words, tips in others.items()})
    if better is None:
        return ""
    return (
        f"{where}: expected tips of left hands from thumb to little finger, got tips that are {own * 1e3:.0f} mm off,"
        f" but {better[1] * 1e3:.0f} mm {better[0]}"
    )
