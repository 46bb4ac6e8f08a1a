"""Render a synthetic benchmark afresh and print whether it is the frozen one.

python -m benchmarks.accuracy.freeze_synthetic [--hands one|two|scene|clip] [--workers N] [--write]. "scene" also does
the pictures of faces and feet. --write makes it the frozen one, its pairs of hands solved anew, for a change of rig or
engine that is meant; scores from before do not compare with scores after.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser
from knuckle.errors import KnuckleError
from knuckle.sets.reader import SynthSet
from knuckle.synth.benchmark import GROUP, ONE_HAND, TWO_HANDS, compare, fingerprint, render_benchmark
from knuckle.synth.clips import frozen as clips
from knuckle.synth.pairs.frozen import keep_pairs
from knuckle.synth.scenes.frozen import FACES_AND_FEET, SCENES, FrozenScenes, render_frozen
from knuckle.synth.scenes.frozen import compare as compare_scenes
from knuckle.synth.scenes.frozen import fingerprint as scenes_fingerprint
from knuckle.synth.writer import POOL


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--hands", choices=("one", "two", "scene", "clip"), default="one")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.hands == "scene":
        for scenes in (SCENES, FACES_AND_FEET):
            _scenes(scenes, workers=options.workers, write=options.write)
        return
    if options.hands == "clip":
        _clips(workers=options.workers, write=options.write)
        return
    frozen = ONE_HAND if options.hands == "one" else TWO_HANDS
    with tempfile.TemporaryDirectory() as folder:
        fresh = replace(frozen, pairs=None) if options.write else frozen
        path = render_benchmark(fresh, Path(folder) / "set", workers=options.workers, progress=True)
        rendered = SynthSet(path)
        found = fingerprint(rendered.images, rendered.labels)
        # The tests render no more than this.
        first = {name: array[:GROUP] for name, array in rendered.labels.items()}
        found["prefix_labels_sha256"] = fingerprint(rendered.images[:GROUP], first)["labels_sha256"]
        if options.write and frozen.pairs is not None:
            shown = np.flatnonzero(np.asarray(rendered.labels["is_hand"]).all(axis=1))
            keep_pairs(path / POOL, shown.tolist(), frozen.pairs)
    print(f"labels {found['labels_sha256']}\nimages {found['images_sha256']}")
    if options.write:
        frozen.record.write_text(json.dumps(found) + "\n")
        print(f"written to {frozen.record}")
        return
    try:
        print(f"the frozen {frozen.name}: {compare(found, frozen.expected(), name=frozen.name)}")
    except KnuckleError as error:
        raise SystemExit(str(error)) from error


def _scenes(frozen: FrozenScenes, *, workers: int, write: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = scenes_fingerprint(
            render_frozen(frozen, Path(folder) / "set", workers=workers, progress=True)
        )
    print(f"labels {found['labels_sha256']}")
    if write:
        frozen.record.write_text(json.dumps(found) + "\n")
        print(f"written to {frozen.record}")
        return
    try:
        print(f"the frozen {frozen.name}: {compare_scenes(found, frozen)}")
    except KnuckleError as error:
        raise SystemExit(str(error)) from error


def _clips(*, workers: int, write: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = clips.fingerprint(clips.render_frozen(Path(folder) / "set", workers=workers, progress=True))
    print(f"labels {found['labels_sha256']}")
    if write:
        clips.RECORD.write_text(json.dumps(found) + "\n")
        print(f"written to {clips.RECORD}")
        return
    try:
        print(f"the frozen clips: {clips.compare(found)}")
    except KnuckleError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
