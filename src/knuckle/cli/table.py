"""The table that `knuckle estimate` prints."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knuckle.hands import Hands
from knuckle.skeleton import WRIST


def print_table(rows: Sequence[tuple[Path, Hands, list[Path]]]) -> None:
    """Each photo's hands (side, confidence, distance of the wrist) and where its files are."""
    console = Console(highlight=False)
    table = Table("photo", "hand", "side", "confidence", "distance (m)", box=None, pad_edge=False)
    for photo, hands, _ in rows:
        if not len(hands):
            table.add_row(escape(photo.name), "-", "no hand found", "-", "-")
        for number, hand in enumerate(hands):
            distance = float(np.linalg.norm(hand.joints_m[WRIST]))
            name = escape(photo.name) if number == 0 else ""
            table.add_row(name, str(number + 1), hand.side, f"{hand.confidence:.2f}", f"{distance:.2f}")
    console.print(table)
    if any(len(hands) and hands.camera.assumed for _, hands, _ in rows):
        console.print("Distances rest on an assumed focal length; --camera FX,FY,CX,CY makes them true.")
    for _, _, files in rows:
        # Paths stay whole however narrow the terminal is, so that they can be copied.
        console.print("wrote " + ", ".join(str(path) for path in files), soft_wrap=True, markup=False)
