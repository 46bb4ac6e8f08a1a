"""What is found in the frozen rendered scenes and what is not yet: recall by kind of hand, and pictures of both.

python -m benchmarks.accuracy.failures [--effort normal] [--detector NAME] [--limit N] [--out docs/failures]. Prints
Markdown and writes found.jpg and missed.jpg. A hand is found as `benchmarks.accuracy.detection` counts it; hands too
hidden or too small to be asked for are left out. Green: found. Red: missed. Orange: a ghost. A letter at a box is the
side that was said, and a red one is wrong.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.detection_scores import LEAST_PX, NO_HAND_IOU, clipped, match
from knuckle.files import write_image
from knuckle.inference.detection.boxes import overlaps
from knuckle.inference.detection.search import DEFAULT_NETWORK, DETECTORS, EFFORTS
from knuckle.inference.estimate import Request, detect, open_detector
from knuckle.photos.reading import read_image
from knuckle.skeleton import Side
from knuckle.synth.scenes.frozen import SCENES, frozen_folder
from knuckle.synth.scenes.writer import read_scenes
from knuckle.view.sheet import draw_sheet

CELL_PX, COLUMNS, SHOWN = 300, 4, 12
GREEN, RED, ORANGE = (60, 190, 90), (225, 50, 50), (240, 150, 30)

GROUPS: dict[str, Callable[["AskedHand"], str]] = {
    "size in the picture": lambda hand: _band(hand.size_px, (32, 48, 64, 96, 160), "px"),
    "share that shows": lambda hand: _band(100 * hand.visible, (20, 40, 60, 80), "%"),
    "share inside the picture": lambda hand: "all" if hand.inside > 0.99 else "cut by the border",
    "scene": lambda hand: hand.kind,
}


@dataclass(frozen=True)
class AskedHand:
    """A hand that is asked for."""

    kind: str
    size_px: float
    visible: float
    inside: float
    found: bool
    side_right: bool | None
    """Whether its side was said rightly; None where it was not found."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A scene with what was found in it."""

    image: np.ndarray
    boxes: np.ndarray
    sides: tuple[Side, ...]
    asked: np.ndarray
    pairs: dict[int, int]
    """Detection to hand."""
    found_boxes: np.ndarray
    found_sides: tuple[Side, ...]
    ghosts: list[int]
    hands: list[AskedHand]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--effort", default="normal", choices=EFFORTS)
    parser.add_argument("--detector", default=DEFAULT_NETWORK, choices=DETECTORS)
    parser.add_argument("--limit", type=int, default=None, help="scenes, evenly spread")
    parser.add_argument("--out", type=Path, default=Path("docs/failures"))
    options = parse(parser)
    with one_line_errors():
        request = Request.checked(effort=options.effort, network=options.detector)
        seen = list(_look(request, options.limit))
        hands = [hand for one in seen for hand in one.hands]
        print(f"{len(seen)} scenes, {len(hands)} hands, {sum(len(one.ghosts) for one in seen)} ghosts")
        for title, group in GROUPS.items():
            _print(title, hands, group)
        whole = [
            one
            for one in seen
            if one.hands and not one.ghosts and all(h.found and h.side_right for h in one.hands)
        ]
        whole.sort(key=lambda one: -len(one.hands))
        failed = [one for one in seen if one.ghosts or not all(h.found and h.side_right for h in one.hands)]
        for name, chosen in (("found", whole), ("missed", failed)):
            write_image(options.out / f"{name}.jpg", _sheet(chosen[:SHOWN]))


def _look(request: Request, limit: int | None) -> Iterator[Seen]:
    folder = frozen_folder(SCENES)
    lines = list(read_scenes(folder))
    detector = open_detector(request)
    for line in lines[:: max(1, len(lines) // limit)][:limit] if limit else lines:
        image = read_image(folder / line["file"])
        boxes = np.array([box["xywh"] for box in line["boxes"]], float).reshape(-1, 4)
        size = np.array(image.shape[1::-1])
        asked = np.array(
            [not box["ignore"] and max(box["xywh"][2:]) > LEAST_PX for box in line["boxes"]], dtype=bool
        )
        found = detect(image, request, detector=detector)
        pairs = match(clipped(found.boxes_px, size), clipped(boxes, size))
        hand_of = {hand: number for number, hand in pairs.items()}
        sides = tuple(box["hand"] for box in line["boxes"])
        ghosts = [
            number
            for number, box in enumerate(clipped(found.boxes_px, size))
            if number not in pairs and overlaps(box, clipped(boxes, size)).max(initial=0) < NO_HAND_IOU
        ]
        hands = [
            AskedHand(
                line["kind"],
                float(boxes[k, 2:].max()),
                box["visible"],
                box["inside"],
                k in hand_of,
                found.sides[hand_of[k]] == box["hand"] if k in hand_of else None,
            )
            for k, box in enumerate(line["boxes"])
            if asked[k]
        ]
        yield Seen(image, boxes, sides, asked, pairs, found.boxes_px, found.sides, ghosts, hands)


def _band(value: float, edges: Sequence[float], unit: str) -> str:
    """The band between two edges that a value lies in."""
    number = int(np.searchsorted(edges, value, side="right"))
    if number == len(edges):
        return f"{edges[-1]} {unit} and more"
    return f"{edges[max(number, 1) - 1]} to {edges[max(number, 1)]} {unit}"


def _print(title: str, hands: Sequence[AskedHand], group: Callable[[AskedHand], str]) -> None:
    """A table of Markdown: a row a group."""
    rows: dict[str, list[AskedHand]] = defaultdict(list)
    for hand in sorted(
        hands, key=lambda hand: (hand.size_px, hand.visible) if "size" in title else (hand.visible,)
    ):
        rows[group(hand)].append(hand)
    print(f"\n| {title} | hands | found | sides right |\n|---|---|---|---|")
    for name, own in rows.items():
        sided = [hand.side_right for hand in own if hand.side_right is not None]
        sides = f"{np.mean(sided):.2f}" if sided else "-"
        print(f"| {name} | {len(own)} | {np.mean([hand.found for hand in own]):.2f} | {sides} |")


def _sheet(seen: Sequence[Seen]) -> np.ndarray:
    return draw_sheet([_drawn(one) for one in seen], columns=COLUMNS, cell_px=CELL_PX)


def _drawn(one: Seen) -> np.ndarray:
    """A scene at the size of its cell, with its boxes."""
    scale = CELL_PX / max(one.image.shape[:2])
    picture = cv2.resize(one.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for hand in np.flatnonzero(one.asked):
        if hand not in one.pairs.values():
            _box(picture, one.boxes[hand] * scale, RED)
    for number, box in enumerate(one.found_boxes * scale):
        if number in one.ghosts:
            _box(picture, box, ORANGE)
        elif number in one.pairs:
            hand = one.pairs[number]
            _box(picture, box, GREEN)
            right = one.found_sides[number] == one.sides[hand]
            _letter(picture, box, one.found_sides[number][0].upper(), GREEN if right else RED)
    return picture


def _box(picture: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x, y, w, h = np.round(box).astype(int).tolist()
    cv2.rectangle(picture, (x, y), (x + w, y + h), colour, 2, cv2.LINE_AA)


def _letter(picture: np.ndarray, box: np.ndarray, letter: str, colour: tuple[int, int, int]) -> None:
    place = (int(max(box[0], 0)) + 2, int(max(box[1], 0)) + 12)
    cv2.putText(picture, letter, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, letter, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
