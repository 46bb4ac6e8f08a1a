"""EgoDexter's protocol, as papers on hands of one colour camera score fingertips on it (Zhou et al. 2020, HandAR)."""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import absolute_errors, centroid_errors, keypoint_mean, sample_means
from knuckle.evaluation.protocols.common import EPE, MM, error_score, make_curve, pck_3d, share_score
from knuckle.evaluation.report import Curve, Report, Score
from knuckle.skeleton import JOINT_CLASSES

NAME = "EgoDexter"
LEAST_TIPS = 2
"""Of one tip alone the middle is the tip: its error is 0 whatever the model says."""
RANGE_M = np.linspace(0.02, 0.05, 100)
_PROTOCOL = (
    "Fingertips alone, of hands with two or more labelled: their middle laid on the true one, neither turned nor"
    " scaled. PCK: of each finger's tips, then the mean over fingers; AUC over 20 to 50 mm, which most papers print,"
    " and over 0 to 50 mm. five tips: hands with all tips labelled; without Kitchen: its labels are known to be bad;"
    " scaled: the tips' mean distance from their middle made the true one (Minimal-Hand). Crop: a square of 0.24 m"
    " round the tips' middle at their depth, as the data set has no boxes. Left hands mirrored."
)


def report(truth: Truth, predictions: Predictions, *, model: str, shown: str = "") -> Report:
    """Scores of a model's answers to hands of EgoDexter, whose names begin with the sequence; shown: how it was shown
    the pictures, where that is not what the protocol says."""
    tips = list(JOINT_CLASSES["T"])
    true, found = truth.joints_m[:, tips], predictions.joints_m[:, tips]
    known = np.isfinite(true).all(-1).sum(-1)
    kept = known >= LEAST_TIPS
    lone = int((~kept).sum())
    true, found, known = true[kept], found[kept], known[kept]
    names = np.array(truth.names)[kept] if truth.names else np.full(len(known), "", dtype=object)
    errors, scaled = centroid_errors(true, found), centroid_errors(true, found, scaled=True)
    not_kitchen = np.array([not str(name).startswith("Kitchen") for name in names], bool)
    scores, found_curves = _scores("", errors)
    for suffix, rows in ((" five tips", known == len(tips)), (" without Kitchen", not_kitchen)):
        if rows.any() and not rows.all():
            scores += _scores(suffix, errors[rows])[0]
    scores += _scores(" scaled", scaled)[0]
    in_px = absolute_errors(truth.joints_px[kept][:, tips], predictions.joints_px[kept][:, tips])
    scores.append(error_score(EPE, in_px, "px", 1.0))
    notes = (f"{lone} hands with one labelled tip do not count",) if lone else ()
    result = Report(
        NAME,
        f"{_PROTOCOL} {shown}".strip(),
        model,
        len(errors),
        tuple(scores),
        curves=found_curves,
        names=tuple(str(name) for name in names),
        notes=notes,
    )
    result.samples["tip_error_mm"] = (sample_means(errors) * MM).tolist()
    result.by_kind["tip error (mm)"] = {
        kind: keypoint_mean(errors[rows]) * MM for kind, rows in _by_sequence(names).items()
    }
    return result


def _scores(suffix: str, errors: Float[np.ndarray, "N 5"]) -> tuple[list[Score], dict[str, Curve]]:
    late = make_curve(RANGE_M * MM, curves.pck_curve(errors, RANGE_M), "threshold (mm)", "PCK")
    whole = pck_3d(errors)
    scores = [
        share_score(f"AUC 20-50 mm{suffix}", late.area),
        share_score(f"AUC 0-50 mm{suffix}", whole.area),
        error_score(f"tip error{suffix}", errors, "mm", MM),
    ]
    return scores, {"PCK 3D of tips": whole}


def _by_sequence(names: np.ndarray) -> dict[str, Bool[np.ndarray, "N"]]:
    kinds = np.array([str(name).partition("/")[0] for name in names])
    return {kind: kinds == kind for kind in sorted(set(kinds.tolist())) if kind}
