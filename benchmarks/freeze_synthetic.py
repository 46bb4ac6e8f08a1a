"""Render the synthetic benchmark afresh and print whether it is the frozen one.

python benchmarks/freeze_synthetic.py [--workers N] [--write]. --write makes it the frozen
one, for a change of rig or engine that is meant; scores from before do not compare with scores after.
"""

import argparse
import json
import tempfile
from pathlib import Path

from knuckle.errors import KnuckleError
from knuckle.synth.benchmark import GROUP, RECORD, compare, fingerprint, render_benchmark
from knuckle.synth.dataset import SynthSet


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rendered = SynthSet(render_benchmark(Path(folder) / "set", workers=options.workers, progress=True))
        found = fingerprint(rendered.images, rendered.labels)
        # The tests render no more than this.
        first = {name: array[:GROUP] for name, array in rendered.labels.items()}
        found["prefix_labels_sha256"] = fingerprint(rendered.images[:GROUP], first)["labels_sha256"]
    print(f"labels {found['labels_sha256']}\nimages {found['images_sha256']}")
    if options.write:
        RECORD.write_text(json.dumps(found) + "\n")
        print(f"written to {RECORD}")
        return
    try:
        print(f"the frozen benchmark: {compare(found, json.loads(RECORD.read_text()))}")
    except (OSError, KnuckleError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
