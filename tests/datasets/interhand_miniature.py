"""InterHand2.6M in its true layout, written of rendered pairs: cameras of the world, millimetres, joints from the tips
on, MANO fits of the world with their mean pose, a left file whose shape basis is the right hand's."""

import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE, MIRROR_POINT, MIRROR_TURN
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.mano import load_mano
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.sets.samples import PairSample
from knuckle.skeleton import convert_joints
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs import pool
from knuckle.synth.pairs.engine import PairEngine

from .conftest import write_mano

SIZE = 96
UNLABELLED = (4, 12)
"""Joints of the second frame's left hand that are not labelled, in the common order."""
KINDS = ("interacting", "interacting", "right", "left", "interacting")


@dataclass
class Miniature:
    """The folder and the truth: camera frame, metres, right hand first."""

    folder: Path
    mano: Path
    joints_m: np.ndarray
    vertices_m: np.ndarray
    camera: np.ndarray
    masks: np.ndarray
    files: dict[str, Any] = field(default_factory=dict)

    def write(self, part: str, split: str = "train") -> None:
        """Write one label file as `files` has it now."""
        path = self.folder / "annotations" / split / f"InterHand2.6M_{split}_{part}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.files[part]))

    def image(self, number: int, split: str = "train") -> Path:
        return self.folder / "images" / split / self.files["data"]["images"][number]["file_name"]


def write_left(right: Path) -> Path:
    """MANO_LEFT.pkl beside the right one: its mirror image, but for the shape basis, as published."""
    data = pickle.loads(right.read_bytes())
    data["v_template"] = data["v_template"] * MIRROR_POINT
    data["f"] = np.ascontiguousarray(data["f"][:, ::-1])
    sign = np.tile(MIRROR_TURN.reshape(-1), 15)
    data["posedirs"] = data["posedirs"] * MIRROR_POINT[:, None] * sign
    data["hands_mean"] = (data["hands_mean"].reshape(15, 3) * MIRROR_AXIS_ANGLE).reshape(45)
    path = right.with_name("MANO_LEFT.pkl")
    path.write_bytes(pickle.dumps(data, protocol=2))
    return path


def render(monkeypatch) -> list[PairSample]:
    """Three pairs, a right hand and a left one."""
    monkeypatch.setattr(pool, "CHUNK_PAIRS", 8)
    options = SynthOptions(size=SIZE, hands="two", backgrounds="procedural", labels="joints")
    engine = PairEngine(3, options)
    pairs = [engine.pair(i, np.random.default_rng(i)) for i in range(3)]
    right, left = (engine._single(engine.one.draw(i), left=i == 2) for i in (1, 2))
    return [pairs[0], pairs[1], right, left, pairs[2]]


