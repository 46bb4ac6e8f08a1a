import numpy as np
import pytest

from knuckle import skeleton
from knuckle.errors import KnuckleError


@pytest.mark.parametrize("order", skeleton.TO_COMMON)
def test_every_order_is_a_permutation_with_an_exact_inverse(order):
    assert sorted(skeleton.TO_COMMON[order]) == list(range(21))
    joints = np.random.default_rng(0).normal(size=(3, 21, 3))
    there = skeleton.convert_joints(joints, source="common", target=order)
    assert np.array_equal(skeleton.convert_joints(there, source=order), joints)


def test_known_places_of_other_orders():
    names = np.array(skeleton.JOINT_NAMES)[:, None]
    mano = skeleton.convert_joints(names, source="common", target="mano21")[:, 0]
    assert mano[:3].tolist() == ["wrist", "index_mcp", "index_pip"]
    assert mano[13] == "thumb_cmc"
    assert mano[16:].tolist() == ["thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip"]
    interhand = skeleton.convert_joints(names, source="common", target="interhand")[:, 0]
    assert interhand[0] == "thumb_tip" and interhand[4] == "index_tip" and interhand[20] == "wrist"


def test_mano16_joints_are_the_first_of_mano21():
    assert tuple(skeleton.FROM_COMMON["mano21"][:16]) == skeleton.COMMON_TO_MANO16


def test_bones_form_a_tree_and_classes_cover_the_joints():
    assert len(skeleton.BONES) == 20
    assert [child for _, child in skeleton.BONES] == list(range(1, 21))
    assert all(parent < child for parent, child in skeleton.BONES)
    assert sorted(j for group in skeleton.JOINT_CLASSES.values() for j in group) == list(range(21))


def test_wrong_order_and_shape_are_refused():
    with pytest.raises(KnuckleError, match="expected one of"):
        skeleton.convert_joints(np.zeros((21, 3)), source="halpe")  # pyright: ignore
    with pytest.raises(KnuckleError, match=r"expected \(\.\.\., 21, d\), got \(42, 3\)"):
        skeleton.convert_joints(np.zeros((42, 3)), source="common")
