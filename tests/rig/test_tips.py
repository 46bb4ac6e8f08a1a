"""Fingertips are part of what a rig is."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig
from knuckle.rig.tips import MANO_TIPS, OPEN_TIPS, TIP_JOINTS, convert_tips, named_tips


def test_the_open_rig_keeps_the_fingerprint_of_its_sets():
    rig = load_rig("open")
    assert rig.fingerprint == "d8bad421a93367f5" and tuple(rig.tip_vertices) == OPEN_TIPS


def test_tips_and_mean_pose_are_in_the_fingerprint():
    rig = load_rig("open")
    others = (
        replace(rig, tip_vertices=rig.tip_vertices + 1),
        replace(rig, tips="custom"),
        replace(rig, pose_mean=np.full((16, 3), 0.1, np.float32)),
    )
    assert len({rig.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_five_vertices_of_a_convention_have_its_name():
    for name, ids in MANO_TIPS.items():
        assert named_tips(ids, 778)[0] == named_tips(name, 778)[0] == name
    assert named_tips((1, 2, 3, 4, 5), 778)[0] == "custom"


def test_there_and_back_and_only_tips_move():
    rng = np.random.default_rng(0)
    joints, vertices = rng.normal(size=(2, 21, 3)), rng.normal(size=(2, 778, 3))
    moved = convert_tips(joints, vertices, source="freihand", target="ho3d")
    changed = np.flatnonzero(np.abs(moved - joints).max((0, 2)))
    # Thumb, ring and pinky are the same vertices in both.
    assert changed.tolist() == [8, 12] and set(changed) <= set(TIP_JOINTS)
    np.testing.assert_allclose(
        convert_tips(moved, vertices, source="ho3d", target="freihand"), joints, atol=1e-12
    )
    on_vertices = joints.copy()
    on_vertices[:, list(TIP_JOINTS)] = vertices[:, list(MANO_TIPS["manopth"])]
    moved = convert_tips(on_vertices, vertices, source="manopth", target="i2l")
    np.testing.assert_allclose(moved[:, list(TIP_JOINTS)], vertices[:, list(MANO_TIPS["i2l"])])
    with pytest.raises(
        KnuckleError, match="expected MANO's mesh to go from freihand's to ho3d's, got 500 vertices"
    ):
        convert_tips(joints, vertices[:, :500], source="freihand", target="ho3d")


def test_a_rig_s_name_may_ask_for_tips_of_mano_only():
    with pytest.raises(KnuckleError, match=r"expected a MANO file \(.pkl\) before #ho3d, got 'open'"):
        load_rig("open#ho3d")
