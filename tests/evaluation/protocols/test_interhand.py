"""InterHand2.6M's protocol: figures worked out by hand, and by a second implementation, joint by joint."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.protocols.interhand import report
from knuckle.evaluation.report import Report

CAMERA = np.array([500.0, 520, 128, 120])
IS_HAND = np.array([[True, False], [False, True], [True, True], [True, True]])
KINDS = ("right", "left", "interacting", "interacting")


def project(joints_m: np.ndarray) -> np.ndarray:
    return joints_m[..., :2] / joints_m[..., 2:] * CAMERA[:2] + CAMERA[2:]


def truth_of(joints_m: np.ndarray) -> TwoHandTruth:
    seen = np.where(IS_HAND[..., None, None], joints_m, np.nan)
    return TwoHandTruth(project(seen), seen, IS_HAND, np.tile(CAMERA, (4, 1)), kinds=KINDS)


def predicted(joints_m: np.ndarray) -> TwoHandPredictions:
    return TwoHandPredictions(project(joints_m), joints_m)


@pytest.fixture
def joints_m() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.06, 0.06, (4, 2, 21, 3)) + np.array([0, 0, 0.9])


def errs(joints_m: np.ndarray) -> np.ndarray:
    """All joints but the wrist 10 mm off in frames of one hand and 4 mm in pairs; left hands of the pairs 7 and 5 mm
    beside their place; all along x, which leaves depths as they are."""
    off = joints_m.copy()
    off[:2, :, 1:, 0] += 0.010
    off[2:, :, 1:, 0] += 0.004
    off[2, 1, :, 0] += 0.007
    off[3, 1, :, 0] += 0.005
    return off


def values(found: Report) -> dict[str, float]:
    return {score.name: score.value for score in found.scores}


def test_figures_worked_out_by_hand(joints_m):
    found = values(report(truth_of(joints_m), predicted(errs(joints_m)), model="m"))
    for suffix in ("", " own depth"):
        assert found[f"MPJPE single{suffix}"] == pytest.approx(40 * 10 / 42)
        assert found[f"MPJPE two{suffix}"] == pytest.approx(40 * 4 / 42)
        # Pooled before the means: each joint has one frame of 10 mm and two of 4 mm.
        assert found[f"MPJPE all{suffix}"] == pytest.approx(40 * 6 / 42)
    assert [found["MRRPE"], found["MRRPE right depth given"]] == pytest.approx([6, 6])


def test_meshes_of_fits_worked_out_by_hand(joints_m):
    rng = np.random.default_rng(3)
    fitted_m = joints_m + 0.002
    vertices_m = fitted_m[:, :, :1] + rng.uniform(-0.1, 0.1, (4, 2, 9, 3))
    truth = truth_of(joints_m)
    true_m, true_joints_m = vertices_m.copy(), fitted_m.copy()
    truth = replace(truth, vertices_m=true_m, mesh_joints_m=true_joints_m)
    found_m, mesh_joints_m = vertices_m.copy(), fitted_m.copy()
    # Wrists of the meshes lie together: 6 mm in the frames of one hand, 3 mm in the pairs, wherever the hand stands.
    found_m[:2, ..., 0] += 0.006
    found_m[2:, ..., 0] += 0.003
    found_m[2:] += 0.5
    mesh_joints_m[2:] += 0.5
    # The last frame's left hand has no fit: what the model says of it does not count, nor its frame where both must.
    true_m[3, 1], true_joints_m[3, 1] = np.nan, np.nan
    found_m[3, 1] += 9.0
    answer = replace(predicted(joints_m), vertices_m=found_m, mesh_joints_m=mesh_joints_m)
    found = values(report(truth, answer, model="m"))
    by_kind = [found[f"MPVPE {kind}"] for kind in ("single", "two", "all")]
    assert by_kind == pytest.approx([6, 3, (6 * 2 + 3 * 3) / 5])
    assert found["MPVPE scaled"] == pytest.approx(3)
    assert found["MPJPE scaled of the mesh"] == pytest.approx(0, abs=1e-9)
    # Twice as large about the middle MCPs is the same hand, scaled.
    middle = mesh_joints_m[:, :, 9:10]
    twice = replace(
        answer,
        vertices_m=middle + 2 * (vertices_m + (middle - fitted_m[:, :, 9:10]) - middle),
        mesh_joints_m=middle + 2 * (mesh_joints_m - middle),
    )
    found = values(report(truth, twice, model="m"))
    assert found["MPVPE scaled"] == pytest.approx(0, abs=1e-9)
    assert found["MPVPE two"] > 1
    # Meshes of another rig, and truth without fits, are no figures.
    other = replace(answer, vertices_m=found_m[:, :, :5])
    for one, two in ((truth, other), (truth_of(joints_m), answer)):
        assert not any("MPVPE" in name for name in values(report(one, two, model="m")))


def test_a_hand_whose_wrist_is_not_labelled_does_not_count(joints_m):
    truth = truth_of(joints_m)
    truth.joints_m[3, 1, 0] = np.nan
    truth.joints_m[2, 0, 20] = np.nan
    found = report(truth, predicted(errs(joints_m)), model="m")
    # Right: 19 joints as before, the last over one frame of 10 mm and one of 4; left: one of 10 and one of 4.
    assert found["MPJPE all"] == pytest.approx((19 * 6 + 7 + 20 * 7) / 42)
    assert found["MRRPE"] == pytest.approx(7)
    assert found.notes == ("1 of 6 hands do not count, as their wrist is not labelled",)
    assert found.count == 4


def test_depths_of_the_wrists_do_not_matter_but_in_mrrpe(joints_m):
    off = joints_m + np.array([0, 0, 0.3])
    # Where the pixels are right and only the wrists' depths are wrong, the answer lifted at the true ones is right.
    answers = TwoHandPredictions(project(joints_m), off)
    found = values(report(truth_of(joints_m), answers, model="m"))
    assert found["MPJPE all"] == pytest.approx(0, abs=1e-9)
    assert found["MRRPE right depth given"] == pytest.approx(0, abs=1e-9)
    apart = off.copy()
    apart[2:, 1, :, 2] += 0.02
    found = values(report(truth_of(joints_m), TwoHandPredictions(project(joints_m), apart), model="m"))
    assert found["MRRPE"] == pytest.approx(20)
    # 20 mm further along the left wrist's ray.
    rays = (joints_m[2:, 1, 0] / joints_m[2:, 1, 0, 2:]) * 20
    assert found["MRRPE right depth given"] == pytest.approx(np.linalg.norm(rays, axis=-1).mean())


def test_the_scaled_variant(joints_m):
    off = joints_m * 2
    off[:, 0, [4, 8, 12, 16, 20], 0] += 0.006
    found = values(report(truth_of(joints_m), predicted(off), model="m"))
    # Five tips of the right hand 3 mm off once it is half as large; the left hand right.
    assert found["MPJPE scaled"] == pytest.approx((5 * 3 / 21 + 0) / 2)


def test_a_second_implementation_agrees(joints_m):
    rng = np.random.default_rng(2)
    truth = truth_of(joints_m)
    truth.joints_m[rng.random((4, 2, 21)) < 0.15] = np.nan
    own = joints_m + rng.normal(0, 0.01, joints_m.shape)
    found = values(report(truth, predicted(own), model="m"))
    lists: dict[str, dict[tuple[int, int], list[float]]] = {"single": {}, "two": {}, "all": {}}
    for n, kind in enumerate(KINDS):
        for h in (0, 1):
            true = truth.joints_m[n, h]
            if not IS_HAND[n, h] or np.isnan(true[0]).any():
                continue
            depth = own[n, h, :, 2] - own[n, h, 0, 2] + true[0, 2]
            pixels = project(own[n, h])
            lifted = np.concatenate(
                [(pixels - CAMERA[2:]) / CAMERA[:2] * depth[:, None], depth[:, None]], axis=1
            )
            for j in range(21):
                if np.isnan(true[j]).any():
                    continue
                error = float(np.linalg.norm((lifted[j] - lifted[0]) - (true[j] - true[0]))) * 1e3
                for name in ("two" if kind == "interacting" else "single", "all"):
                    lists[name].setdefault((h, j), []).append(error)
    for name, joints in lists.items():
        mean = sum(sum(errors) / len(errors) for errors in joints.values()) / len(joints)
        assert found[f"MPJPE {name}"] == pytest.approx(mean)
