"""HO-3D v2 and v3 (Hampali et al. 2020, 2021), official layout.

    {train,evaluation}/SEQUENCE/rgb/ID.png (v2) or ID.jpg (v3);  .../SEQUENCE/meta/ID.pkl
    {train,evaluation}.txt: lines SEQUENCE/ID
    evaluation_xyz.json, evaluation_verts.json: the truth of the evaluation split, released later

640 x 480 px, right hands. Stored in an OpenGL camera frame and MANO's joint order; read here into our frame
(x right, y down, z forward) and the common order.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from knuckle.datasets.check import Download, require
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import OPENGL_FROM_CAMERA, Camera
from knuckle.rig.safe_pickle import load_whitelisted_pickle
from knuckle.skeleton import JOINT_COUNT, convert_joints

Split = Literal["train", "evaluation"]

WIDTH, HEIGHT = 640, 480

_SITE = "github.com/shreyashampali/ho3d"


def download(split: Split, *, truth: bool = True) -> Download:
    """What a split needs beside its pictures; truth: that of the evaluation split, released later, too."""
    files = (
        ("train.txt",)
        if split == "train"
        else ("evaluation.txt", *(("evaluation_xyz.json", "evaluation_verts.json") if truth else ()))
    )
    return Download(f"HO-3D {split}", _SITE, files, ((split, "*", 1),))


def read_ho3d(
    folder: Path, *, split: Split = "evaluation", truth: bool = True, limit: int | None = None
) -> list[LabelledHand]:
    """Hands of one split in the order of its list; pictures are read later.

    truth: whether joints and vertices of the evaluation split are read. Training frames without annotation are left
    out. Boxes: evaluation the dataset's own, training tight
    around the projected joints. Raises KnuckleError saying which files are missing or disagree.
    """
    if split not in ("train", "evaluation"):
        raise KnuckleError(f'split: expected "train" or "evaluation", got {split!r}')
    require(folder, download(split, truth=truth))
    names = sample_names(folder, split)
    if split == "train":
        hands = (_training_hand(folder, name) for name in names[:limit])
        return [hand for hand in hands if hand is not None]
    if not truth:
        return [_evaluation_hand(folder, name) for name in names[:limit]]
    joints = read_json(folder / "evaluation_xyz.json", kind=list)
    vertices = read_json(folder / "evaluation_verts.json", kind=list)
    if not len(names) == len(joints) == len(vertices):
        counts = (len(names), len(joints), len(vertices))
        raise KnuckleError(
            f"{folder}: expected as many samples in evaluation.txt, _xyz and _verts, got {counts}"
        )
    return [_evaluation_hand(folder, name, joints[i], vertices[i]) for i, name in enumerate(names[:limit])]


def sample_names(folder: Path, split: Split) -> list[str]:
    """The lines SEQUENCE/ID of a split's list; raises KnuckleError if it cannot be read."""
    path = folder / f"{split}.txt"
    try:
        return [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected a list of samples, got {error}") from error


def picture_of(split: Path, name: str) -> Path:
    """The picture of one line of a list: v3's .jpg, else v2's .png, else where v3's would be. split: its folder."""
    sequence, _, frame = name.partition("/")
    rgb = split / sequence / "rgb"
    both = (rgb / f"{frame}.jpg", rgb / f"{frame}.png")
    return next((path for path in both if path.is_file()), both[0])


def annotation_of(split: Path, name: str) -> Path:
    """The annotation of one line of a list. split: its folder."""
    sequence, _, frame = name.partition("/")
    return split / sequence / "meta" / f"{frame}.pkl"


def _training_hand(folder: Path, name: str) -> LabelledHand | None:
    image, meta = read_annotation(folder / "train", name)
    if meta["handJoints3D"] is None:
        return None
    joints_m = joints_to_camera(np.asarray(meta["handJoints3D"], dtype=float), name)
    camera = Camera.from_matrix(np.asarray(meta["camMat"], dtype=float), WIDTH, HEIGHT)
    joints_px = camera.project(joints_m)
    return LabelledHand(name, "HO-3D", image, "right", camera, tight_box(joints_px), joints_px, joints_m)


def _evaluation_hand(
    folder: Path, name: str, joints: list | None = None, vertices: list | None = None
) -> LabelledHand:
    image, meta = read_annotation(folder / "evaluation", name)
    camera = Camera.from_matrix(np.asarray(meta["camMat"], dtype=float), WIDTH, HEIGHT)
    left, top, right, bottom = (float(v) for v in meta["handBoundingBox"])
    box = np.array([left, top, right - left, bottom - top])
    if joints is None or vertices is None:
        return LabelledHand(name, "HO-3D", image, "right", camera, box)
    joints_m = joints_to_camera(np.asarray(joints, dtype=float), name)
    vertices_m = np.asarray(vertices, dtype=float) * OPENGL_FROM_CAMERA
    return LabelledHand(
        name, "HO-3D", image, "right", camera, box, camera.project(joints_m), joints_m, vertices_m
    )


def read_annotation(split: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Picture (v2 png, v3 jpg) and annotation of one line of the list, below the split's folder.

    Raises KnuckleError for an annotation that is missing, damaged, hostile or another kind of file.
    """
    image, annotation = picture_of(split, name), annotation_of(split, name)
    if not annotation.is_file():
        raise KnuckleError(f"{annotation}: expected an HO-3D annotation, got no such file")
    meta = load_whitelisted_pickle(annotation)
    needed = ("camMat", "handJoints3D") if split.name == "train" else ("camMat", "handBoundingBox")
    missing = [key for key in needed if not isinstance(meta, dict) or key not in meta]
    if missing:
        raise KnuckleError(f"{split}/{name}: expected an HO-3D annotation, missing {', '.join(missing)}")
    return image, meta


def joints_to_camera(joints: np.ndarray, name: str) -> Float[np.ndarray, "21 3"]:
    """OpenGL frame and MANO order to our frame and the common order."""
    if joints.shape != (JOINT_COUNT, 3):
        raise KnuckleError(f"{name}: expected 21 x 3 joints, got {joints.shape}")
    return convert_joints(joints * OPENGL_FROM_CAMERA, source="ho3d")
