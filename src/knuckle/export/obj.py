"""All hands of a photo as one Wavefront .obj file."""

from pathlib import Path

from knuckle.export.meshes import named_meshes
from knuckle.files import atomic_path
from knuckle.hands import Hands


def hands_to_obj(hands: Hands) -> str:
    """Wavefront text with an object for each hand ("left_hand_0"): metres, x right, y up, z towards the camera.

    Raises KnuckleError if hands have no faces.
    """
    lines, offset = ["# hands in metres, x right, y up, z towards the camera"], 1
    for name, vertices, faces in named_meshes(hands):
        lines.append(f"o {name}")
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (faces.astype(int) + offset).tolist()]
        offset += len(vertices)
    return "\n".join(lines) + "\n"


def write_obj(path: str | Path, hands: Hands) -> None:
    """Write the hands as .obj, whole or not at all; raises KnuckleError naming a path that cannot be written."""
    text = hands_to_obj(hands)
    with atomic_path(path) as temporary:
        temporary.write_text(text)
