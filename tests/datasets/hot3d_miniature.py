"""HOT3D-Clips in its true layout, written from posed hands: tars, fisheye pictures, MANO's hands and UmeTrack's."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np

from knuckle.datasets.mano_sides import mano_sides, side_components
from knuckle.geometry.lenses import Fisheye624
from knuckle.rig.load import load_rig
from knuckle.rig.quaternions import axis_angle_to_quaternion
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

from .rendered import GREY, draw, jpeg, write_mano_pair

SIZE = 420
FRAMES = 3
BOTH = ("left", "right")
RADIAL = (0.39, -0.32, -0.34, 1.86, -2.18, 0.77)
ARIA = (182.0, 211.0, 208.0, *RADIAL, -0.0003, 0.0005, 0.0001, -0.0001, -0.0009, -0.0001)
QUEST = (
    185.0,
    183.0,
    209.0,
    212.0,
    0.044,
    -0.045,
    0.016,
    -0.011,
    0.0035,
    -0.0005,
    0.0005,
    -0.00005,
    0,
    0,
    0,
    0,
)
NO_MANO = ("clip-000001", 1, "left")
"""Of which MANO could not be found."""


def toy_profile() -> dict:
    """A UmeTrack profile of the open rig's left hand, mm: hinges at its joints, its vertices as mesh."""
    rig = load_rig("open").mirrored()
    rest = rig.posed(np.zeros((16, 3)))
    joints = rest.joints * 1e3
    rng = np.random.default_rng(11)
    axes, places, bone_of = [], [], [1] * 21
    for finger in range(5):
        chain = joints[1 + 4 * finger : 5 + 4 * finger]
        for hinge, place in enumerate((chain[0], chain[0], chain[1], chain[2])):
            axis = rng.normal(size=3)
            axes.append(axis / np.linalg.norm(axis))
            places.append(place)
            bone_of[4 * finger + 1 + min(hinge, 3)] = 2 + 3 * finger + max(hinge - 1, 0)
    # Tips, wrist, two of the thumb, three of each other finger, and the palm's middle.
    common = [4, 8, 12, 16, 20, 0, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19]
    bones = {0: 1} | {1 + 4 * f + part: 2 + 3 * f + max(part - 1, 0) for f in range(5) for part in range(4)}
    # MANO16's parts (index, middle, pinky, ring, thumb) as bones.
    part_bone = [1, 5, 6, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13, 2, 3, 4]
    dense = np.zeros((len(rest.vertices), 17))
    for part, bone in enumerate(part_bone):
        dense[:, bone] += rig.skin_weights[:, part]
    return {
        "joint_rotation_axes": np.array(axes).tolist(),
        "joint_rest_positions": np.array(places).tolist(),
        "joint_frame_index": list(range(20)), "joint_parent": list(range(20)),
        "joint_first_child": list(range(20)), "joint_next_sibling": list(range(20)),
        "landmark_rest_positions": [*joints[common].tolist(), joints[[0, 9]].mean(0).tolist()],
        "landmark_rest_bone_weights": [[1.0, 0.0]] * 21,
        "landmark_rest_bone_indices": [[bones[joint], bones[joint]] for joint in common] + [[1, 1]],
        "mesh_vertices": (rest.vertices * 1e3).tolist(), "mesh_triangles": rig.faces.tolist(),
        "dense_bone_weights": dense.tolist(),
    }  # fmt: skip


def hinged(points_mm: np.ndarray, finger: int, bends: int, profile: dict, angles: np.ndarray) -> np.ndarray:
    """Points (mm) of a finger's bone after its first `bends` hinges, the last one first; written without the reader."""
    for hinge in reversed(range(bends)):
        number = 4 * finger + hinge
        place = np.array(profile["joint_rest_positions"][number])
        turn = rodrigues(np.array(profile["joint_rotation_axes"][number]) * angles[number])
        points_mm = place + (points_mm - place) @ turn.T
    return points_mm


def umetrack_truth(profile: dict, angles: np.ndarray, placed: np.ndarray, side: str) -> np.ndarray:
    """21 joints of the world by the hinges, common order, metres; the thumb's CMC NaN."""
    marks = np.array(profile["landmark_rest_positions"])
    joints = np.full((21, 3), np.nan)
    joints[0] = marks[5]
    for finger in range(5):
        for part in range(4):
            if (finger, part) == (0, 0):
                continue
            # MCP after two hinges, PIP after three, DIP and tip after four.
            mark = finger if part == 3 else 6 + part - 1 if finger == 0 else 8 + 3 * (finger - 1) + part
            joints[1 + 4 * finger + part] = hinged(marks[mark], finger, min(part + 2, 4), profile, angles)
    mirror = np.array([-1.0 if side == "right" else 1.0, 1, 1])
    return joints * 1e-3 * mirror @ placed[:3, :3].T + placed[:3, 3]


def pose_of(matrix: np.ndarray) -> dict:
    quaternion = axis_angle_to_quaternion(matrix_to_axis_angle(matrix[:3, :3]))
    return {"quaternion_wxyz": quaternion.tolist(), "translation_xyz": matrix[:3, 3].tolist()}


