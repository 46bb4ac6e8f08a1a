"""The real detector on real photos; skipped without KNUCKLE_DATA."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from knuckle.inference.detection.finder import default_detector
from knuckle.inference.detection.palm import box_iou
from knuckle.photos.reading import read_image

pytestmark = pytest.mark.skipif("KNUCKLE_DATA" not in os.environ, reason="KNUCKLE_DATA is not set")


@pytest.fixture(scope="module")
def photos() -> list[tuple[np.ndarray, dict]]:
    """Twelve photos of the test split with one hand each, whose side is known."""
    folder = Path(os.environ["KNUCKLE_DATA"]) / "detection"
    rows = [json.loads(line) for line in (folder / "boxes.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["source"] == "subhih" and row["split"] == "test"]
    rows = [row for row in rows if len(row["boxes"]) == 1 and row["boxes"][0]["hand"]]
    return [(read_image(folder / row["file"]), row["boxes"][0]) for row in rows[:: len(rows) // 12][:12]]


def centred(box) -> np.ndarray:
    x, y, w, h = box
    return np.array([x + w / 2, y + h / 2, w, h])


def test_finds_the_hand_and_its_side(photos):
    right = 0
    for image, label in photos:
        found = default_detector()(image)
        if len(found) == 1 and box_iou(centred(found[0].box_px), centred(label["xywh"])[None])[0] > 0.4:
            right += found[0].side == label["hand"]
    assert right >= len(photos) - 1


def test_mirrored_photo_gives_the_other_side_at_the_mirrored_place(photos):
    for image, _ in photos:
        found = default_detector()(image)
        mirrored = default_detector()(np.ascontiguousarray(image[:, ::-1]))
        assert len(found) == len(mirrored)
        for one, other in zip(found, mirrored, strict=True):
            assert one.side != other.side
            x, y, w, h = other.box_px
            back = centred((image.shape[1] - 1 - x - w, y, w, h))
            assert box_iou(centred(one.box_px), back[None])[0] > 0.8


def test_nothing_is_found_where_nothing_is():
    detect = default_detector()
    rng = np.random.default_rng(0)
    pictures = [np.zeros((1, 1, 3)), np.zeros((300, 20, 3)), rng.integers(0, 256, (200, 300, 3))]
    assert [len(detect(picture.astype(np.uint8))) for picture in pictures] == [0, 0, 0]
