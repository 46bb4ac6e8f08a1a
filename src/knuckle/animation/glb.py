"""Animated, skinned hands as binary glTF 2.0, which three.js, Blender and engines open.

Each hand is a skeleton of 16 joints and five tips with a skinned mesh, in metres, x right, y up, the camera at the
origin looking along -z. The rig's pose correctives are morph targets with animated weights, so that the surface is
the rig's own. While a hand is not there, the node above its skeleton is scaled to 0: every viewer knows that, while
the extension for visibility (KHR_node_visibility) is animated by few.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from knuckle.animation.gltf import ARRAY, ELEMENTS, Buffer, to_bytes
from knuckle.animation.motion import JOINTS, TIPS, HandMotion, Motion
from knuckle.animation.skinning import continuous, morphs, strongest_influences
from knuckle.export.meshes import GENERATOR, SKIN_SRGB, linear
from knuckle.files import atomic_path
from knuckle.rig.rotations import matrix_to_quaternion
from knuckle.view.shading import vertex_normals

_ROUGHNESS = 0.55


def write_animated_glb(path: str | Path, motion: Motion) -> None:
    """Write the hands, whole or not at all; raises KnuckleError naming the path when it cannot be."""
    data = motion_to_glb(motion)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def motion_to_glb(motion: Motion) -> bytes:
    """The file. Nodes: "left_hand_0" (its extras: identity, side, and from when each state holds) above the joints
    ("left_hand_0_wrist"), "left_hand_0_mesh", and "camera". One animation, "hands", whose times are the video's; a
    photo has none."""
    buffer, nodes, meshes, skins = Buffer(), list[dict[str, Any]](), list[dict[str, Any]](), []
    channels, samplers = list[dict[str, Any]](), list[dict[str, Any]]()
    roots = []
    for hand in motion.hands:
        first = len(nodes)
        nodes += _nodes(hand, motion, first)
        mesh_node = len(nodes)
        basis, weights = morphs(hand)
        targets, scales = _targets(basis, weights, buffer)
        meshes.append(_mesh(hand, buffer, targets, weights[0] / scales))
        skins.append(_skin(hand, buffer, first + 1))
        nodes.append({"name": f"{hand.name}_mesh", "mesh": len(meshes) - 1, "skin": len(skins) - 1})
        roots += [first, mesh_node]
        if not motion.still:
            _animate(hand, motion, buffer, first, mesh_node, weights / scales, channels, samplers)
    nodes.append({"name": "camera", "camera": 0})
    tree: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"name": "hands", "nodes": [*roots, len(nodes) - 1]}],
        "nodes": nodes,
        "cameras": [_camera(motion)],
    }
    if meshes:
        tree |= {"meshes": meshes, "skins": skins, "materials": [_material()]}
    if channels:
        tree["animations"] = [{"name": "hands", "channels": channels, "samplers": samplers}]
    return to_bytes(tree, buffer)


def keys_of(hand: HandMotion, motion: Motion) -> tuple[Float[np.ndarray, "k"], Int[np.ndarray, "k"]]:
    """Times of keys (seconds), and which of the hand's frames each shows: its own frames, and each run's last one once
    more where the hand is gone, so that it does not drift towards the next run while it is still there."""
    keys = [(row, number) for number, row in enumerate(hand.rows.tolist())]
    place = dict(keys)
    gone = [(end, place[end - 1]) for _, end in motion.presence(hand) if end < len(motion.times_s)]
    rows, numbers = np.array(sorted(keys + gone)).T
    return motion.times_s[rows], numbers


def _nodes(hand: HandMotion, motion: Motion, first: int) -> list[dict[str, Any]]:
    """The hand's node, joints and tips in the pose of its first frame."""
    changes = hand.state_changes(len(motion.times_s))
    extras = {
        "identity": hand.identity,
        "side": hand.side,
        "confidence": round(float(hand.confidence.mean()), 4),
        "state": [state for _, state in changes],
        "state_from_s": [round(float(motion.times_s[row]), 6) for row, _ in changes],
    }
    nodes: list[dict[str, Any]] = [{"name": hand.name, "children": [first + 1], "extras": extras}]
    quaternions = np.roll(matrix_to_quaternion(hand.turns[0]), -1, axis=-1)
    for joint, name in enumerate((*JOINTS, *TIPS)):
        place = hand.root_m[0] if joint == 0 else hand.rest_offsets_m[joint]
        node: dict[str, Any] = {"name": f"{hand.name}_{name}", "translation": _numbers(place)}
        if joint < len(JOINTS):
            node["rotation"] = _numbers(quaternions[joint])
        children = [first + 1 + child for child, parent in enumerate(hand.parents) if parent == joint]
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _targets(
    basis: Float[np.ndarray, "v 3 m"], weights: Float[np.ndarray, "T m"], buffer: Buffer
) -> tuple[list[int], Float[np.ndarray, "m"]]:
    """The targets, each as large as this hand ever needs it: weights then stay within -1..1, beyond which some programs
    do not go. Returns accessors, and what to divide weights by."""
    scales = np.abs(weights).max(0)
    scales = np.where(scales > 0, scales, 1.0)
    offsets = (basis * scales).astype(np.float32)
    return [buffer.add(offsets[..., k], target=ARRAY) for k in range(offsets.shape[-1])], scales


