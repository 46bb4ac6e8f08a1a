"""The focal length from a rectangle of known size in several pictures (Zhang's method with square pixels and the
principal point in the middle).

Pixels count from the middle of the picture, in its diagonals: pictures of one device that are turned by quarters or
resampled then agree. For a focal length every picture has a best place of the rectangle, and the best focal length is
the one with which the corners are met best. How sharp that optimum is tells how exact it is; where the rectangle faces
the camera in all pictures, any focal length does, and there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import middle_px

SHORTEST, LONGEST = 0.25, 8.0
"""Focal lengths that are tried, in diagonals."""
VAGUEST = 0.05
"""Relative standard deviation from which on a focal length is none."""
CORNER_PX = 0.3
"""How exact corners are at best, px of the picture, whatever the fit says."""
_TRIED = np.geomspace(SHORTEST, LONGEST, 24)
_STEPS, _LARGEST_STEP = 25, 0.5
_SAME_SHAPE = 0.02
_STRAYS = 3.0
_FINELY = 96
_STRAY = 0.001
"""From this distance of its corners on, in diagonals, an outline is another thing's."""
_STRAY_PX = 1.0


@dataclass(frozen=True, eq=False)
class View:
    """A rectangle's corners in one picture."""

    corners_px: Float[np.ndarray, "4 2"]
    """In turn round the rectangle, from any of them."""
    width: int
    """Px of the picture."""
    height: int
    name: str = ""

    @property
    def diagonal_px(self) -> float:
        """Of the picture."""
        return float(np.hypot(self.width, self.height))

    @property
    def from_middle(self) -> Float[np.ndarray, "4 2"]:
        """The corners, seen from the middle, in diagonals."""
        return (self.corners_px - [middle_px(self.width), middle_px(self.height)]) / self.diagonal_px


@dataclass(frozen=True, eq=False)
class Focal:
    """A focal length, and what it rests on."""

    diagonals: float
    """In diagonals of the picture."""
    relative_sd: float
    """Its standard deviation, as a share of it."""
    off_px: float
    """How far corners lie from where they should: root mean square over the views used."""
    used: tuple[int, ...]
    """The views that count; the others do not agree with them."""

    def camera(self, width: int, height: int) -> Camera:
        """The camera of pictures of that size."""
        focal = self.diagonals * float(np.hypot(width, height))
        return Camera(focal, focal, middle_px(width), middle_px(height), width, height, source="calibrated")


def focal_from_views(views: Sequence[View], size_m: tuple[float, float]) -> Focal:
    """The focal length of the camera that saw a rectangle in several pictures.

    Views that contradict the others (something else was taken for the rectangle) are left out. Raises KnuckleError for
    fewer than two views, for pictures of different shapes, and where the views do not tell: they then all face the
    camera, or are too alike, or do not show such a rectangle.
    """
    if len(views) < 2:
        raise KnuckleError(
            f"calibrate: expected at least two pictures with the card tilted in different ways, got {len(views)}"
        )
    check_one_shape([(view.width, view.height) for view in views])
    used = list(range(len(views)))
    while True:
        some = [views[i] for i in used]
        fit = _fit(some, size_m)
        rms_px = np.sqrt(fit.costs / 4) * [view.diagonal_px for view in some]
        limit = max(_STRAYS * float(np.median(rms_px)), _STRAY_PX)
        if rms_px.max() <= limit or len(used) <= 2:
            break
        del used[int(rms_px.argmax())]
    exact = float(np.mean([(CORNER_PX / view.diagonal_px) ** 2 for view in some]))
    # Two of a view's eight numbers tell of the focal length.
    noise = max(float(fit.costs.sum()) / (2 * len(some) - 1), exact)
    sd = float(np.sqrt(noise / fit.told)) if fit.told > 0 else float("inf")
    return Focal(fit.focal, sd, float(np.sqrt((rms_px**2).mean())), tuple(used))


def checked_focal(focal: Focal) -> Focal:
    """The focal length itself; raises KnuckleError for one that is too vague to be of use."""
    if not focal.relative_sd <= VAGUEST or not SHORTEST * 1.01 < focal.diagonals < LONGEST * 0.99:
        raise KnuckleError(
            "calibrate: expected pictures that show the card tilted, by 30 degrees or more and in different directions,"
            " got ones from which the focal length cannot be told (it faces the camera in them, or is too small)"
        )
    return focal


