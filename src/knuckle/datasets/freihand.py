"""FreiHAND (Zimmermann et al. 2019), official layout, version 2.

    training/rgb/%08d.jpg    130,240 = 32,560 x 4 versions: gs (green screen), hom, sample, auto
    evaluation/rgb/%08d.jpg  3,960
    {training,evaluation}_{K,xyz,verts,scale,mano}.json, one entry a sample (training: the first version)

224 x 224 px, right hands only, metres, camera frame, joints in the common order. `scale` is the length of the
bone between joints 9 and 10.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from knuckle.datasets.check import Download, require
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera

Split = Literal["training", "evaluation"]
Version = Literal["gs", "hom", "sample", "auto"]

SIZE = 224
VERSIONS: tuple[Version, ...] = ("gs", "hom", "sample", "auto")
TRAINING_COUNT = 32_560
EVALUATION_COUNT = 3_960
SITE = "lmb.informatik.uni-freiburg.de/projects/freihand"


def download(split: Split, *, complete: bool = False, truth: bool = True) -> Download:
    """What a split needs. complete=True asks for every picture too, not only the label files; truth: for joints and
    vertices."""
    parts = ("K", "xyz", "verts", "scale") if truth else ("K", "scale")
    labels = tuple(f"{split}_{part}.json" for part in parts)
    count = TRAINING_COUNT * len(VERSIONS) if split == "training" else EVALUATION_COUNT
    pictures = ((f"{split}/rgb", "*.jpg", count if complete else 1),)
    return Download(f"FreiHAND {split}", SITE, labels, pictures)


def read_freihand(
    folder: Path,
    *,
    split: Split = "evaluation",
    version: Version = "gs",
    truth: bool = True,
    limit: int | None = None,
) -> list[LabelledHand]:
    """Hands of one split in file order; pictures are read later.

    version: which of the four pictures of a training sample. truth: whether joints and vertices are read, which came
    out years after the pictures; without them a box is the whole picture. limit: only the first so many. Boxes are the
    tight boxes of the projected joints. Raises KnuckleError saying which files are missing or disagree.
    """
    if split not in ("training", "evaluation"):
        raise KnuckleError(f'split: expected "training" or "evaluation", got {split!r}')
    if version not in VERSIONS:
        raise KnuckleError(f"version: expected one of {', '.join(VERSIONS)}, got {version!r}")
    require(folder, download(split, truth=truth))
    parts = ("K", "xyz", "verts", "scale") if truth else ("K", "scale")
    labels = {part: read_json(folder / f"{split}_{part}.json", kind=list) for part in parts}
    counts = {part: len(rows) for part, rows in labels.items()}
    if len(set(counts.values())) != 1:
        raise KnuckleError(f"{folder}: expected as many samples in each {split} label file, got {counts}")
    first = VERSIONS.index(version) * counts["K"] if split == "training" else 0
    return [
        _hand(folder / split / "rgb" / f"{first + i:08d}.jpg", labels, i)
        for i in range(min(counts["K"], limit or counts["K"]))
    ]


def _hand(image: Path, labels: dict[str, list], i: int) -> LabelledHand:
    camera = Camera.from_matrix(np.array(labels["K"][i], dtype=float), SIZE, SIZE)
    scale_m = float(np.ravel(labels["scale"][i])[0])
    if "xyz" not in labels:
        whole = np.array([0.0, 0.0, SIZE, SIZE])
        return LabelledHand(image.stem, "FreiHAND", image, "right", camera, whole, scale_m=scale_m)
    joints_m = np.array(labels["xyz"][i], dtype=float)
    joints_px = camera.project(joints_m)
    return LabelledHand(
        name=image.stem,
        source="FreiHAND",
        image=image,
        side="right",
        camera=camera,
        box_px=tight_box(joints_px),
        joints_px=joints_px,
        joints_m=joints_m,
        vertices_m=np.array(labels["verts"][i], dtype=float),
        scale_m=scale_m,
    )


def tight_box(joints_px: Float[np.ndarray, "21 2"]) -> Float[np.ndarray, "4"]:
    """x, y, w, h of the smallest upright box around the joints."""
    low, high = joints_px.min(axis=0), joints_px.max(axis=0)
    return np.concatenate([low, high - low])
