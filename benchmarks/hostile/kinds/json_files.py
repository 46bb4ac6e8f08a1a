"""JSON of every kind that is read: hands of photos, cameras, sets' indices and labels, records, others' labels."""

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.hostile.attempt import BOX, Attempt, call, command
from benchmarks.hostile.damage import hostile_json
from benchmarks.hostile.materials import SIDE, hands_json

_FORMATS = ("glb", "bvh", "openxr", "usd", "csv", "npz")
_CAMERA = {"format": "knuckle camera", "width": SIDE, "height": SIDE} | dict.fromkeys(
    ("fx", "fy", "cx", "cy"), 150.0
)
HAND = {
    "image": "photo.jpg",
    "side": "left",
    "id": "a",
    "camera": [150, 150, 80, 80],
    "box": [30, 30, 80, 80],
    "joints_2d": [[40 + i, 50 + 2 * i] for i in range(21)],
    "joints_3d": [[0.01 * i, 0.005 * i, 0.5] for i in range(21)],
    "mano": {"pose": [0.0] * 48, "shape": [0.0] * 10, "translation": [0, 0, 0.5], "mean_pose": True},
}
COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "photo.jpg", "width": SIDE, "height": SIDE}],
    "categories": [{"id": 1, "name": "left_hand"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "keypoints": [40, 50, 2] * 21,
            "bbox": [30, 30, 80, 80],
            "lefthand_valid": True,
            "lefthand_kpts": [40, 50, 2] * 21,
            "lefthand_box": [30, 30, 80, 80],
        }
    ],
}
LABELME: dict[str, Any] = {
    "imagePath": "photo.jpg",
    "imageWidth": SIDE,
    "imageHeight": SIDE,
    "shapes": [
        {"label": "left wrist", "points": [[40, 50]], "shape_type": "point", "group_id": 1},
        {"label": "left index_tip", "points": [[60, 70]], "shape_type": "point", "group_id": 1},
    ],
}
_EVAL_DEV: dict[str, Any] = {
    "id": "a",
    "image": "photo.jpg",
    "width": SIDE,
    "height": SIDE,
    "source": "mine",
    "hand": "left",
    "joints_2d_px": [[40 + i, 50 + 2 * i] for i in range(21)],
    "joints_3d_mm": [[10 * i, 5 * i, 500] for i in range(21)],
    "K": [[150, 0, 80], [0, 150, 80], [0, 0, 1]],
    "bbox": [30, 30, 80, 80],
}
_SET = {
    "count": 1,
    "complete": True,
    "rig": "open",
    "hands": "one",
    "seed": 0,
    "options": {"size": 128, "expand": 1.5},
    "arrays": {"images": {"shape": [1, 8, 8, 3], "dtype": "uint8"}},
}


class JsonFiles:
    """Each file by the command or function that reads it."""

    def __init__(self, materials: Path) -> None:
        self._materials = materials
        self._hands = hands_json(materials)
        self._record = json.loads((materials / "fake.json").read_text())

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        ways = (
            self._photo,
            self._camera,
            self._labels,
            self._coco,
            self._labelme,
            self._index,
            self._record_of,
        )
        return chance.choice((*ways, self._photo, self._earlier))(chance, folder)

    def _photo(self, chance: Random, folder: Path) -> Attempt:
        name, path = self._written(self._hands, chance, folder / "photo.json")
        if chance.random() < 0.3:
            from knuckle.viewers.footage import open_footage

            return Attempt(f"PHOTO.json: {name}, viewed", call(lambda: open_footage(path).hands(0)))
        to = chance.choice(_FORMATS)
        return Attempt(
            f"PHOTO.json: {name}, to {to}", command("export", path, "--to", to, "--out", folder / "out")
        )

    def _camera(self, chance: Random, folder: Path) -> Attempt:
        name, path = self._written(_CAMERA, chance, folder / "camera.json")
        options = ("--camera", path, "--model", self._materials / "fake.onnx", "--out", folder / "out")
        photo = self._materials / "photo.jpg"
        return Attempt(f"camera.json: {name}", command("estimate", photo, *options, *BOX))

    def _earlier(self, chance: Random, folder: Path) -> Attempt:
        """In the place where a result is to be written."""
        (folder / "out").mkdir()
        name, _ = self._written(self._hands, chance, folder / "out" / "photo.json")
        options = ("--model", self._materials / "fake.onnx", "--out", folder / "out")
        photo = self._materials / "photo.jpg"
        return Attempt(f"an earlier result: {name}", command("estimate", photo, *options, *BOX))

    def _labels(self, chance: Random, folder: Path) -> Attempt:
        shutil.copy(self._materials / "photo.jpg", folder)
        name, path = self._written(HAND, chance, folder / "labels.jsonl")
        path.write_bytes(path.read_bytes() + b"\n" + json.dumps(HAND).encode() + b"\n")
        if chance.random() < 0.5:
            return Attempt(f"labels.jsonl: {name}", command("data", "check", "own", folder), (0, 1, 2))
        out = folder / "sheet.png"
        run = command("data", "preview", "own", folder, "--out", out, "--count", 2)
        return Attempt(f"labels.jsonl: {name}, drawn", run, (0, 1, 2))

    def _coco(self, chance: Random, folder: Path) -> Attempt:
        name, path = self._written(COCO, chance, folder / "coco.json")
        run = command("data", "from-coco", path, folder / "own", "--images", self._materials)
        return Attempt(f"COCO: {name}", run, (0, 1, 2))

    def _labelme(self, chance: Random, folder: Path) -> Attempt:
        shutil.copy(self._materials / "photo.jpg", folder)
        name, path = self._written(LABELME, chance, folder / "photo.json")
        return Attempt(
            f"labelme: {name}", command("data", "from-labelme", path.parent, folder / "own"), (0, 1, 2)
        )

    def _index(self, chance: Random, folder: Path) -> Attempt:
        import numpy as np

        from knuckle.datasets.eval_dev import read_eval_dev
        from knuckle.sets.reader import SynthSet

        if chance.random() < 0.5:
            np.save(folder / "images.npy", np.zeros((1, 8, 8, 3), np.uint8))
            name, _ = self._written(_SET, chance, folder / "index.json")
            return Attempt(f"a set's index: {name}", call(SynthSet, folder))
        shutil.copy(self._materials / "photo.jpg", folder)
        name, _ = self._written([_EVAL_DEV], chance, folder / "index.json")
        return Attempt(f"index.json: {name}", call(lambda: list(read_eval_dev(folder))))

    def _record_of(self, chance: Random, folder: Path) -> Attempt:
        shutil.copy(self._materials / "fake.onnx", folder)
        name, path = self._written(self._record, chance, folder / "fake.json")
        options = ("--model", path.with_suffix(".onnx"), "--out", folder / "out")
        return Attempt(
            f"a network's record: {name}",
            command("estimate", self._materials / "photo.jpg", *options, *BOX),
        )

    @staticmethod
    def _written(value: Any, chance: Random, path: Path) -> tuple[str, Path]:
        name, data = hostile_json(value, chance)
        path.write_bytes(data)
        return name, path
