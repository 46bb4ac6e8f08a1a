"""ARCTIC (Fan et al., CVPR 2023), official layout, below arctic_data/data.

    meta/misc.json                             of each subject: ioi_offset, image_size (9 x w, h), world2cam
                                               (8 x 4 x 4), intris_mat (8 x 3 x 3)
    splits_json/protocol_{p1,p2}.json          train, val, test: lists of SUBJECT/SEQUENCE
    raw_seqs/SUBJECT/SEQUENCE.mano.npy         right, left: rot, pose, trans, shape, a row a frame, of the world
    raw_seqs/SUBJECT/SEQUENCE.egocam.dist.npy  R_k_cam_np, T_k_cam_np a frame; intrinsics; dist8
    processed_seqs/SUBJECT/SEQUENCE.npy        cam_coord: joints of every view; params, bbox; users make it of raw_seqs
    splits/PROTOCOL_SPLIT.npy                  data_dict: the same of all sequences of a split
    images/SUBJECT/SEQUENCE/VIEW/%05d.jpg      view 0 on the head, 1 to 8 fixed; or cropped_images/ of the same names

Picture n is frame n - ioi_offset. raw_seqs have MANO's parameters alone (mean pose to be added, metres), so joints
come from the user's MANO files, left ones by the left file as published; processed_seqs and splits have the joints as
well, in MANO's order with smplx's fingertips. The head's camera bends lines (dist8, OpenCV's eight numbers): its labels
are of the straightened picture. The facts are those of github.com/zc-alexfan/arctic (docs/data, src/arctic).
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float

from knuckle.datasets.arctic_files import of_params, part, read_raw
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.mano_sides import Parameters, in_camera, mano_sides
from knuckle.datasets.photos import read_json
from knuckle.datasets.rectified import LARGEST_PX, RectifiedHand, boxes_of, is_inside, window_around
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.lenses import RationalLens
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.rig.safe_pickle import load_whitelisted_npy
from knuckle.skeleton import JOINT_COUNT, SIDES, Side, convert_joints

Protocol = Literal["p1", "p2"]
"""The fixed cameras' pictures, and those of the one on the head."""
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
SPLITS = ("train", "val", "test")
SITE = "arctic.is.tue.mpg.de"
HEAD = 0
VIEWS: dict[Protocol, tuple[int, ...]] = {"p1": (1, 2, 3, 4, 5, 6, 7, 8), "p2": (HEAD,)}
EDGE = 10
"""Pictures at either end of a sequence that may be black; the authors leave them out."""
LEAST_SEEN = 11
"""A hand with fewer joints in the picture is left out."""
CROP_PX, HEAD_SCALE, CROP_ROOM = 1000, 0.3, 1.5
"""Of cropped_images: side of the fixed cameras', scale of the head's, and the crop's side over the box's."""
_LARGEST = 32 * 2**30
"""Bytes of a split file."""
_BOX_UNIT_PX = 200


class Subject(NamedTuple):
    """What is fixed for a person's recordings."""

    offset: int
    sizes: tuple[tuple[int, int], ...]
    """Width and height of the nine views' pictures."""
    world2cam: Float[np.ndarray, "8 4 4"]
    matrices: Float[np.ndarray, "8 3 3"]


class Sequence(NamedTuple):
    """One recording; arrays have a row a frame."""

    name: str
    frames: int
    parameters: dict[Side, Parameters]
    """Of the world."""
    joints_m: dict[Side, Float[np.ndarray, "n 9 21 3"]] | None
    """Of each view's camera, common order; None where no file has them."""
    boxes: Float[np.ndarray, "n 9 3"] | None
    """Centre and side (px of the full picture) round which cropped_images are cut; None where no file has them."""
    head: Float[np.ndarray, "n 4 4"]
    """The head's camera from the world."""
    head_matrix: Float[np.ndarray, "3 3"]
    distortion: tuple[float, ...]
    counts: dict[Side, Bool[np.ndarray, "n 9"]] | None = None
    """Whether the authors score a hand in a view; None where no file says so."""
    whole: Bool[np.ndarray, "n 9"] | None = None
    """Whether they score a view at all: the middle of the thing is in it."""


