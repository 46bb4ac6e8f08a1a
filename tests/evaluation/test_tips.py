"""A model's fingertips are brought to the data's before they are scored."""

import numpy as np

from knuckle.evaluation.arrays import Predictions
from knuckle.evaluation.tips import to_tips
from knuckle.rig.tips import MANO_TIPS, TIP_JOINTS

CAMERA = np.tile([500.0, 500, 100, 100], (3, 1))
TIPS = list(TIP_JOINTS)


def predicted(source: str) -> Predictions:
    rng = np.random.default_rng(0)
    away = np.array([0, 0, 0.6])
    vertices = rng.uniform(-0.1, 0.1, (3, 778, 3)) + away
    joints = rng.uniform(-0.1, 0.1, (3, 21, 3)) + away
    joints[:, TIPS] = vertices[:, list(MANO_TIPS[source])]
    return Predictions(joints[..., :2] / joints[..., 2:] * 500 + 100, joints, vertices_m=vertices)


def test_tips_go_from_manopth_s_to_ho3d_s_in_3d_and_2d():
    given = predicted("manopth")
    moved, notes = to_tips(given, CAMERA, source="manopth", target="ho3d")
    np.testing.assert_allclose(moved.joints_m[:, TIPS], given.vertices_m[:, list(MANO_TIPS["ho3d"])])
    np.testing.assert_allclose(moved.joints_px, moved.joints_m[..., :2] / moved.joints_m[..., 2:] * 500 + 100)
    assert notes == (
        "fingertips: the data's are ho3d's, the model's manopth's; converted by the model's mesh",
    )


def test_what_cannot_be_converted_stays_and_is_said():
    given = predicted("freihand")
    same, notes = to_tips(given, CAMERA, source="open", target="freihand")
    assert same is given and "not converted" in notes[0]
    for target in ("freihand", ""):
        assert to_tips(given, CAMERA, source="freihand", target=target) == (given, ())
