"""How many hands detectors find, how many ghosts they see, how often they tell the side, and how long they take.

python -m benchmarks.accuracy.detection [--split test|val] [--rows NAME ...] [--columns NAME ...] [--limit N]
[--json FILE] [--plot FILE]. Rows: "palm pass", one pass of MediaPipe's palm network with its looks, as the package
found hands before; every detector of `knuckle estimate --detector` at every effort. Columns: 500 frozen rendered
scenes, rendered faces and feet without hands, and with KNUCKLE_DATA photographs (detection/boxes.jsonl: each source of
the split apart; those of subhih with one hand also at 640 x 521 px, to read times of), frozen mosaics of those of one
source (2x2 to 6x6), and patches without hands that trained nothing. All rows see a picture one after the other, each
network on one thread, so their times are comparable: ms is the median, and the ratio is that of the medians to the palm
pass.

A hand is found when a detection (the extent of its joints) overlaps it by IoU 0.5 within the picture; labels of
photographs outline the hand, so there the extent is grown by a tenth on every side first. Hands of at most 32 px and
those a scene marks as hidden count neither way. Ghosts a picture: detections where no hand is (IoU below 0.2 with all)
and second ones of one hand, where all hands are labelled.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.detection_scores import Scores
from benchmarks.shared.labelled_pictures import (
    GRIDS,
    LabelledPicture,
    enlarged,
    hand_free,
    mosaics,
    photographs,
    read_index,
)
from benchmarks.shared.palm_pass import PalmPass
from knuckle.inference.detection.detection import Detector
from knuckle.inference.detection.finder import default_detector
from knuckle.inference.detection.search import DETECTORS, EFFORTS
from knuckle.synth.scenes.frozen import FACES_AND_FEET, SCENES, FrozenScenes, frozen_folder

BASE = "palm pass"
LABEL_MARGIN = 0.1
"""From the extent of joints to the outline of the hand."""
PHOTO = (640, 521)
"""Width and height of a usual picture, px, and ..."""
TIMED = "one hand, 640x521"
"""... the photographs of a single hand at that size: what the times are to be read of."""
MOSAICS = 12
"""Of each grid."""
SOURCES = {"test": "y5827", "val": "subhih"}
"""Whose photographs make the mosaics."""

Column = Callable[[], Iterable[LabelledPicture]]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--split", default="test", choices=tuple(SOURCES))
    parser.add_argument("--rows", nargs="*", default=None, help=f"{BASE!r} is always there")
    parser.add_argument("--columns", nargs="*", default=None, help="names, or the beginnings of names")
    parser.add_argument("--scenes", type=Path, default=None, help="a folder of scenes in place of the frozen")
    parser.add_argument("--limit", type=int, default=None, help="pictures a column, evenly spread")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--plot", type=Path, default=None)
    options = parse(parser)
    with one_line_errors():
        detectors = open_detectors(options.rows)
        results: dict[str, dict[str, dict[str, float | int]]] = {name: {} for name in detectors}
        for name, (margin, pictures) in columns_of(options.split, options.scenes).items():
            if options.columns and not any(name.startswith(begin) for begin in options.columns):
                continue
            for row, summary in measure(detectors, list(pictures()), margin, options.limit).items():
                results[row][name] = summary
            print_column(name, results)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n")
        if options.plot:
            from benchmarks.shared.detection_plot import draw_detectors

            draw_detectors(options.plot, results, base=BASE)


def open_detectors(rows: Sequence[str] | None) -> dict[str, Detector]:
    """The palm pass and the rows named, or all there are."""
    detectors: dict[str, Detector] = {BASE: PalmPass(threads=1)}
    for name in DETECTORS:
        for effort in EFFORTS:
            detectors[f"{name} {effort}"] = default_detector(effort=effort, network=name, threads=1)
    if rows:
        detectors = {name: one for name, one in detectors.items() if name == BASE or name in rows}
    return detectors


def columns_of(split: str, scenes: Path | None) -> dict[str, tuple[float, Column]]:
    """The columns by name, each with the margin of its labels."""
    columns: dict[str, tuple[float, Column]] = {"scenes": (0.0, partial(rendered, SCENES, scenes))}
    if scenes is None:
        columns["faces and feet"] = (0.0, partial(rendered, FACES_AND_FEET))
    if "KNUCKLE_DATA" not in os.environ:
        print("photographs skipped: KNUCKLE_DATA does not name a folder with detection/boxes.jsonl")
        return columns
    data = Path(os.environ["KNUCKLE_DATA"])
    rows = read_index(data / "detection", split=split)
    by_source = {
        source: [row for row in rows if row["source"] == source] for source in {row["source"] for row in rows}
    }
    for source, own in sorted(by_source.items()):
        columns[source] = (LABEL_MARGIN, partial(photographs, data / "detection", own))
    lone = [row for row in by_source["subhih"] if len(row["boxes"]) == 1]
    columns[TIMED] = (LABEL_MARGIN, partial(enlarged, data / "detection", lone, *PHOTO))
    for grid in GRIDS:
        tiles = by_source[SOURCES[split]]
        columns[f"mosaics {grid}x{grid}"] = (
            LABEL_MARGIN,
            partial(mosaics, data / "detection", tiles, grid, MOSAICS),
        )
    columns["no hand"] = (0.0, partial(hand_free, data / "backgrounds"))
    return columns


def rendered(frozen: FrozenScenes, folder: Path | None = None) -> Iterable[LabelledPicture]:
    """The frozen scenes, rendered at first use, or those of a folder."""
    folder = folder or frozen_folder(frozen)
    return photographs(folder, read_index(folder))


def measure(
    detectors: dict[str, Detector], pictures: Sequence[LabelledPicture], margin: float, limit: int | None
) -> dict[str, dict[str, float | int]]:
    """Each detector's scores on the pictures, which they see in turns."""
    if limit:
        pictures = pictures[:: max(1, len(pictures) // limit)][:limit]
    scores = {name: Scores(margin) for name in detectors}
    for picture in pictures:
        image = picture.read()
        for name, detect in detectors.items():
            start = time.perf_counter()
            found = detect(image)
            seconds = time.perf_counter() - start
            scores[name].add(picture, found, seconds, size_px=np.array(image.shape[1::-1]))
    summaries = {name: one.summary() for name, one in scores.items()}
    for summary in summaries.values():
        summary["times"] = summary["ms"] / summaries[BASE]["ms"]
    return summaries


def print_column(name: str, results: dict[str, dict[str, dict[str, float | int]]]) -> None:
    """One column as a table of Markdown: a row a detector."""
    first = results[BASE][name]
    print(f"\n{name}: {first['pictures']} pictures, {first['hands']} hands")
    print(
        "| detector | recall | ghosts a picture | AP50 | sides | ms | x palm pass |\n|---|---|---|---|---|---|---|"
    )
    for row, columns in results.items():
        one = columns[name]
        figures = [f"{one[key]:.3f}" for key in ("recall", "ghosts", "ap50", "sides")]
        print(
            f"| {row} | {' | '.join(figures)} | {one['ms']:.1f} | {one['times']:.2f} |".replace("nan", "-"),
            flush=True,
        )


if __name__ == "__main__":
    main()
