"""Photographs without a hand: those that may train, and those that do not."""

import json
from pathlib import Path

MEASURED = "subhih"
"""Of the sources that have held-out splits the one whose photographs may be looked at often."""


def hand_free_pictures(backgrounds: Path, *, held_out: bool = False) -> list[Path]:
    """Pictures of a folder like `$KNUCKLE_DATA/backgrounds`: views of rooms and landscapes, and patches of photographs
    that belong to the train split of `detection`. held_out: instead, the patches of the other splits of `MEASURED`."""
    rows = [json.loads(line) for line in (backgrounds / "no_hand.jsonl").read_text().splitlines()]
    if held_out:
        return [
            backgrounds / row["file"]
            for row in rows
            if row["source"] == MEASURED and row["detection_split"] != "train"
        ]
    patches = [backgrounds / row["file"] for row in rows if row["detection_split"] == "train"]
    return sorted([*(backgrounds / "hdri").glob("*.jpg"), *patches], key=lambda path: path.stem[::-1])
