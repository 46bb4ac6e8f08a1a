"""Small charts drawn with OpenCV: lines and grouped bars on one sheet, in the palette of the package's
pictures.

Everything is drawn at several times the size and averaged down, so that lines and letters have smooth edges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import UInt8

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (38, 43, 51)
MUTED: Colour = (120, 128, 140)
GRID: Colour = (229, 232, 236)
PALETTE: tuple[Colour, ...] = ((31, 119, 180), (230, 126, 34), (39, 158, 96), (192, 57, 80), (125, 90, 170))

_SCALE = 3
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 20, 46, 52
_LEGEND_STEP = 17
_LETTERS_A_PX = 1.8
"""Size of the letters over the width of one."""


@dataclass(frozen=True)
class Line:
    """One line of a chart, with its name for the legend; dots: its points alone, without a line between them."""

    x: Sequence[float]
    y: Sequence[float]
    name: str
    dots: bool = False


@dataclass(frozen=True)
class LineChart:
    """Lines over common axes; x_range and y_range are (low, high)."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    x_range: tuple[float, float]
    y_range: tuple[float, float] = (0.0, 1.0)
    diagonal: bool = False


@dataclass(frozen=True)
class BarChart:
    """Grouped bars: groups along x, one bar in each for every series. digits: decimals of the values on the bars."""

    title: str
    y_label: str
    groups: Sequence[str]
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    digits: int = 1