def write_miniature(tmp: Path, samples: list[PairSample], split: str = "train") -> Miniature:
    """Five frames of two captures; the second has no fit of its left hand, the last is not sure to be of two hands."""
    rng = np.random.default_rng(5)
    folder, mano = tmp / "InterHand2.6M", write_mano(tmp / "MANO_RIGHT.pkl")
    rigs = load_mano(mano, "right"), load_mano(write_left(mano), "left")
    files: dict[str, Any] = {
        "data": {"images": [], "annotations": []}, "camera": {}, "joint_3d": {}, "MANO_NeuralAnnot": {},
    }  # fmt: skip
    joints, vertices, cameras = [], [], []
    for number, (sample, kind) in enumerate(zip(samples, KINDS, strict=True)):
        capture, camera, frame = str(number // 3), f"{400002 + number}", str(100 + 6 * number)
        name = f"Capture{capture}/ROM0{number}_Interaction/cam{camera}/image{frame}.jpg"
        path = folder / "images" / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        rotation, position_mm = rodrigues(rng.normal(size=3)), rng.uniform(-900, 900, 3)
        lens = in_crop(sample)
        entry = files["camera"].setdefault(capture, {"campos": {}, "camrot": {}, "focal": {}, "princpt": {}})
        entry["campos"][camera], entry["camrot"][camera] = position_mm.tolist(), rotation.tolist()
        entry["focal"][camera], entry["princpt"][camera] = lens[:2].tolist(), lens[2:].tolist()
        world_mm = sample.joints_m.astype(float) * 1e3 @ rotation + position_mm
        valid = np.repeat(sample.is_hand[:, None], 21, axis=1).astype(float)
        if number == 1:
            valid[1, list(UNLABELLED)] = 0
        files["joint_3d"].setdefault(capture, {})[frame] = {
            "world_coord": to_file(world_mm).reshape(42, 3).tolist(),
            "joint_valid": to_file(valid[..., None]).reshape(42, 1).tolist(),
            "hand_type": kind,
            "hand_type_valid": True,
        }
        fits: dict[str, Any] = {}
        meshes = np.full((2, len(rigs[0].vertices), 3), np.nan)
        for hand, side in enumerate(("right", "left")):
            if not sample.is_hand[hand] or (number, side) == (1, "left"):
                fits[side] = None
                continue
            fits[side], meshes[hand] = world_fit(sample, hand, rigs[hand], rotation, position_mm * 1e-3)
        files["MANO_NeuralAnnot"].setdefault(capture, {})[frame] = fits
        points = sample.joints_px[sample.is_hand].reshape(-1, 2)
        low, high = points.min(0) - 4, points.max(0) + 4
        files["data"]["images"].append(
            {"id": number, "file_name": name, "width": SIZE, "height": SIZE, "capture": int(capture),
             "subject": 0, "seq_name": f"ROM0{number}", "camera": camera, "frame_idx": int(frame)}
        )  # fmt: skip
        files["data"]["annotations"].append(
            {"id": 50 + number, "image_id": number, "bbox": [*low.tolist(), *(high - low).tolist()],
             "joint_valid": to_file(valid[..., None]).reshape(42).tolist(), "hand_type": kind,
             "hand_type_valid": int(number != 4)}
        )  # fmt: skip
        seen = np.where(valid[..., None] > 0, sample.joints_m, np.nan)
        joints.append(seen)
        vertices.append(meshes)
        cameras.append(lens)
    masks = np.stack([sample.part_mask for sample in samples])
    made = Miniature(folder, mano, np.stack(joints), np.stack(vertices), np.stack(cameras), masks, files)
    for part in files:
        made.write(part, split)
    (folder / "annotations" / f"aid_human_annot_{split}.txt").write_text("50\n52\n")
    return made


def to_file(rows: np.ndarray) -> np.ndarray:
    return convert_joints(rows, source="common", target="interhand")


def in_crop(sample: PairSample) -> np.ndarray:
    """fx, fy, cx, cy of the crop taken as a picture of its own."""
    (scale_u, _, u), (_, scale_v, v) = sample.patch_from_frame.astype(float)
    fx, fy, cx, cy = sample.camera.astype(float)
    return np.array([fx * scale_u, fy * scale_v, cx * scale_u + u, cy * scale_v + v])


def world_fit(
    sample: PairSample, hand: int, rig: HandRig, rotation: np.ndarray, position_m: np.ndarray
) -> tuple[dict[str, Any], np.ndarray]:
    """A fit as the dataset has it, and its mesh as the camera sees it."""
    pose = sample.pose[hand].astype(float) - rig.pose_mean
    shape, translation = sample.shape[hand].astype(float), sample.translation[hand].astype(float)
    vertices = rig.posed(pose, shape, translation).vertices
    pose = pose.copy()
    pose[0] = matrix_to_axis_angle(rotation.T @ rodrigues(pose[0]))
    # Where the world has the mesh: its own translation is found from where the turned mesh comes out.
    turned = rig.posed(pose, shape).vertices
    move = ((vertices @ rotation + position_m) - turned).mean(0)
    stored = {"pose": pose.reshape(48).tolist(), "shape": shape.tolist(), "trans": move.tolist()}
    return stored, vertices
