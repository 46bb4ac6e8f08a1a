"""How well the hand detector finds hands in photographs, and how often it tells their side.

python -m benchmarks.accuracy.detector [--split test] [--limit N] [--json FILE], with KNUCKLE_DATA naming the folder
that holds `detection/boxes.jsonl` (see its README). A detection is right when its box (the extent of its
joints) overlaps an unmatched labelled box by IoU 0.5; labels outline the hand, so the joints' extent is grown
by a margin first. Precision is counted only where all hands of a photograph are labelled.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
from knuckle.inference.detection.mediapipe import box_iou, default_detector

from benchmarks.shared.arguments import make_parser
from knuckle.inference.detection.detection import Detection
from knuckle.photos.reading import read_image


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--limit", type=int, default=None, help="photographs a source, evenly spread")
    parser.add_argument("--iou", type=float, default=0.5)
    parser.add_argument("--margin", type=float, default=0.1, help="added at each side, share of the box")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    if "KNUCKLE_DATA" not in os.environ:
        raise SystemExit("skipped: KNUCKLE_DATA does not name a folder with detection/boxes.jsonl")
    folder = Path(os.environ["KNUCKLE_DATA"]) / "detection"
    rows = [json.loads(line) for line in (folder / "boxes.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["split"] == options.split]
    results = {}
    for source in sorted({row["source"] for row in rows}):
        photos = [row for row in rows if row["source"] == source]
        if options.limit:
            photos = photos[:: max(1, len(photos) // options.limit)]
        results[source] = measure(folder, photos, options.iou, options.margin)
        print(source, json.dumps(results[source]))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def measure(folder: Path, rows: list[dict], iou_threshold: float, margin: float) -> dict[str, float | int]:
    """Recall, precision, mean IoU of matches, side agreement and time a photograph."""
    detect = default_detector()
    hands = found = matched = judged = sided = right_side = 0
    overlaps: list[float] = []
    seconds = 0.0
    for row in rows:
        image = read_image(folder / row["file"])
        start = time.perf_counter()
        detections = detect(image)
        seconds += time.perf_counter() - start
        pairs = match(detections, [box["xywh"] for box in row["boxes"]], iou_threshold, margin)
        hands += len(row["boxes"])
        matched += len(pairs)
        overlaps += [iou for _, _, iou in pairs]
        if row["boxes_complete"]:
            found += len(detections)
            judged += len(pairs)
        for i, j, _ in pairs:
            label = row["boxes"][j]["hand"]
            sided += label is not None
            right_side += label == detections[i].side
    return {
        "photos": len(rows),
        "hands": hands,
        "recall": round(matched / max(hands, 1), 4),
        "precision": round(judged / found, 4) if found else float("nan"),
        "mean_iou": round(float(np.mean(overlaps)), 4) if overlaps else float("nan"),
        "side_agreement": round(right_side / max(sided, 1), 4),
        "ms_a_photo": round(1000 * seconds / max(len(rows), 1), 1),
    }


def match(
    detections: list[Detection], boxes: list[list[float]], threshold: float, margin: float
) -> list[tuple[int, int, float]]:
    """Pairs (detection, box, IoU), best detection first, each box once."""
    pairs: list[tuple[int, int, float]] = []
    if not boxes:
        return pairs
    labelled = np.array([[x + w / 2, y + h / 2, w, h] for x, y, w, h in boxes])
    for i, detection in enumerate(detections):
        x, y, w, h = detection.box_px
        ious = box_iou(np.array([x + w / 2, y + h / 2, w * (1 + 2 * margin), h * (1 + 2 * margin)]), labelled)
        ious[[j for _, j, _ in pairs]] = -1
        j = int(ious.argmax())
        if ious[j] >= threshold:
            pairs.append((i, j, float(ious[j])))
    return pairs


if __name__ == "__main__":
    main()