class Arctic:
    """The recordings of a folder; a file is read when it is asked for, and the last two stay in memory.

    mano: MANO_RIGHT.pkl, MANO_LEFT.pkl beside it; gives joints where no file has them. Raises KnuckleError naming what
    is missing or damaged.
    """

    def __init__(self, folder: Path, mano: Path | None = None) -> None:
        self.folder = top_folder(folder)
        self.subjects = read_subjects(self.folder)
        self.rigs: dict[Side, HandRig] | None = (
            None if mano is None else mano_sides(mano, tips="smplx", left_shape="published")
        )
        self.sequence = lru_cache(maxsize=2)(self._sequence)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "sequence"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.sequence = lru_cache(maxsize=2)(self._sequence)

    def subject(self, name: str) -> Subject:
        """Of a recording SUBJECT/SEQUENCE."""
        who = name.partition("/")[0]
        if who not in self.subjects:
            raise KnuckleError(f"{self.folder / 'meta' / 'misc.json'}: expected subject {who}, got none")
        return self.subjects[who]

    def picture(self, name: str, frame: int, view: int) -> tuple[Path, bool]:
        """Where the picture of a frame lies, and whether it is one of cropped_images; where it would, if it is not
        there."""
        tail = Path(name) / str(view) / f"{frame + self.subject(name).offset:05d}.jpg"
        full, cropped = self.folder / "images" / tail, self.folder / "cropped_images" / tail
        return (cropped, True) if not full.is_file() and cropped.is_file() else (full, False)

    def labelled_frames(self, sequence: Sequence) -> range:
        """The frames that the authors take: not those of the first and last ten pictures."""
        offset = self.subject(sequence.name).offset
        return range(max(0, EDGE - offset), min(sequence.frames, sequence.frames - EDGE - offset))

    def joints_m(self, sequence: Sequence, side: Side, view: int) -> Float[np.ndarray, "n 21 3"]:
        """Joints of all frames in a view's camera, common order; raises KnuckleError where there is no MANO either."""
        if sequence.joints_m is None:
            raise KnuckleError(
                f"{self.folder}: expected processed_seqs or splits, as raw_seqs have no joints without MANO "
                "(--rig MANO_RIGHT.pkl), got neither"
            )
        return sequence.joints_m[side][:, view]

    def parameters(self, sequence: Sequence, side: Side, view: int, frames: list[int]) -> Parameters:
        """MANO's parameters of some frames in a view's camera. Raises KnuckleError without MANO."""
        if self.rigs is None:
            raise KnuckleError("ARCTIC: expected MANO's files for poses in a camera, got none")
        of_world = Parameters(*(part[frames] for part in sequence.parameters[side]))
        from_world = self.from_world(sequence, view)[frames]
        return in_camera(of_world, self.rigs[side], from_world[:, :3, :3], from_world[:, :3, 3])

    def from_world(self, sequence: Sequence, view: int) -> Float[np.ndarray, "n 4 4"]:
        """A view's camera from the world, frame by frame."""
        if view == HEAD:
            return sequence.head
        fixed = self.subject(sequence.name).world2cam[view - 1]
        return np.broadcast_to(fixed, (sequence.frames, 4, 4))

    def camera(self, sequence: Sequence, view: int) -> Camera:
        """A view's pinhole camera: of the head's, the one of the straightened picture."""
        subject = self.subject(sequence.name)
        matrix = sequence.head_matrix if view == HEAD else subject.matrices[view - 1]
        return Camera.from_matrix(matrix, *subject.sizes[view])

    def is_seen(self, sequence: Sequence, side: Side, view: int) -> np.ndarray:
        """Of every frame, whether enough joints of a hand are in a view's picture."""
        joints_m, camera = self.joints_m(sequence, side, view), self.camera(sequence, view)
        before = joints_m[..., 2] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            lens = RationalLens(camera, sequence.distortion) if view == HEAD else camera
            inside = is_inside(lens, joints_m) & before
            px = camera.project(joints_m)
        # Next to the camera's plane a hand spans more than any picture.
        near = (px.max(-2) - px.min(-2)).max(-1) <= LARGEST_PX
        return (inside.sum(-1) >= LEAST_SEEN) & before.all(-1) & near

    def hand(
        self, sequence: Sequence, frame: int, view: int, side: Side, *, mesh: bool = False
    ) -> LabelledHand:
        """The labelled hand of a frame, with its vertices if asked for; the picture is read later. Raises KnuckleError
        for one of cropped_images where no file tells how it was cut."""
        joints_m = self.joints_m(sequence, side, view)[frame]
        other_m = self.joints_m(sequence, "left" if side == "right" else "right", view)[frame]
        image, camera, lens = self.shown(sequence, frame, view)
        about: dict[str, Any] = {"name": f"{sequence.name}/{view}/{image.stem} {side}", "source": "ARCTIC",
                                 "image": image, "side": side, "joints_m": joints_m}  # fmt: skip
        if mesh and self.rigs is not None:
            about["vertices_m"] = (
                self.rigs[side].posed(*self.parameters(sequence, side, view, [frame])).vertices[0]
            )
        if lens is not None:
            window = window_around(camera, tight_box(camera.project(joints_m)))
            joints_px = window.project(joints_m)
            about |= {"camera": window, "box_px": tight_box(joints_px), "joints_px": joints_px}
            about |= {"others_px": boxes_of(window, other_m), "visible": is_inside(lens, joints_m)}
            return RectifiedHand(**about, lens=lens)
        joints_px = camera.project(joints_m)
        about |= {
            "box_px": tight_box(joints_px),
            "joints_px": joints_px,
            "others_px": boxes_of(camera, other_m),
        }
        return LabelledHand(**about, camera=camera)

    def shown(self, sequence: Sequence, frame: int, view: int) -> tuple[Path, Camera, RationalLens | None]:
        """The picture of a frame, its pinhole camera, and the head's lens, whose picture is to be straightened first.
        Raises KnuckleError for a picture of cropped_images where no file tells how it was cut."""
        camera, (image, cropped) = self.camera(sequence, view), self.picture(sequence.name, frame, view)
        if view == HEAD:
            if cropped:
                camera = camera.resized(int(camera.width * HEAD_SCALE), int(camera.height * HEAD_SCALE))
            return image, camera, RationalLens(camera, sequence.distortion)
        if cropped:
            if sequence.boxes is None:
                raise KnuckleError(
                    f"{image}: expected processed_seqs or splits, which tell how it was cut, or images, got neither"
                )
            camera = cropped_camera(camera, sequence.boxes[frame, view])
        return image, camera, None

    def _sequence(self, name: str) -> Sequence:
        raw = self.folder / "raw_seqs" / f"{name}.mano.npy"
        processed = self._processed(name)
        if raw.is_file():
            world = read_raw(raw, self.folder / "raw_seqs" / f"{name}.egocam.dist.npy")
        elif processed is not None:
            world = of_params(*processed)
        else:
            raise KnuckleError(
                f"{raw}: expected the recording ({SITE}), or processed_seqs or splits with it, got none"
            )
        count = len(world.head)
        lengths = {side: len(hands.pose) for side, hands in world.hands.items()}
        if set(lengths.values()) != {count}:
            raise KnuckleError(
                f"{name}: expected as many frames of both hands as of the head, got {lengths}, {count}"
            )
        read = Sequence(name, count, world.hands, None, None, world.head, world.matrix, world.distortion)
        if processed is not None:
            where, data = processed
            cam, shape = part(data, "cam_coord", where), (count, None, JOINT_COUNT, 3)
            joints = {side: entry_numbers(cam, f"joints.{side}", shape, where)[:, :9] for side in SIDES}
            in_order = {side: convert_joints(rows, source="mano21") for side, rows in joints.items()}
            boxes = entry_numbers(data, "bbox", (count, 9, 3), where)
            whole = entry_numbers(cam, "is_valid", (count, 9), where) > 0 if "is_valid" in cam else None
            counts = _counts(cam, count, where)
            return read._replace(joints_m=in_order, boxes=boxes, counts=counts, whole=whole)
        return read if self.rigs is None else read._replace(joints_m=self._by_mano(read, self.rigs))

    def _by_mano(self, sequence: Sequence, rigs: dict[Side, HandRig]) -> dict[Side, np.ndarray]:
        """The joints of all views of a recording, of which only MANO's parameters are known."""
        cameras = np.stack([self.from_world(sequence, view) for view in range(9)], axis=1)
        found = {}
        for side, hands in sequence.parameters.items():
            rig = rigs[side]
            of_world, _ = rig.posed_joints(rodrigues(hands.pose + rig.pose_mean), hands.shape)
            of_world = of_world + hands.translation[:, None]
            found[side] = (
                np.einsum("nvij,nkj->nvki", cameras[..., :3, :3], of_world) + cameras[:, :, None, :3, 3]
            )
        return found

    def processed_params(self, name: str) -> tuple[str, dict[str, Any]] | None:
        """Parameters of the world in a processed recording, and their file; None where no file has it."""
        found = self._processed(name)
        return None if found is None else (found[0], part(found[1], "params", found[0]))

    def _processed(self, name: str) -> tuple[str, dict[str, Any]] | None:
        """The processed recording and the file it is of; None where no file has it."""
        path = self.folder / "processed_seqs" / f"{name}.npy"
        if path.is_file():
            data = load_whitelisted_npy(path, what="a processed recording of ARCTIC")
            if not isinstance(data, dict):
                raise KnuckleError(f"{path}: expected a recording's labels, got {type(data).__name__}")
            return str(path), data
        for path in sorted((self.folder / "splits").glob("p*.npy")):
            recordings = read_split(path)
            if name in recordings:
                return f"{path}: {name}", recordings[name]
        return None


