"""Small data sets of our own making, and predictors that need no weights."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets.labelled import Patch
from knuckle.evaluation.model import EvaluatedModel

WIDTH, HEIGHT, COUNT = 160, 120, 5
K = [[150.0, 0, 79.5], [0, 150.0, 59.5], [0, 0, 1]]

Predict = Callable[[Sequence[Patch]], Mapping[str, np.ndarray]]


def random_hands(count: int, seed: int = 0) -> np.ndarray:
    """Joints before the camera, metres: spread like a hand, in view."""
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(-0.08, 0.08, (count, 21, 3))
        + np.array([0, 0, 0.6])
        + rng.uniform(-0.05, 0.05, (count, 1, 3))
    )


def project(joints_m: np.ndarray) -> np.ndarray:
    matrix = np.array(K)
    return joints_m[..., :2] / joints_m[..., 2:] * [matrix[0, 0], matrix[1, 1]] + [matrix[0, 2], matrix[1, 2]]


def write_photo(path: Path, seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)


def entry(name: str, joints_m: np.ndarray, *, source: str, side: str | None) -> dict:
    joints_px = project(joints_m)
    low, high = joints_px.min(0), joints_px.max(0)
    return {
        "id": name,
        "image": f"images/{name}.png",
        "width": WIDTH,
        "height": HEIGHT,
        "source": source,
        "licence": "ours",
        "note": "",
        "hand": side,
        "joints_2d_px": joints_px.tolist(),
        "joints_3d_mm": (joints_m * 1000).tolist(),
        "K": K,
        "bbox": [*low.tolist(), *(high - low).tolist()],
    }


@pytest.fixture
def photo_index(tmp_path: Path) -> Path:
    """Photographs with an index: five left hands of one source, two right ones of another (one without 3D and
    with a joint not labelled), one of unknown side."""
    hands = random_hands(COUNT + 3)
    entries = [entry(f"left{i}", hands[i], source="A", side="left") for i in range(COUNT)]
    entries += [entry(f"right{i}", hands[COUNT + i], source="B", side="right") for i in range(2)]
    entries.append(entry("unknown", hands[-1], source="B", side=None))
    entries[COUNT + 1] |= {"joints_3d_mm": None, "K": None}
    entries[COUNT + 1]["joints_2d_px"][20] = None
    folder = tmp_path / "photos"
    for i, item in enumerate(entries):
        write_photo(folder / item["image"], i)
    (folder / "index.json").write_text(json.dumps(entries))
    return folder


@pytest.fixture
def freihand_folder(tmp_path: Path) -> Path:
    """FreiHAND's evaluation split, three hands of the official layout."""
    folder = tmp_path / "freihand"
    joints = random_hands(3, seed=1)
    vertices = np.random.default_rng(2).uniform(-0.08, 0.08, (3, 778, 3)) + np.array([0, 0, 0.6])
    k = [[200.0, 0, 112], [0, 200, 112], [0, 0, 1]]
    scale = np.linalg.norm(joints[:, 9] - joints[:, 10], axis=-1)
    parts = {"K": [k] * 3, "xyz": joints.tolist(), "verts": vertices.tolist(), "scale": scale.tolist()}
    for i in range(3):
        write_photo(folder / "evaluation" / "rgb" / f"{i:08d}.jpg", i, size=(224, 224))
    for name, values in parts.items():
        (folder / f"evaluation_{name}.json").write_text(json.dumps(values))
    return folder