def draw_sheet(
    charts: Sequence[LineChart | BarChart],
    *,
    title: str,
    subtitle: str = "",
    columns: int = 2,
    panel: tuple[int, int] = (440, 320),
) -> UInt8[np.ndarray, "H W 3"]:
    """Charts side by side under a title, RGB. panel: width, height of one chart, px."""
    width, height = panel
    columns = max(1, min(columns, len(charts)))
    rows = -(-len(charts) // columns)
    head = 64
    canvas = _Canvas(columns * width, head + rows * height)
    canvas.text(title, (20, 28), INK, size=16, bold=True)
    canvas.text(subtitle, (20, 50), MUTED, size=11)
    for i, chart in enumerate(charts):
        origin = (i % columns * width, head + i // columns * height)
        axes = _Axes(canvas, origin, panel, chart)
        if isinstance(chart, LineChart):
            _draw_lines(axes, chart)
        else:
            _draw_bars(axes, chart)
    return canvas.finished()


class _Canvas:
    """A picture drawn at `_SCALE` times its size; coordinates are those of the finished one."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.pixels = np.full((height * _SCALE, width * _SCALE, 3), 255, np.uint8)

    def finished(self) -> np.ndarray:
        return cv2.resize(self.pixels, self.size, interpolation=cv2.INTER_AREA)

    def polyline(self, points: np.ndarray, colour: Colour, *, width: float) -> None:
        # OpenCV takes whole px: 4 bits of fraction keep curves smooth.
        fixed = np.round(np.asarray(points, dtype=float) * _SCALE * 16).astype(np.int32)
        thickness = max(1, round(width * _SCALE))
        cv2.polylines(self.pixels, [fixed], False, colour, thickness, cv2.LINE_AA, 4)

    def box(self, low: tuple[float, float], high: tuple[float, float], colour: Colour) -> None:
        corners = [tuple(round(v * _SCALE) for v in corner) for corner in (low, high)]
        cv2.rectangle(self.pixels, corners[0], corners[1], colour, -1)

    def dot(self, at: tuple[float, float], colour: Colour) -> None:
        centre = (round(at[0] * _SCALE), round(at[1] * _SCALE))
        cv2.circle(self.pixels, centre, round(3.5 * _SCALE), colour, -1, cv2.LINE_AA)

    def text(
        self,
        text: str,
        at: tuple[float, float],
        colour: Colour,
        *,
        size: float = 11,
        bold: bool = False,
        align: float = 0.0,
    ) -> None:
        """`at` is on the base line; align 0 starts there, 0.5 centres, 1 ends there. size: height of a
        capital letter's line, px.
        """
        factor, thickness = _text_style(size, bold=bold)
        x = at[0] * _SCALE - align * cv2.getTextSize(text, _FONT, factor, thickness)[0][0]
        cv2.putText(
            self.pixels,
            text,
            (round(x), round(at[1] * _SCALE)),
            _FONT,
            factor,
            colour,
            thickness,
            cv2.LINE_AA,
        )

    def upright_text(
        self, text: str, centre: tuple[float, float], colour: Colour, *, size: float = 11
    ) -> None:
        """Text read from below, centred."""
        factor, thickness = _text_style(size, bold=False)
        (width, height), base = cv2.getTextSize(text, _FONT, factor, thickness)
        patch = np.full((height + 2 * base, width + 2 * base, 3), 255, np.uint8)
        cv2.putText(patch, text, (base, height + base // 2), _FONT, factor, colour, thickness, cv2.LINE_AA)
        patch = np.rot90(patch)
        top, left = (
            round(c * _SCALE - n / 2) for c, n in zip((centre[1], centre[0]), patch.shape[:2], strict=True)
        )
        top, left = max(top, 0), max(left, 0)
        view = self.pixels[top : top + patch.shape[0], left : left + patch.shape[1]]
        np.minimum(view, patch[: view.shape[0], : view.shape[1]], out=view)


def _text_style(size: float, *, bold: bool) -> tuple[float, int]:
    return size * _SCALE / 30, max(1, round(size * _SCALE / (13 if bold else 22)))


class _Axes:
    """Plot area of one chart: frame, grid, ticks, and the map from data to px."""

    def __init__(
        self, canvas: _Canvas, origin: tuple[int, int], panel: tuple[int, int], chart: LineChart | BarChart
    ) -> None:
        self.canvas = canvas
        self.left, self.top = origin[0] + _LEFT, origin[1] + _TOP
        self.right, self.bottom = origin[0] + panel[0] - _RIGHT, origin[1] + panel[1] - _BOTTOM
        if isinstance(chart, LineChart):
            self.x_range, self.y_range = chart.x_range, chart.y_range
        else:
            values = [v for row in chart.series.values() for v in row if np.isfinite(v)]
            self.x_range = (0.0, float(len(chart.groups)))
            # Room above the bars for the values on them, and for the legend.
            entries = len(chart.series) if len(chart.series) > 1 else 0
            room = 1 - _LEGEND_STEP * entries / (self.bottom - self.top)
            self.y_range = (0.0, max(1.15 * max(values, default=1.0) / max(room, 0.3), 1e-9))
        canvas.text(chart.title, (self.left, self.top - 14), INK, size=12, bold=True)
        canvas.upright_text(chart.y_label, (origin[0] + 16, (self.top + self.bottom) / 2), MUTED)
        for tick in _ticks(*self.y_range):
            y = self.at(self.x_range[0], tick)[1]
            canvas.polyline(np.array([(self.left, y), (self.right, y)]), GRID, width=1)
            canvas.text(f"{tick:g}", (self.left - 8, y + 4), MUTED, size=10, align=1.0)

    def at(self, x: float, y: float) -> tuple[float, float]:
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (
            self.left + (x - x0) / (x1 - x0) * (self.right - self.left),
            self.bottom - (y - y0) / (y1 - y0) * (self.bottom - self.top),
        )

    def base_line(self) -> None:
        self.canvas.polyline(np.array([(self.left, self.bottom), (self.right, self.bottom)]), MUTED, width=1)

    def legend(self, entries: Sequence[tuple[str, Colour]], *, at_bottom: bool) -> None:
        first = self.bottom - 10 - _LEGEND_STEP * (len(entries) - 1) if at_bottom else self.top + 12
        for i, (name, colour) in enumerate(entries):
            y = first + i * _LEGEND_STEP
            self.canvas.text(name, (self.right - 22, y), INK, size=10, align=1.0)
            self.canvas.box((self.right - 16, y - 7), (self.right - 4, y - 1), colour)


def _draw_lines(axes: _Axes, chart: LineChart) -> None:
    canvas = axes.canvas
    for tick in _ticks(*chart.x_range):
        x = axes.at(tick, chart.y_range[0])[0]
        canvas.text(f"{tick:g}", (x, axes.bottom + 17), MUTED, size=10, align=0.5)
    canvas.text(chart.x_label, ((axes.left + axes.right) / 2, axes.bottom + 37), MUTED, align=0.5)
    if chart.diagonal:
        ends = [axes.at(*corner) for corner in zip(chart.x_range, chart.y_range, strict=True)]
        canvas.polyline(np.array(ends), GRID, width=1.5)
    axes.base_line()
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(chart.lines))]
    for line, colour in zip(chart.lines, colours, strict=True):
        points = [axes.at(x, y) for x, y in zip(line.x, line.y, strict=True) if x <= chart.x_range[1]]
        if line.dots:
            for point in points:
                canvas.dot(point, colour)
        elif points:
            canvas.polyline(np.array(points), colour, width=2)
    axes.legend([(line.name, c) for line, c in zip(chart.lines, colours, strict=True)], at_bottom=True)


def _draw_bars(axes: _Axes, chart: BarChart) -> None:
    canvas, count = axes.canvas, max(len(chart.series), 1)
    colours = [PALETTE[i % len(PALETTE)] for i in range(count)]
    width = 0.76 / count
    for g, group in enumerate(chart.groups):
        for s, values in enumerate(chart.series.values()):
            if not np.isfinite(values[g]):
                continue
            start = g + 0.12 + s * width
            high, low = axes.at(start + width * 0.94, 0.0), axes.at(start, values[g])
            canvas.box(low, high, colours[s])
            middle = axes.at(start + width * 0.47, values[g])
            # Narrow bars have smaller values on them, so that neighbours do not run together.
            label = f"{values[g]:.{chart.digits}f}"
            size = min(9.0, _LETTERS_A_PX * (high[0] - low[0]) / len(label))
            canvas.text(label, (middle[0], middle[1] - 5), INK, size=size, align=0.5)
        canvas.text(group, (axes.at(g + 0.5, 0.0)[0], axes.bottom + 17), INK, size=10, align=0.5)
    axes.base_line()
    entries = list(zip(chart.series, colours, strict=False))
    if len(entries) > 1:
        axes.legend(entries, at_bottom=False)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers over a range."""
    raw = (high - low) / 5
    magnitude = 10.0 ** np.floor(np.log10(raw))
    step = float(min((m for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999), default=10) * magnitude)
    first = np.ceil(low / step - 1e-9)
    return [
        float(round((first + i) * step, 10)) for i in range(int(np.floor(high / step + 1e-9) - first) + 1)
    ]
