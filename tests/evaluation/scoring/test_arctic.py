"""ARCTIC's task of consistent motion on its miniature with a thing: figures worked out by hand, and wrong files."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from knuckle.datasets import arctic as arctic_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.scoring.catalogue import score_file
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import convert_joints

from ...datasets.test_arctic import FRAMES, NAMES, OFFSETS
from ...datasets.test_arctic import made as arctic  # noqa: F401 (fixtures)

VAL = NAMES[2]
OFFSET = OFFSETS["s05"]
LABELLED = range(1, FRAMES - 3)
"""The frames of the recording that are scored with two left out at either end."""
VIEWS = range(1, 9)
THING_MM = np.array([[30.0, 0, 0], [900, 100, 0], [0, 900, 0], [0, 0, 900], [600, 0, 600]])
PARTS = [1, 1, 0, 0, 0]
"""Two vertices of the base, three of the part that turns."""


@pytest.fixture(autouse=True)
def longer(monkeypatch):
    """Of the recording's 22 frames 18 are labelled, so that a touch can last."""
    monkeypatch.setattr(arctic_set, "EDGE", 2)


class Scene:
    """The data set with a box that the right hand holds in all its frames but the first and last, and predictions."""

    def __init__(self, made, folder):
        self.made, self.folder = made, shutil.copytree(made.folder, folder)
        self.frames = list(LABELLED)
        self.hand = made.vertices_m[VAL, "right"]
        # A vertex of the hand with no other within reach.
        apart = np.stack([KDTree(points).query(points, k=2)[0][:, 1] for points in self.hand])
        self.vertex = int(apart.min(0).argmax())
        assert apart[:, self.vertex].min() > 0.0032
        rng = np.random.default_rng(6)
        self.angle, self.rotation = rng.uniform(0.2, 1, FRAMES), rng.normal(size=(FRAMES, 3))
        turned = np.einsum("nij,j->ni", rodrigues(self.rotation), THING_MM[0] * 1e-3)
        self.place = self.hand[:, self.vertex] - turned
        for frame in (self.frames[0], self.frames[-1]):
            self.place[frame] += 1
        made_of = self.folder / "meta" / "object_vtemplates" / "box"
        made_of.mkdir(parents=True)
        lines = [f"v {x} {y} {z}" for x, y, z in THING_MM]
        (made_of / "mesh.obj").write_text("# a box\n" + "\n".join([*lines, "vn 0 0 1", "f 1 2 3"]) + "\n")
        (made_of / "parts.json").write_text(json.dumps(PARTS))
        (self.folder / "meta" / "object_meta.json").write_text(json.dumps({"box": {"diameter": 1.0}}))
        rows = np.column_stack([self.angle, self.rotation, 1e3 * self.place])
        np.save(self.folder / "raw_seqs" / f"{VAL}.object.npy", rows)

    def truth(self, view: int, frame: int) -> dict[str, np.ndarray]:
        """Of a view's camera: joints and vertices of both hands, and the thing's seven numbers."""
        matrix = self.made.cameras[VAL][frame, view]
        hands = [
            [self.made.in_view(of[VAL, side][frame], VAL, frame, view) for side in ("right", "left")]
            for of in (self.made.joints_m, self.made.vertices_m)
        ]
        from knuckle.rig.rotations import matrix_to_axis_angle

        turn = matrix_to_axis_angle(matrix[:3, :3] @ rodrigues(self.rotation[frame]))
        place = matrix[:3, :3] @ self.place[frame] + matrix[:3, 3]
        return {
            "joints_mm": 1e3 * convert_joints(np.stack(hands[0]), source="common", target="mano21"),
            "vertices_mm": 1e3 * np.stack(hands[1]),
            "things": np.concatenate([[self.angle[frame]], turn, 1e3 * place]),
        }

    def file(self, path, change=None, keys=("joints_mm", "vertices_mm", "things")):
        names, rows = [], {key: [] for key in keys}
        for view in VIEWS:
            for at, frame in enumerate(self.frames):
                found = self.truth(view, frame)
                if change is not None:
                    change(found, at)
                names.append(f"{VAL}/{view}/{frame + OFFSET:05d}")
                for key in keys:
                    rows[key].append(found[key])
        arrays: dict[str, Any] = {key: np.stack(each[::-1]) for key, each in rows.items()}
        np.savez(path, names=np.array(names[::-1]), **arrays)
        return path

    def score(self, path, **options):
        return score_file("arctic", path, self.folder, **({"mano": self.made.mano} | options))


@pytest.fixture(scope="module")
def scene(arctic, tmp_path_factory):  # noqa: F811
    return Scene(arctic, tmp_path_factory.mktemp("scene") / "data")


def test_the_truth_scores_nothing_wrong(scene, tmp_path, run, capsys):
    path = scene.file(tmp_path / "pred.npz")
    report = scene.score(path)
    for name in ("MPJPE", "MRRPE right-left", "MRRPE right-thing", "CDev", "MDev", "AAE"):
        assert report[name] == pytest.approx(0, abs=2e-3), name
    for name in ("ACC hands", "ACC thing"):
        assert report[name] == pytest.approx(0, abs=5e-3), name
    assert report["success rate"] == 100 and report.count == 8 * 18
    given = ["score", "arctic", str(path), "--truth", str(scene.folder), "--mano", str(scene.made.mano)]
    assert run(*given, "--variant", "p1") == 0 and "CDev" in capsys.readouterr().out


