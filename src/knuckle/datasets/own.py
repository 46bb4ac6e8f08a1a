"""Your own photographs and labels: a folder with labels.jsonl, one JSON object a line, one line a hand.

    image      path of the photo, from the folder on; needed
    side       "left" or "right"; needed
    id         a name for messages; else the image and the line
    camera     [fx, fy, cx, cy] in px, pixel centres at integers; needed by joints_3d, mano and mesh
    box        [x, y, w, h] px; else what the joints, mesh or mask span
    joints_2d  21 of [x, y] px, common order; null where a joint is not labelled
    joints_3d  21 of [x, y, z] metres, camera frame (x right, y down, z forward); null where not labelled
    mano       {"pose": 48, "shape": 10, "translation": 3, "mean_pose": true where the mean pose is to be added}
    mesh       path of an .npy file, V x 3 metres, camera frame
    mask       path of a picture of the photo's size, the hand bright

Any subset of the labels will do as long as it says where the hand is. Other keys are errors: a misspelt label would go
unnoticed.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.datasets.decoder_warnings import read_whole
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import checked_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_rgb
from knuckle.errors import KnuckleError
from knuckle.files import parse_json
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT, SIDES

LABELS = "labels.jsonl"
KEYS = ("image", "side", "id", "camera", "box", "joints_2d", "joints_3d", "mano", "mesh", "mask")
_IN_SPACE = ("joints_3d", "mano", "mesh")
_BRIGHT = 128


@dataclass(frozen=True, eq=False)
class ManoLabel:
    """Parameters of MANO's hand of the same side, camera frame."""

    pose: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    translation: Float[np.ndarray, "3"]
    mean_pose: bool
    """Whether the pose is relative to MANO's mean pose."""


@dataclass(frozen=True, eq=False)
class OwnHand:
    """A line of the labels. In `hand`, joints that are not labelled are NaN."""

    hand: LabelledHand
    mano: ManoLabel | None


def read_lines(folder: Path) -> list[tuple[int, str]]:
    """The lines of a folder's labels with their numbers, empty ones left out. Raises KnuckleError if there are none."""
    path = folder / LABELS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected labels, one JSON object a line, got {error}") from error
    found = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise KnuckleError(f"{path}: expected labels, one JSON object a line, got an empty file")
    return found


def read_hand(folder: Path, number: int, line: str) -> OwnHand:
    """A hand of one line; its photo is decoded once. Raises KnuckleError naming line, key and what is wrong."""
    where = f"{LABELS}: line {number}"
    try:
        entry = parse_json(line)
    except ValueError as error:
        raise KnuckleError(f"{where}: expected a JSON object, got {error}") from error
    if not isinstance(entry, dict):
        raise KnuckleError(f"{where}: expected a JSON object, got a {type(entry).__name__}")
    unknown = [key for key in entry if key not in KEYS]
    if unknown:
        raise KnuckleError(f"{where}: expected keys of {', '.join(KEYS)}, got {', '.join(unknown)}")
    image, side = entry.get("image"), entry.get("side")
    if not isinstance(image, str) or not image:
        raise KnuckleError(f"{where}: image: expected the path of a photo, got {image!r}")
    if side not in SIDES:
        raise KnuckleError(f'{where}: side: expected "left" or "right", got {side!r}')
    width, height = _size(folder / image, _stamp(folder / image))
    camera = _camera(entry, where, width, height)
    joints_px = _points(entry.get("joints_2d"), 2, f"{where}: joints_2d")
    joints_m = _points(entry.get("joints_3d"), 3, f"{where}: joints_3d")
    if joints_m is not None and (joints_m[:, 2] <= 0).any():
        raise KnuckleError(f"{where}: joints_3d: expected joints before the camera, got z <= 0")
    vertices_m = _mesh(folder, entry.get("mesh"), where)
    mask = _mask(folder, entry.get("mask"), where, (width, height))
    mano = _mano(entry.get("mano"), f"{where}: mano")
    placed = _box_points(joints_px, joints_m, vertices_m, camera)
    box = _box(entry.get("box"), placed, mask, where)
    name = str(entry.get("id") or f"{image}:{number}")
    shown = joints_px
    if joints_m is not None:
        shown = np.full((JOINT_COUNT, 2), np.nan) if shown is None else shown.copy()
        only_3d = np.isfinite(joints_m).all(-1) & np.isnan(shown).any(-1)
        shown[only_3d] = camera.project(joints_m[only_3d])
    hand = LabelledHand(
        name, "own", folder / image, side, camera, box, shown, joints_m, vertices_m, mask=mask
    )
    return OwnHand(hand, mano)


def outside(hand: LabelledHand) -> int:
    """How many of the labelled joints lie outside of the picture."""
    if hand.joints_px is None:
        return 0
    limit = np.array([hand.camera.width, hand.camera.height]) - 0.5
    known = np.isfinite(hand.joints_px).all(-1)
    within = ((hand.joints_px >= -0.5) & (hand.joints_px <= limit)).all(-1)
    return int((known & ~within).sum())


