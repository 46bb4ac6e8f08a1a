"""The frozen scenes, procedural backgrounds, by fixed seeds: 500 pictures with 0 to 12 hands, and 100 of faces and feet
without any.

Anyone renders the same ones from a clone. The records beside this file hold the sha256 of the labels, rounded to whole
px, and means over groups of 50 pictures, which allow for single pixels and hands that come out otherwise where sums are
rounded differently. The solved pairs of hands are those of the two-hand benchmark.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float

from knuckle.cache import cache_folder
from knuckle.errors import KnuckleError
from knuckle.sets.storage import INDEX
from knuckle.skeleton import Side
from knuckle.synth.benchmark import TWO_HANDS
from knuckle.synth.pairs.frozen import lay_pairs
from knuckle.synth.scenes.labels import SceneKind
from knuckle.synth.scenes.writer import POOL, read_scenes, render_scenes


@dataclass(frozen=True)
class FrozenScenes:
    """What frozen scenes are rendered from, and the file that they are checked against."""

    name: str
    seed: int
    count: int
    only: SceneKind | None
    record: Path

    def expected(self) -> dict[str, Any]:
        """The record; raises KnuckleError where there is none."""
        try:
            return json.loads(self.record.read_text())
        except (OSError, ValueError) as error:
            raise KnuckleError(f"{self.record}: expected the record of the {self.name} ({error})") from error


SCENES = FrozenScenes("scene benchmark", 20262, 500, None, Path(__file__).with_name("scenes.json"))
FACES_AND_FEET = FrozenScenes(
    "faces and feet", 20263, 100, "faces and feet", Path(__file__).with_name("faces_and_feet.json")
)
GROUP = 50
_TOLERANCE = {"hands": 0.1, "boxes": 2.0, "images": 1.0}
"""How far the mean of a group may be off: hands a picture, px, grey levels of 0..255."""


@dataclass(frozen=True, eq=False)
class LabelledScene:
    """A picture on disk and its hands."""

    path: Path
    boxes_px: Float[np.ndarray, "n 4"]
    """x, y, w, h of the extent of the 21 joints, hidden ones and those beyond the picture's edge included."""
    sides: tuple[Side, ...]
    ignore: Bool[np.ndarray, "n"]
    """Hands of which too little shows: neither to be asked for nor to be counted as a false detection."""
    joints_px: Float[np.ndarray, "n 21 2"]
    visible: Float[np.ndarray, "n"]
    """Share of each hand that shows."""


def load_frozen_scenes(
    frozen: FrozenScenes = SCENES, cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True
) -> list[LabelledScene]:
    """The pictures of `frozen_folder`."""
    return load_scenes(frozen_folder(frozen, cache_dir, workers=workers, progress=progress))


def frozen_folder(
    frozen: FrozenScenes = SCENES, cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True
) -> Path:
    """The folder of frozen scenes in the cache, rendered there first if need be (500 take about a minute on one core),
    and checked; its `boxes.jsonl` has a line for each picture.

    cache_dir: by default the package's cache. Raises KnuckleError when they are not the frozen ones.
    """
    folder = Path(cache_dir or cache_folder())
    folder = folder / f"{frozen.name.replace(' ', '-')}-{frozen.expected()['labels_sha256'][:12]}"
    finished = (folder / INDEX).is_file() and json.loads((folder / INDEX).read_text()).get("complete")
    if not finished:
        render_frozen(frozen, folder, workers=workers, progress=progress)
    compare(fingerprint(folder), frozen)
    return folder


def load_scenes(folder: Path) -> list[LabelledScene]:
    """The pictures of a folder of rendered scenes. Raises KnuckleError where it holds none."""
    found = []
    for line in read_scenes(folder):
        boxes = line["boxes"]
        found.append(
            LabelledScene(
                path=folder / line["file"],
                boxes_px=np.array([box["xywh"] for box in boxes], float).reshape(-1, 4),
                sides=tuple(box["hand"] for box in boxes),
                ignore=np.array([box["ignore"] for box in boxes], bool),
                joints_px=np.array([box["joints_px"] for box in boxes], float).reshape(-1, 21, 2),
                visible=np.array([box["visible"] for box in boxes], float),
            )
        )
    return found


def render_frozen(frozen: FrozenScenes, folder: Path, *, workers: int = 1, progress: bool = False) -> Path:
    """Render frozen scenes into a folder without checking them."""
    if TWO_HANDS.pairs is not None:
        lay_pairs(TWO_HANDS.pairs, folder / POOL)
    return render_scenes(
        folder,
        frozen.count,
        seed=frozen.seed,
        backgrounds="procedural",
        only=frozen.only,
        workers=workers,
        resume=True,
        progress=progress,
    )


def fingerprint(folder: Path) -> dict[str, Any]:
    """What is compared: the labels' sum, and the means of every group of 50 pictures."""
    scenes = load_scenes(folder)
    labels = hashlib.sha256()
    for scene in scenes:
        labels.update(json.dumps([scene.sides, scene.ignore.tolist()]).encode())
        labels.update(np.rint(scene.boxes_px).astype("<i4").tobytes())
    groups = []
    for start in range(0, len(scenes), GROUP):
        part = scenes[start : start + GROUP]
        boxes = np.concatenate([scene.boxes_px[~scene.ignore] for scene in part])
        groups.append(
            {
                "hands": round(len(boxes) / len(part), 3),
                "boxes": boxes.mean(0).round(2).tolist() if len(boxes) else [0.0] * 4,
                "images": round(float(np.mean([_read(scene.path).mean() for scene in part])), 3),
            }
        )
    return {"labels_sha256": labels.hexdigest(), "groups": groups}


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise KnuckleError(f"{path}: expected a rendered picture, cannot read it")
    return image


def compare(found: dict[str, Any], frozen: FrozenScenes) -> Literal["exact", "close"]:
    """Check a fingerprint: "exact" if all agrees, "close" if all group means do, within a tolerance.

    Raises KnuckleError, naming the first group that differs, when they are other scenes: the rig, the engine or a
    library has changed, and scores on them must not be compared.
    """
    expected = frozen.expected()
    if found == expected:
        return "exact"
    if len(found["groups"]) > len(expected["groups"]):
        raise KnuckleError(
            f"{frozen.name}: expected {len(expected['groups'])} groups of {GROUP} pictures, got {len(found['groups'])}"
        )
    for k, (got, wanted) in enumerate(zip(found["groups"], expected["groups"], strict=False)):
        for label, tolerance in _TOLERANCE.items():
            off = float(np.abs(np.subtract(got[label], wanted[label])).max())
            if off > tolerance:
                raise KnuckleError(
                    f"{frozen.name}: group {k} differs from the frozen one in {label}: {off:.3g}, allowed"
                    f" {tolerance:g}; the engine, the rig or a library has changed"
                )
    return "close"
