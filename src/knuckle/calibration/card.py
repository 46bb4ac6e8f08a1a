"""A bank card found in a picture: four lines that meet, fitted to where the picture changes most.

A card's corners are round; what is looked for is where its straight sides would meet. Sides are fitted between the
corners only, so that fingers which hold the card there do no harm.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.calibration.lines import quadrangles
from knuckle.calibration.plane import View, misfit

CARD_M = 0.0856, 0.05398
"""Width and height of ID-1 cards (ISO/IEC 7810), metres."""
_LOOK_PX = 1000
"""Longer side of the picture in which outlines are looked for."""
_LEAST_AREA = 0.004
"""Of a card, in areas of the picture."""
_SUPPORT = 0.5
"""Share of a side's samples that must lie on one line."""
_MISFIT = 0.006
"""How little corners may look like a card's, in shares of their extent."""
_OUTLINES = 60
"""How many outlines are looked at closely."""
_SAMPLES, _ALONG = 48, (0.1, 0.9)
_SAME = 0.02
"""How near corners of one outline, found twice, lie to each other, in shares of its extent."""
_MOST = 6


def find_cards(
    image_rgb: UInt8[np.ndarray, "H W 3"], *, name: str = "", size_m: tuple[float, float] = CARD_M
) -> list[View]:
    """The outlines in a picture that look like a card's, the largest first; empty where there is none. What is printed
    on a card may be among them: `agreeing_views` chooses.

    size_m: of another rectangle to be looked for.
    """
    height, width = image_rgb.shape[:2]
    found: list[View] = []
    for outline in _outlines(image_rgb):
        corners, support = _refined(image_rgb, outline)
        if corners is None or support < _SUPPORT:
            continue
        view = View(corners, width, height, name)
        if not _among(corners, (one.corners_px for one in found)) and misfit(view, size_m) < _MISFIT:
            found.append(view)
    return found[:_MOST]


def refine_corners(
    image_rgb: UInt8[np.ndarray, "H W 3"], corners_px: Float[np.ndarray, "4 2"]
) -> Float[np.ndarray, "4 2"]:
    """Corners given by hand, brought to where the sides meet; the same where no sides are found."""
    corners, support = _refined(image_rgb, corners_px)
    return corners_px if corners is None or support < _SUPPORT else corners


def _among(corners: Float[np.ndarray, "4 2"], others: Iterable[np.ndarray]) -> bool:
    """Whether corners are those of one of the others, beginning at any."""
    same = _SAME * float(np.ptp(corners))
    return any(np.abs(np.roll(corners, k, axis=0) - other).max() < same for other in others for k in range(4))


def _area(corners: Float[np.ndarray, "4 2"]) -> float:
    return float(cv2.contourArea(corners.astype(np.float32)))


def _outlines(image_rgb: UInt8[np.ndarray, "H W 3"]) -> Iterator[Float[np.ndarray, "4 2"]]:
    """Quadrangles, px of the picture, the largest of the best first."""
    scale = min(1.0, _LOOK_PX / max(image_rgb.shape[:2]))
    size = tuple(max(1, round(n * scale)) for n in image_rgb.shape[1::-1])
    small = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else image_rgb
    different: list[np.ndarray] = []
    for quad in quadrangles(small, least_area=_LEAST_AREA, most=_OUTLINES):
        if not _among(quad, different):
            different.append(quad)
    for quad in sorted(different, key=_area, reverse=True):
        yield (quad + 0.5) / scale - 0.5


def _refined(
    image_rgb: UInt8[np.ndarray, "H W 3"], outline: Float[np.ndarray, "4 2"]
) -> tuple[Float[np.ndarray, "4 2"] | None, float]:
    """Where the sides meet, fitted twice, and the least support of a side."""
    corners: np.ndarray | None = np.asarray(outline, dtype=float)
    support = 0.0
    for reach in (0.03, 0.012):
        if corners is None:
            return None, 0.0
        corners, support = _fitted_sides(image_rgb, corners, reach)
        if support < 0.5 * _SUPPORT:
            return None, 0.0
    return corners, support


