"""What is wrong with a whole file of predictions: a clear sentence before any figure that means nothing.

Numbers that are missing or not finite are refused. A file of another unit, with the wrong sign of z, of another camera
frame or of another joint order is suspected from what it would score otherwise; the caller may score it as it is.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.joints import procrustes_errors, root_relative_errors
from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.geometry.mirror import MIRROR_POINT

AS_IS = "--as-is scores it all the same"
_UNITS = {1000.0: "millimetres", 100.0: "centimetres", 0.001: "metres", 0.01: "metres given as centimetres"}
_TIMES = 5.0
"""Hands larger or smaller than the true ones by more than this are of another unit."""
_LOOKED_AT = 200
"""Hands that joint orders and frames are tried on, spread over the file."""
_BETTER = 0.6
"""Another order or frame is suspected where it leaves less than this share of the error."""
_LEAST_M = 0.01
"""Errors below are no reason to suspect anything."""


def to_numbers(
    rows: Any, shape: tuple[int, ...], *, where: str, what: str, count: int, as_in: str
) -> Float[np.ndarray, "N ..."]:
    """Rows of a JSON file as (N, *shape).

    Raises KnuckleError for another number of rows, saying what `as_in` has, and naming the first row that is not of
    this shape, or that is not finite.
    """
    wanted = " x ".join(map(str, shape))
    if not isinstance(rows, list):
        raise KnuckleError(f"{where}: {what}: expected a list of {count} hands, got a {type(rows).__name__}")
    if len(rows) != count:
        raise KnuckleError(f"{where}: {what}: expected {count} hands, as {as_in} has, got {len(rows)}")
    numbers = _as_array(rows)
    if numbers is None or numbers.shape[1:] != shape:
        for row, values in enumerate(rows):
            one = _as_array(values)
            if one is None or one.shape != shape:
                got = "something else" if one is None else f"shape {one.shape}"
                raise KnuckleError(
                    f"{where}: {what} of hand {row} (the first is 0): expected {wanted} numbers, got {got}"
                )
        raise KnuckleError(f"{where}: {what}: expected {wanted} numbers a hand, got others")
    refuse_not_finite(numbers, where=where, what=what)
    return numbers


def refuse_not_finite(numbers: np.ndarray, *, where: str, what: str, names: tuple[str, ...] = ()) -> None:
    """Raise KnuckleError saying in how many rows there is NaN, null or infinity, and which is the first."""
    bad = ~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        name = names[first] if names else f"hand {first} (the first is 0)"
        raise KnuckleError(
            f"{where}: {what}: expected finite numbers, got NaN, null or infinity in {int(bad.sum())} of"
            f" {len(numbers)}, the first {name}"
        )


def suspect_unit(truth: np.ndarray, predicted: np.ndarray, *, where: str, what: str, unit: str) -> str:
    """A sentence where hands are of another size than the true ones by far; "" otherwise, and for zeros.

    Both (N, K, 3) in the same unit, whose name is `unit`; NaN takes no part.
    """
    sizes = [_spread(points) for points in (truth, predicted)]
    if not all(np.isfinite(sizes)) or min(sizes) <= 0:
        return ""
    times = sizes[1] / sizes[0]
    if 1 / _TIMES <= times <= _TIMES:
        return ""
    factor = min(_UNITS, key=lambda known: abs(np.log(times / known)))
    near = abs(np.log(times / factor)) < np.log(2)
    told = f"; are they {_UNITS[factor]}?" if near else ""
    return f"{where}: {what}: expected {unit}, got hands {times:.3g} times as large as the true ones{told}"


def suspect_depth(predicted: Float[np.ndarray, "N K 3"], *, where: str, forward: bool) -> str:
    """A sentence where every point lies behind the camera; "" otherwise. forward: whether z grows away from the
    camera. Zeros are on neither side."""
    depth = predicted[..., 2] if forward else -predicted[..., 2]
    if not (depth < 0).all():
        return ""
    axes = "z forward, positive before it" if forward else "OpenGL: z backward, negative before it"
    return f"{where}: expected hands before the camera ({axes}), got all points behind it; is the sign of z wrong?"


def better_reading(own_m: float, readings: Mapping[str, np.ndarray]) -> tuple[str, float] | None:
    """The best of other readings of a file by their errors, and its mean; None where the file's own will do."""
    means = {name: float(np.nanmean(errors_m)) for name, errors_m in readings.items()}
    best = min(means, key=lambda name: means[name])
    return None if own_m < _LEAST_M or means[best] > _BETTER * own_m else (best, means[best])


def suspect_frame(
    truth_m: Float[np.ndarray, "N 21 3"],
    predicted_m: Float[np.ndarray, "N 21 3"],
    *,
    where: str,
    frame: str,
) -> str:
    """A sentence where the hands fit much better with axes turned round; "" otherwise."""
    truth_m, predicted_m = _some(truth_m), _some(predicted_m)
    axes = {
        "y and z": OPENGL_FROM_CAMERA,
        "z": np.array([1.0, 1, -1]),
        "y": np.array([1.0, -1, 1]),
        "x": MIRROR_POINT,
    }
    own = float(np.nanmean(root_relative_errors(truth_m, predicted_m)))
    better = better_reading(
        own, {name: root_relative_errors(truth_m, predicted_m * signs) for name, signs in axes.items()}
    )
    if better is None:
        return ""
    return (
        f"{where}: expected {frame}, got hands that are {own * 1e3:.0f} mm off, but {better[1] * 1e3:.0f} mm with"
        f" {better[0]} turned round; is it another camera frame?"
    )


def suspect_order(
    truth_m: Float[np.ndarray, "N 21 3"],
    predicted_m: Float[np.ndarray, "N 21 3"],
    others: Mapping[str, tuple[int, ...]],
    *,
    where: str,
    order: str,
) -> str:
    """A sentence where the joints fit much better in another order; "" otherwise.

    others: a name -> the row of each joint of the right order, were the file in that other one.
    """
    truth_m, predicted_m = _some(truth_m), _some(predicted_m)
    own = float(np.nanmean(procrustes_errors(truth_m, predicted_m)))
    better = better_reading(
        own, {name: procrustes_errors(truth_m, predicted_m[:, list(rows)]) for name, rows in others.items()}
    )
    if better is None:
        return ""
    return (
        f"{where}: expected joints in {order}, got hands that are {own * 1e3:.0f} mm off when aligned, but"
        f" {better[1] * 1e3:.0f} mm if they are in {better[0]}; is it another order?"
    )


def refuse(suspicions: list[str], *, as_is: bool) -> tuple[str, ...]:
    """The first suspicion as an error, or where the file is scored as it is, all of them as notes."""
    told = [sentence for sentence in suspicions if sentence]
    if told and not as_is:
        raise KnuckleError(f"{told[0]} ({AS_IS})")
    return tuple(f"scored as it is: {sentence}" for sentence in told)


def _as_array(rows: Any) -> np.ndarray | None:
    try:
        return np.array(rows, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return None


def _spread(points: np.ndarray) -> float:
    """Median over hands of the mean distance of their points from their middle; NaN where there is none."""
    labelled = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(labelled):
        return float("nan")
    middles = labelled.mean(axis=1, keepdims=True)
    return float(np.median(np.linalg.norm(labelled - middles, axis=-1).mean(axis=1)))


def _some(points: np.ndarray) -> np.ndarray:
    return points[:: max(1, len(points) // _LOOKED_AT)]
