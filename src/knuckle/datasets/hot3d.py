"""HOT3D-Clips (Banerjee et al., CVPR 2025): clips of 150 frames of Project Aria or Quest 3, each a tar file.

    {train,test}_{aria,quest3}/clip-%06d.tar
      %06d.image_STREAM.jpg     214-1 is Aria's colour camera, 1201-1 and 1201-2 grey ones
      %06d.cameras.json         STREAM -> calibration (image_width, image_height, projection_model_type,
                                projection_params), T_world_from_camera (quaternion_wxyz, translation_xyz)
      %06d.hands.json           left, right -> mano_pose (thetas 15, wrist_xform 6), umetrack_pose (joint_angles,
                                T_world_from_wrist), visibilities_modeled (STREAM -> 0 to 1); one may be missing
      %06d.info.json
      __hand_shapes.json__      mano (10), umetrack (a profile: `knuckle.datasets.umetrack`)

Metres of the world; MANO's thetas are coefficients of its first 15 components, its mean pose to be added, its left file
mended. Lenses are fisheyes (`knuckle.geometry.lenses.Fisheye624`), and pictures lie on their side: a hand is read as an
upright pinhole camera in the same place sees it, that looks at the hand. Test clips come without hands. Tar files are
never unpacked. The facts are those of github.com/facebookresearch/hot3d (hot3d/clips) and hand_tracking_toolkit.
"""

import json
import tarfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.mano_sides import Parameters
from knuckle.datasets.photos import decode_rgb
from knuckle.datasets.rectified import RectifiedHand, boxes_of, is_inside, window_around
from knuckle.datasets.umetrack import Profile
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.lenses import Fisheye624, Lens, looking_at
from knuckle.rig.quaternions import quaternion_to_axis_angle
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import SIDES, Side

SITE = "huggingface.co/datasets/bop-benchmark/hot3d"
FRAMES = 150
CLIPS = 2_804
"""To train on, of both devices."""
SHAPES = "__hand_shapes.json__"
STREAMS = {"aria": ("214-1",), "aria-grey": ("1201-1", "1201-2"), "quest3": ("1201-1", "1201-2")}
"""By part: the streams that are taken."""
FOLDERS = {"aria": "train_aria", "aria-grey": "train_aria", "quest3": "train_quest3"}
LEAST_SEEN, LEAST_VISIBLE = 11, 0.1
"""A hand of which fewer joints are in the picture, or less is seen before the modelled things, is left out."""
_COMPONENTS = 15
_LARGEST = 64 * 2**20
_MOST_MEMBERS = 100_000
_UPRIGHT = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
"""The lens's axes from those of a camera held upright: what is down there is to the right in the picture."""


class Tar(NamedTuple):
    """A tar file as it was when it was looked at first: one that changes is read anew."""

    path: Path
    stamp: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> "Tar":
        """Raises KnuckleError for a file that is not there."""
        try:
            told = path.stat()
        except OSError as error:
            raise KnuckleError(f"{path}: expected a clip of HOT3D, got {error.strerror}") from error
        return cls(path, (told.st_mtime_ns, told.st_size))


class Place(NamedTuple):
    """Where a file lies in a tar."""

    start: int
    size: int


class Eye(NamedTuple):
    """A camera of a frame."""

    lens: Lens
    rotation: Float[np.ndarray, "3 3"]
    """World from camera."""
    position: Float[np.ndarray, "3"]


class Hand(NamedTuple):
    """A labelled hand of a frame, of the world; None where that form of it is not there."""

    thetas: Float[np.ndarray, "15"] | None
    wrist: Float[np.ndarray, "6"] | None
    """Axis-angle and translation, of MANO."""
    joints_m: Float[np.ndarray, "21 3"] | None
    """UmeTrack's, common order, the thumb's CMC NaN."""
    umetrack: tuple[Float[np.ndarray, "20"], Float[np.ndarray, "4 4"]] | None
    """Angles of the hinges, and the place of the wrist."""
    visible: dict[str, float]
    """By stream, how much of it is seen before modelled things."""


class Clip(NamedTuple):
    """What all frames of a clip share."""

    tar: Tar
    frames: tuple[str, ...]
    shape: Float[np.ndarray, "10"] | None
    profile: Profile | None


@lru_cache(maxsize=32)
def members(tar: Tar) -> dict[str, Place]:
    """The plain files of a tar by name; raises KnuckleError for a file that is none, or is cut short."""
    found: dict[str, Place] = {}
    path, (_, whole) = tar
    try:
        with tarfile.open(path, "r:") as file:
            for member in file:
                # Links, devices and folders are nothing to be read; and nothing is ever unpacked.
                if not member.isreg() or member.sparse is not None:
                    continue
                found[member.name.removeprefix("./")] = Place(member.offset_data, member.size)
                if len(found) > _MOST_MEMBERS:
                    raise KnuckleError(
                        f"{path}: expected a clip of HOT3D, got more than {_MOST_MEMBERS} files"
                    )
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise KnuckleError(f"{path}: expected a tar file, whole and not compressed, got {error}") from error
    except OSError as error:
        raise KnuckleError(f"{path}: expected a clip of HOT3D, got {error.strerror or error}") from error
    cut = [name for name, place in found.items() if place.start + place.size > whole]
    if cut:
        raise KnuckleError(f"{path}: expected a whole tar file, got one cut short in {cut[0]}")
    return found


