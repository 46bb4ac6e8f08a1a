"""Quadrangles whose sides are straight lines of a picture, wherever other things interrupt or touch them."""

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_SHORTEST = 0.03
"""Of a segment, in the picture's longer side."""
_LINES = 22
"""The longest lines; of more there are too many sets of four."""
_APART_PX, _TURNED = 2.5, np.deg2rad(2.5)
"""Segments nearer to each other than this belong to one line."""
_LEAST_COVERED, _COVERED = 0.3, 0.6
"""Share of a side that segments of its line must cover: of every side, and of all together."""
_BEYOND = 0.05
"""How far corners may lie outside the picture, in its sides."""


@dataclass(eq=False)
class _Line:
    angle: float
    """Of its normal, 0..pi."""
    offset: float
    """Of points on it along the normal, px."""
    segments: np.ndarray
    """Begin and end along the line, px (n, 2)."""

    @property
    def normal(self) -> np.ndarray:
        return np.array([np.cos(self.angle), np.sin(self.angle)])


def quadrangles(
    image: UInt8[np.ndarray, "H W 3"], *, least_area: float, most: int
) -> list[Float[np.ndarray, "4 2"]]:
    """Corners (4, 2) px in turn of convex quadrangles with sides that are seen, the best covered and largest first.

    least_area: in areas of the picture. most: how many.
    """
    height, width = image.shape[:2]
    lines = _lines(image)
    if len(lines) < 4:
        return []
    normals = np.stack([line.normal for line in lines])
    offsets = np.array([line.offset for line in lines])
    covered = [_Cover(line) for line in lines]
    sets = np.array(list(combinations(range(len(lines)), 4)))
    # The three ways in which four lines follow each other round a quadrangle.
    sides = np.concatenate([sets[:, order] for order in ((0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2))])
    following = np.roll(sides, -1, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        (a, b), (c, d) = np.moveaxis(normals[sides], -1, 0), np.moveaxis(normals[following], -1, 0)
        p, q = offsets[sides], offsets[following]
        det = a * d - b * c
        corners = np.stack([(p * d - q * b) / det, (a * q - c * p) / det], axis=-1)
    size = np.array([width, height])
    inside = (corners > -_BEYOND * size) & (corners < (1 + _BEYOND) * size)
    good = (np.abs(det).min(1) > 0.2) & inside.all((1, 2))
    sides, corners = sides[good], corners[good]
    along = np.roll(corners, -1, axis=1) - corners
    ahead = np.roll(along, -1, axis=1)
    turn = along[..., 0] * ahead[..., 1] - along[..., 1] * ahead[..., 0]
    x, y = np.moveaxis(corners, -1, 0)
    area = 0.5 * np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(1))
    good = (np.abs(np.sign(turn).sum(1)) == 4) & (area > least_area * width * height)
    sides, corners, area = sides[good], corners[good], area[good]
    shares = np.zeros(sides.shape)
    # Corner k lies where side k and the next one meet: side k + 1 runs from corner k to corner k + 1.
    for k in range(4):
        start, end, which = corners[:, k], corners[:, (k + 1) % 4], sides[:, (k + 1) % 4]
        for number, cover in enumerate(covered):
            rows = which == number
            shares[rows, k] = cover.share(start[rows], end[rows])
    good = (shares.min(1) > _LEAST_COVERED) & (shares.mean(1) > _COVERED)
    order = np.argsort(-(shares[good].mean(1) ** 2) * np.sqrt(area[good]))[:most]
    return list(corners[good][order])


class _Cover:
    """Which share of a stretch of a line is covered by its segments."""

    def __init__(self, line: _Line) -> None:
        self._along = np.array([-line.normal[1], line.normal[0]])
        self._first = int(np.floor(line.segments.min())) - 1
        there = np.zeros(int(np.ceil(line.segments.max())) - self._first + 2)
        for start, end in line.segments:
            there[int(start) - self._first : int(np.ceil(end)) - self._first + 1] = 1
        self._sum = np.concatenate([[0], np.cumsum(there)])

    def share(self, start: Float[np.ndarray, "n 2"], end: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n"]:
        places = np.sort(np.stack([start @ self._along, end @ self._along], -1), axis=-1) - self._first
        low, high = np.clip(np.rint(places), 0, len(self._sum) - 1).astype(int).T
        return (self._sum[high] - self._sum[low]) / np.maximum(places[:, 1] - places[:, 0], 1)


def _lines(image: UInt8[np.ndarray, "H W 3"]) -> list[_Line]:
    """The lines that segments of any colour lie on, those with the longest segments first."""
    detector = cv2.createLineSegmentDetector()
    found = [detector.detect(np.ascontiguousarray(channel))[0] for channel in cv2.split(image)]
    there = [one.reshape(-1, 4) for one in found if one is not None]
    if not there:
        return []
    segments = np.concatenate(there).astype(float)
    lengths = np.linalg.norm(segments[:, 2:] - segments[:, :2], axis=1)
    keep = lengths > _SHORTEST * max(image.shape[:2])
    segments = segments[keep][np.argsort(-lengths[keep])]
    lines: list[_Line] = []
    for segment in segments:
        _add(lines, segment[:2], segment[2:])
    return sorted(lines, key=lambda line: -_covered(line))[:_LINES]


def _covered(line: _Line) -> float:
    """How much of a line is covered, px."""
    total, reached = 0.0, -np.inf
    for start, end in line.segments[np.argsort(line.segments[:, 0])]:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _add(lines: list[_Line], start: np.ndarray, end: np.ndarray) -> None:
    """Put a segment on the line that it lies on, or on one of its own. Longer segments come first and say where a line
    runs."""
    along = end - start
    angle = float(np.arctan2(along[0], -along[1])) % np.pi
    for line in lines:
        turned = abs((angle - line.angle + np.pi / 2) % np.pi - np.pi / 2)
        normal = line.normal
        if (
            turned < _TURNED
            and max(abs(start @ normal - line.offset), abs(end @ normal - line.offset)) < _APART_PX
        ):
            stretch = sorted([-normal[1] * p[0] + normal[0] * p[1] for p in (start, end)])
            line.segments = np.vstack([line.segments, stretch])
            return
    line = _Line(angle, 0.0, np.zeros((0, 2)))
    line.offset = float((start + end) / 2 @ line.normal)
    normal = line.normal
    line.segments = np.array([sorted(-normal[1] * p[0] + normal[0] * p[1] for p in (start, end))])
    lines.append(line)
