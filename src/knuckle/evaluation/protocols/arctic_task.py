"""ARCTIC's task of consistent motion (Fan et al. 2023): hands and the thing that they hold, through recordings.

Places are compared with each other, never with the camera: a prediction may lie anywhere as a whole. The facts are
those of the authors' `eval_modules.py` and `evaluate_metrics.py` (github.com/zc-alexfan/arctic).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.evaluation.metrics.contact import (
    Touch,
    Window,
    acceleration_errors,
    contact_deviations,
    motion_deviations,
)
from knuckle.evaluation.protocols.common import MM, PERCENT
from knuckle.evaluation.report import Better, Report, Score
from knuckle.skeleton import WRIST

SUCCESS_SHARE = 0.05
"""Of the thing's size, within which its vertices are right."""
_ROWS: dict[str, tuple[str, float, Better]] = {
    "MPJPE": ("mm", MM, "lower"),
    "MRRPE right-left": ("mm", MM, "lower"),
    "MRRPE right-thing": ("mm", MM, "lower"),
    "CDev": ("mm", MM, "lower"),
    "CDev to the true thing": ("mm", MM, "lower"),
    "MDev": ("mm", MM, "lower"),
    "MDev to the true thing": ("mm", MM, "lower"),
    "ACC hands": ("m/s²", 1.0, "lower"),
    "ACC thing": ("m/s²", 1.0, "lower"),
    "AAE": ("°", 180 / np.pi, "lower"),
    "success rate": ("%", PERCENT, "higher"),
}
PROTOCOL = (
    "ARCTIC's task of consistent motion. MPJPE: each hand after its own wrist, the mean over its joints, then over the"
    " hands of a picture that count, then over pictures. MRRPE: the left wrist, and the middle of the thing's base,"
    " seen from the right wrist. CDev: how far vertices of a hand lie from those of the thing that they touch in truth"
    " (nearer than 3 mm), the mean over these, then over hands, then over pictures. MDev: how differently two such"
    " vertices move from picture to picture while they touch, 15 pictures in turn or longer and without sliding, the"
    " mean over such touches. ACC: error of acceleration of vertices after wrist or base, at 30 pictures a second. AAE:"
    " error of the angle between the thing's parts. Success rate: the share of the thing's vertices, after its base,"
    " nearer than 5 % of its size. A hand counts where its wrist and two more joints are in sight, and pictures where"
    " the middle of the thing is."
)


@dataclass(frozen=True, eq=False)
class Scene:
    """Two hands, the right one first, and a thing through T pictures of one view; metres of any frame."""

    joints_m: Float[np.ndarray, "T 2 21 3"]
    vertices_m: Float[np.ndarray, "T 2 V 3"] | None
    thing_m: Float[np.ndarray, "T P 3"] | None
    angle_rad: Float[np.ndarray, "T"] | None
    """Between the thing's parts."""


@dataclass(frozen=True, eq=False)
class About:
    """What is known of a scene's truth beside it."""

    counts: Bool[np.ndarray, "T 2"]
    """Which hands count."""
    whole: Bool[np.ndarray, "T"]
    """Which pictures count."""
    is_base: Bool[np.ndarray, "P"]
    diameter_m: float
    touch: tuple[Touch, Touch] | None
    """Of each hand; None where the truth has no vertices."""
    windows: tuple[list[Window], list[Window]] = ([], [])
    """Of each hand's touches that last."""