def test_figures_worked_out_by_hand(scene, tmp_path):
    def change(found, at):
        # All lies elsewhere as a whole, which does not count.
        for key, count in (("joints_mm", 3), ("vertices_mm", 3)):
            found[key] += np.array([50.0, -30, 200])[:count]
        found["things"][4:] += [50.0, -30, 200]
        # One of 21 joints of each hand is 21 mm off, the left hand 7 mm, the thing 12 mm and its angle 0.1 rad.
        found["joints_mm"][:, 5, 0] += 21
        for key in ("joints_mm", "vertices_mm"):
            found[key][1, :, 1] += 7
        found["things"][5] += 12
        found["things"][0] += 0.1

    report = scene.score(scene.file(tmp_path / "pred.npz", change))
    assert report["MPJPE"] == pytest.approx(1, abs=2e-3)
    assert report["MRRPE right-left"] == pytest.approx(7, abs=2e-3)
    assert report["MRRPE right-thing"] == pytest.approx(12, abs=2e-3)
    # The right hand touches with one vertex, the left one with none.
    assert report["CDev"] == pytest.approx(12, abs=2e-3)
    assert report["MDev"] == pytest.approx(0, abs=2e-3)
    assert report["AAE"] == pytest.approx(np.degrees(0.1), abs=1e-3)
    # Vertices of the part that turns, 0.9 m from its axis, are 9 cm off; that on the axis and the base's are right.
    assert report["success rate"] == pytest.approx(60)


def test_shaking_is_seen_by_motion_and_acceleration(scene, tmp_path):
    def change(found, at):
        found["things"][4] += at % 2

    report = scene.score(scene.file(tmp_path / "pred.npz", change))
    # 1 mm a step; 2 mm off the middle of both sides, at 30 frames a second.
    assert report["MDev"] == pytest.approx(1, abs=2e-3)
    assert report["ACC thing"] == pytest.approx(0.0, abs=5e-3), "after its own base nothing moves"
    assert report["ACC hands"] == pytest.approx(0, abs=5e-3)

    def shake(found, at):
        found["vertices_mm"][:, :, 0] += at % 2

    report = scene.score(scene.file(tmp_path / "pred.npz", shake))
    assert report["ACC hands"] == pytest.approx(2e-3 * 900, abs=5e-3)
    assert report["MDev"] == pytest.approx(1, abs=2e-3) and report["MPJPE"] == pytest.approx(0, abs=2e-3)


def test_files_of_hands_alone_are_scored_as_far_as_they_go(scene, tmp_path):
    def change(found, at):
        for key in ("joints_mm", "vertices_mm"):
            found[key][:, :, 2] += 9

    report = scene.score(scene.file(tmp_path / "hands.npz", change, keys=("joints_mm", "vertices_mm")))
    names = [score.name for score in report.scores]
    assert names == [
        "MPJPE",
        "MRRPE right-left",
        "CDev to the true thing",
        "MDev to the true thing",
        "ACC hands",
    ]
    assert report["CDev to the true thing"] == pytest.approx(9, abs=2e-3)
    assert any("the file has no things" in note for note in report.notes)
    path = scene.file(tmp_path / "joints.npz", keys=("joints_mm",))
    for options, words in (({}, "the file has no vertices_mm"), ({"mano": None}, None)):
        if words is None:
            with pytest.raises(KnuckleError, match="expected processed_seqs or splits"):
                scene.score(path, **options)
            continue
        report = scene.score(path)
        assert [score.name for score in report.scores] == ["MPJPE", "MRRPE right-left"]
        assert any(words in note for note in report.notes)


