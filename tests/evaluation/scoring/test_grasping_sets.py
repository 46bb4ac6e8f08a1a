"""Files of DexYCB and HOT3D, on their miniatures: figures worked out by hand, and files that are wrong."""

import json
from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from knuckle.datasets import dexycb as dexycb_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.scoring.catalogue import score_file
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import convert_joints

from ...datasets.hot3d_miniature import BOTH
from ...datasets.hot3d_miniature import Made as MadeHot3d
from ...datasets.test_dexycb import EMPTY, FRAMES, SERIALS, SUBJECTS, small  # noqa: F401 (fixtures)
from ...datasets.test_dexycb import made as dexycb  # noqa: F401

CLIPS = {"clip-000001": "aria", "clip-000900": "quest3"}


@pytest.fixture(scope="module")
def hot3d(tmp_path_factory):
    return MadeHot3d(tmp_path_factory.mktemp("hot3d"))


def test_names_of_options_are_checked(tmp_path):
    given = tmp_path / "pred.json", tmp_path
    with pytest.raises(KnuckleError, match="--variant: expected with dexycb or arctic, got freihand"):
        score_file("freihand", *given, variant="s1")
    with pytest.raises(KnuckleError, match="--mano: expected with arctic or hot3d, got freihand"):
        score_file("freihand", *given, mano=tmp_path / "MANO_RIGHT.pkl")


# DexYCB


def pictures() -> list[str]:
    """The names of s0's test pictures in the toolkit's order: recording, camera, frame; the last of five recordings."""
    names = []
    for subject in SUBJECTS:
        for serial in SERIALS:
            names += [f"{subject}/{subject[:8]}_141704/{serial}/{frame:06d}" for frame in range(FRAMES)]
    return names


