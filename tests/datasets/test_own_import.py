"""COCO and labelme files as your own labels: points, boxes and sides arrive, and what cannot be used is named."""

import json

import cv2
import numpy as np
import pytest

from knuckle.datasets.own_import import import_coco, import_labelme
from knuckle.datasets.own_training import read_own
from knuckle.errors import KnuckleError


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((100, 120, 3), 90, np.uint8))
    return folder


def points(seed: int) -> list[float]:
    """x, y, v of 21 joints; every third one not labelled."""
    xy = np.random.default_rng(seed).uniform(10, 90, (21, 2))
    return [
        value for i, (x, y) in enumerate(xy) for value in ([0, 0, 0] if i % 3 == 2 else [x, y, 0.4 + i % 2])
    ]


def coco(folder, *annotations, categories=()):
    data = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": annotations, "categories": categories}
    (folder / "coco.json").write_text(json.dumps(data))
    return folder / "coco.json"


def same(hand, values) -> bool:
    rows = np.reshape(values, (21, 3))
    known = rows[:, 2] > 0
    return np.allclose(hand.joints_px[known], rows[known, :2]) and bool(
        np.isnan(hand.joints_px[~known]).all()
    )


def test_coco_wholebody(photos, tmp_path):
    person = {
        "id": 3, "image_id": 7, "keypoints": [0] * 51, "lefthand_kpts": points(0), "righthand_kpts": points(1),
        "lefthand_valid": True, "righthand_valid": True, "lefthand_box": [5.0, 6, 90, 80],
        "righthand_box": [0.0, 0, 0, 0],
    }  # fmt: skip
    other = person | {"id": 4, "lefthand_valid": False, "righthand_valid": True, "righthand_kpts": [0] * 5}
    count, faults = import_coco(coco(tmp_path, person, other), photos, tmp_path / "own")
    assert count == 2 and faults == [
        "coco.json: annotation 4: righthand_kpts: expected 21 x (x, y, v), got 5"
    ]
    left, right = (own.hand for own in read_own(tmp_path / "own").hands)
    assert (left.side, right.side) == ("left", "right")
    assert left.box_px.tolist() == [5, 6, 90, 80] and same(left, points(0)) and same(right, points(1))


def test_coco_s_own_keypoints_take_the_side_of_their_category(photos, tmp_path, run, capsys):
    hands = [
        {"id": 1, "image_id": 7, "category_id": 1, "keypoints": points(0), "bbox": [1, 2, 80, 90]},
        {"id": 2, "image_id": 7, "category_id": 2, "keypoints": points(1)},
        {"id": 5, "image_id": 8, "category_id": 1, "keypoints": points(1)},
    ]
    file = coco(tmp_path, *hands, categories=[{"id": 1, "name": "Left hand"}, {"id": 2, "name": "hand"}])
    arguments = ("data", "from-coco", str(file), str(tmp_path / "own"), "--images", str(photos))
    assert run(*arguments) == 1
    shown = capsys.readouterr()
    assert "1 hands; 2 entries left out" in shown.out
    assert "annotation 2: expected a category that names left or right" in shown.err
    assert "annotation 5: image_id" in shown.err
    assert run(*arguments, "--side", "right") == 2
    assert "expected no labels yet" in capsys.readouterr().err
    import_coco(file, photos, tmp_path / "both", side="right")
    assert [own.hand.side for own in read_own(tmp_path / "both").hands] == ["left", "right"]
    with pytest.raises(KnuckleError, match="missing the list images"):
        (tmp_path / "coco.json").write_text('{"annotations": []}')
        import_coco(file, photos, tmp_path / "none")


def test_labelme(photos, tmp_path):
    shapes = [
        {"label": "left index_tip", "points": [[20.5, 30.5]], "shape_type": "point", "group_id": None},
        {"label": "left wrist", "points": [[60.0, 70.0]], "shape_type": "point", "group_id": None},
        {"label": "right", "points": [[90, 80], [10, 20]], "shape_type": "rectangle", "group_id": 1},
    ]
    data = {"version": "5.5.0", "shapes": shapes, "imagePath": "a.png", "imageHeight": 100, "imageWidth": 120}
    (photos / "a.json").write_text(json.dumps(data))
    wrong = data | {"shapes": [shapes[0] | {"label": "left index-tip"}]}
    (photos / "b.json").write_text(json.dumps(wrong))
    (photos / "c.json").write_text("{")
    count, faults = import_labelme(photos, tmp_path / "own")
    assert count == 2 and len(faults) == 2
    assert "b.json" in faults[0] and "left index-tip" in faults[0] and "c.json: expected JSON" in faults[1]
    left, right = (own.hand for own in read_own(tmp_path / "own").hands)
    assert left.joints_px[8].tolist() == [20, 30] and left.joints_px[0].tolist() == [59.5, 69.5]
    assert np.isfinite(left.joints_px).all(-1).sum() == 2
    assert right.side == "right" and right.box_px.tolist() == [9.5, 19.5, 80, 60]