def measured(truth: Scene, found: Scene, about: About) -> dict[str, Float[np.ndarray, "n"]]:
    """Of each figure the values of which it is the mean, in metres, m/s², radians or parts of one; NaN where one does
    not count."""
    counts, whole = about.counts & about.whole[:, None], about.whole
    own = [scene.joints_m - scene.joints_m[:, :, WRIST : WRIST + 1] for scene in (truth, found)]
    of_hands = np.linalg.norm(own[1] - own[0], axis=-1).mean(-1)
    right = [scene.joints_m[:, 0, WRIST] for scene in (truth, found)]
    left = [scene.joints_m[:, 1, WRIST] - wrist for scene, wrist in zip((truth, found), right, strict=True)]
    values = {
        "MPJPE": _mean_of_two(np.where(counts, of_hands, np.nan)),
        "MRRPE right-left": np.where(counts.all(1), np.linalg.norm(left[1] - left[0], axis=-1), np.nan),
    }
    if truth.vertices_m is not None and found.vertices_m is not None:
        wrists = [scene.joints_m[:, :, WRIST : WRIST + 1] for scene in (truth, found)]
        hands = [truth.vertices_m - wrists[0], found.vertices_m - wrists[1]]
        of_hands = [acceleration_errors(hands[0][:, h], hands[1][:, h], counts[:, h]) for h in (0, 1)]
        values["ACC hands"] = _mean_of_two(np.stack(of_hands, 1))
        values |= _contact(truth, found, about, counts)
    if truth.thing_m is not None and found.thing_m is not None:
        values |= _thing(truth.thing_m, found.thing_m, right, counts[:, 0], about)
    if truth.angle_rad is not None and found.angle_rad is not None:
        values["AAE"] = np.where(whole, np.abs(found.angle_rad - truth.angle_rad), np.nan)
    return values


def task_report(
    parts: Sequence[dict[str, Float[np.ndarray, "n"]]],
    *,
    model: str,
    benchmark: str,
    count: int,
    shown: str = "",
    notes: tuple[str, ...] = (),
) -> Report:
    """The means over all that counts of recordings and views.

    Args:
        parts: what `measured` says of each.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        count: pictures.
        shown: how the model was shown the pictures.
        notes: what a reader must know to judge the figures.
    """
    scores = []
    for name, (unit, factor, better) in _ROWS.items():
        of_parts = [part[name] for part in parts if name in part]
        values = np.concatenate(of_parts) if of_parts else np.zeros(0)
        values = values[np.isfinite(values)] * factor
        if len(values):
            scores.append(Score(name, float(values.mean()), unit, better, float(np.median(values))))
    return Report(
        benchmark, f"{PROTOCOL} {shown}".strip(), model, count, tuple(scores), notes=notes, counted="picture"
    )


def _contact(truth: Scene, found: Scene, about: About, counts: np.ndarray) -> dict[str, np.ndarray]:
    """CDev and MDev: to the predicted thing, and where there is none to the true one, as the hands were placed."""
    thing_m = truth.thing_m if found.thing_m is None else found.thing_m
    if about.touch is None or thing_m is None or found.vertices_m is None:
        return {}
    to = " to the true thing" if found.thing_m is None else ""
    hands = [(found.vertices_m[:, h], about.touch[h], counts[:, h], about.windows[h]) for h in (0, 1)]
    near = [contact_deviations(hand, thing_m, touch, own) for hand, touch, own, _ in hands]
    moved = [motion_deviations(windows, hand, thing_m, own) for hand, _, own, windows in hands]
    return {f"CDev{to}": _mean_of_two(np.stack(near, 1)), f"MDev{to}": np.concatenate(moved)}


def _thing(
    true_m: np.ndarray, found_m: np.ndarray, right: list[np.ndarray], counts: np.ndarray, about: About
) -> dict[str, np.ndarray]:
    whole = about.whole
    middles = [points[:, about.is_base].mean(1) for points in (true_m, found_m)]
    seen = [middle - wrist for middle, wrist in zip(middles, right, strict=True)]
    own = [points - middle[:, None] for points, middle in zip((true_m, found_m), middles, strict=True)]
    hit = np.linalg.norm(own[1] - own[0], axis=-1) < SUCCESS_SHARE * about.diameter_m
    return {
        "MRRPE right-thing": np.where(counts, np.linalg.norm(seen[1] - seen[0], axis=-1), np.nan),
        "success rate": np.where(whole, hit.mean(1), np.nan),
        "ACC thing": acceleration_errors(own[0], own[1], whole),
    }


def _mean_of_two(values: Float[np.ndarray, "T 2"]) -> Float[np.ndarray, "T"]:
    """The mean of those of both hands that are there."""
    there = np.isfinite(values)
    total = np.where(there, values, 0).sum(1)
    return np.where(there.any(1), total / np.maximum(there.sum(1), 1), np.nan)