def write_lines(path, joints_m: dict[int, np.ndarray]):
    rows = [
        ",".join([str(n), *(f"{1e3 * v:.6f}" for v in joints.reshape(-1))]) for n, joints in joints_m.items()
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def aligned_mm(truth: np.ndarray, found: np.ndarray) -> float:
    """The toolkit's Procrustes error of one hand, by SciPy: reflections allowed."""
    centred = [points - points.mean(0) for points in (truth, found)]
    sizes = [np.linalg.norm(points) for points in centred]
    turn, scale = orthogonal_procrustes(centred[1] / sizes[1], centred[0] / sizes[0])
    back = centred[1] / sizes[1] @ turn * scale * sizes[0]
    return 1e3 * float(np.linalg.norm(back - centred[0], axis=1).mean())


def test_dexycb_s_figures_worked_out_by_hand(dexycb, tmp_path, run, capsys):  # noqa: F811
    names = pictures()
    found = {number: dexycb.joints_m[name].copy() for number, name in enumerate(names)}
    assert len(found) == 8
    found[0] += [0.03, 0, 0]
    found[5][4] += [0, 0.021, 0]
    # In any order.
    path = write_lines(tmp_path / "pred.txt", dict(reversed(found.items())))
    report = score_file("dexycb", path, dexycb.folder)
    assert report["MPJPE camera space"] == pytest.approx((30 + 21 / 21) / 8, abs=1e-3)
    assert report["MPJPE"] == pytest.approx(21 / 21 / 8, abs=1e-3)
    # A hand that is only moved aligns exactly.
    assert report["PA-MPJPE"] == pytest.approx(aligned_mm(dexycb.joints_m[names[5]], found[5]) / 8, abs=1e-3)
    assert report.count == 8 and "no crop is cut" in report.protocol and report.benchmark == "DexYCB s0 test"
    assert run("score", "dexycb", str(path), "--truth", str(dexycb.folder), "--variant", "s0") == 0
    assert "MPJPE camera space" in capsys.readouterr().out


def test_pictures_without_a_hand_count_in_the_numbers_and_nowhere_else(dexycb, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(dexycb_set, "takes_sequence", lambda setup, split, number: number == EMPTY[0])
    names = []
    for subject in SUBJECTS:
        for serial in SERIALS:
            names += [f"{subject}/{subject[:8]}_141700/{serial}/{frame:06d}" for frame in range(FRAMES)]
    empty = EMPTY[1] * FRAMES + EMPTY[2]
    assert names[empty] not in dexycb.joints_m
    found = {n: dexycb.joints_m[name] for n, name in enumerate(names) if n != empty}
    for more in ({}, {empty: np.full((21, 3), 9.0)}):
        report = score_file("dexycb", write_lines(tmp_path / "pred.txt", found | more), dexycb.folder)
        assert report.count == 7 and report["MPJPE camera space"] == pytest.approx(0, abs=1e-3)


def test_a_wrong_file_of_dexycb_is_refused(dexycb, tmp_path):  # noqa: F811
    good = {number: dexycb.joints_m[name] for number, name in enumerate(pictures())}
    path = tmp_path / "pred.txt"

    def refused(words, *, change=None, text=None, setup=None):
        if text is None:
            write_lines(path, good if change is None else {n: change(j) for n, j in good.items()})
        else:
            path.write_text(text)
        with pytest.raises(KnuckleError, match=words):
            score_file("dexycb", path, dexycb.folder, variant=setup)

    refused("joints: expected millimetres, got .* are they metres", change=lambda j: j * 1e-3)
    refused("expected hands before the camera", change=lambda j: j * [1, 1, -1])
    refused(
        "expected joints in the common order .* if they are in MANO's order",
        change=lambda j: convert_joints(j, source="common", target="mano21"),
    )
    refused("NaN, null or infinity in 8 of 8, the first 2020", change=lambda j: j * np.nan)
    line = "0," + ",".join(["1"] * 63)
    refused("line 1: expected 64 numbers .*, got 2", text="0,1\n")
    refused("line 1: expected numbers, got another thing", text=line.replace("1", "x"))
    refused("line 2: expected every picture once, got 0 again", text=f"{line}\n{line}\n")
    refused("line 1: expected a picture from 0 to 7 of DexYCB s0 test, got 8", text="8" + line[1:])
    refused(
        "8 pictures of DexYCB s0 test with a hand, 7 of them are missing, the first is number 1", text=line
    )
    refused("missing, the first is number 0", text="")
    refused("variant: expected one of s0, s1, s2, s3 with DexYCB, got p1", text=line, setup="p1")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KnuckleError, match="expected lines of numbers, got bytes that are no text"):
        score_file("dexycb", path, dexycb.folder)
    with pytest.raises(KnuckleError, match=r"none\.txt: expected a file of predictions, got No such file"):
        score_file("dexycb", tmp_path / "none.txt", dexycb.folder)
    with pytest.raises(KnuckleError, match="expected the folder of DexYCB"):
        score_file("dexycb", path, tmp_path / "nowhere")


# HOT3D


def entries(made, clip: str) -> list[dict]:
    """A clip's hands with MANO's true parameters; UmeTrack's hands of the miniature are others."""
    found = []
    for frame in range(3):
        for side in BOTH:
            if (clip, f"{frame:06d}", side) in made.umetrack_m:
                wrist = [0.1, 0.2, 0.3, *middle(made, clip, frame, side)]
                row = {"sequence_name": clip, "frame_id": frame, "hand_side": int(side == "right")}
                found.append(row | {"mano_theta": [0.0] * 15, "wrist_xform": wrist})
    return found


def middle(made, clip, frame, side) -> list[float]:
    return np.nanmean(made.umetrack_m[clip, f"{frame:06d}", side], axis=0).tolist()


def write_json(path, value):
    path.write_text(json.dumps(value))
    return path


def test_hot3d_s_pose_track_against_a_second_way(hot3d, tmp_path):
    clip = "clip-000001"
    rows = entries(hot3d, clip)
    rng = np.random.default_rng(4)
    for row in rows:
        row["mano_theta"] = (0.1 * rng.standard_normal(15)).tolist()
    report = score_file(
        "hot3d", write_json(tmp_path / "result_pose_hot3d.json", rows[::-1]), hot3d.folder, mano=hot3d.mano
    )
    shape = shape_of(hot3d, clip)
    distances = []
    for row in rows:
        side = BOTH[row["hand_side"]]
        rig = hot3d.rigs[side]
        fingers = (np.array(row["mano_theta"]) @ hot3d.components[side][:15]).reshape(15, 3)
        pose = np.concatenate([[row["wrist_xform"][:3]], fingers]) + rig.pose_mean
        joints = rig.posed_by_matrices(rodrigues(pose), shape).joints + np.array(row["wrist_xform"][3:])
        truth = hot3d.umetrack_m[clip, f"{row['frame_id']:06d}", side]
        distances.append([np.linalg.norm(joints[k] - truth[k]) for k in range(2, 21)])
    assert report["challenge MPJPE"] == pytest.approx(1e3 * np.mean(distances), rel=1e-6)
    reached = [np.mean(np.array(distances) <= t) for t in np.linspace(0, 0.05, 101)]
    area = sum((a + b) / 2 for a, b in pairwise(reached)) / 100
    assert report["challenge AUC"] == pytest.approx(area, abs=1e-9)
    assert report.count == len(rows) == 6
    assert any("those to train on" in note for note in report.notes)


def shape_of(made, clip: str) -> np.ndarray:
    from ...datasets.hot3d_miniature import read_tar

    files = read_tar(made.folder / f"train_{CLIPS[clip]}" / f"{clip}.tar")
    return np.array(json.loads(files["__hand_shapes.json__"])["mano"])


def test_hot3d_s_shape_track_worked_out_by_hand(hot3d, tmp_path, run, capsys):
    """The mesh is linear in the shape: a change of one coefficient moves each vertex by that part of the basis."""
    rows = []
    expected = []
    for clip, change in (("clip-000001", 0.5), ("clip-000900", -2.0)):
        shape = shape_of(hot3d, clip)
        shape[3] += change
        rows.append({"sequence_name": clip, "mano_beta": shape.tolist(), "hand_side": 0})
        expected.append(abs(change))
    path = write_json(tmp_path / "result_shape_hot3d.json", rows)
    report = score_file("hot3d", path, hot3d.folder, mano=hot3d.mano)
    assert report.count == 2
    alone = score_file("hot3d", write_json(tmp_path / "one.json", rows[:1]), hot3d.folder, mano=hot3d.mano)[
        "challenge MPVPE"
    ]
    # Linear: half a unit scores a quarter of two units; skinning is linear in the mesh at rest, too.
    assert report["challenge MPVPE"] == pytest.approx(alone * np.mean(expected) / expected[0], rel=1e-6)
    rig, pose = hot3d.rigs["left"], np.zeros((16, 3))
    shape = shape_of(hot3d, "clip-000001")
    meshes = [rig.posed(pose, s).vertices for s in (shape, np.array(rows[0]["mano_beta"]))]
    by_hand = sum(float(np.sqrt(((a - b) ** 2).sum())) for a, b in zip(*meshes, strict=True)) / len(meshes[0])
    assert alone == pytest.approx(1e3 * by_hand, rel=1e-9)
    given = ["score", "hot3d", str(path), "--truth", str(hot3d.folder), "--mano", str(hot3d.mano)]
    assert run(*given) == 0 and "challenge MPVPE" in capsys.readouterr().out


def test_a_wrong_file_of_hot3d_is_refused(hot3d, tmp_path):
    clip = "clip-000001"
    good = entries(hot3d, clip)
    path = tmp_path / "pred.json"

    def refused(words, rows, **options):
        write_json(path, rows)
        with pytest.raises(KnuckleError, match=words):
            score_file("hot3d", path, hot3d.folder, **({"mano": hot3d.mano} | options))

    shape = {"sequence_name": clip, "mano_beta": [0.0] * 10, "hand_side": 0}
    refused("--mano: expected your MANO_RIGHT.pkl with hot3d", good, mano=None)
    refused("expected a list of hands or of shapes, got a list of none", [])
    refused("expected a list of hands or of shapes, got a dict", {"a": 1})
    refused(r"entry 0 .*expected sequence_name and either mano_theta", [{"sequence_name": clip, "pose": []}])
    refused("entry 1 .*expected sequence_name", [good[0], 3])
    refused("expected one track, got entries of both", [*good, shape])
    refused("labels .*, got clip-003000", [good[0] | {"sequence_name": "clip-003000"}])
    refused("hand_side: expected 0 .left. or 1 .right., got 2", [good[0] | {"hand_side": 2}])
    refused("frame_id: expected a whole number, got 'a'", [good[0] | {"frame_id": "a"}])
    refused("mano_theta: expected 15 finite numbers", [good[0] | {"mano_theta": [0.0] * 14}])
    refused("wrist_xform: expected 6 finite numbers", [good[0] | {"wrist_xform": [float("nan")] * 6}])
    refused("expected every hand once, got frame 0 left again", [good[0], *good])
    refused("expected the 6 labelled hands, 5 of the file's are missing, the first frame 0 right", good[:1])
    refused("1 of the file's are not labelled, the first frame 9 left", [*good, good[0] | {"frame_id": 9}])
    far = [
        row | {"wrist_xform": [0, 0, 0, *(1e3 * np.array(row["wrist_xform"][3:])).tolist()]} for row in good
    ]
    refused("wrist_xform: expected metres of the world, got hands .* m off", far)
    write_json(path, far)
    report = score_file("hot3d", path, hot3d.folder, mano=hot3d.mano, as_is=True)
    assert any("scored as it is" in note for note in report.notes)
    refused("expected one shape a clip, got 2", [shape, shape])
    refused("mano_beta: expected 10 finite numbers", [shape | {"mano_beta": [0.0] * 9}])
    with pytest.raises(KnuckleError, match="expected train_aria or train_quest3 with clips"):
        score_file("hot3d", path, tmp_path, mano=hot3d.mano)
