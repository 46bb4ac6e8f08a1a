"""Animated, skinned hands as USD in its text form (.usda), written without USD's own library.

A hand is a SkelRoot with a skeleton, its animation, a skinned mesh and the rig's pose correctives as blend shapes: a
frame is then some 1.5 kB, where baked points would be 40. Metres, y up, the camera at the origin looking along -z. Time
codes are the video's true times, in frames of its average rate. While a hand is away it is invisible.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from knuckle.animation.motion import JOINTS, TIPS, HandMotion, Motion
from knuckle.animation.skinning import continuous, morphs, strongest_influences
from knuckle.export.meshes import SKIN_SRGB, linear
from knuckle.files import atomic_path
from knuckle.rig.rotations import matrix_to_quaternion

_LEAST_M = 5e-7
"""Offsets of correctives below this are left out."""
_APERTURE_MM = 20.955


def write_usda(path: str | Path, motion: Motion) -> None:
    """Write the hands, whole or not at all; raises KnuckleError naming the path when it cannot be."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for line in motion_to_usda(motion):
            file.write(line + "\n")


def motion_to_usda(motion: Motion) -> Iterator[str]:
    """The file's lines."""
    codes = _codes(motion)
    yield from (
        "#usda 1.0",
        "(",
        '    defaultPrim = "hands"',
        "    metersPerUnit = 1",
        '    upAxis = "Y"',
        f"    timeCodesPerSecond = {motion.rate:.9g}",
        f"    framesPerSecond = {motion.rate:.9g}",
        f"    startTimeCode = {codes[0]:.9g}",
        f"    endTimeCode = {codes[-1]:.9g}",
        ")",
        "",
        'def Xform "hands"',
        "{",
    )
    for hand in motion.hands:
        yield from _indented(_hand(hand, motion))
    yield from _indented(_camera(motion))
    yield from _indented(_material())
    yield "}"


def _hand(hand: HandMotion, motion: Motion) -> Iterator[str]:
    yield f'def SkelRoot "{hand.name}" ('
    yield '    prepend apiSchemas = ["SkelBindingAPI"]'
    yield "    customData = {"
    yield f"        int identity = {hand.identity}"
    yield f'        string side = "{hand.side}"'
    yield "    }"
    yield ")"
    yield "{"
    codes = _codes(motion)
    runs = motion.presence(hand)
    if runs != [(0, len(codes))]:
        there = {0: "invisible"}
        there |= {
            row: word for run in runs for row, word in zip(run, ("inherited", "invisible"), strict=True)
        }
        yield "    token visibility.timeSamples = {"
        yield from (f'        {codes[row]:.9g}: "{there[row]}",' for row in sorted(there) if row < len(codes))
        yield "    }"
    changes = hand.state_changes(len(codes))
    yield "    custom string knuckle:state.timeSamples = {"
    yield from (f'        {codes[row]:.9g}: "{state}",' for row, state in changes if row < len(codes))
    yield "    }"
    yield from _indented(_skeleton(hand))
    yield from _indented(_animation(hand, motion))
    yield from _indented(_mesh(hand))
    yield "}"


def _skeleton(hand: HandMotion) -> Iterator[str]:
    rest, bind = np.tile(np.eye(4), (2, len(hand.parents), 1, 1))
    rest[:, 3, :3], bind[:, 3, :3] = hand.rest_offsets_m, hand.rest_joints_m
    rest[0, 3, :3] = hand.rest_joints_m[0]
    yield 'def Skeleton "skeleton" ('
    yield '    prepend apiSchemas = ["SkelBindingAPI"]'
    yield ")"
    yield "{"
    yield f"    uniform token[] joints = {_words(_paths(hand))}"
    yield f"    uniform matrix4d[] bindTransforms = [{', '.join(map(_matrix, bind))}]"
    yield f"    uniform matrix4d[] restTransforms = [{', '.join(map(_matrix, rest))}]"
    yield f"    rel skel:animationSource = </hands/{hand.name}/animation>"
    yield "}"


def _animation(hand: HandMotion, motion: Motion) -> Iterator[str]:
    codes = [f"{code:.9g}" for code in _codes(motion)[hand.rows]]
    places = np.tile(hand.rest_offsets_m, (len(codes), 1, 1))
    places[:, 0] = hand.root_m
    turns = np.zeros((len(codes), len(hand.parents), 4))
    turns[..., 0] = 1
    turns[:, : len(JOINTS)] = continuous(matrix_to_quaternion(hand.turns))
    _, weights = morphs(hand)
    count = weights.shape[1]
    yield 'def SkelAnimation "animation"'
    yield "{"
    yield f"    uniform token[] joints = {_words(_paths(hand))}"
    yield f"    half3[] scales = [{', '.join(['(1, 1, 1)'] * len(hand.parents))}]"
    yield "    float3[] translations.timeSamples = {"
    yield from (f"        {code}: {_vectors(row)}," for code, row in zip(codes, places, strict=True))
    yield "    }"
    yield "    quatf[] rotations.timeSamples = {"
    yield from (f"        {code}: {_vectors(row, digits=7)}," for code, row in zip(codes, turns, strict=True))
    yield "    }"
    if count:
        yield f"    uniform token[] blendShapes = {_words(_shapes(count))}"
        yield "    float[] blendShapeWeights.timeSamples = {"
        for code, row in zip(codes, weights, strict=True):
            yield f"        {code}: [{', '.join(_number(value, 7) for value in row.tolist())}],"
        yield "    }"
    yield "}"