def top_folder(folder: Path) -> Path:
    """The folder that holds meta: the given one, or arctic_data/data or data in it."""
    inner = (
        folder,
        folder / "arctic_data" / "data",
        folder / "data",
        folder / "data" / "arctic_data" / "data",
    )
    return next((path for path in inner if (path / "meta").is_dir() or (path / "raw_seqs").is_dir()), folder)


def read_subjects(folder: Path) -> dict[str, Subject]:
    """Cameras and offsets of all people; raises KnuckleError naming what is wrong in meta/misc.json."""
    path = folder / "meta" / "misc.json"
    found = {}
    for who, entry in read_json(path, kind=dict).items():
        where = f"{path}: {who}"
        if not isinstance(entry, dict) or not isinstance(entry.get("ioi_offset"), int):
            raise KnuckleError(
                f"{where}: expected a subject with ioi_offset, got {type(entry).__name__} without"
            )
        sizes = entry_numbers(entry, "image_size", (9, 2), where)
        found[who] = Subject(
            entry["ioi_offset"],
            tuple((int(w), int(h)) for w, h in sizes),
            entry_numbers(entry, "world2cam", (8, 4, 4), where),
            entry_numbers(entry, "intris_mat", (8, 3, 3), where),
        )
    return found


def read_protocol(folder: Path, protocol: str, split: str) -> list[str]:
    """SUBJECT/SEQUENCE of a split; raises KnuckleError naming the file if it lacks them."""
    path = folder / "splits_json" / f"protocol_{protocol}.json"
    names = read_json(path, kind=dict).get(split)
    if not isinstance(names, list) or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise KnuckleError(
            f"{path}: {split}: expected a list of SUBJECT/SEQUENCE, got {type(names).__name__}"
        )
    return names