class Made:
    """The folder and the truth by clip, frame and side: joints and vertices of the world; cameras world from camera."""

    def __init__(self, top: Path) -> None:
        self.folder, self.mano = top / "hot3d", write_mano_pair(top)
        self.profile = toy_profile()
        # The authors' code mends the left file.
        self.rigs = mano_sides(self.mano, tips="smplx", left_shape="mended")
        self.components = side_components(self.mano)
        self.mano_m, self.mano_mesh_m, self.umetrack_m, self.cameras = {}, {}, {}, {}
        self.write_clip("train_aria/clip-000001.tar", {"214-1": ARIA, "1201-1": ARIA, "1201-2": ARIA}, seed=1)
        self.write_clip("train_quest3/clip-000900.tar", {"1201-1": QUEST, "1201-2": QUEST}, seed=2)
        self.write_clip("test_aria/clip-003000.tar", {"214-1": ARIA}, seed=3, labelled=False)

    def write_clip(self, name: str, lenses: dict, *, seed: int, labelled: bool = True) -> None:
        rng = np.random.default_rng(seed)
        shape = rng.standard_normal(10)
        files: dict[str, bytes] = {}
        clip = Path(name).stem
        for number in range(FRAMES):
            frame = f"{number:06d}"
            device = np.eye(4)
            device[:3, :3], device[:3, 3] = rodrigues(rng.normal(size=3)), rng.normal(size=3)
            hands, meshes = {}, {}
            for side, x in (("left", -0.1), ("right", 0.1)):
                middle = device[:3, :3] @ np.array([x, 0.02, 0.36]) + device[:3, 3]
                hands[side], meshes[side] = self.hand(
                    clip, number, side, shape, middle, rng, drawn=name[6:10]
                )
            cameras = {}
            for eye, (stream, values) in enumerate(lenses.items()):
                camera = np.eye(4)
                camera[:3, :3] = device[:3, :3] @ rodrigues(np.array([0.1 * eye, 0.35 - 0.3 * eye, 0.2]))
                camera[:3, 3] = device[:3, :3] @ np.array([0.04 * eye - 0.04, 0, 0]) + device[:3, 3]
                self.cameras[clip, frame, stream] = camera
                cameras[stream] = {
                    "calibration": {
                        "label": "camera", "stream_id": stream, "serial_number": "1",
                        "image_width": SIZE, "image_height": SIZE,
                        "projection_model_type": "CameraModelType.FISHEYE624", "projection_params": list(values),
                        "T_device_from_camera": pose_of(np.eye(4)), "max_solid_angle": 1.4,
                    },
                    "T_world_from_camera": pose_of(camera),
                }  # fmt: skip
                files[f"{frame}.image_{stream}.jpg"] = self.picture(
                    values, camera, meshes, grey=stream != "214-1"
                )
            files[f"{frame}.cameras.json"] = json.dumps(cameras).encode()
            files[f"{frame}.info.json"] = json.dumps({"frame": number}).encode()
            if labelled:
                files[f"{frame}.hands.json"] = json.dumps(hands).encode()
        files["__hand_shapes.json__"] = json.dumps(
            {"mano": shape.tolist(), "umetrack": self.profile}
        ).encode()
        write_tar(self.folder / name, files)

    def hand(self, clip, number, side, shape, middle, rng, *, drawn):
        """A hand's labels and the mesh that is drawn: MANO's in Aria's clips, UmeTrack's in Quest 3's."""
        frame = f"{number:06d}"
        thetas, turn = 0.1 * rng.standard_normal(15), rng.normal(size=3)
        fingers = (thetas @ self.components[side][:15]).reshape(15, 3)
        posed = self.rigs[side].posed(np.concatenate([turn[None], fingers]), shape)
        move = middle - posed.vertices.mean(0)
        self.mano_m[clip, frame, side] = posed.joints + move
        self.mano_mesh_m[clip, frame, side] = posed.vertices + move
        angles, placed = 0.15 * rng.standard_normal(20), np.eye(4)
        placed[:3, :3] = rodrigues(rng.normal(size=3))
        joints = umetrack_truth(self.profile, angles, placed, side)
        placed[:3, 3] = middle - np.nanmean(joints, axis=0)
        self.umetrack_m[clip, frame, side] = umetrack_truth(self.profile, angles, placed, side)
        label = {
            "mano_pose": {"thetas": thetas.tolist(), "wrist_xform": [*turn.tolist(), *move.tolist()]},
            "umetrack_pose": {"joint_angles": angles.tolist(), "T_world_from_wrist": pose_of(placed)},
            "boxes_amodal": {}, "visibilities_modeled": {"1201-2": 0.05 if side == "left" else 0.9},
        }  # fmt: skip
        if (clip, number, side) == NO_MANO:
            del label["mano_pose"]
        if drawn == "aria":
            return label, (self.mano_mesh_m[clip, frame, side], self.rigs[side], side)
        return label, (self.umetrack_mesh(angles, placed, side), load_rig("open"), side)

    def umetrack_mesh(self, angles, placed, side):
        """Vertices by the hinges, each the mean of where its bones take it."""
        rest, dense = np.array(self.profile["mesh_vertices"]), np.array(self.profile["dense_bone_weights"])
        found = dense[:, :2].sum(1, keepdims=True) * rest
        for finger in range(5):
            for part in range(3):
                weight = dense[:, [2 + 3 * finger + part]]
                found = found + weight * hinged(rest, finger, part + 2, self.profile, angles)
        mirror = np.array([-1.0 if side == "right" else 1.0, 1, 1])
        return found * 1e-3 * mirror @ placed[:3, :3].T + placed[:3, 3]

    def picture(self, values, camera, meshes, *, grey):
        picture = np.full((SIZE, SIZE) if grey else (SIZE, SIZE, 3), GREY, np.uint8)
        lens = Fisheye624.from_parameters(np.array(values), SIZE, SIZE)
        seen = [(in_camera(points, camera), rig, side) for points, rig, side in meshes.values()]
        for points, rig, side in sorted(seen, key=lambda each: -each[0][:, 2].mean()):
            draw(picture, lens.project(points), points[:, 2], rig, bright=230 if side == "right" else 170)
        return jpeg(picture)


def in_camera(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    return (points - camera[:3, 3]) @ camera[:3, :3]


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def read_tar(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