def _fitted_sides(
    image_rgb: UInt8[np.ndarray, "H W 3"], corners: Float[np.ndarray, "4 2"], reach: float
) -> tuple[Float[np.ndarray, "4 2"] | None, float]:
    """reach: how far from the sides to look, in shares of the shorter one's length."""
    ends = np.roll(corners, -1, axis=0)
    shortest = float(np.linalg.norm(ends - corners, axis=1).min())
    if shortest < 8:
        return None, 0.0
    reach_px = float(np.clip(reach * shortest, 2.5, 40))
    lines, support = [], 1.0
    for start, end in zip(corners, ends, strict=True):
        points, strength = _edge_points(image_rgb, start, end, reach_px)
        line, share = _line(points, strength, tolerance=max(0.6, 0.15 * reach_px))
        lines.append(line)
        support = min(support, share)
    meets = []
    for one, other in zip([lines[-1], *lines[:-1]], lines, strict=True):
        matrix = np.stack([one[:2], other[:2]])
        if abs(np.linalg.det(matrix)) < 0.1:
            return None, 0.0
        meets.append(np.linalg.solve(matrix, [one[2], other[2]]))
    moved = np.stack(meets)
    return (moved, support) if np.abs(moved - corners).max() < 0.25 * shortest else (None, 0.0)


def _edge_points(
    image_rgb: UInt8[np.ndarray, "H W 3"], start: np.ndarray, end: np.ndarray, reach_px: float
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n"]]:
    """Where the picture changes most, across a side, at places along it; and by how much."""
    along = end - start
    normal = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    step = min(1.0, reach_px / 8)
    offsets = np.arange(-reach_px, reach_px + step / 2, step)
    places = start + np.linspace(*_ALONG, _SAMPLES)[:, None] * along
    grid = (places[:, None] + offsets[:, None] * normal).astype(np.float32)
    profile = cv2.remap(
        image_rgb, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    smooth = (
        cv2.GaussianBlur(profile.astype(np.float32), (1, 5), 0) if len(offsets) < 5 else profile.astype(float)
    )
    change = np.abs(np.gradient(smooth, axis=1)).sum(-1)
    change = np.stack([np.convolve(row, [0.25, 0.5, 0.25], mode="same") for row in change])
    peak = np.clip(change.argmax(1), 1, len(offsets) - 2)
    rows = np.arange(len(change))
    left, middle, right = change[rows, peak - 1], change[rows, peak], change[rows, peak + 1]
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0)
    distance = offsets[peak] + np.clip(shift, -0.5, 0.5) * step
    return places + distance[:, None] * normal, middle


def _line(
    points: Float[np.ndarray, "n 2"], strength: Float[np.ndarray, "n"], *, tolerance: float
) -> tuple[Float[np.ndarray, "3"], float]:
    """The line a u + b v = c (a, b of length 1) that most points lie on, and their share."""
    pairs = np.random.default_rng(0).integers(0, len(points), (40, 2))
    along = points[pairs[:, 1]] - points[pairs[:, 0]]
    long = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1) / long[:, None]
    off = np.abs(np.einsum("nc,pnc->pn", normals, points[:, None] - points[pairs[:, 0]]))
    inside = (off < tolerance) & (long > 2)
    best = inside[:, int((strength[:, None] * inside).sum(0).argmax())]
    if best.sum() < 2:
        best = np.ones(len(points), bool)
    weights, middle, normal = best.astype(float), np.zeros(2), np.zeros(2)
    for _ in range(4):
        middle = np.average(points, axis=0, weights=weights)
        _, vectors = np.linalg.eigh(np.cov((points - middle).T, aweights=weights))
        normal = vectors[:, 0]
        off = (points - middle) @ normal / (0.5 * tolerance)
        weights = best * np.clip(1 - (off / 3) ** 2, 1e-6, None) ** 2 + 1e-9
    share = float((best & (strength > 0.15 * np.median(strength[best]))).mean())
    return np.array([*normal, middle @ normal]), share