@lru_cache(maxsize=2)
def read_split(path: Path) -> dict[str, Any]:
    """The recordings of a file of splits/; raises KnuckleError naming it if it is damaged or hostile."""
    data = load_whitelisted_npy(path, what="a split of ARCTIC", max_bytes=_LARGEST)
    recordings = data.get("data_dict") if isinstance(data, dict) else None
    if not isinstance(recordings, dict):
        raise KnuckleError(f"{path}: expected a split of ARCTIC, missing data_dict")
    return recordings


def cropped_camera(camera: Camera, box: Float[np.ndarray, "3"]) -> Camera:
    """The camera of a picture of cropped_images: the square of 1.5 times the box's side, at whole px, made 1000 px."""
    centre_u, centre_v, unit = (float(value) for value in box)
    side = unit * _BOX_UNIT_PX * CROP_ROOM
    left, top, right, bottom = (
        round(value)
        for value in (centre_u - side / 2, centre_v - side / 2, centre_u + side / 2, centre_v + side / 2)
    )
    cut = Camera(camera.fx, camera.fy, camera.cx - left, camera.cy - top, right - left, bottom - top)
    return cut.resized(CROP_PX, CROP_PX)


def _counts(cam: dict[str, Any], count: int, where: str) -> dict[Side, np.ndarray] | None:
    """Whether each hand is scored, frame by frame and view by view; None of a file that does not say so."""
    if not {"is_valid", "right_valid", "left_valid"} <= cam.keys():
        return None
    whole = entry_numbers(cam, "is_valid", (count, 9), where) > 0
    return {side: (entry_numbers(cam, f"{side}_valid", (count, 9), where) > 0) & whole for side in SIDES}


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(part not in ("", ".", "..") and "\\" not in part for part in parts)
