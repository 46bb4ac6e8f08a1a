"""ARCTIC in its true layout, written from posed hands: the known truth comes back, and what is wrong is named."""

import json
import pickle
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from knuckle.datasets import arctic
from knuckle.datasets.arctic import HEAD, Arctic, read_split
from knuckle.datasets.arctic_training import ArcticTraining
from knuckle.datasets.mano_sides import mano_sides
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.lenses import RationalLens
from knuckle.rig.mano import load_mano
from knuckle.rig.rotations import rodrigues
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import FROM_COMMON

from .conftest import poses
from .rendered import GREY, draw, jpeg, write_mano_pair

TOLERANCE_M = 1e-4
SIZES = [(280, 200), *[(240, 180)] * 8]
OFFSETS = {"s01": 2, "s05": 1}
NAMES = ("s01/box_grab_01", "s01/box_use_01", "s05/box_grab_01")
FRAMES = 22
"""Of which the pictures 10 and 11 are used."""
DIST8 = (-0.18, 0.04, 0.001, -0.0008, 0.0, 0.1, 0.0, 0.0)
BOTH = ("right", "left")


def seeing(rng) -> np.ndarray:
    """The camera from the world: some way off, looking at the middle."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rodrigues(rng.normal(size=3)), [0.01, -0.01, 0.75]
    return matrix


class Made:
    """The folder and the truth: joints and vertices of the world, and where each camera is."""

    def __init__(self, top):
        self.folder = top / "arctic_data" / "data"
        self.mano = write_mano_pair(top)
        rng = np.random.default_rng(3)
        # The authors' code took the left file as it was.
        rigs = mano_sides(self.mano, tips="smplx", left_shape="published")
        misc = {}
        for subject, offset in OFFSETS.items():
            matrix = [[260.0, 0, 119.0], [0, 262.0, 91.0], [0, 0, 1]]
            misc[subject] = {
                "gender": "female", "ioi_offset": offset, "image_size": SIZES,
                "world2cam": [seeing(rng).tolist() for _ in range(8)], "intris_mat": [matrix] * 8,
            }  # fmt: skip
        self.write_json("meta/misc.json", misc)
        for protocol in ("p1", "p2"):
            self.write_json(
                f"splits_json/protocol_{protocol}.json",
                {"train": list(NAMES[:2]), "val": [NAMES[2]], "test": ["s03/box_grab_01"]},
            )
        self.joints_m, self.vertices_m, self.processed, self.cameras = {}, {}, {}, {}
        for number, name in enumerate(NAMES):
            subject = misc[name[:3]]
            data, params = {}, {}
            for side, x in (("right", 0.07), ("left", -0.07)):
                pose, _ = poses(FRAMES, seed=10 * number + (side == "left"))
                shape = np.random.default_rng(20 + number).standard_normal(10)
                move = np.array([x, 0, 0]) + 0.01 * rng.normal(size=(FRAMES, 3)) - [0.09, 0, 0]
                posed = rigs[side].posed(pose, np.tile(shape, (FRAMES, 1)), move)
                # Hands lie around the middle of the world.
                shift = np.array([x, 0, 0]) - posed.vertices.mean((0, 1))
                move, letter = move + shift, side[0]
                self.joints_m[name, side], self.vertices_m[name, side] = (
                    posed.joints + shift,
                    posed.vertices + shift,
                )
                rows = {"rot": pose[:, 0], "pose": pose[:, 1:].reshape(FRAMES, 45), "trans": move,
                        "shape": shape if number else np.tile(shape, (FRAMES, 1))}  # fmt: skip
                data[side] = {key: value.astype(np.float32) for key, value in rows.items()}
                data[side]["fitting_err"] = np.zeros(FRAMES, np.float32)
                params |= {f"{key}_{letter}": value for key, value in data[side].items()}
                params[f"shape_{letter}"] = np.tile(shape, (FRAMES, 1)).astype(np.float32)
            head = np.stack([seeing(rng) for _ in range(FRAMES)])
            matrix = np.array([[300.0, 0, 140.0], [0, 300.0, 99.0], [0, 0, 1]])
            egocam = {
                "R_k_cam_np": head[:, :3, :3].astype(np.float32),
                "T_k_cam_np": head[:, :3, 3:].astype(np.float32),
                "intrinsics": matrix, "dist8": np.array(DIST8), "R0": np.eye(3), "T0": np.zeros((3, 1)),
                "ego_markers.ref": np.zeros((5, 3)), "ego_markers.label": ["a", "b"],
            }  # fmt: skip
            self.write_npy(f"raw_seqs/{name}.mano.npy", data)
            self.write_npy(f"raw_seqs/{name}.egocam.dist.npy", egocam)
            self.cameras[name] = np.stack(
                [head, *(np.broadcast_to(m, (FRAMES, 4, 4)) for m in np.array(subject["world2cam"]))], axis=1
            )
            params |= {"world2ego": head, "K_ego": np.tile(matrix, (FRAMES, 1, 1)),
                       "dist": np.tile(DIST8, (FRAMES, 1))}  # fmt: skip
            self.process(name, params)
            for picture in range(10, FRAMES - 10):
                for view in range(9):
                    self.draw(
                        name, picture, view, rigs, matrix if view == HEAD else subject["intris_mat"][view - 1]
                    )

    def write_json(self, name, value):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

    def write_npy(self, name, value):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, value, allow_pickle=True)

    def in_view(self, points, name, frame, view):
        matrix = self.cameras[name][frame, view]
        return points @ matrix[:3, :3].T + matrix[:3, 3]

    def process(self, name, params):
        """What the authors' tool makes of a recording, as far as it is of hands."""
        cam = {}
        for side in BOTH:
            views = np.einsum("nvij,nkj->nvki", self.cameras[name][..., :3, :3], self.joints_m[name, side])
            views = views + self.cameras[name][:, :, None, :3, 3]
            # The tenth view, the bent one of the head's camera, is not of use here.
            views = np.concatenate([views, np.full_like(views[:, :1], 7)], axis=1)
            cam[f"joints.{side}"] = views[:, :, list(FROM_COMMON["mano21"])].astype(np.float32)
        centre = np.tile([120.3, 90.7, 150 / 200], (FRAMES, 9, 1))
        centre[:, 1, 0] += np.arange(FRAMES)
        centre[:, 0] = [1400, 1000, 14]
        self.processed[name] = {
            "cam_coord": cam,
            "2d": {},
            "bbox": centre.astype(np.float32),
            "params": params,
        }

    def draw(self, name, number, view, rigs, matrix):
        width, height = SIZES[view]
        camera = Camera.from_matrix(np.array(matrix), width, height)
        lens = RationalLens(camera, DIST8) if view == HEAD else camera
        picture = np.full((height, width, 3), GREY, np.uint8)
        frame = number - OFFSETS[name[:3]]
        hands = [(self.in_view(self.vertices_m[name, side][frame], name, frame, view), side) for side in BOTH]
        # The further one first.
        for points, side in sorted(hands, key=lambda each: -each[0][:, 2].mean()):
            draw(
                picture,
                lens.project(points),
                points[:, 2],
                rigs[side],
                bright=230 if side == "right" else 170,
            )
        path = self.folder / "images" / name / str(view) / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(picture))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("arctic"))


