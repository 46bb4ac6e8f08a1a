"""Hands as a table of text: a row a hand a frame."""

import csv
from pathlib import Path

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.export.json import read_json
from knuckle.files import atomic_path
from knuckle.skeleton import JOINT_NAMES
from knuckle.tracks.lines import hands_of_line, read_header, read_lines

_FIRST = ("frame", "time_s", "identity", "side", "state", "confidence", "side_confidence")
COLUMNS = (
    *_FIRST,
    *(f"{joint}_{axis}_m" for joint in JOINT_NAMES for axis in "xyz"),
    *(f"{joint}_{axis}_px" for joint in JOINT_NAMES for axis in "uv"),
)
"""Joints in metres are in the camera frame: x right, y down, z forward."""


def write_csv(source: Path, path: Path, *, still: bool) -> None:
    """Write the table of VIDEO.hands.jsonl, or of PHOTO.json (`still`), in little memory, whole or not at all. Numbers
    are those of the file. Raises KnuckleError naming what cannot be read or written."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        if still:
            frames = iter([(0, 0.0, read_json(source))])
        else:
            header = read_header(source)
            frames = (
                (frame["frame"], frame["time_s"], hands_of_line(frame, header))
                for frame in read_lines(source)
            )
        try:
            for number, time_s, hands in frames:
                for place, hand in enumerate(hands):
                    rows.writerow(
                        [
                            number,
                            "" if time_s is None else time_s,
                            place if hand.identity is None else hand.identity,
                            *(hand.side, hand.state, hand.confidence, hand.side_confidence),
                            *np.round(hand.joints_m, 6).ravel().tolist(),
                            *np.round(hand.joints_px, 3).ravel().tolist(),
                        ]
                    )
        except KnuckleError as error:
            text = str(error)
            raise KnuckleError(text if str(source) in text else f"{source}: {text}") from error