@lru_cache(maxsize=4096)
def _size(image: Path, stamp: int) -> tuple[int, int]:
    """Width and height; hands of one photo decode it once, unless it has changed."""
    height, width = read_whole(lambda: read_rgb(image), image).shape[:2]
    return width, height


def _stamp(image: Path) -> int:
    return image.stat().st_mtime_ns if image.is_file() else 0


def _points(rows: Any, last: int, where: str) -> np.ndarray | None:
    """Labelled points, NaN for null rows; None without any."""
    if rows is None:
        return None
    if not isinstance(rows, list) or len(rows) != JOINT_COUNT:
        got = f"{len(rows)}" if isinstance(rows, list) else f"{str(rows)[:40]}"
        raise KnuckleError(f"{where}: expected a list of {JOINT_COUNT} points or nulls, got {got}")
    points = np.full((JOINT_COUNT, last), np.nan)
    for joint, row in enumerate(rows):
        if row is not None:
            points[joint] = checked_numbers(row, (last,), f"{where}[{joint}]")
    return points if np.isfinite(points).any() else None


def _camera(entry: dict[str, Any], where: str, width: int, height: int) -> Camera:
    if entry.get("camera") is None:
        needing = [key for key in _IN_SPACE if entry.get(key) is not None]
        if needing:
            raise KnuckleError(f"{where}: camera: expected [fx, fy, cx, cy] beside {needing[0]}, got none")
        return Camera.from_size(width, height)
    values = checked_numbers(entry["camera"], (4,), f"{where}: camera")
    try:
        fx, fy, cx, cy = values.tolist()
        return Camera(fx, fy, cx, cy, width, height)
    except KnuckleError as error:
        raise KnuckleError(f"{where}: {error}") from None


def _mesh(folder: Path, name: Any, where: str) -> np.ndarray | None:
    if name is None:
        return None
    try:
        vertices = np.load(folder / str(name), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{where}: mesh: {folder / str(name)}: cannot be read ({error})") from error
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind not in "fiu":
        raise KnuckleError(f"{where}: mesh: {name}: expected V x 3 numbers, got {vertices.shape}")
    vertices = vertices.astype(float)
    if not np.isfinite(vertices).all() or (vertices[:, 2] <= 0).any():
        raise KnuckleError(f"{where}: mesh: {name}: expected finite vertices before the camera, got others")
    return vertices


def _mask(folder: Path, name: Any, where: str, size: tuple[int, int]) -> Path | None:
    if name is None:
        return None
    path = folder / str(name)
    picture = read_rgb(path)[..., 0]
    if picture.shape[::-1] != size:
        got = f"{picture.shape[1]}x{picture.shape[0]}"
        raise KnuckleError(f"{where}: mask: {name}: expected {size[0]}x{size[1]} px, got {got}")
    if not (picture >= _BRIGHT).any():
        raise KnuckleError(f"{where}: mask: {name}: expected the hand bright, got a dark picture")
    return path


def _mano(value: Any, where: str) -> ManoLabel | None:
    if value is None:
        return None
    keys = ("pose", "shape", "translation", "mean_pose")
    missing = [key for key in keys if not isinstance(value, dict) or key not in value]
    if missing:
        raise KnuckleError(f"{where}: expected {', '.join(keys)}, missing {', '.join(missing)}")
    if not isinstance(value["mean_pose"], bool):
        raise KnuckleError(f"{where}: mean_pose: expected true or false, got {value['mean_pose']!r}")
    pose = checked_numbers(value["pose"], (48,), f"{where}: pose").reshape(16, 3)
    shape = checked_numbers(value["shape"], (10,), f"{where}: shape")
    translation = checked_numbers(value["translation"], (3,), f"{where}: translation")
    return ManoLabel(pose, shape, translation, value["mean_pose"])


def _box_points(
    joints_px: np.ndarray | None, joints_m: np.ndarray | None, vertices_m: np.ndarray | None, camera: Camera
) -> Float[np.ndarray, "n 2"]:
    """Where the labels say the hand is, px."""
    parts = [] if joints_px is None else [joints_px]
    parts += [camera.project(p[np.isfinite(p).all(-1)]) for p in (joints_m, vertices_m) if p is not None]
    points = np.concatenate(parts) if parts else np.zeros((0, 2))
    return points[np.isfinite(points).all(-1)]


def _box(value: Any, points: np.ndarray, mask: Path | None, where: str) -> Float[np.ndarray, "4"]:
    if value is not None:
        box = checked_numbers(value, (4,), f"{where}: box")
    else:
        if not len(points) and mask is not None:
            points = np.argwhere(read_rgb(mask)[..., 0] >= _BRIGHT)[:, ::-1].astype(float)
        if not len(points):
            raise KnuckleError(f"{where}: expected a label that says where the hand is, got none; give a box")
        box = tight_box(points)
    if (box[2:] <= 0).any():
        raise KnuckleError(f"{where}: box: expected a width and height above 0, got {box.tolist()}")
    return box
