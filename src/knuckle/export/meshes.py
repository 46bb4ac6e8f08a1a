"""All hands of a photo as meshes in one file: binary glTF, which any 3D viewer opens, or Wavefront .obj."""

import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trimesh
from jaxtyping import Float, Int
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.hands import Hands
from knuckle.view.shading import vertex_normals

GENERATOR = "knuckle"
"""What every .glb names as its maker."""


def linear(srgb: tuple[int, int, int]) -> tuple[float, float, float, float]:
    """An opaque colour as glTF has its factors: linear, not in sRGB as colours are chosen and pictures are stored."""
    parts = np.array(srgb) / 255
    red, green, blue = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4).tolist()
    return red, green, blue, 1.0


SKIN_SRGB = (222, 172, 145)
_SKIN = PBRMaterial(
    name="skin",
    baseColorFactor=linear(SKIN_SRGB),
    metallicFactor=0.0,
    roughnessFactor=0.55,
)


class NamedMesh(NamedTuple):
    """The mesh of one hand."""

    name: str
    """Side and index in the photo, such as "left_hand_0"."""
    vertices_m: Float[np.ndarray, "V 3"]
    """x right, y up, z towards the camera."""
    faces: Int[np.ndarray, "F 3"]


def named_meshes(hands: Hands) -> list[NamedMesh]:
    """The meshes of all hands; raises KnuckleError if hands have vertices but no triangles."""
    if len(hands) and not len(hands.faces):
        raise KnuckleError("hands: expected the mesh's faces (Hands.with_faces), got none")
    return [
        NamedMesh(f"{hand.side}_hand_{i}", hand.vertices_m * OPENGL_FROM_CAMERA, hands.faces_of(hand.side))
        for i, hand in enumerate(hands)
    ]


def hands_to_glb(hands: Hands) -> bytes:
    """Binary glTF 2.0: a node a hand ("left_hand_0"), metres, x right, y up, the camera at the origin facing
    -z.

    Vertices carry normals. Without hands the scene is empty, yet valid. Raises KnuckleError when hands have
    no faces.
    """
    scene = trimesh.Scene()
    for name, vertices, faces in named_meshes(hands):
        # Given, because trimesh computes normals with scipy, which the base install leaves out.
        normals = vertex_normals(vertices.astype(np.float32), faces)
        mesh = trimesh.Trimesh(vertices, faces, vertex_normals=normals, process=False)
        mesh.visual = TextureVisuals(material=_SKIN)
        scene.add_geometry(mesh, node_name=name, geom_name=name)
    if not len(hands):
        return _empty()
    data = scene.export(file_type="glb", include_normals=True, tree_postprocessor=_sign)
    if not isinstance(data, bytes):
        raise TypeError(f"glb: expected bytes of the exporter, got {type(data).__name__}")
    return data


def write_glb(path: str | Path, hands: Hands) -> None:
    """Write the hands as .glb, whole or not at all; raises KnuckleError naming the path when it cannot be."""
    data = hands_to_glb(hands)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def hands_to_obj(hands: Hands) -> str:
    """One object a hand ("left_hand_0"), metres, x right, y up, z towards the camera.

    Raises KnuckleError when hands have no faces.
    """
    lines, offset = ["# hands in metres, x right, y up, z towards the camera"], 1
    for name, vertices, faces in named_meshes(hands):
        lines.append(f"o {name}")
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (faces.astype(int) + offset).tolist()]
        offset += len(vertices)
    return "\n".join(lines) + "\n"


def write_obj(path: str | Path, hands: Hands) -> None:
    """Write the hands as .obj, whole or not at all; raises KnuckleError naming the path when it cannot be."""
    text = hands_to_obj(hands)
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def _sign(tree: dict[str, Any]) -> None:
    tree["asset"]["generator"] = GENERATOR


def _empty() -> bytes:
    """A file with one empty scene: glTF allows no empty lists of meshes, so only the scene is named."""
    asset = {"version": "2.0", "generator": GENERATOR}
    text = json.dumps({"asset": asset, "scene": 0, "scenes": [{"name": "hands"}]}).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text
