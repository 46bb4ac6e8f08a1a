"""HIC's protocol against a second implementation in loops, with hands that are missing."""

import numpy as np
import pytest

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.protocols import hic

KINDS = ("interacting", "right", "interacting", "left")
IS_HAND = np.array([[True, True], [True, False], [False, True], [False, True]])


@pytest.fixture
def arrays():
    rng = np.random.default_rng(7)
    joints = rng.uniform([-0.1, -0.1, 0.5], [0.1, 0.1, 0.7], (4, 2, 21, 3))
    vertices = rng.uniform([-0.1, -0.1, 0.5], [0.1, 0.1, 0.7], (4, 2, 9, 3))
    found, mesh = (points + rng.normal(0, 0.01, points.shape) for points in (joints, vertices))
    joints[~IS_HAND], vertices[~IS_HAND] = np.nan, np.nan
    camera = np.tile([525.0, 525, 319.5, 239.5], (4, 1))
    px = [points[..., :2] / points[..., 2:] * 525 + [319.5, 239.5] for points in (joints, found)]
    truth = TwoHandTruth(px[0], joints, IS_HAND, camera, vertices, kinds=KINDS)
    return truth, TwoHandPredictions(px[1], found, vertices_m=mesh)


def length(vector) -> float:
    return float(np.sqrt(sum(x * x for x in vector)))


def test_meshes_and_places_are_what_loops_give(arrays):
    truth, found = arrays
    report = hic.report(truth, found, model="m")
    per_hand, right_root, places = {"single": [], "two": []}, [], []
    for n, kind in enumerate(KINDS):
        for h in range(2):
            if not IS_HAND[n, h]:
                continue
            rows = [
                length((found.vertices_m[n, h, v] - found.joints_m[n, h, 0])
                       - (truth.vertices_m[n, h, v] - truth.joints_m[n, h, 0]))
                for v in range(9)
            ]  # fmt: skip
            per_hand["two" if kind == "interacting" else "single"].append(sum(rows) / 9)
        if kind == "interacting" and IS_HAND[n].all():
            wrists = [side.joints_m[n, 1, 0] - side.joints_m[n, 0, 0] for side in (found, truth)]
            places.append(length(wrists[0] - wrists[1]))
            right_root.append(np.mean([
                length((found.vertices_m[n, h, v] - found.joints_m[n, 0, 0])
                       - (truth.vertices_m[n, h, v] - truth.joints_m[n, 0, 0]))
                for h in range(2) for v in range(9)
            ]))  # fmt: skip
    assert report["MPVPE single"] == pytest.approx(1e3 * np.mean(per_hand["single"]))
    assert report["MPVPE two"] == pytest.approx(1e3 * np.mean(per_hand["two"]))
    assert report["MPVPE all"] == pytest.approx(1e3 * np.mean(per_hand["single"] + per_hand["two"]))
    assert report["MRRPE"] == pytest.approx(1e3 * np.mean(places))
    assert report["RRVE"] == pytest.approx(1e3 * np.mean(right_root)) and len(right_root) == 1


def test_joints_are_what_loops_give(arrays):
    truth, found = arrays
    report = hic.report(truth, found, model="m")
    for name, kinds in (("single", ("right", "left")), ("two", ("interacting",)), ("all", KINDS)):
        of_joints = []
        for h in range(2):
            for j in range(21):
                errors = []
                for n, kind in enumerate(KINDS):
                    if kind not in kinds or not IS_HAND[n, h]:
                        continue
                    # Lifted at the true depth of the wrist.
                    z = truth.joints_m[n, h, 0, 2] + found.joints_m[n, h, :, 2] - found.joints_m[n, h, 0, 2]
                    lifted = np.column_stack([(found.joints_px[n, h] - [319.5, 239.5]) / 525 * z[:, None], z])
                    true = truth.joints_m[n, h]
                    errors.append(length((lifted[j] - lifted[0]) - (true[j] - true[0])))
                if errors:
                    of_joints.append(sum(errors) / len(errors))
        assert report[f"MPJPE {name}"] == pytest.approx(1e3 * np.mean(of_joints))


def test_without_mano_s_mesh_joints_are_scored_alone(arrays):
    truth, found = arrays
    report = hic.report(truth, TwoHandPredictions(found.joints_px, found.joints_m), model="m")
    assert "MPVPE all" not in [score.name for score in report.scores]
    assert report.notes == ("no vertex scores: they need MANO's mesh of 9 vertices, the model gives none",)
