"""A hand's silhouette by colour, on a drawn hand whose silhouette is known."""

import numpy as np

from benchmarks.shared.photo_masks import above_wrist, hand_mask
from knuckle.evaluation.metrics.silhouettes import labelled_faces, region_map
from knuckle.geometry.projection import project
from knuckle.rig.load import load_rig
from knuckle.skeleton import MIDDLE_MCP, WRIST

SIZE = 160
LENS = np.array([330.0, 330.0, (SIZE - 1) / 2, (SIZE - 1) / 2])
SKIN, GREY = np.array([205, 150, 125]), np.array([140, 142, 145])


def drawn_hand() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A hand at rest on grey, its arm below it in the same colour; its joints in the picture, and where it is."""
    rig = load_rig("open")
    middle = rig.joints_rest_m.mean(0)
    vertices, joints = (points - middle + [0, 0, 0.45] for points in (rig.vertices, rig.joints_rest_m))
    crop = np.array([(SIZE - 1) / 2, (SIZE - 1) / 2, SIZE])
    hand = region_map(vertices, labelled_faces(rig), crop, LENS, size=SIZE) > 0
    uv = project(joints, LENS)
    arm = np.zeros_like(hand)
    back = (uv[WRIST] - uv[MIDDLE_MCP]) / np.linalg.norm(uv[WRIST] - uv[MIDDLE_MCP])
    v, u = np.mgrid[:SIZE, :SIZE]
    along = (u - uv[WRIST, 0]) * back[0] + (v - uv[WRIST, 1]) * back[1]
    across = (u - uv[WRIST, 0]) * back[1] - (v - uv[WRIST, 1]) * back[0]
    arm[(along > 0) & (np.abs(across) < 12)] = True
    picture = np.where((hand | arm)[..., None], SKIN, GREY)
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), uv, hand


def test_the_hand_is_found_and_the_arm_is_left_out():
    picture, joints_px, hand = drawn_hand()
    found, true = hand_mask(picture, joints_px), hand & above_wrist(joints_px, hand.shape)
    assert (found & true).sum() / (found | true).sum() > 0.9
    assert not (found & ~above_wrist(joints_px, hand.shape)).any()
    assert true.sum() > 2000