@pytest.fixture
def copy(made, tmp_path):
    read_split.cache_clear()
    shutil.copytree(made.folder, tmp_path / "data")
    return tmp_path / "data"


def add_processed(made, folder):
    for name, data in made.processed.items():
        path = folder / "processed_seqs" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, data, allow_pickle=True)


def add_splits(made, folder):
    (folder / "splits").mkdir()
    for split, names in (("train", NAMES[:2]), ("val", NAMES[2:])):
        data = {"data_dict": {name: made.processed[name] for name in names}, "imgnames": ["./data/x.jpg"]}
        np.save(folder / "splits" / f"p1_{split}.npy", data, allow_pickle=True)


def check_truth(made, source):
    """Every hand has the joints of its side and time in its view's camera, and its picture shows it there."""
    on_hand = []
    for hand in source.hands(range(source.count)):
        where, side = hand.name.split(" ")
        name, view, number = where.rsplit("/", 2)
        frame = int(number) - OFFSETS[name[:3]]
        truth = made.in_view(made.joints_m[name, side][frame], name, frame, int(view))
        assert hand.side == side and np.abs(hand.joints_m - truth).max() < TOLERANCE_M
        assert np.abs(hand.camera.project(truth) - hand.joints_px).max() < 0.05
        if hand.vertices_m is not None:
            vertices = made.in_view(made.vertices_m[name, side][frame], name, frame, int(view))
            assert np.abs(hand.vertices_m - vertices).max() < TOLERANCE_M
        picture = hand.read()[..., 0]
        seen = (hand.joints_px >= 1).all(-1) & (hand.joints_px <= np.array(picture.shape[::-1]) - 2).all(-1)
        if hand.visible is not None:
            seen &= hand.visible
        # Knuckles lie inside the flesh, fingertips on its edge.
        u, v = hand.joints_px[seen & ~np.isin(np.arange(21), [4, 8, 12, 16, 20])].round().astype(int).T
        on_hand.append((picture[v, u] > GREY + 30).mean())
    assert np.mean(on_hand) > 0.95
    return len(on_hand)


