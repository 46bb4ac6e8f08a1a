"""The frozen synthetic benchmarks, procedural backgrounds, by fixed seeds: 5,000 right hands and 1,000 crops without
one; 2,000 pairs of hands and 1,000 crops of a single one, left or right.

Anyone renders the same sets from a clone. The records beside this file hold what they must be: sha256 sums
of the quantised labels and of the images, and means over groups of 64 crops. Labels are computed in float64
and agree between machines; the pairs of hands, which a solver finds, lie beside the record, as it ends elsewhere where
sums are rounded differently. Single pixels may round differently on another CPU or OpenCV, which the means then allow
for.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from knuckle.cache import cache_folder
from knuckle.errors import KnuckleError
from knuckle.sets.reader import SynthSet
from knuckle.sets.storage import INDEX
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs.frozen import lay_pairs
from knuckle.synth.writer import POOL, render_set


@dataclass(frozen=True)
class FrozenSet:
    """What a benchmark is rendered from, and the files it is checked against."""

    name: str
    seed: int
    count: int
    """Of crops."""
    options: SynthOptions
    record: Path
    """What the set must be: the JSON of `fingerprint`."""
    pairs: Path | None = None
    """Of two hands: the solved pairs."""

    def expected(self) -> dict[str, Any]:
        """The record; raises KnuckleError where there is none."""
        try:
            return json.loads(self.record.read_text())
        except (OSError, ValueError) as error:
            raise KnuckleError(f"{self.record}: expected the record of the {self.name} ({error})") from error


ONE_HAND = FrozenSet(
    "synthetic benchmark",
    20260,
    6000,
    SynthOptions(size=128, negatives=1 / 6, backgrounds="procedural"),
    Path(__file__).with_name("benchmark.json"),
)
TWO_HANDS = FrozenSet(
    "two-hand synthetic benchmark",
    20261,
    3000,
    SynthOptions(size=160, backgrounds="procedural", hands="two", singles=1 / 3),
    Path(__file__).with_name("two_hand_benchmark.json"),
    Path(__file__).with_name("two_hand_benchmark_pairs.npz"),
)
GROUP = 64
_STEPS = {"is_hand": 1, "frame_size": 1, "joints_m": 1e-4, "joints_px": 1e-2, "shape": 1e-3}
"""What each label is rounded to before it is hashed (m, px)."""
_TOLERANCE = {"joints_m": 1e-4, "joints_px": 0.02, "images": 0.5}
"""How far the mean of a group may be off: m, px, grey levels of 0..255."""


def load_benchmark(cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True) -> SynthSet:
    """The benchmark of one hand from the cache folder, rendered there first if need be (half a minute on one core),
    and checked.

    cache_dir: by default the package's cache. Raises KnuckleError when the set is not the frozen one.
    """
    return _load(ONE_HAND, cache_dir, workers=workers, progress=progress)


def load_two_hand_benchmark(
    cache_dir: Path | None = None, *, workers: int = 1, progress: bool = True
) -> SynthSet:
    """`load_benchmark` of two hands: every third crop holds one hand, left or right; none is empty."""
    return _load(TWO_HANDS, cache_dir, workers=workers, progress=progress)


def _load(frozen: FrozenSet, cache_dir: Path | None, *, workers: int, progress: bool) -> SynthSet:
    if cache_dir is None:
        cache_dir = cache_folder()
    name = frozen.name.replace(" ", "-")
    folder = Path(cache_dir) / f"{name}-{frozen.expected()['labels_sha256'][:12]}"
    finished = (folder / INDEX).is_file() and json.loads((folder / INDEX).read_text()).get("complete")
    if not finished:
        render_benchmark(frozen, folder, workers=workers, progress=progress)
    rendered = SynthSet(folder)
    verify(frozen, rendered)
    return rendered


def render_benchmark(frozen: FrozenSet, folder: Path, *, workers: int = 1, progress: bool = False) -> Path:
    """Render a benchmark into a folder without checking it."""
    lay_pool(frozen, folder / POOL)
    return render_set(
        folder,
        frozen.count,
        seed=frozen.seed,
        options=frozen.options,
        workers=workers,
        resume=True,
        progress=progress,
    )


def lay_pool(frozen: FrozenSet, folder: Path) -> None:
    """Copy the benchmark's solved pairs to where its engine looks for them (`make_engine(..., folder=)`)."""
    if frozen.pairs is not None:
        lay_pairs(frozen.pairs, folder)


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
                "joints_m": _mean(labels["joints_m"][part]).round(6).tolist(),
                "joints_px": _mean(labels["joints_px"][part]).round(4).tolist(),
                "images": _mean(images[part]).round(3).tolist(),
            }
        )
    image_sum = hashlib.sha256(np.ascontiguousarray(images).tobytes())
    return {"labels_sha256": label_sum.hexdigest(), "images_sha256": image_sum.hexdigest(), "groups": groups}


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over all axes but the last."""
    return values.astype(np.float64).mean(tuple(range(values.ndim - 1)))


def verify(frozen: FrozenSet, rendered: SynthSet) -> Literal["exact", "close"]:
    """Check a rendered set against the record: "exact" if both sums agree, "close" if all group means do.

    Raises KnuckleError, naming the first group that differs, when it is another set: the rig, the engine or a
    library has changed, and scores on it must not be compared.
    """
    return compare(fingerprint(rendered.images, rendered.labels), frozen.expected(), name=frozen.name)


def compare(
    found: dict[str, Any], expected: dict[str, Any], *, name: str = ONE_HAND.name
) -> Literal["exact", "close"]:
    """`verify` on fingerprints; the expected one may go on beyond the found one's groups. name: of the set, for the
    message."""
    if all(found[key] == expected[key] for key in ("labels_sha256", "images_sha256")):
        return "exact"
    if len(found["groups"]) > len(expected["groups"]):
        raise KnuckleError(
            f"{name}: expected {len(expected['groups'])} groups of {GROUP} crops, got {len(found['groups'])}"
        )
    for k, (got, wanted) in enumerate(zip(found["groups"], expected["groups"], strict=False)):
        for label, tolerance in _TOLERANCE.items():
            off = float(np.abs(np.subtract(got[label], wanted[label])).max())
            if off > tolerance:
                raise KnuckleError(
                    f"{name}: group {k} differs from the frozen one in {label}: {off:.3g},"
                    f" allowed {tolerance:g}; the engine, the rig or a library has changed"
                )
    return "close"