def agreeing_views(found: Sequence[Sequence[View]], size_m: tuple[float, float]) -> list[View]:
    """Of what looks like the rectangle in each picture, at most one: what is one with the focal length that explains
    most pictures, of several the first."""
    focals = np.geomspace(SHORTEST, LONGEST, _FINELY)
    pictures = [
        np.array([[_off(view, size_m, float(focal)) for focal in focals] for view in views])
        for views in found
        if len(views)
    ]
    if not pictures:
        return []
    total = sum((np.minimum(one.min(0), _STRAY) for one in pictures), np.zeros(len(focals)))
    best = int(total.argmin())
    # Focal lengths between those tried fit better: their neighbours count too.
    near = slice(max(best - 1, 0), best + 2)
    chosen = []
    for views, one in zip((views for views in found if len(views)), pictures, strict=True):
        fitting = np.flatnonzero(one[:, near].min(1) < _STRAY)
        if len(fitting):
            chosen.append(views[int(fitting[0])])
    return chosen


def _off(view: View, size_m: tuple[float, float], focal: float) -> float:
    return float(np.sqrt(_place(view, size_m, focal).cost / 4))


def misfit(view: View, size_m: tuple[float, float]) -> float:
    """How little four corners look like that rectangle, seen by any camera: root mean square distance in shares of
    their own extent."""
    extent = float(np.ptp(view.from_middle, axis=0).max())
    off = [_off(view, size_m, float(focal)) for focal in _TRIED]
    best = int(np.argmin(off))
    between = np.geomspace(_TRIED[max(best - 1, 0)], _TRIED[min(best + 1, len(_TRIED) - 1)], 11)
    return min(*off, *(_off(view, size_m, float(focal)) for focal in between)) / max(extent, 1e-9)