@pytest.mark.parametrize("protocol", ["p1", "p2"])
def test_joints_come_from_the_users_mano(made, protocol):
    source = ArcticTraining(made.folder, made.mano, protocol=protocol)
    whole = 2 * 2 * 2 * (8 if protocol == "p1" else 1)
    assert 0.8 * whole < check_truth(made, source) <= whole
    first = source.hands(range(2))
    assert [hand.side for hand in first] == ["right", "left"]


@pytest.mark.parametrize("add", [add_processed, add_splits])
def test_or_from_what_the_authors_tools_made(made, copy, add):
    with pytest.raises(KnuckleError, match="raw_seqs have no joints without MANO"):
        ArcticTraining(copy, None)
    add(made, copy)
    check_truth(made, ArcticTraining(copy, None))
    # Nothing else is needed: the parameters are in there too.
    shutil.rmtree(copy / "raw_seqs")
    check_truth(made, ArcticTraining(copy, made.mano, protocol="p2"))


def test_cropped_pictures_are_told_by_the_boxes_they_were_cut_by(made, copy, monkeypatch):
    monkeypatch.setattr(arctic, "CROP_PX", 250)
    images = copy / "images"
    for path in images.rglob("*.jpg"):
        name, view = "/".join(path.parts[-4:-2]), int(path.parts[-2])
        frame = int(path.stem) - OFFSETS[name[:3]]
        picture = Image.open(path)
        if view == HEAD:
            picture = picture.resize((int(picture.width * 0.3), int(picture.height * 0.3)))
        else:
            u, v, unit = made.processed[name]["bbox"][frame, view].astype(float)
            side = unit * 200 * 1.5
            picture = picture.crop((u - side / 2, v - side / 2, u + side / 2, v + side / 2)).resize(
                (250, 250)
            )
        out = copy / "cropped_images" / path.relative_to(images)
        out.parent.mkdir(parents=True, exist_ok=True)
        picture.save(out, quality=95)
    shutil.rmtree(images)
    faults = find_data_set("arctic").check(copy).faults
    assert any(
        "of cropped_images without processed_seqs or splits to tell how they were cut" in f for f in faults
    )
    with pytest.raises(KnuckleError, match="which tell how it was cut"):
        ArcticTraining(copy, made.mano).hands(range(1))
    add_processed(made, copy)
    source = ArcticTraining(copy, made.mano)
    assert source.hands(range(1))[0].read().shape == (250, 250, 3)
    check_truth(made, source)
    assert find_data_set("arctic").check(copy).whole


def test_a_set_has_manos_pose_of_right_hands(made, tmp_path):
    index = convert_set(
        "arctic", made.folder, tmp_path / "set", size=48, rig=made.mano, tips="smplx", variant="p2"
    )
    assert index["dataset"] == "arctic p2" and index["tips"] == "smplx"
    source, labels = ArcticTraining(made.folder, made.mano, protocol="p2"), SynthSet(tmp_path / "set").labels
    rig = load_mano(made.mano, "right", tips="smplx")
    pose, shape, translation = (np.asarray(labels[key], float) for key in ("pose", "shape", "translation"))
    posed = rig.posed(pose - rig.pose_mean, shape, translation)
    for row, hand in enumerate(source.hands(range(source.count))):
        where, side = hand.name.split(" ")
        name, _, number = where.rsplit("/", 2)
        frame = int(number) - OFFSETS[name[:3]]
        mirror = [-1, 1, 1] if side == "left" else [1, 1, 1]
        truth = made.in_view(made.vertices_m[name, side][frame], name, frame, HEAD) * mirror
        assert np.abs(labels["joints_m"][row] - hand.joints_m * mirror).max() < TOLERANCE_M
        if side == "right":
            assert np.abs(posed.vertices[row] - truth).max() < TOLERANCE_M
        else:
            assert np.linalg.norm(posed.joints[row] - hand.joints_m * mirror, axis=-1).mean() < 0.005
    tenth = find_data_set("arctic").open_source(made.folder, made.mano, complete=True, variant="p2-tenth")
    assert tenth.count == 4
    copied = pickle.loads(pickle.dumps(tenth))
    assert np.array_equal(copied.hands(range(1))[0].joints_m, tenth.hands(range(1))[0].joints_m)