def read_member(tar: Tar, name: str) -> bytes:
    """A file of a tar; raises KnuckleError where it is missing or too large."""
    path, place = tar.path, members(tar).get(name)
    if place is None:
        raise KnuckleError(f"{path}: expected {name} in it, got no such file")
    if place.size > _LARGEST:
        raise KnuckleError(f"{path}: {name}: expected a file of a few MB, got {place.size / 2**20:.0f} MB")
    with path.open("rb") as file:
        file.seek(place.start)
        return file.read(place.size)


def read_member_json(tar: Tar, name: str) -> dict[str, Any]:
    """A JSON file of a tar, a dictionary; raises KnuckleError naming both."""
    try:
        data = json.loads(read_member(tar, name))
    except (ValueError, RecursionError) as error:
        raise KnuckleError(f"{tar.path}: {name}: expected JSON, got {error}") from error
    if not isinstance(data, dict):
        raise KnuckleError(f"{tar.path}: {name}: expected a JSON dict, got a {type(data).__name__}")
    return data


def read_picture(tar: Tar, name: str) -> UInt8[np.ndarray, "H W 3"]:
    """A picture of a tar as RGB; raises KnuckleError naming both."""
    return decode_rgb(read_member(tar, name), f"{tar.path}: {name}")


def clips_of(folder: Path, part: str) -> list[Path]:
    """The training clips of a part, in order of their names."""
    return sorted((folder / FOLDERS[part]).glob("clip-*.tar"))


@lru_cache(maxsize=8)
def read_clip(tar: Tar) -> Clip:
    """A clip's frames and hand shapes; raises KnuckleError naming what is wrong."""
    path, inside = tar.path, members(tar)
    frames = tuple(sorted(name.removesuffix(".info.json") for name in inside if name.endswith(".info.json")))
    if not frames:
        raise KnuckleError(f"{path}: expected frames of HOT3D (%06d.info.json), got none")
    if SHAPES not in inside:
        return Clip(tar, frames, None, None)
    shapes, where = read_member_json(tar, SHAPES), f"{path}: {SHAPES}"
    shape = None if shapes.get("mano") is None else entry_numbers(shapes, "mano", (10,), where)
    profile = None if shapes.get("umetrack") is None else Profile.from_json(shapes["umetrack"], where)
    return Clip(tar, frames, shape, profile)


@lru_cache(maxsize=64)
def read_eyes(tar: Tar, frame: str) -> dict[str, Eye]:
    """The cameras of a frame by stream; raises KnuckleError for one of another model, or that lacks something."""
    name = f"{frame}.cameras.json"
    eyes = {}
    for stream, data in read_member_json(tar, name).items():
        where = f"{tar.path}: {name}: {stream}"
        calibration = data.get("calibration") if isinstance(data, dict) else None
        if not isinstance(calibration, dict):
            raise KnuckleError(f"{where}: expected a camera with its calibration, got none")
        rotation, position = _pose(data.get("T_world_from_camera"), where)
        eyes[stream] = Eye(_lens(calibration, where), rotation, position)
    return eyes


@lru_cache(maxsize=64)
def read_hands(tar: Tar, frame: str) -> dict[Side, Hand]:
    """The labelled hands of a frame; none of a test clip. Raises KnuckleError naming what is wrong."""
    name = f"{frame}.hands.json"
    if name not in members(tar):
        return {}
    profile, data = read_clip(tar).profile, read_member_json(tar, name)
    hands: dict[Side, Hand] = {}
    for side in SIDES:
        entry, where = data.get(side), f"{tar.path}: {name}: {side}"
        if entry is None:
            continue
        if not isinstance(entry, dict):
            raise KnuckleError(f"{where}: expected a hand, got a {type(entry).__name__}")
        thetas = wrist = joints = umetrack = None
        if (mano := entry.get("mano_pose")) is not None:
            thetas = entry_numbers(mano, "thetas", (_COMPONENTS,), where)
            wrist = entry_numbers(mano, "wrist_xform", (6,), where)
        if profile is not None and (pose := entry.get("umetrack_pose")) is not None:
            angles = entry_numbers(pose, "joint_angles", (None,), where)
            if len(angles) < 20:
                raise KnuckleError(f"{where}: joint_angles: expected 20 numbers, got {len(angles)}")
            placed = np.eye(4)
            placed[:3, :3], placed[:3, 3] = _pose(pose.get("T_world_from_wrist"), where)
            umetrack = angles[:20], placed
            joints = profile.joints_m(*umetrack, side)
        told = entry.get("visibilities_modeled")
        parts = told.items() if isinstance(told, dict) else ()
        visible = {stream: float(part) for stream, part in parts if isinstance(part, int | float)}
        hands[side] = Hand(thetas, wrist, joints, umetrack, visible)
    return hands


