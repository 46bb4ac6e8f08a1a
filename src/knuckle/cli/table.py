"""The table that `knuckle estimate` prints."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knuckle.hands import Hands
from knuckle.skeleton import WRIST


def print_table(rows: Sequence[tuple[Path, Sequence[Hands], list[Path]]]) -> None:
    """Each photo's hands (side, confidence, distance of the wrist) and where its files are.

    Every photo comes with its hands as one model sees them, or as several do, which are then named.
    """
    console = Console(highlight=False)
    compared = any(len(results) > 1 for _, results, _ in rows)
    columns = ("photo", "hand", "side", *(("model",) if compared else ()), "confidence", "distance (m)")
    table = Table(*columns, box=None, pad_edge=False)
    for photo, results, _ in rows:
        name = escape(photo.name)
        if not len(results[0]):
            table.add_row(name, "-", "no hand found", *["-"] * (len(columns) - 3))
        # Hand after hand, each as all models see it: they are looked at together.
        for index in range(len(results[0])):
            for number, hands in enumerate(results):
                hand = hands[index]
                which = ("", "") if number else (str(index + 1), hand.side)
                model = (escape(hands.model),) if compared else ()
                distance = float(np.linalg.norm(hand.joints_m[WRIST]))
                table.add_row(
                    "" if index or number else name,
                    *which,
                    *model,
                    f"{hand.confidence:.2f}",
                    f"{distance:.2f}",
                )
    console.print(table)
    if any(len(results[0]) and results[0].camera.assumed for _, results, _ in rows):
        console.print("Distances rest on an assumed focal length; --camera FX,FY,CX,CY makes them true.")
    for _, _, files in rows:
        # Paths stay whole however narrow the terminal is, so that they can be copied.
        console.print("wrote " + ", ".join(str(path) for path in files), soft_wrap=True, markup=False)
