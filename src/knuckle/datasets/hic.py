"""HIC, "Hands in Action" (Tzionas et al. 2016): two hands that interact with each other or an object, one RGB-D camera.
To score on.

    HIC.json                    the list that InterWild and its successors score: images (id, width, height, file_name),
                                annotations (image_id, hand_type, right_mano_path, left_mano_path: a .ply file or null)
    SEQ/1/rgb/NNN.png           640 x 480 px; sequences 01-14 of two hands, 15-21 of hands and an object
    SEQ/1/joints_2D_GT/NNN.txt  every fifth picture, a line a joint: number, u, v; 28 joints, 14 a hand; 0 0 where
                                missing
    IJCV16___Results_MANO___parms_for___joints21/IJCV16___fakeGT___IJCV___SEQ___Model_Hand_{R,L}___ncomps45/
        NNN.ply                 MANO's mesh, metres, camera frame
        NNN.pkl                 J_transformed___j21 (21 x 3), v (778 x 3), pose, betas, trans

Meshes are MANO's, fitted to the authors' own. Without HIC.json every picture that has a fit is taken.

Taken from published readers, not seen on the data. In which order the 21 joints are is not said there: MANO's or the
common one, whichever has the shorter bones.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.photos import check_size, read_json, read_rgb
from knuckle.datasets.ply import read_ply_vertices
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.rig.safe_pickle import load_whitelisted_pickle
from knuckle.skeleton import BONES, HAND_SIDES, JOINT_COUNT, JointOrder, convert_joints

HandType = Literal["right", "left", "interacting"]
HAND_TYPES: tuple[HandType, ...] = get_args(HandType)
LIST = "HIC.json"
FITS = "IJCV16___Results_MANO___parms_for___joints21"
SITE = "files.is.tue.mpg.de/dtzionas/Hand-Object-Capture"
CAMERA = Camera(525.0, 525.0, 319.5, 239.5, 640, 480)
IMAGES = 732
"""Of the list, as DFL counts them."""
VERTICES = 778
JOINTS_2D = (17, 18, 19, 13, 14, 15, 9, 10, 11, 5, 6, 7, 2, 3)
"""The common joint of each of a hand's 14 in joints_2D_GT, the right hand first; the left index finger is stored from
its far joint on, as InterWild's list has it."""
_LEFT_2D = (*JOINTS_2D[:9], 7, 6, 5, *JOINTS_2D[12:])
_ORDERS: tuple[JointOrder, JointOrder] = ("mano21", "common")
_TOLD_APART = 1.2
_SAME_MESH_M = 1e-3


@dataclass(frozen=True)
class HicRow:
    """A picture of the list and where its hands' meshes are; None where a hand has none."""

    name: str
    image: Path
    hand_type: HandType
    meshes: tuple[Path | None, Path | None]
    """Right and left."""


@dataclass(frozen=True, eq=False)
class HicFrame:
    """A picture with its labels; arrays of hands have the right one first, NaN for a hand without a mesh."""

    name: str
    image: Path
    hand_type: HandType
    is_hand: Bool[np.ndarray, "2"]
    joints_m: Float[np.ndarray, "2 21 3"]
    """Camera frame, common order."""
    vertices_m: Float[np.ndarray, "2 778 3"]

    def read(self) -> UInt8[np.ndarray, "480 640 3"]:
        """The picture, RGB; raises KnuckleError if it is missing, damaged or of another size."""
        picture = read_rgb(self.image)
        check_size(picture, (CAMERA.width, CAMERA.height), self.image)
        return picture


def top_folder(folder: Path) -> Path:
    """The folder with the list or the fits: the given one, or data in it."""
    inner = folder / "data"
    return inner if any((inner / name).exists() for name in (LIST, FITS)) else folder


def is_hic(folder: Path) -> bool:
    """Whether a folder holds the list or the fits."""
    return any((top_folder(folder) / name).exists() for name in (LIST, FITS))


def read_rows(folder: Path) -> list[HicRow]:
    """The pictures of the list, or without it those that have a fit. Raises KnuckleError for a list that is damaged,
    and where there is nothing."""
    top = top_folder(folder)
    rows = _listed(top) if (top / LIST).is_file() else _fitted(top)
    if not rows:
        raise KnuckleError(f"{folder}: expected HIC ({SITE}) with {LIST} or {FITS}, got neither")
    return rows


def read_frame(row: HicRow) -> HicFrame:
    """Meshes and joints of a picture. Raises KnuckleError naming the file and what is wrong with it."""
    joints, vertices = np.full((2, JOINT_COUNT, 3), np.nan), np.full((2, VERTICES, 3), np.nan)
    for hand, mesh in enumerate(row.meshes):
        if mesh is not None:
            joints[hand], vertices[hand] = read_fit(mesh)
    there = np.array([mesh is not None for mesh in row.meshes])
    return HicFrame(row.name, row.image, row.hand_type, there, joints, vertices)