def _mesh(hand: HandMotion, buffer: Buffer, targets: list[int], weights: np.ndarray) -> dict[str, Any]:
    vertices = hand.rest_vertices_m.astype(np.float32)
    faces = hand.rig.faces
    joints, shares = strongest_influences(hand.rig.skin_weights)
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": buffer.add(vertices, target=ARRAY),
            "NORMAL": buffer.add(vertex_normals(vertices, faces).astype(np.float32), target=ARRAY),
            "JOINTS_0": buffer.add(joints, target=ARRAY),
            "WEIGHTS_0": buffer.add(shares, target=ARRAY),
        },
        "indices": buffer.add(faces.reshape(-1).astype(np.uint16), target=ELEMENTS),
        "material": 0,
    }
    mesh: dict[str, Any] = {"name": hand.name, "primitives": [primitive]}
    if targets:
        primitive["targets"] = [{"POSITION": accessor} for accessor in targets]
        mesh["weights"] = _numbers(weights)
        mesh["extras"] = {"targetNames": [f"pose_{k}" for k in range(len(targets))]}
    return mesh


def _skin(hand: HandMotion, buffer: Buffer, wrist: int) -> dict[str, Any]:
    """All joints, tips included: programs that make bones of them then see where fingers end."""
    count = len(hand.rest_joints_m)
    from_rest = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    from_rest[:, :3, 3] = -hand.rest_joints_m
    return {
        "name": hand.name,
        "inverseBindMatrices": buffer.add(from_rest),
        "joints": list(range(wrist, wrist + count)),
        "skeleton": wrist,
    }


def _animate(
    hand: HandMotion,
    motion: Motion,
    buffer: Buffer,
    first: int,
    mesh_node: int,
    weights: np.ndarray,
    channels: list[dict[str, Any]],
    samplers: list[dict[str, Any]],
) -> None:
    times, numbers = keys_of(hand, motion)
    key_times = buffer.add(times.astype(np.float32))

    def add(node: int, path: str, values: np.ndarray, *, at: int = key_times, step: bool = False) -> None:
        output = buffer.add(np.ascontiguousarray(values, np.float32))
        samplers.append({"input": at, "output": output, "interpolation": "STEP" if step else "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    quaternions = continuous(np.roll(matrix_to_quaternion(hand.turns), -1, axis=-1))[numbers]
    add(first + 1, "translation", hand.root_m[numbers])
    for joint in range(len(JOINTS)):
        add(first + 1 + joint, "rotation", quaternions[:, joint])
    if weights.shape[1]:
        add(mesh_node, "weights", weights[numbers].reshape(-1))
    runs = motion.presence(hand)
    if runs != [(0, len(motion.times_s))]:
        there = {0: 0.0} | {row: size for run in runs for row, size in zip(run, (1.0, 0.0), strict=True)}
        rows = [row for row in sorted(there) if row < len(motion.times_s)]
        when = buffer.add(motion.times_s[rows].astype(np.float32))
        sizes = np.array([[there[row]] * 3 for row in rows])
        add(first, "scale", sizes, at=when, step=True)


def _camera(motion: Motion) -> dict[str, Any]:
    """The video's camera, as far as glTF can say it: the picture's middle is where it looks."""
    lens = motion.camera
    perspective = {
        "yfov": float(2 * np.arctan(lens.height / 2 / lens.fy)),
        "aspectRatio": float(lens.width / lens.height * lens.fy / lens.fx),
        "znear": 0.01,
    }
    return {"name": "camera", "type": "perspective", "perspective": perspective}


def _material() -> dict[str, Any]:
    return {
        "name": "skin",
        "pbrMetallicRoughness": {
            "baseColorFactor": list(linear(SKIN_SRGB)),
            "metallicFactor": 0.0,
            "roughnessFactor": _ROUGHNESS,
        },
    }


def _numbers(values: np.ndarray) -> list[float]:
    return np.asarray(values, np.float32).tolist()
