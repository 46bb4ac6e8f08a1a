"""Joints of the hands in the photographs that train the hand detector: `python tools/hand_boxes/label_photos.py OUT`.

Reads data/detection (train and val splits) and tier A of data/train-photos below KNUCKLE_DATA, and writes one index of
all, a line a photograph, which `knuckle.training.hand_boxes` reads. In each labelled box of detection the landmark
network is asked for the joints, from four turns; where it is not sure, or disagrees with the box, the label keeps its
box, drawn in by as much as sure joints lie within their boxes on average.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.files import atomic_path
from knuckle.inference.detection.landmarks import LandmarkNetwork, TurnedSquare, joints_to_square
from knuckle.photos.reading import read_image

SURE, LEAST_IOU = 0.8, 0.55
TURNS = np.radians([0, 90, 180, 270])
EXPAND = (1.5, 1.25)
"""Of the square looked at, over the longer side of the label's box."""


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Of two boxes x, y, w, h."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    inner = np.prod(np.clip(high - low, 0, None))
    return float(inner / (np.prod(a[2:]) + np.prod(b[2:]) - inner))


def extent(joints: np.ndarray) -> np.ndarray:
    """x, y, w, h."""
    low = joints.min(0)
    return np.concatenate([low, joints.max(0) - low])


def look(network: LandmarkNetwork, image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Joints and the probability of a right hand, where the network is sure of a hand in this box."""
    best: tuple[float, np.ndarray, float] | None = None
    centre = (float(box[0] + box[2] / 2), float(box[1] + box[3] / 2))
    for expand in EXPAND:
        for turn in TURNS:
            square = TurnedSquare(centre, expand * float(box[2:].max()), float(turn))
            joints, first = network.look(image, square)
            if first.presence < 0.3:
                continue
            joints, answer = network.look(image, joints_to_square(joints))
            worth = answer.presence * box_iou(extent(joints), box)
            if answer.presence >= SURE and (best is None or worth > best[0]):
                best = worth, joints, answer.right
        if best is not None:
            break
    return None if best is None else (best[1], best[2])


def detection_rows(root: Path, network: LandmarkNetwork) -> list[dict[str, Any]]:
    """The photographs of data/detection that may train or choose settings."""
    rows = []
    for line in (root / "detection" / "boxes.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["split"] == "test" or row["cross_source_test"]:
            continue
        image = read_image(root / "detection" / row["file"])
        boxes = []
        for label in row["boxes"]:
            box = np.array(label["xywh"])
            found, side, joints = look(network, image, box), label["hand"], None
            if found is not None and box_iou(extent(found[0]), box) >= LEAST_IOU:
                joints, right = found
                seen = "right" if right > 0.9 else "left" if right < 0.1 else None
                # Both come from networks of one kind; where they differ, neither is believed.
                side = seen if side is None or side == seen else None if seen else side
            boxes.append(
                {
                    "xywh": label["xywh"],
                    "hand": side,
                    "joints_px": None if joints is None else joints.round(1).tolist(),
                }
            )
        kept = ("width", "height", "source", "licence", "split", "group", "boxes_complete")
        rows.append({"file": f"detection/{row['file']}", **{k: row[k] for k in kept}, "boxes": boxes})
    return rows


def draw_in(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Exchange labels' boxes for the extent of the joints; returns how far, of the box's size, it lies inside."""
    inside: dict[str, list[np.ndarray]] = {}
    for row in rows:
        for label in row["boxes"]:
            if label["joints_px"] is not None:
                x, y, w, h = label["xywh"]
                low = np.array(label["joints_px"]).min(0)
                high = np.array(label["joints_px"]).max(0)
                shares = [(low[0] - x) / w, (low[1] - y) / h, (x + w - high[0]) / w, (y + h - high[1]) / h]
                inside.setdefault(row["source"], []).append(np.array(shares))
    means = {source: np.median(shares, 0) for source, shares in inside.items()}
    for row in rows:
        for label in row["boxes"]:
            if label["joints_px"] is not None:
                label["xywh"] = extent(np.array(label["joints_px"])).round(1).tolist()
            else:
                x, y, w, h = label["xywh"]
                left, top, right, bottom = means[row["source"]]
                box = [x + left * w, y + top * h, w * (1 - left - right), h * (1 - top - bottom)]
                label["xywh"] = [round(float(v), 1) for v in box]
    return {source: mean.round(3).tolist() for source, mean in means.items()}


def crop_rows(root: Path, splits: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Crops of tier A whose recording is of detection's train split, or of none."""
    rows = []
    for line in (root / "train-photos" / "labels.jsonl").read_text().splitlines():
        row = json.loads(line)
        # Of the many small, plain ones of this source a quarter is enough.
        plenty = row["source"] == "ardamavi" and int(Path(row["file"]).stem) % 4
        if plenty or row["tier"] != "A" or splits.get((row["source"], row["group"]), "train") != "train":
            continue
        joints = np.array(row["joints_2d_px"])
        hand = {"xywh": extent(joints).round(1).tolist(), "hand": row["hand"], "joints_px": joints.tolist()}
        rows.append(
            {
                "file": f"train-photos/{row['file']}",
                "width": row["size"],
                "height": row["size"],
                **{k: row[k] for k in ("source", "licence", "group")},
                "split": "train",
                # A crop may show another hand of the photograph.
                "boxes_complete": row["hands_in_photo"] == 1 and row["source"] != "emrecandir9",
                "boxes": [hand],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the index to write (.jsonl)")
    options = parser.parse_args()
    root = Path(os.environ["KNUCKLE_DATA"])
    rows = detection_rows(root, LandmarkNetwork(threads=1))
    known = sum(label["joints_px"] is not None for row in rows for label in row["boxes"])
    print(f"joints known of {known} of {sum(len(row['boxes']) for row in rows)} hands")
    print("joints lie inside labels' boxes by (left, top, right, bottom; medians):", draw_in(rows))
    splits = {(row["source"], row["group"]): row["split"] for row in _all_rows(root)}
    rows += crop_rows(root, splits)
    with atomic_path(options.out) as path:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{options.out}: {len(rows)} photographs")


def _all_rows(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "detection" / "boxes.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    main()