@pytest.fixture
def rendered_folder(tmp_path: Path) -> Path:
    """A set of `knuckle synth`'s format: four hands of the open rig and three crops without, 32 px."""
    from knuckle.rig import load_rig
    from knuckle.synth.options import SynthOptions

    folder = tmp_path / "rendered"
    folder.mkdir()
    rng = np.random.default_rng(4)
    pose, shape = rng.normal(0, 0.3, (7, 16, 3)), rng.normal(0, 0.5, (7, 10))
    translation = rng.uniform(-0.05, 0.05, (7, 3)) + np.array([0, 0, 0.6])
    joints = load_rig("open").posed(pose, shape, translation).joints
    scale = 32 / 100.0
    affine = np.array([[scale, 0, 15.5 - scale * 80], [0, scale, 15.5 - scale * 60]], np.float32)
    arrays = {
        "images": np.random.default_rng(0).integers(0, 255, (7, 32, 32, 3), dtype=np.uint8),
        "is_hand": np.array([1, 1, 0, 1, 0, 1, 0], dtype=bool),
        "joints_px": (project(joints) @ affine[:, :2].T + affine[:, 2]).astype(np.float32),
        "joints_m": joints.astype(np.float32),
        "pose": pose.astype(np.float32),
        "shape": shape.astype(np.float32),
        "translation": translation.astype(np.float32),
        "camera": np.tile(np.array([150, 150, 79.5, 59.5], np.float32), (7, 1)),
        "patch_from_frame": np.tile(affine, (7, 1, 1)),
    }
    specs = {}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        specs[name] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    options = SynthOptions().to_dict()
    index = {"format": 1, "count": 7, "seed": 0, "options": options, "arrays": specs, "complete": True}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def pair_folder(tmp_path: Path) -> Path:
    """A two-hand set of `knuckle synth`'s format, 48 px: a clasp, a lone right hand, crossing hands, a lone left hand
    and nothing."""
    from knuckle.poses.pairs.sample import PAIR_KINDS
    from knuckle.rig import load_rig
    from knuckle.synth.options import SynthOptions

    folder = tmp_path / "pairs"
    folder.mkdir()
    rng = np.random.default_rng(4)
    is_hand = np.array([[1, 1], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=bool)
    pose, shape = rng.normal(0, 0.3, (5, 2, 16, 3)), rng.normal(0, 0.5, (5, 2, 10))
    translation = rng.uniform(-0.03, 0.03, (5, 2, 3)) + np.array([0, 0, 0.6])
    rigs = load_rig("open"), load_rig("open", side="left")
    posed = [rig.posed(pose[:, h], shape[:, h], translation[:, h]).joints for h, rig in enumerate(rigs)]
    joints = np.stack(posed, axis=1)
    scale = 48 / 140.0
    affine = np.array([[scale, 0, 23.5 - scale * 80], [0, scale, 23.5 - scale * 60]], np.float32)
    there = is_hand[:, :, None, None]
    labels = {
        "joints_px": (project(joints) @ affine[:, :2].T + affine[:, 2]) * there,
        "joints_m": joints * there,
        "pose": pose * there,
        "shape": shape * there[..., 0],
        "translation": translation * there[..., 0],
        "camera": np.tile([150, 150, 79.5, 59.5], (5, 1)),
        "patch_from_frame": np.tile(affine, (5, 1, 1)),
    }
    alone = 255
    kinds = [PAIR_KINDS.index("clasp"), alone, PAIR_KINDS.index("crossing"), alone, alone]
    arrays = {name: value.astype(np.float32) for name, value in labels.items()} | {
        "images": rng.integers(0, 255, (5, 48, 48, 3), dtype=np.uint8),
        "is_hand": is_hand,
        "kind": np.array(kinds, np.uint8),
    }
    specs = {}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        specs[name] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    options = SynthOptions(hands="two").to_dict()
    index = {"format": 1, "count": 5, "seed": 0, "options": options, "arrays": specs, "complete": True}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def pair_photos(tmp_path: Path) -> Path:
    """Photographs with an index: one with both hands labelled, one with two right hands and a left one, one with a left
    hand alone."""
    hands = random_hands(6, seed=7)
    shown = [("both", "right"), ("both", "left"), ("one", "left")]
    shown += [("three", "right"), ("three", "left"), ("three", "right")]
    entries = []
    for i, (photo, side) in enumerate(shown):
        item = entry(f"{photo}_{i}", hands[i], source="C", side=side)
        entries.append(item | {"image": f"images/{photo}.png"})
    folder = tmp_path / "pair-photos"
    for photo in ("both", "one", "three"):
        write_photo(folder / "images" / f"{photo}.png", len(photo))
    (folder / "index.json").write_text(json.dumps(entries))
    return folder


def made_model(predict: Predict, *, size: int, expand: float, **more) -> EvaluatedModel:
    """A model that answers what `predict` says."""
    return EvaluatedModel(**{"name": "oracle", "size": size, "expand": expand, "predict": predict} | more)


def oracle(
    patches: list,
    *,
    noise_m: float = 0.0,
    shift_px: tuple[float, float] = (0, 0),
    scale: float = 1.0,
    meshes: Mapping[str, float] | None = None,
) -> Predict:
    """A predictor that knows the truth of the patches it is shown, in order, and errs by what is asked.

    meshes: output name -> by how much its vertices' depths are stretched from the first vertex."""
    remaining = iter(patches)
    rng = np.random.default_rng(0)

    def predict(shown: Sequence[Patch], /) -> dict[str, np.ndarray]:
        joints_px, joints_m, in_patch, confidence = [], [], [], []
        vertices = {name: [] for name in meshes or {}}
        for image, window in ((patch.pixels, patch.crop) for patch in shown):
            patch = next(remaining, None)
            known = patch is not None and patch.joints_px is not None
            assert patch is None or np.array_equal(patch.pixels, image)
            uv = np.nan_to_num(patch.joints_px) + shift_px if known else np.zeros((21, 2))
            xyz = patch.joints_m if known and patch.joints_m is not None else np.ones((21, 3))
            joints_px.append(uv)
            joints_m.append(scale * xyz + rng.normal(0, noise_m, (21, 3)) if noise_m else scale * xyz)
            in_patch.append((uv - window[:2]) * (len(image) / window[2]) + (len(image) - 1) / 2)
            confidence.append(0.9 if known else 0.2)
            for name, rows in vertices.items():
                true = patch.vertices_m if known else np.ones((1610, 3))
                rows.append(true + (true - true[:1]) * [0, 0, meshes[name]])
        return {name: np.stack(rows) for name, rows in vertices.items()} | {
            "joints_px": np.stack(joints_px),
            "joints_m": np.stack(joints_m),
            "joints_patch": np.stack(in_patch),
            "confidence": np.array(confidence),
        }

    return predict
