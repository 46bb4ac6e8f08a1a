"""Recall and ghosts of hand detectors against the time they take, as a picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from knuckle.view.charts import chart_sheet, chart_style, write_figure
from knuckle.view.palette import chart_colour

Results = Mapping[str, Mapping[str, Mapping[str, float | int]]]
"""Detector, then pictures, then figure."""
KINDS = ("scenes", "y5827", "subhih", "mosaics 2x2", "mosaics 4x4", "mosaics 6x6")
"""Of pictures, those that are drawn."""


@chart_style()
def draw_detectors(path: Path, results: Results, *, base: str) -> None:
    """Two axes: recall, and ghosts a picture, over the time relative to `base`. A line a kind of pictures and network,
    with a point an effort.

    Raises KnuckleError when the picture cannot be written.
    """
    networks = sorted({name.rsplit(" ", 1)[0] for name in results if name != base})
    kinds = [name for name in KINDS if name in results[base]]
    series = [f"{kind}, {network}" for network in networks for kind in kinds]
    figure, axes = chart_sheet(
        2,
        title="Hands found, and time",
        subtitle=f"fast, normal and thorough from left to right; a cross: {base}",
        series=series,
        panel=(5.2, 3.6),
    )
    for one, key, label in zip(axes, ("recall", "ghosts"), ("recall", "ghosts a picture"), strict=True):
        for number, name in enumerate(series):
            kind, network = name.rsplit(", ", 1)
            rows = [row for row in results if row.rsplit(" ", 1)[0] == network and row != base]
            points = np.array([[results[row][kind]["times"], results[row][kind][key]] for row in rows])
            one.plot(*points.T, marker="o", color=chart_colour(number))
            one.plot(1, results[base][kind][key], marker="x", color=chart_colour(number))
        one.set_xscale("log")
        one.set_xlabel(f"time over that of the {base}")
        one.set_ylabel(label)
        one.set_ylim(bottom=0)
    write_figure(path, figure)