def plane_of(view: View, size_m: tuple[float, float], focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a rectangle is: turn (3, 3; camera from plane) and place (3) of its middle, metres, camera frame. focal: in
    diagonals."""
    found = _place(view, size_m, focal)
    return found.turn, found.place


def check_one_shape(sizes: Sequence[tuple[int, int]]) -> None:
    """Raise KnuckleError unless pictures of these sizes (width, height) can be of one camera."""
    shapes = [max(size) / min(size) for size in sizes]
    if max(shapes) - min(shapes) > _SAME_SHAPE:
        told = ", ".join(sorted({f"{width}x{height}" for width, height in sizes}))
        raise KnuckleError(f"calibrate: expected pictures of one shape, as one camera takes them, got {told}")


class _Place(NamedTuple):
    cost: float
    """Sum of squared distances in the picture."""
    target: Float[np.ndarray, "4 3"]
    """The rectangle's corners in the order of those seen, metres."""
    turn: Float[np.ndarray, "3 3"]
    place: Float[np.ndarray, "3"]


def _place(view: View, size_m: tuple[float, float], focal: float) -> _Place:
    """The best place of a rectangle in a view."""
    corners, lens = np.ascontiguousarray(view.from_middle), np.diag([focal, focal, 1.0])
    found = []
    for target in _targets(size_m, clockwise=_clockwise(corners)):
        _, turns, places, _ = cv2.solvePnPGeneric(target, corners, lens, None, flags=cv2.SOLVEPNP_IPPE)
        for turn, place in zip(turns, places, strict=True):
            turned = cv2.Rodrigues(turn)[0]
            off = _projected(target @ turned.T + place[:, 0], focal) - corners
            found.append(_Place(float((off * off).sum()), target, turned, place[:, 0]))
    return min(found, key=lambda one: one.cost)


def _targets(size_m: tuple[float, float], *, clockwise: bool) -> list[Float[np.ndarray, "4 3"]]:
    """The rectangle's corners in turn, beginning along its longer side and along its shorter one."""
    w, h = size_m[0] / 2, size_m[1] / 2
    corners = np.array([[-w, -h, 0], [w, -h, 0], [w, h, 0], [-w, h, 0]])
    if not clockwise:
        corners = corners[::-1].copy()
    return [corners, np.roll(corners, 1, axis=0)]


def _clockwise(corners: Float[np.ndarray, "4 2"]) -> bool:
    x, y = corners.T
    return bool((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0)


def _projected(points: Float[np.ndarray, "*n 3"], focal: float) -> Float[np.ndarray, "*n 2"]:
    return focal * points[..., :2] / np.maximum(points[..., 2:], 1e-6)


class _Fit(NamedTuple):
    focal: float
    told: float
    """Second derivative of half the cost by the logarithm of the focal length, all places at their best."""
    costs: Float[np.ndarray, "n"]
    """Of each view."""


def _fit(views: Sequence[View], size_m: tuple[float, float]) -> _Fit:
    """The focal length and the rectangle's places of least cost: the best of those tried, then Levenberg-Marquardt."""
    tried = [[_place(view, size_m, float(focal)) for view in views] for focal in _TRIED]
    best = int(np.argmin([sum(place.cost for place in places) for places in tried]))
    seen = np.stack([view.from_middle for view in views])
    targets, turns, places = (
        np.stack([getattr(place, name) for place in tried[best]]) for name in ("target", "turn", "place")
    )
    state = _State(float(np.log(_TRIED[best])), turns, places)
    off, by_focal, by_place = _derivatives(state, targets, seen)
    damping = 1e-3
    for _ in range(_STEPS):
        candidate = _stepped(state, off, by_focal, by_place, damping)
        tried_off, tried_focal, tried_place = _derivatives(candidate, targets, seen)
        if (tried_off**2).sum() < (off**2).sum():
            state, off, by_focal, by_place = candidate, tried_off, tried_focal, tried_place
            damping *= 0.2
        else:
            damping *= 10
    told = _schur(off, by_focal, by_place, 0.0)[0]
    return _Fit(float(np.exp(state.log_focal)), told, (off**2).sum(1))


class _State(NamedTuple):
    log_focal: float
    turns: Float[np.ndarray, "n 3 3"]
    places: Float[np.ndarray, "n 3"]


def _derivatives(
    state: _State, targets: Float[np.ndarray, "n 4 3"], seen: Float[np.ndarray, "n 4 2"]
) -> tuple[Float[np.ndarray, "n 8"], Float[np.ndarray, "n 8"], Float[np.ndarray, "n 8 6"]]:
    """How far corners are off, and that by the logarithm of the focal length and by turn and place."""
    focal, count = float(np.exp(state.log_focal)), len(targets)
    turned = np.einsum("nij,nkj->nki", state.turns, targets)
    x, y, z = np.moveaxis(turned + state.places[:, None], -1, 0)
    z = np.maximum(z, 1e-6)
    px = focal * np.stack([x, y], -1) / z[..., None]
    nothing = np.zeros_like(x)
    # px by the point (n, 4, 2, 3), and the point by a turn: -[turned]x.
    by_point = focal * np.stack(
        [np.stack([1 / z, nothing, -x / z**2], -1), np.stack([nothing, 1 / z, -y / z**2], -1)], axis=-2
    )
    a, b, c = np.moveaxis(turned, -1, 0)
    by_turn = np.stack(
        [
            np.stack([nothing, c, -b], -1),
            np.stack([-c, nothing, a], -1),
            np.stack([b, -a, nothing], -1),
        ],
        axis=-2,
    )
    by_place = np.concatenate([by_point @ by_turn, by_point], axis=-1)
    return (px - seen).reshape(count, 8), px.reshape(count, 8), by_place.reshape(count, 8, 6)


def _schur(off: np.ndarray, by_focal: np.ndarray, by_place: np.ndarray, damping: float) -> Any:
    """The equation of the focal length once the places are eliminated (slope, right side), and what they follow by."""
    normal = np.einsum("nki,nkj->nij", by_place, by_place)
    diagonal = np.einsum("nii->ni", normal)
    normal[:, range(6), range(6)] += damping * diagonal + 1e-15 * diagonal.max(1, keepdims=True)
    both = np.stack([by_focal, off], -1)
    follow = np.linalg.solve(normal, np.einsum("nki,nkj->nij", by_place, both))
    crossed = np.einsum("nki,nk->ni", by_place, by_focal)
    slope = (by_focal**2).sum() * (1 + damping) - (crossed * follow[..., 0]).sum()
    right = -(by_focal * off).sum() + (crossed * follow[..., 1]).sum()
    return float(slope), float(right), follow


def _stepped(
    state: _State, off: np.ndarray, by_focal: np.ndarray, by_place: np.ndarray, damping: float
) -> _State:
    slope, right, follow = _schur(off, by_focal, by_place, damping)
    step = float(np.clip(right / max(slope, 1e-12), -_LARGEST_STEP, _LARGEST_STEP))
    moved = -follow[..., 1] - step * follow[..., 0]
    turns = np.stack([cv2.Rodrigues(turn)[0] for turn in moved[:, :3]]) @ state.turns
    low, high = np.log([SHORTEST, LONGEST])
    return _State(float(np.clip(state.log_focal + step, low, high)), turns, state.places + moved[:, 3:])
