import numpy as np
import pytest

from knuckle.inference.refine import LARGEST_SIZE_RATIO, fuse, with_pose
from knuckle.poses.prior import sample_poses
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues

RIG = load_rig("open")
CAMERA = np.array([600.0, 600.0, 320.0, 240.0])
SIZE = 128


def made_hands(count: int = 6) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Outputs of a network that is right: its branch and its hand agree."""
    rng = np.random.default_rng(0)
    pose = sample_poses(RIG, count, rng)
    pose[:, 0] = rng.normal(0, 0.5, (count, 3))
    hand = RIG.posed(pose, np.zeros((count, 10)), np.tile([0.05, 0.02, 0.6], (count, 1)))
    joints_px = hand.joints[..., :2] / hand.joints[..., 2:] * CAMERA[:2] + CAMERA[2:]
    crop = np.column_stack([joints_px.mean(1), np.full(count, 300.0)])
    outputs = {
        "joints_px": joints_px,
        "joints_m": hand.joints,
        "vertices_m": hand.vertices,
        "rotations": rodrigues(pose),
        "shape": np.zeros((count, 10)),
        "confidence": np.ones(count),
        "joints_patch": (joints_px - crop[:, None, :2]) * (SIZE / 300) + (SIZE - 1) / 2,
    }
    return outputs, crop, np.tile(CAMERA, (count, 1))


def test_hands_both_opinions_agree_on_stay():
    outputs, crop, camera = made_hands()
    fused = fuse(outputs, crop, camera, rig=RIG, size=SIZE)
    assert np.linalg.norm(fused["joints_m"] - outputs["joints_m"], axis=-1).mean() < 1e-3
    assert np.abs(fused["joints_px"] - outputs["joints_px"]).mean() < 1


def test_a_good_branch_mends_a_bent_finger():
    outputs, crop, camera = made_hands()
    truth = outputs["joints_m"].copy()
    wrong = outputs["rotations"].copy()
    wrong[:, 1] = wrong[:, 1] @ rodrigues(np.array([0.5, 0.0, 0.0]))
    bent = RIG.posed_by_matrices(wrong, outputs["shape"])
    moved = bent.joints - bent.joints[:, :1] + truth[:, :1]
    bent_px = moved[..., :2] / moved[..., 2:] * CAMERA[:2] + CAMERA[2:]
    fused = fuse({**outputs, "joints_m": moved, "joints_px": bent_px}, crop, camera, rig=RIG, size=SIZE)
    before = np.linalg.norm(bent_px - outputs["joints_px"], axis=-1).mean()
    after = np.linalg.norm(fused["joints_px"] - outputs["joints_px"], axis=-1).mean()
    assert after < before / 2


@pytest.mark.parametrize("factor", [8.0, 0.6])
def test_a_hand_far_too_small_or_large_in_the_picture_is_brought_to_its_distance(factor):
    outputs, crop, camera = made_hands()
    truth = outputs["joints_m"].copy()
    outputs["joints_m"] = truth + truth[:, :1] * (factor - 1)
    fused = fuse(outputs, crop, camera, rig=RIG, size=SIZE)
    ratio = fused["joints_m"][..., 2].mean(1) / truth[..., 2].mean(1)
    assert (np.abs(np.log(ratio)) < np.log(1.1 * LARGEST_SIZE_RATIO)).all()


def test_the_distance_has_no_jump_where_the_sizes_begin_to_disagree():
    outputs, crop, camera = made_hands()
    truth = outputs["joints_m"].copy()
    distances = []
    for factor in np.linspace(1.1, 1.3, 9):
        outputs["joints_m"] = truth + truth[:, :1] * (factor - 1)
        distances.append(fuse(outputs, crop, camera, rig=RIG, size=SIZE)["joints_m"][..., 2].mean(1))
    assert (np.abs(np.diff(distances, axis=0)) < 0.02).all()


def test_a_distance_that_fits_the_picture_fairly_is_the_networks():
    outputs, crop, camera = made_hands()
    moved = outputs["joints_m"] + [0, 0, 0.05]
    fused = fuse({**outputs, "joints_m": moved}, crop, camera, rig=RIG, size=SIZE)
    assert np.allclose(fused["joints_m"][..., 2].mean(1), moved[..., 2].mean(1), atol=0.02)


@pytest.mark.filterwarnings("error")
def test_a_branch_in_one_point_breaks_nothing():
    outputs, crop, camera = made_hands()
    outputs["joints_patch"] = np.full_like(outputs["joints_patch"], 60.0)
    fused = fuse(outputs, crop, camera, rig=RIG, size=SIZE)
    assert np.isfinite(fused["joints_m"]).all()


def test_mesh_joints_and_pose_belong_together():
    outputs, crop, camera = made_hands()
    outputs["joints_patch"] = outputs["joints_patch"] + np.random.default_rng(1).normal(0, 3, (6, 21, 2))
    fused = fuse(outputs, crop, camera, rig=RIG, size=SIZE)
    again = RIG.posed_by_matrices(fused["rotations"], fused["shape"])
    move = fused["joints_m"][:, :1] - again.joints[:, :1]
    assert np.allclose(again.vertices + move, fused["vertices_m"], atol=5e-7)
    assert np.allclose(again.joints + move, fused["joints_m"], atol=1e-9)


def test_nonsense_is_left_alone():
    outputs, crop, camera = made_hands()
    outputs["joints_patch"][2] += 1e5
    outputs["joints_m"][3, :, 2] = -0.5
    fused = fuse(outputs, crop, camera, rig=RIG, size=SIZE)
    for row in (2, 3):
        assert np.array_equal(fused["joints_m"][row], outputs["joints_m"][row])


def test_a_mesh_head_of_its_own_gives_the_depths():
    outputs, crop, camera = made_hands()
    truth = outputs["joints_m"].copy()
    flat = truth.copy()
    flat[..., 2] = truth[:, :1, 2]
    fused = fuse({**outputs, "joints_m": flat, "mesh_joints_m": truth}, crop, camera, rig=RIG, size=SIZE)
    assert np.linalg.norm(fused["joints_m"] - truth, axis=-1).mean() < 1e-3


def test_a_mesh_without_pose_gets_the_fitted_one():
    outputs, _, _ = made_hands()
    bare = {name: outputs[name] for name in ("joints_px", "joints_m", "vertices_m", "confidence")}
    bare["joints_m"] = bare["joints_m"].copy()
    bare["joints_m"][1] *= 40
    posed = with_pose(bare, RIG)
    assert np.array_equal(posed["vertices_m"], bare["vertices_m"])
    rebuilt = RIG.posed_by_matrices(posed["rotations"], posed["shape"])
    move = outputs["joints_m"][:, :1] - rebuilt.joints[:, :1]
    error = np.linalg.norm(rebuilt.joints + move - outputs["joints_m"], axis=-1).mean(1)
    assert (np.delete(error, 1) < 1e-3).all() and np.allclose(posed["rotations"][1], np.eye(3))
    assert with_pose(outputs, RIG)["rotations"] is not None


def test_free_vertices_become_the_rigs():
    outputs, crop, camera = made_hands()
    bare = {name: outputs[name] for name in ("joints_px", "joints_m", "confidence")}
    bare["vertices_m"] = outputs["vertices_m"] + np.random.default_rng(2).normal(0, 0.003, (6, 1610, 3))
    fused = fuse(bare, crop, camera, rig=RIG, size=SIZE)
    assert np.linalg.norm(fused["joints_m"] - outputs["joints_m"], axis=-1).mean() < 1e-3
    assert np.linalg.norm(fused["vertices_m"] - outputs["vertices_m"], axis=-1).mean() < 2e-3


def test_joints_that_were_carried_along_keep_how_far_their_branches_lay_apart():
    outputs, crop, camera = made_hands()
    apart_px = np.linspace(1, 5, 6 * 21).reshape(6, 21)
    carried = {name: outputs[name] for name in ("joints_px", "joints_m", "vertices_m", "confidence")}
    fused = fuse({**carried, "branches_px": apart_px}, crop, camera, rig=RIG, size=SIZE)
    assert np.array_equal(fused["branches_px"], apart_px)
