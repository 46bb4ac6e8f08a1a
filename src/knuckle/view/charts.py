"""The style of the package's charts, drawn by matplotlib: a sheet of axes below a title, and bars in groups.

matplotlib comes with knuckle[train] and is imported only when something is drawn. pyplot is not used.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError, install_command
from knuckle.files import write_image
from knuckle.view.palette import CHART_COLOURS, GRID, INK, MUTED, chart_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_LETTER_WIDTH = 0.62
"""Width of a letter over the font size, to estimate the width of a text."""
_SIZE, _SMALL = 9.0, 7.5
_TITLE_INCHES, _LINE_INCHES = 0.44, 0.22
_STYLE: dict[str, Any] = {
    "figure.dpi": _DPI,
    "font.size": _SIZE,
    "axes.titlesize": _SIZE + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 9,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
    "text.color": INK,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "legend.borderaxespad": 0.3,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
}


def require_matplotlib(*, otherwise: str = "") -> None:
    """Raise KnuckleError naming the extra to install if matplotlib is missing; call it before long work.

    otherwise: what the user may do instead.
    """
    if find_spec("matplotlib") is None:
        instead = f", or {otherwise}" if otherwise else ""
        raise KnuckleError(f"charts need matplotlib: {install_command('train')}{instead}")


@contextmanager
def chart_style() -> Iterator[None]:
    """Set the charts' style while they are made and drawn, in place of the user's own settings; also a decorator.

    Raises KnuckleError without matplotlib.
    """
    require_matplotlib()
    from cycler import cycler
    from matplotlib import style

    with style.context(["default", {**_STYLE, "axes.prop_cycle": cycler(color=CHART_COLOURS)}]):
        yield


@chart_style()
def chart_sheet(
    count: int,
    *,
    title: str,
    subtitle: str = "",
    series: Sequence[str] = (),
    columns: int = 2,
    panel: tuple[float, float] = (4.4, 3.2),
) -> "tuple[Figure, list[Axes]]":
    """A figure with a title and `count` empty axes, row by row.

    Args:
        count: how many axes.
        title: of the figure.
        subtitle: a line below the title.
        series: names of the first colours, the same in all axes; written once, below the title.
        columns: axes in a row, at most.
        panel: width, height of each of the axes, inches.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    columns = max(1, min(columns, count))
    rows, width = -(-count // columns), columns * panel[0]
    entry_width = (_LETTER_WIDTH * _SIZE * max(map(len, series), default=0) + 36) / 72
    per_line = max(1, int(width / entry_width))
    words = _TITLE_INCHES + _LINE_INCHES * bool(subtitle)
    head = words + _LINE_INCHES * -(-len(series) // per_line)
    height = rows * panel[1] + head
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("constrained", rect=(0.0, 0.0, 1.0, 1 - head / height), w_pad=0.12, h_pad=0.12)
    left = 0.14 / width
    figure.text(left, 1 - 0.24 / height, title, size=_SIZE + 4, weight="bold", va="center")
    figure.text(left, 1 - 0.51 / height, subtitle, color=MUTED, va="center")
    if series:
        colours = [Patch(color=chart_colour(i), label=name) for i, name in enumerate(series)]
        figure.legend(
            handles=colours,
            loc="upper left",
            bbox_to_anchor=(left, 1 - words / height),
            ncols=per_line,
            handlelength=1.1,
            handleheight=0.8,
            borderpad=0,
        )
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    for one in axes:
        one.locator_params(nbins=6)
    return figure, axes


@chart_style()
def draw_bars(
    axes: "Axes", groups: Sequence[str], series: Mapping[str, Sequence[float]], *, unit: str, digits: int = 1
) -> None:
    """Draw bars with their values above them; the sheet names the series.

    Args:
        axes: where to draw.
        groups: names of the groups.
        series: by name, a value for each group. There is no bar where a value is NaN.
        unit: label of the values' axis.
        digits: decimals of the values.
    """
    width = 0.8 / max(len(series), 1)
    labels = {
        name: [f"{value:.{digits}f}" if np.isfinite(value) else "" for value in values]
        for name, values in series.items()
    }
    # If one label is wider than its bar, all labels are written upwards.
    letters = max((len(label) for row in labels.values() for label in row), default=0)
    upward = _LETTER_WIDTH * _SMALL * letters > _plot_width_points(axes) * width / max(len(groups), 1)
    for i, (name, values) in enumerate(series.items()):
        places = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * width
        bars = axes.bar(places, values, 0.92 * width, color=chart_colour(i), label=name)
        axes.bar_label(bars, labels[name], padding=2, size=_SMALL, rotation=90 if upward else 0)
    axes.set_ylabel(unit)
    axes.set_xticks(range(len(groups)), groups, color=INK)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.margins(y=0.14)
    axes.set_ylim(bottom=0)


@chart_style()
def figure_image(figure: "Figure") -> UInt8[np.ndarray, "H W 3"]:
    """The figure as an RGB picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_figure(path: str | Path, figure: "Figure") -> None:
    """Write the figure as a picture, whole or not at all; raises KnuckleError as `knuckle.files.write_image` does."""
    write_image(path, figure_image(figure))


def _plot_width_points(axes: "Axes") -> float:
    """Estimate how wide a plot will be, without its labels, in points."""
    figure, places = axes.figure, axes.get_subplotspec()
    columns = places.get_gridspec().ncols if places is not None else 1
    return 72 * (figure.bbox.width / figure.dpi / columns - 0.7)