def test_negatives_show_neither_hand(made, tmp_path):
    index = convert_set(
        "arctic", made.folder, tmp_path / "set", size=48, rig=made.mano, negatives=0.3, variant="p1"
    )
    images, hands = SynthSet(tmp_path / "set").images, index["count"] - index["hand_free"]
    assert index["hand_free"] > 20 and np.max(images[hands:]) < GREY + 15


def rewrite(path, **changes):
    data = np.load(path, allow_pickle=True).item()
    np.save(path, data | changes, allow_pickle=True)


class Hostile:
    def __reduce__(self):
        import os

        return os.system, ("true",)


RAW = f"raw_seqs/{NAMES[0]}"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / f"images/{NAMES[0]}/3/00011.jpg").unlink(),
         f"1 missing pictures: images/{NAMES[0]}/3/00011.jpg"),
        (lambda f: (f / f"images/{NAMES[0]}/3/00011.jpg").write_bytes(b"\xff\xd8"),
         f"1 damaged pictures: images/{NAMES[0]}/3/00011.jpg"),
        (lambda f: (f / f"{RAW}.mano.npy").unlink(), f"1 recordings without labels: {NAMES[0]}"),
        (lambda f: (f / f"{RAW}.egocam.dist.npy").unlink(), "egocam.dist.npy: expected the head's camera of ARCTIC"),
        (lambda f: (f / f"{RAW}.mano.npy").write_bytes((f / f"{RAW}.mano.npy").read_bytes()[:2000]),
         "mano.npy: not MANO's parameters of ARCTIC, or a truncated or corrupt one"),
        (lambda f: np.save(f / f"{RAW}.mano.npy", {"right": Hostile()}, allow_pickle=True),
         "refused: the file asks for"),
        (lambda f: np.save(f / f"{RAW}.mano.npy", np.zeros(3)), "mano.npy: expected left as in ARCTIC, got none"),
        (lambda f: rewrite(f / f"{RAW}.egocam.dist.npy", R_k_cam_np=np.zeros((5, 3, 3)), T_k_cam_np=np.zeros((5, 3))),
         "expected as many frames of both hands as of the head, got {'left': 22, 'right': 22}, 5"),
        (lambda f: rewrite(f / f"{RAW}.egocam.dist.npy", dist8=np.zeros(5)),
         "dist8: expected 8 finite numbers, got shape"),
        (lambda f: rewrite(f / f"{RAW}.egocam.dist.npy", intrinsics=np.full((3, 3), np.nan)),
         "intrinsics: expected 3 x 3"),
        (lambda f: (f / "meta/misc.json").write_text('{"s01": {}}'), "s01: expected a subject with ioi_offset"),
        (lambda f: (f / "splits_json/protocol_p1.json").write_text("{"), "protocol_p1.json: expected JSON"),
        (lambda f: (f / "splits_json/protocol_p2.json").write_text('{"train": ["../../x"]}'),
         "protocol_p2.json: train: expected a list of SUBJECT/SEQUENCE"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    faults = find_data_set("arctic").check(copy).faults
    assert len(faults) == 1 and message in faults[0], faults


def test_check_of_whole_half_and_empty(made, copy, tmp_path):
    entry = find_data_set("arctic")
    report = entry.check(copy, decode=True)
    assert report.whole and report.notes == ["1 recordings of the test split: their labels are not published"]
    states = {part.name: part.state for part in report.parts}
    assert states["recordings with joints (processed_seqs, splits)"] == "absent"
    shutil.rmtree(copy / "raw_seqs" / "s05")
    shutil.rmtree(copy / "images" / NAMES[1])
    half = entry.check(copy)
    assert any(f == f"1 recordings without labels: {NAMES[2]}" for f in half.faults)
    assert any(f.startswith("18 missing pictures: ") for f in half.faults) and len(half.faults) == 2
    assert ArcticTraining(copy, made.mano, complete=False).count > 25
    with pytest.raises(KnuckleError, match=r"missing 16, the first images/s01/box_use_01/1/00010.jpg"):
        ArcticTraining(copy, made.mano)
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing"}


def test_the_preview_takes_mano(made, run, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    words = ("data", "preview", "arctic", str(made.folder), "--out", str(sheet), "--count", "4")
    assert run(*words) == 2
    assert run(*words, "--rig", str(made.mano)) == 0
    assert np.ptp(cv2.imread(str(sheet)).astype(int), axis=2).max() > 60
    (hand, *_) = find_data_set("arctic").preview(made.folder, count=1, rig=made.mano)
    assert hand.vertices_m is not None and Arctic(made.folder.parent.parent).folder == made.folder
    assert run("data", "preview", "rhd", str(made.folder), "--out", str(sheet), "--rig", str(made.mano)) == 2
