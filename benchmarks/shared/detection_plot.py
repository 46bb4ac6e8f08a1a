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
DASHES = ("-", "--")
"""A network's lines."""


@chart_style()
def draw_detectors(path: Path, results: Results, *, base: str) -> None:
    """Two axes: recall, and ghosts a picture, over the time relative to `base`. A colour a kind of pictures and a
    line a network, with a point an effort.

    Raises KnuckleError when the picture cannot be written.
    """
    networks = sorted({name.rsplit(" ", 1)[0] for name in results if name != base}, reverse=True)
    kinds = [name for name in KINDS if name in results[base]]
    dashes = dict(zip(networks, DASHES, strict=False))
    drawn = ", ".join(f"{name} {'dashed' if dash == '--' else 'solid'}" for name, dash in dashes.items())
    figure, axes = chart_sheet(
        2,
        title="Hands found, and time",
        subtitle=f"efforts from left to right; {drawn}; a cross: {base}",
        series=kinds,
        panel=(5.2, 3.6),
    )
    for one, key, label in zip(axes, ("recall", "ghosts"), ("recall", "ghosts a picture"), strict=True):
        for number, kind in enumerate(kinds):
            one.plot(1, results[base][kind][key], marker="x", color=chart_colour(number))
            for network, dash in dashes.items():
                rows = [row for row in results if row.rsplit(" ", 1)[0] == network and row != base]
                points = np.array([[results[row][kind]["times"], results[row][kind][key]] for row in rows])
                one.plot(*points.T, marker="o", linestyle=dash, color=chart_colour(number))
        one.set_xscale("log")
        one.set_xlabel(f"time over that of the {base}")
        one.set_ylabel(label)
        one.set_ylim(bottom=0)
    write_figure(path, figure)
