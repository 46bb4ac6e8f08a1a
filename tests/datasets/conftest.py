"""Made-up training splits in the layouts of FreiHAND and ObMan, hands of the open rig."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.mano import load_mano
from knuckle.rig.tips import MANO_TIPS, TipSource

FREIHAND_K = np.array([[480.0, 0, 110], [0, 500, 115], [0, 0, 1]])
SAMPLES = 3
MARK = 9
"""The joint that every picture shows as a bright spot."""


def poses(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Poses and shapes within what hands do; every global rotation differs."""
    rng = np.random.default_rng(seed)
    pose = 0.08 * rng.standard_normal((count, 16, 3))
    pose[:, 0] = rng.uniform(-1, 1, (count, 3))
    return pose, 0.5 * rng.standard_normal((count, 10))


def picture(path: Path, size: int, spot_px: np.ndarray, grey: int) -> None:
    """A grey picture with a small bright Gaussian spot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    v, u = np.mgrid[:size, :size]
    spot = np.exp(-((u - spot_px[0]) ** 2 + (v - spot_px[1]) ** 2) / (2 * 3.0**2))
    image = np.clip(grey + (250 - grey) * spot, 0, 255)
    cv2.imwrite(
        str(path), np.repeat(image[..., None], 3, axis=2).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 98]
    )


def project(joints_m: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    in_px = joints_m @ matrix.T
    return in_px[..., :2] / in_px[..., 2:]


@dataclass
class Freihand:
    """The folder and the truth behind its labels."""

    folder: Path
    mano: Path
    vertices_m: np.ndarray
    joints_m: np.ndarray

    def write(self, part: str, rows) -> None:
        """Replace one label file."""
        (self.folder / f"training_{part}.json").write_text(json.dumps(rows))


def write_mano(path: Path, *, tips: TipSource = "freihand") -> Path:
    """The open rig in MANO's format, its fingertips numbered as some data set's, with a mean pose and correctives."""
    rig, rng = load_rig("open"), np.random.default_rng(2)
    count = len(rig.vertices)
    order = np.arange(count)
    for tip, vertex in zip(MANO_TIPS[tips], rig.tip_vertices, strict=True):
        order[[tip, vertex]] = order[[vertex, tip]]
    data = {
        "v_template": rig.vertices[order].astype(float),
        "f": np.argsort(order)[rig.faces].astype(np.uint32),
        "shapedirs": rig.shape_basis[order].astype(float),
        "posedirs": 1e-4 * rng.standard_normal((count, 3, 135)),
        "weights": rig.skin_weights[order].astype(float),
        "J_regressor": rig.joint_regressor[:, order].astype(float),
        "kintree_table": np.stack([np.where(rig.parents < 0, 2**32 - 1, rig.parents), np.arange(16)]),
        "hands_mean": 0.1 * rng.standard_normal(45),
    }
    path.write_bytes(pickle.dumps(data, protocol=2))
    return path


@pytest.fixture
def freihand(tmp_path) -> Freihand:
    """Three samples in four versions, 224 px; K, xyz and mano as the MANO file poses them."""
    return write_freihand(tmp_path / "FreiHAND", write_mano(tmp_path / "MANO_RIGHT.pkl"))


def write_freihand(folder: Path, mano: Path) -> Freihand:
    """What the fixture `freihand` is, of any MANO file whose first sixteen joints and FreiHAND tips are a hand's."""
    pose, shape = poses(SAMPLES)
    rig: HandRig = load_mano(mano, "right")
    posed = rig.posed(pose, shape)
    root = np.array([[0.0, 0.0, 0.6], [0.02, -0.03, 0.7], [-0.03, 0.01, 0.8]])
    move = (root - posed.joints[:, MARK])[:, None]
    joints_m, vertices_m = posed.joints + move, posed.vertices + move
    joints_px = project(joints_m, FREIHAND_K)
    focal = (FREIHAND_K[0, 0] + FREIHAND_K[1, 1]) / 2
    # Root and scale as the dataset stores them: back-projected with the mean focal length.
    scale = focal / root[:, 2:]
    uv = root[:, :2] * scale + FREIHAND_K[:2, 2]
    mano_rows = np.concatenate([pose.reshape(-1, 48), shape, uv, scale], axis=1)
    made = Freihand(folder, mano, vertices_m, joints_m)
    for number in range(4 * SAMPLES):
        spot = joints_px[number % SAMPLES, MARK]
        picture(folder / "training" / "rgb" / f"{number:08d}.jpg", 224, spot, 10 + 10 * number)
    made.write("K", [FREIHAND_K.tolist()] * SAMPLES)
    made.write("xyz", joints_m.tolist())
    made.write("mano", mano_rows[:, None].tolist())
    return made


@pytest.fixture
def obman(tmp_path) -> Path:
    """Three hands, the second one left; numbers have a gap."""
    return write_obman(tmp_path / "obman")


def write_obman(folder: Path) -> Path:
    """What the fixture `obman` is."""
    pose, shape = poses(3, seed=1)
    joints_m = (
        load_rig("open")
        .posed(pose, shape, np.array([[0, 0, 0.5], [0.05, 0.02, 0.6], [-0.04, 0, 0.7]]))
        .joints
    )
    joints_m[1, :, 0] *= -1
    matrix = np.array([[480.0, 0, 128], [0, 480, 128], [0, 0, 1]])
    joints_px = project(joints_m, matrix)
    for number, name in enumerate(("00000001", "00000004", "00000005")):
        picture(folder / "train" / "rgb" / f"{name}.jpg", 256, joints_px[number, MARK], 40 + 40 * number)
        write_meta(
            folder,
            name,
            side="left" if number == 1 else "right",
            coords_3d=(joints_m[number] * [1, -1, -1]).astype(np.float32),
            coords_2d=joints_px[number].astype(np.float32),
        )
    return folder


def write_meta(folder: Path, name: str, **values) -> None:
    """An ObMan annotation with some of what else it holds."""
    path = folder / "train" / "meta" / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    others = {"class_id": "02876657", "obj_scale": 0.2, "depth_min": np.float32(0.4), "hand_pose": [0.0] * 48}
    path.write_bytes(pickle.dumps(others | values, protocol=3))
