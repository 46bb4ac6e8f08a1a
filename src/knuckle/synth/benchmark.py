"""The frozen synthetic benchmark: 5,000 hands and 1,000 crops without one, procedural backgrounds, by a fixed
seed.

Anyone renders the same set from a clone. `benchmark.json` beside this file holds what it must be: sha256 sums
of the quantised labels and of the images, and means over groups of 64 crops. Labels are computed in float64
and agree between machines; single pixels may round differently on another CPU or OpenCV, which the means then
allow for.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from knuckle.cache import cache_folder
from knuckle.errors import KnuckleError
from knuckle.synth.dataset import SynthSet
from knuckle.synth.options import SynthOptions
from knuckle.synth.storage import INDEX
from knuckle.synth.writer import render_set

BENCHMARK_SEED = 20260
BENCHMARK_COUNT = 6000
BENCHMARK_OPTIONS = SynthOptions(size=128, negatives=1 / 6, backgrounds="procedural")
RECORD = Path(__file__).with_name("benchmark.json")
GROUP = 64
_STEPS = {"is_hand": 1, "frame_size": 1, "joints_m": 1e-4, "joints_px": 1e-2, "shape": 1e-3}
"""What each label is rounded to before it is hashed (m, px)."""
_TOLERANCE = {"joints_m": 1e-4, "joints_px": 0.02, "images": 0.5}
"""How far the mean of a group may be off: m, px, grey levels of 0..255."""


def load_benchmark(cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True) -> SynthSet:
    """The benchmark from the cache folder, rendered there first if need be (half a minute on one core), and checked.

    cache_dir: by default the package's cache. Raises KnuckleError when the set is not the frozen one.
    """
    if cache_dir is None:
        cache_dir = cache_folder()
    folder = Path(cache_dir) / f"synthetic-benchmark-{_expected()['labels_sha256'][:12]}"
    finished = (folder / INDEX).is_file() and json.loads((folder / INDEX).read_text()).get("complete")
    if not finished:
        render_benchmark(folder, workers=workers, progress=progress)
    rendered = SynthSet(folder)
    verify(rendered)
    return rendered


def render_benchmark(folder: Path, *, workers: int = 1, progress: bool = False) -> Path:
    """Render the benchmark into a folder without checking it."""
    return render_set(
        folder,
        BENCHMARK_COUNT,
        seed=BENCHMARK_SEED,
        options=BENCHMARK_OPTIONS,
        workers=workers,
        resume=True,
        progress=progress,
    )


def fingerprint(images: np.ndarray, labels: dict[str, np.ndarray]) -> dict[str, Any]:
    """What is compared: label and image sums, and the means of every group of 64 crops."""
    label_sum = hashlib.sha256()
    for name, step in _STEPS.items():
        rounded = np.rint(np.asarray(labels[name], np.float64) / step).astype("<i8")
        label_sum.update(name.encode() + rounded.tobytes())
    groups = []
    for start in range(0, len(images), GROUP):
        part = slice(start, start + GROUP)
        groups.append(
            {
                "joints_m": labels["joints_m"][part].astype(np.float64).mean((0, 1)).round(6).tolist(),
                "joints_px": labels["joints_px"][part].astype(np.float64).mean((0, 1)).round(4).tolist(),
                "images": images[part].astype(np.float64).mean((0, 1, 2)).round(3).tolist(),
            }
        )
    image_sum = hashlib.sha256(np.ascontiguousarray(images).tobytes())
    return {"labels_sha256": label_sum.hexdigest(), "images_sha256": image_sum.hexdigest(), "groups": groups}


def verify(rendered: SynthSet) -> Literal["exact", "close"]:
    """Check a rendered set against the record: "exact" if both sums agree, "close" if all group means do.

    Raises KnuckleError, naming the first group that differs, when it is another set: the rig, the engine or a
    library has changed, and scores on it must not be compared.
    """
    found = fingerprint(rendered.images, rendered.labels)
    return compare(found, _expected())


def compare(found: dict[str, Any], expected: dict[str, Any]) -> Literal["exact", "close"]:
    """`verify` on fingerprints; the expected one may go on beyond the found one's groups."""
    if all(found[key] == expected[key] for key in ("labels_sha256", "images_sha256")):
        return "exact"
    if len(found["groups"]) > len(expected["groups"]):
        raise KnuckleError(
            f"synthetic benchmark: expected {len(expected['groups'])} groups of {GROUP} crops,"
            f" got {len(found['groups'])}"
        )
    for k, (got, wanted) in enumerate(zip(found["groups"], expected["groups"], strict=False)):
        for name, tolerance in _TOLERANCE.items():
            off = float(np.abs(np.subtract(got[name], wanted[name])).max())
            if off > tolerance:
                raise KnuckleError(
                    f"synthetic benchmark: group {k} differs from the frozen one in {name}: {off:.3g},"
                    f" allowed {tolerance:g}; the engine, the rig or a library has changed"
                )
    return "close"


def _expected() -> dict[str, Any]:
    try:
        return json.loads(RECORD.read_text())
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{RECORD}: expected the record of the synthetic benchmark ({error})") from error