def test_the_folder_that_the_server_takes(scene, tmp_path):
    """MANO's own parameters, turned into each view; in half precision, as the authors store them."""
    torch = pytest.importorskip("torch")
    from knuckle.datasets.arctic import Arctic

    data = Arctic(scene.folder, scene.made.mano)
    sequence = data.sequence(VAL)
    top = tmp_path / "pose_p1_val"
    for view in VIEWS:
        where = top / "eval" / f"{VAL.replace('/', '_')}_{view}"
        (where / "preds").mkdir(parents=True)
        (where / "meta_info").mkdir()
        names = [
            f"./data/arctic_data/data/cropped_images/{VAL}/{view}/{f + OFFSET:05d}.jpg" for f in scene.frames
        ]
        torch.save(names, where / "meta_info" / "meta_info.imgname.pt")
        values = {}
        for side in ("right", "left"):
            own = data.parameters(sequence, side, view, scene.frames)
            values |= {f"mano.pose.{side[0]}": rodrigues(own.pose), f"mano.beta.{side[0]}": own.shape,
                       f"mano.cam_t.{side[0]}": own.translation}  # fmt: skip
        things = np.stack([scene.truth(view, frame)["things"] for frame in scene.frames])
        values |= {
            "object.radian": things[:, 0],
            "object.rot": things[:, 1:4],
            "object.cam_t": 1e-3 * things[:, 4:],
        }
        for key, value in values.items():
            half = torch.tensor(value, dtype=torch.float16 if "rot" not in key else torch.float32)
            torch.save(half, where / "preds" / f"pred.{key}.pt")
    report = scene.score(top)
    assert report["MPJPE"] < 0.3 and report["CDev"] < 1 and report["success rate"] == 100
    assert report["AAE"] < 0.05
    with pytest.raises(KnuckleError, match=r"--mano: expected your MANO_RIGHT\.pkl with the folder"):
        scene.score(top, mano=None)
    where = top / "eval" / f"{VAL.replace('/', '_')}_3"
    good = (where / "preds" / "pred.object.rot.pt").read_bytes()

    def refused(words):
        with pytest.raises(KnuckleError, match=words):
            scene.score(top)

    (where / "preds" / "pred.object.rot.pt").write_bytes(good[:50])
    refused(
        r"pred\.object\.rot\.pt: expected what torch.save writes of numbers, got a damaged or hostile file"
    )
    torch.save(torch.zeros(3, 3), where / "preds" / "pred.object.rot.pt")
    refused(r"pred\.object\.rot\.pt: expected a row for each of the pictures, got 3")
    torch.save(torch.full((18, 3), float("nan")), where / "preds" / "pred.object.rot.pt")
    refused(r"pred\.object\.rot\.pt: expected n x 3 finite numbers, got NaN")
    torch.save("x", where / "preds" / "pred.object.rot.pt")
    refused(r"pred\.object\.rot\.pt: expected a tensor of numbers, got str")
    torch.save(Evil(), where / "preds" / "pred.object.rot.pt")
    refused(r"pred\.object\.rot\.pt: expected what torch.save writes")
    assert not Evil.ran
    (where / "preds" / "pred.object.rot.pt").write_bytes(good)
    torch.save(torch.ones(18, 16, 3, 3), where / "preds" / "pred.mano.pose.r.pt")
    refused(r"pred\.mano\.pose\.r\.pt: expected rotations, got matrices that are 3 off")
    torch.save(["a.jpg"], where / "meta_info" / "meta_info.imgname.pt")
    refused("expected 18 pictures, 18 of them are missing, the first s05/box_grab_01/3/00002")
    shutil.rmtree(where)
    refused("expected predictions of ARCTIC, got No such file")


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


def test_a_wrong_file_or_thing_is_refused(scene, tmp_path):
    path = tmp_path / "pred.npz"

    def refused(words, change=None, **options):
        scene.file(path, change, keys=("joints_mm", "things"))
        with pytest.raises(KnuckleError, match=words):
            scene.score(path, **options)

    def scaled(found, at):
        found["joints_mm"] *= 1e-3

    def behind(found, at):
        found["joints_mm"][..., 2] *= -1

    def another_order(found, at):
        found["joints_mm"] = convert_joints(found["joints_mm"], source="mano21", target="common")

    def nan(found, at):
        found["things"][2] = np.nan if at == 4 else 0

    refused("joints: expected millimetres, got hands 0.001 times", scaled)
    refused("expected hands before the camera", behind)
    refused("expected joints in MANO's order, .* if they are in the common order", another_order)
    refused("things: expected finite numbers, got NaN, null or infinity in 8 of 144", nan)
    refused("variant: expected p1 or p2 with ARCTIC, got s0", variant="s0")
    refused("the 18 frames of ARCTIC p2 val, 18 of them are missing", variant="p2")
    meta = scene.folder / "meta"
    parts = meta / "object_vtemplates" / "box" / "parts.json"
    for where, text, words in (
        (parts, "[1, 0]", r"parts\.json: expected 5 numbers, 0 or 1, as mesh\.obj has vertices, got \(2,\)"),
        (parts, "[0, 0, 0, 0, 0]", r"parts\.json: expected 5 numbers"),
        (parts, '["a", [1]]', r"parts\.json: expected a number a vertex"),
        (
            meta / "object_meta.json",
            "{}",
            r"object_meta\.json: box: expected its diameter in metres, got None",
        ),
        (parts.with_name("mesh.obj"), "v 1 2\n", r"mesh\.obj: expected vertices of three finite numbers"),
        (parts.with_name("mesh.obj"), "v a b c\n", r"mesh\.obj: expected three numbers a vertex"),
        (parts.with_name("mesh.obj"), None, r"mesh\.obj: expected a mesh of ARCTIC, got No such file"),
    ):
        kept = where.read_text()
        where.unlink() if text is None else where.write_text(text)
        refused(words)
        where.write_text(kept)
    motion = scene.folder / "raw_seqs" / f"{VAL}.object.npy"
    kept = motion.read_bytes()
    np.save(motion, np.zeros((3, 7)))
    refused(r"object\.npy: expected 22 x 7 finite numbers, got shape \(3, 7\)")
    motion.unlink()
    refused(r"object\.npy: expected how the recording's thing moves, got no such file")
    motion.write_bytes(kept)
