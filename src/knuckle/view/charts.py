"""The look of the package's charts, which matplotlib draws: a sheet of axes under a title, and bars in groups.

matplotlib comes with knuckle[train] and is imported only when something is drawn; nothing here touches pyplot.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.files import write_image
from knuckle.view.palette import CHART_COLOURS, GRID, INK, MUTED, chart_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_LETTER = 0.62
"""Width of a letter over its size, for how many fit beside each other."""
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
    """Raises KnuckleError naming the extra to install where matplotlib is missing; for before long work.

    otherwise: what the user may do instead.
    """
    if find_spec("matplotlib") is None:
        instead = f", or {otherwise}" if otherwise else ""
        raise KnuckleError(f"charts need matplotlib: pip install 'knuckle[train]'{instead}")


@contextmanager
def chart_style() -> Iterator[None]:
    """The charts' look while they are made and drawn, whatever the user's own settings are; a decorator too.

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
    """A figure under a title with so many empty axes on it, row by row.

    series: what the first colours stand for in all of them, named once below the title. panel: width, height of each
    of the axes, inches.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    columns = max(1, min(columns, count))
    rows, width = -(-count // columns), columns * panel[0]
    entry = (_LETTER * _SIZE * max(map(len, series), default=0) + 36) / 72
    across = max(1, int(width / entry))
    words = _TITLE_INCHES + _LINE_INCHES * bool(subtitle)
    head = words + _LINE_INCHES * -(-len(series) // across)
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
            ncols=across,
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
    """Bars beside each other in each group, one of every series, their values on them; none where one is NaN.

    digits: decimals of the values. The sheet names the series.
    """
    width = 0.8 / max(len(series), 1)
    labels = {
        name: [f"{value:.{digits}f}" if np.isfinite(value) else "" for value in values]
        for name, values in series.items()
    }
    # Where one is wider than its bar, all are written upwards.
    letters = max((len(label) for row in labels.values() for label in row), default=0)
    turned = _LETTER * _SMALL * letters > _width_points(axes) * width / max(len(groups), 1)
    for i, (name, values) in enumerate(series.items()):
        places = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * width
        bars = axes.bar(places, values, 0.92 * width, color=chart_colour(i), label=name)
        axes.bar_label(bars, labels[name], padding=2, size=_SMALL, rotation=90 if turned else 0)
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


def _width_points(axes: "Axes") -> float:
    """About how wide a plot will be, its labels taken off, in points."""
    figure, places = axes.figure, axes.get_subplotspec()
    columns = places.get_gridspec().ncols if places is not None else 1
    return 72 * (figure.bbox.width / figure.dpi / columns - 0.7)