def _mesh(hand: HandMotion) -> Iterator[str]:
    vertices, faces = hand.rest_vertices_m, hand.rig.faces
    joints, shares = strongest_influences(hand.rig.skin_weights)
    basis, _ = morphs(hand)
    names = _shapes(basis.shape[-1])
    yield 'def Mesh "mesh" ('
    yield '    prepend apiSchemas = ["SkelBindingAPI", "MaterialBindingAPI"]'
    yield ")"
    yield "{"
    yield '    uniform token subdivisionScheme = "none"'
    yield f"    float3[] extent = {_vectors(np.stack([vertices.min(0), vertices.max(0)]))}"
    yield f"    int[] faceVertexCounts = [{', '.join(['3'] * len(faces))}]"
    yield f"    int[] faceVertexIndices = [{', '.join(map(str, faces.ravel().tolist()))}]"
    yield f"    point3f[] points = {_vectors(vertices, digits=7)}"
    yield f"    color3f[] primvars:displayColor = [{_vector(linear(SKIN_SRGB)[:3])}]"
    yield "    rel material:binding = </hands/skin>"
    yield f"    rel skel:skeleton = </hands/{hand.name}/skeleton>"
    yield f"    int[] primvars:skel:jointIndices = [{', '.join(map(str, joints.ravel().tolist()))}] ("
    yield "        elementSize = 4"
    yield '        interpolation = "vertex"'
    yield "    )"
    yield f"    float[] primvars:skel:jointWeights = [{', '.join(_number(v) for v in shares.ravel().tolist())}] ("
    yield "        elementSize = 4"
    yield '        interpolation = "vertex"'
    yield "    )"
    if names:
        base = f"/hands/{hand.name}/mesh"
        yield f"    uniform token[] skel:blendShapes = {_words(names)}"
        yield f"    rel skel:blendShapeTargets = [{', '.join(f'<{base}/{name}>' for name in names)}]"
    for number, name in enumerate(names):
        moved = np.flatnonzero(np.abs(basis[..., number]).max(1) > _LEAST_M)
        yield f'    def BlendShape "{name}"'
        yield "    {"
        yield f"        uniform vector3f[] offsets = {_vectors(basis[moved, :, number], digits=7)}"
        yield f"        uniform int[] pointIndices = [{', '.join(map(str, moved.tolist()))}]"
        yield "    }"
    yield "}"


def _camera(motion: Motion) -> Iterator[str]:
    lens = motion.camera
    wide = _APERTURE_MM
    high = wide * lens.height / lens.width * lens.fx / lens.fy
    yield 'def Camera "camera"'
    yield "{"
    yield '    token projection = "perspective"'
    yield f"    float horizontalAperture = {wide:.9g}"
    yield f"    float verticalAperture = {high:.9g}"
    yield f"    float focalLength = {lens.fx / lens.width * wide:.9g}"
    yield "    float2 clippingRange = (0.01, 100)"
    yield "}"


def _material() -> Iterator[str]:
    yield 'def Material "skin"'
    yield "{"
    yield "    token outputs:surface.connect = </hands/skin/surface.outputs:surface>"
    yield '    def Shader "surface"'
    yield "    {"
    yield '        uniform token info:id = "UsdPreviewSurface"'
    yield f"        color3f inputs:diffuseColor = {_vector(linear(SKIN_SRGB)[:3])}"
    yield "        float inputs:roughness = 0.55"
    yield "        token outputs:surface"
    yield "    }"
    yield "}"


def _codes(motion: Motion) -> np.ndarray:
    return motion.times_s * motion.rate


def _paths(hand: HandMotion) -> list[str]:
    """Each joint by the way to it from the wrist, as USD names joints."""
    names, paths = (*JOINTS, *TIPS), list[str]()
    for joint, parent in enumerate(hand.parents):
        paths.append(names[joint] if parent < 0 else f"{paths[parent]}/{names[joint]}")
    return paths


def _shapes(count: int) -> list[str]:
    return [f"pose_{number}" for number in range(count)]


def _words(words: Iterable[str]) -> str:
    return f"[{', '.join(f'{chr(34)}{word}{chr(34)}' for word in words)}]"


def _number(value: float, digits: int = 6) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _vector(values: Iterable[float], digits: int = 6) -> str:
    return f"({', '.join(_number(value, digits) for value in values)})"


def _vectors(rows: np.ndarray, digits: int = 6) -> str:
    return f"[{', '.join(_vector(row, digits) for row in rows.tolist())}]"


def _matrix(matrix: np.ndarray) -> str:
    return f"({', '.join(_vector(row, 8) for row in matrix.tolist())})"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