def mano_of(hand: Hand, shape: Float[np.ndarray, "10"], components: Float[np.ndarray, "45 45"]) -> Parameters:
    """MANO's parameters of one hand, of the world; components: of its side's file."""
    assert hand.thetas is not None and hand.wrist is not None
    fingers = (hand.thetas @ components[:_COMPONENTS]).reshape(15, 3)
    pose = np.concatenate([hand.wrist[None, :3], fingers])
    return Parameters(pose[None], shape[None], hand.wrist[None, 3:])


def to_eye(points_m: Float[np.ndarray, "*n 3"], eye: Eye) -> Float[np.ndarray, "*n 3"]:
    """Points of the world in a camera's frame."""
    return (points_m - eye.position) @ eye.rotation


def is_usable(hand: Hand, joints_m: Float[np.ndarray, "21 3"], eye: Eye, stream: str) -> bool:
    """Whether enough of a hand is in a camera's picture; joints_m: of the camera, NaN where there is none."""
    if hand.visible.get(stream, 1.0) < LEAST_VISIBLE:
        return False
    known = joints_m[np.isfinite(joints_m).all(-1)]
    return int(is_inside(eye.lens, known).sum()) >= LEAST_SEEN


def view_of(
    name: str,
    source: tuple[Tar, str],
    side: Side,
    eye: Eye,
    joints_m: Float[np.ndarray, "21 3"],
    mesh_m: Float[np.ndarray, "v 3"] | None = None,
    other_m: Float[np.ndarray, "21 3"] | None = None,
) -> RectifiedHand:
    """A hand as an upright pinhole camera sees it that looks at it.

    source: a tar and a picture in it. joints_m, mesh_m: of the lens's frame; joints may be NaN. other_m: the joints of
    the person's other hand.
    """
    tar, member = source
    known = np.isfinite(joints_m).all(-1)
    turn = looking_at(joints_m[known].mean(0)) @ _UPRIGHT
    joints, mesh = joints_m @ turn, None if mesh_m is None else mesh_m @ turn
    focal = _focal_px(eye.lens, turn)
    camera = Camera(focal, focal, 0.0, 0.0, 1, 1)
    camera = window_around(camera, tight_box(camera.project(joints[known])))
    joints_px = np.full((len(joints), 2), np.nan)
    joints_px[known] = camera.project(joints[known])
    seen = np.zeros(len(joints), bool)
    seen[known] = is_inside(eye.lens, joints_m[known])
    return RectifiedHand(
        name=name, source="HOT3D", image=tar.path / member, side=side, camera=camera,
        box_px=tight_box(joints_px[known]), joints_px=joints_px, joints_m=joints, vertices_m=mesh, visible=seen,
        lens=eye.lens, lens_from_camera=turn, load=partial(read_picture, tar, member),
        others_px=boxes_of(camera, None if other_m is None else other_m @ turn),
    )  # fmt: skip


def _focal_px(lens: Lens, turn: Float[np.ndarray, "3 3"]) -> float:
    """The focal length with which a pinhole camera's middle is as fine as the lens's picture there."""
    step = 1e-3
    ahead = lens.project(
        np.array([turn[:, 2], turn[:, 2] + step * turn[:, 0], turn[:, 2] + step * turn[:, 1]])
    )
    moved = np.linalg.norm(ahead[1:] - ahead[0], axis=-1) / step
    return float(moved.max()) if np.isfinite(moved).all() else float(lens.width)


def _lens(calibration: dict[str, Any], where: str) -> Fisheye624:
    model = str(calibration.get("projection_model_type"))
    if not model.upper().endswith("FISHEYE624"):
        raise KnuckleError(f"{where}: projection_model_type: expected FISHEYE624, got {model}")
    width, height = (calibration.get(key) for key in ("image_width", "image_height"))
    if not isinstance(width, int) or not isinstance(height, int):
        raise KnuckleError(f"{where}: expected image_width and image_height, got {width}, {height}")
    parameters = entry_numbers(calibration, "projection_params", (None,), where)
    try:
        return Fisheye624.from_parameters(parameters, width, height)
    except KnuckleError as error:
        raise KnuckleError(f"{where}: {error}") from None


def _pose(data: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and translation of a pose given by a quaternion, w first."""
    turn = entry_numbers(data, "quaternion_wxyz", (4,), where)
    length = float(np.linalg.norm(turn))
    if abs(length - 1) > 0.01:
        raise KnuckleError(f"{where}: quaternion_wxyz: expected one of length 1, got {length:.3f}")
    return rodrigues(quaternion_to_axis_angle(turn / length)), entry_numbers(
        data, "translation_xyz", (3,), where
    )