def read_fit(mesh: Path) -> tuple[Float[np.ndarray, "21 3"], Float[np.ndarray, "778 3"]]:
    """Joints, in the common order, and vertices of one hand, metres, from its .ply file and the .pkl file beside it.

    Raises KnuckleError for a file that is missing, damaged or hostile, and for two files that disagree.
    """
    vertices = read_ply_vertices(mesh)
    path = mesh.with_suffix(".pkl")
    if len(vertices) != VERTICES:
        raise KnuckleError(f"{mesh}: expected MANO's {VERTICES} vertices, got {len(vertices)}")
    if (vertices[:, 2] <= 0).any():
        raise KnuckleError(f"{mesh}: expected a hand before the camera, got z <= 0")
    stored = load_whitelisted_pickle(path, what="a fit of HIC")
    joints, same = (
        entry_numbers(stored, key, (count, 3), str(path))
        for key, count in (("J_transformed___j21", JOINT_COUNT), ("v", VERTICES))
    )
    apart = float(np.abs(same - vertices).max())
    if apart > _SAME_MESH_M:
        raise KnuckleError(
            f"{path}: v: expected the vertices of {mesh.name}, got {apart * 1e3:.1f} mm from them"
        )
    return in_common_order(joints, str(path)), vertices


def in_common_order(joints: Float[np.ndarray, "21 3"], where: str) -> Float[np.ndarray, "21 3"]:
    """Joints in whichever of the two orders makes the shorter bones. Raises KnuckleError where that tells nothing."""
    taken = [convert_joints(joints, source=order) for order in _ORDERS]
    lengths = [sum(float(np.linalg.norm(points[a] - points[b])) for a, b in BONES) for points in taken]
    if max(lengths) <= _TOLD_APART * min(lengths):
        raise KnuckleError(
            f"{where}: J_transformed___j21: expected joints of a hand in a known order, got others"
        )
    return taken[int(np.argmin(lengths))]


def annotated_px(path: Path) -> Float[np.ndarray, "2 21 2"]:
    """The joints that people placed in a picture, px, right hand first; NaN for those that are not labelled. Raises
    KnuckleError for a damaged file."""
    points = np.full((2, JOINT_COUNT, 2), np.nan)
    try:
        rows = [
            [float(word) for word in line.split()] for line in path.read_text().splitlines() if line.strip()
        ]
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{path}: expected lines of a number, u and v, got {error}") from error
    if len(rows) != 2 * len(JOINTS_2D) or any(len(row) != 3 for row in rows):
        raise KnuckleError(
            f"{path}: expected {2 * len(JOINTS_2D)} lines of a number, u and v, got {len(rows)}"
        )
    for number, (_, u, v) in enumerate(rows):
        hand, joint = divmod(number, len(JOINTS_2D))
        if u > 0 and v > 0:
            points[hand, (JOINTS_2D, _LEFT_2D)[hand][joint]] = u, v
    return points


def annotation_of(image: Path) -> Path:
    """Where the joints that people placed in a picture are, if there are any."""
    return image.parents[1] / "joints_2D_GT" / f"{image.stem}.txt"


def _listed(top: Path) -> list[HicRow]:
    path = top / LIST
    data = read_json(path, kind=dict)
    missing = [key for key in ("images", "annotations") if not isinstance(data.get(key), list)]
    if missing:
        raise KnuckleError(f"{path}: expected lists images and annotations, missing {' and '.join(missing)}")
    rows = []
    try:
        images = {image["id"]: image for image in data["images"]}
        for number, entry in enumerate(data["annotations"]):
            name = images[entry["image_id"]]["file_name"]
            hand_type = entry["hand_type"]
            meshes = tuple(None if entry[f"{side}_mano_path"] is None else top / entry[f"{side}_mano_path"]
                           for side in HAND_SIDES)  # fmt: skip
            if hand_type not in HAND_TYPES:
                raise KnuckleError(f"{path}: annotation {number}: hand_type: expected one of {', '.join(HAND_TYPES)}, "
                                   f"got {hand_type!r}")  # fmt: skip
            rows.append(HicRow(str(name), top / name, hand_type, (meshes[0], meshes[1])))
    except (KeyError, TypeError) as error:
        raise KnuckleError(
            f"{path}: expected an annotation of HIC, got {error!r} in number {len(rows)}"
        ) from error
    return rows


def _fitted(top: Path) -> list[HicRow]:
    rows: dict[str, list[Path | None]] = {}
    for hand, letter in enumerate("RL"):
        for mesh in sorted((top / FITS).glob(f"*___IJCV___*___Model_Hand_{letter}___*/*.ply")):
            sequence = mesh.parent.name.split("___IJCV___")[1].split("___")[0]
            rows.setdefault(f"{sequence}/1/rgb/{mesh.stem}.png", [None, None])[hand] = mesh
    return [
        HicRow(
            name,
            top / name,
            "interacting" if None not in (right, left) else HAND_SIDES[right is None],
            (right, left),
        )
        for name, (right, left) in sorted(rows.items())
    ]
