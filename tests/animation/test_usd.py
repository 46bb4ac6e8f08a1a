"""USD as text: what it says of skeleton, time and gaps; read by USD's own library where that is installed."""

import re

import numpy as np
import pytest
from moving import FRAMES, RATE, frame_at, made_track, time_at

from knuckle.animation.motion import read_motion
from knuckle.animation.usd import motion_to_usda, write_usda

AXES = np.array([1.0, -1, -1])


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    return read_motion(made_track(tmp_path_factory.mktemp("track")))


def test_head_times_and_visibility(motion):
    text = "\n".join(motion_to_usda(motion))
    assert text.startswith("#usda 1.0\n")
    for line in (
        "metersPerUnit = 1",
        'upAxis = "Y"',
        "timeCodesPerSecond = 30",
        'def SkelRoot "left_hand_1" (',
    ):
        assert line in text
    assert text.count("{") == text.count("}") and text.count("(") == text.count(")")
    block = text[text.index('"left_hand_1"') :]
    samples = re.findall(
        r'([\d.]+): "(\w+)"', block[block.index("visibility") : block.index("custom string")]
    )
    expected = {0: "invisible", 3: "inherited", 9: "invisible", 14: "inherited", 22: "invisible"}
    assert {round(float(code)): word for code, word in samples} == expected
    assert '"held"' in block
    assert not re.search(r"nan|inf\b|e-\d", text)


def test_the_surface_is_the_rigs_by_usds_own_skinning(motion, tmp_path):
    usd = pytest.importorskip("pxr.Usd", reason="usd-core, which reads USD, is not installed")
    from pxr import Gf, UsdGeom, UsdSkel, Vt

    write_usda(tmp_path / "a.usda", motion)
    stage = usd.Stage.Open(str(tmp_path / "a.usda"))
    cache = UsdSkel.Cache()
    worst = 0.0
    for number in range(0, FRAMES, 4):
        code = usd.TimeCode(time_at(number) * RATE)
        for hand in frame_at(number):
            name = f"{hand.side}_hand_{hand.identity}"
            root = UsdSkel.Root(stage.GetPrimAtPath(f"/hands/{name}"))
            cache.Populate(root, usd.PrimDefaultPredicate)
            skeleton = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath(f"/hands/{name}/skeleton")))
            mesh = stage.GetPrimAtPath(f"/hands/{name}/mesh")
            query = cache.GetSkinningQuery(mesh)
            points = np.array(UsdGeom.Mesh(mesh).GetPointsAttr().Get())
            weights = skeleton.GetAnimQuery().ComputeBlendShapeWeights(code)
            shapes = UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(mesh))
            sub, index, which = shapes.ComputeSubShapeWeights(weights)
            moved = Vt.Vec3fArray([Gf.Vec3f(*map(float, p)) for p in points])
            shapes.ComputeDeformedPoints(
                sub,
                index,
                which,
                shapes.ComputeBlendShapePointIndices(),
                shapes.ComputeSubShapePointOffsets(),
                moved,
            )
            turns = skeleton.ComputeSkinningTransforms(code)
            assert query.ComputeSkinnedPoints(turns, moved, code)
            worst = max(worst, np.abs(np.array(moved) - hand.vertices_m * AXES).max())
    assert worst < 1e-4, f"{1e3 * worst:.4f} mm"
