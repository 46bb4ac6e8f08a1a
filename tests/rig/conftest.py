"""A toy hand, five tubes from a common wrist, in the format of a rig file: tests of the maths need no real
rig."""

import numpy as np
import pytest

from knuckle.rig.anatomy import axes_from_rest_joints
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import rig_from_arrays
from knuckle.skeleton import MANO16_PARENTS

# Joints of each tube from the wrist out (x radial, y towards the forearm, z dorsal; metres), MANO's finger
# order.
_ROOTS = {
    "index": ((0.022, -0.085), 0.10, (0.040, 0.024, 0.022)),
    "middle": ((0.0, -0.088), 0.0, (0.045, 0.027, 0.023)),
    "pinky": ((-0.036, -0.076), -0.18, (0.033, 0.019, 0.019)),
    "ring": ((-0.019, -0.084), -0.09, (0.041, 0.026, 0.023)),
    "thumb": ((0.020, -0.022), 0.75, (0.045, 0.032, 0.027)),
}
_SIDES = 8


def _unit(vector):
    return vector / np.linalg.norm(vector)


def make_toy_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    vertices, faces, owners, regressor, tips = [], [], [], [], {}
    wrist_rings = []
    for chain, (name, (root, fan, lengths)) in enumerate(_ROOTS.items()):
        direction = np.array([np.sin(fan), -np.cos(fan), -0.05])
        direction = _unit(direction)
        points = [np.zeros(3), np.array([*root, 0.0])]
        for length in lengths:
            points.append(points[-1] + length * direction)
            direction = _unit(direction + np.array([0, 0, -0.08]))
        centres, part = [], []
        for bone in range(4):
            for step in range(3 if bone < 3 else 4):
                centres.append(points[bone] + (points[bone + 1] - points[bone]) * step / 3)
                part.append((bone, step / 3))
        first = len(vertices)
        for ring, (centre, (bone, fraction)) in enumerate(zip(centres, part, strict=True)):
            along = _unit(points[bone + 1] - points[bone])
            across = _unit(np.cross(along, [0.0, 0.0, 1.0]))
            up = np.cross(across, along)
            angle = np.arange(_SIDES) * 2 * np.pi / _SIDES
            circle = 0.008 * (np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * up)
            ids = list(range(len(vertices), len(vertices) + _SIDES))
            vertices.extend(centre + circle)
            here = 0 if bone == 0 else 3 * chain + bone
            parent = 0 if bone <= 1 else here - 1
            owners.extend([(here, parent, 0.5 + 0.5 * min(1.0, fraction + 0.2))] * _SIDES)
            if fraction == 0 and bone > 0:
                regressor += [(3 * chain + bone, vertex, 1 / _SIDES) for vertex in ids]
            if ring == 0:
                wrist_rings += ids
            else:
                for k in range(_SIDES):
                    a, b = ids[k] - _SIDES, ids[(k + 1) % _SIDES] - _SIDES
                    faces += [(a, ids[k], b), (b, ids[k], ids[(k + 1) % _SIDES])]
        tips[name] = len(vertices)
        vertices.append(points[-1])
        owners.append((3 * chain + 3, 3 * chain + 2, 1.0))
        last = len(vertices) - 1 - _SIDES
        faces += [(last + k, tips[name], last + (k + 1) % _SIDES) for k in range(_SIDES)]
        assert first < last
    regressor += [(0, vertex, 1 / len(wrist_rings)) for vertex in wrist_rings]
    count = len(vertices)
    points = np.array(vertices)
    shape_basis = 0.0008 * rng.standard_normal((count, 3, 10))
    shape_basis[:, :, 0] = 0.1 * points
    owner = np.array([o[:2] for o in owners])
    weight = np.array([o[2] for o in owners])
    joint, vertex, value = (np.array(column) for column in zip(*regressor, strict=True))
    arrays = {
        "name": np.array("toy"),
        "vertices": points.astype(np.float32),
        "faces": np.array(faces, np.int32),
        "skin_index": owner.astype(np.uint8),
        "skin_weight": np.stack([weight, 1 - weight], 1).astype(np.float32),
        "shape_basis": shape_basis.astype(np.float32),
        "pose_basis": (0.001 * rng.standard_normal((count, 3, 4))).astype(np.float16),
        "pose_map": rng.standard_normal((4, 135)).astype(np.float32) / 12,
        "regressor_joint": joint,
        "regressor_vertex": vertex,
        "regressor_value": value,
        "tip_vertices": np.array([tips[name] for name in ("thumb", "index", "middle", "ring", "pinky")]),
        "parents": np.array(MANO16_PARENTS),
        "axes": np.tile(np.eye(3), (16, 1, 1)),
        "rest_angles": np.zeros((16, 3)),
    }
    axes, rest_angles = axes_from_rest_joints(rig_from_arrays(arrays).joints_rest_m, side="right")
    return arrays | {"axes": axes, "rest_angles": rest_angles}


@pytest.fixture(scope="session")
def toy_arrays() -> dict[str, np.ndarray]:
    return make_toy_arrays()


@pytest.fixture(scope="session")
def toy_rig(toy_arrays) -> HandRig:
    return rig_from_arrays(toy_arrays)
