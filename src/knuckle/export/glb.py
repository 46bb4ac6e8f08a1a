"""All hands of a photo as one binary glTF file, which any 3D viewer opens."""

import json
import struct
from pathlib import Path

import numpy as np
import trimesh
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from knuckle.export.meshes import named_meshes
from knuckle.files import atomic_path
from knuckle.hands import Hands
from knuckle.view.shading import vertex_normals

_SKIN = PBRMaterial(
    name="skin",
    baseColorFactor=np.array([222, 172, 145, 255], dtype=np.uint8),
    metallicFactor=0.0,
    roughnessFactor=0.55,
)


def hands_to_glb(hands: Hands) -> bytes:
    """Binary glTF 2.0 with a node for each hand ("left_hand_0").

    Metres, x right, y up; the camera is at the origin and looks along -z. Vertices have normals. Without hands the
    scene is valid and empty. Raises KnuckleError if hands have no faces.
    """
    scene = trimesh.Scene()
    for name, vertices, faces in named_meshes(hands):
        # Not left to trimesh, which computes normals with scipy; the base install has no scipy.
        normals = vertex_normals(vertices.astype(np.float32), faces)
        mesh = trimesh.Trimesh(vertices, faces, vertex_normals=normals, process=False)
        mesh.visual = TextureVisuals(material=_SKIN)
        scene.add_geometry(mesh, node_name=name, geom_name=name)
    if not len(hands):
        return _empty()
    data = scene.export(file_type="glb", include_normals=True)
    if not isinstance(data, bytes):
        raise TypeError(f"glb: expected bytes of the exporter, got {type(data).__name__}")
    return data


def write_glb(path: str | Path, hands: Hands) -> None:
    """Write the hands as .glb, whole or not at all; raises KnuckleError naming a path that cannot be written."""
    data = hands_to_glb(hands)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _empty() -> bytes:
    """A file with one empty scene. glTF does not allow empty lists of meshes, so the file has no such list."""
    text = json.dumps({"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"name": "hands"}]}).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text
