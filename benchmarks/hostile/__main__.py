"""Hostile inputs of nine kinds, made by chance from a seed, each by the entry point it would come in by.

python -m benchmarks.hostile [--count 1000] [--seed 1] [--kinds pictures,json,...] [--only NUMBER] [--list] [--out
FOLDER]

Kinds: pictures, videos, JSON, recipes, weights, pickles in a MANO file's place, tracks, archives, requests to our
servers on this computer. Each input must end in a result or in one sentence with exit code 2: without a traceback, a
crash, code of the file run, a file written elsewhere or half, within 20 s of processor time and 3 GB of memory. Prints
a table and every failure with its number; exit code 1 if there is any. `--only` tries one number again and keeps its
folder.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.hostile.kinds import KINDS
from benchmarks.hostile.run import Verdict, kind_of, tried
from benchmarks.shared.arguments import make_parser

_VERDICTS = ("result", "refused", "failed")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help="only these, as a list with commas")
    parser.add_argument("--only", type=int, default=None, metavar="NUMBER")
    parser.add_argument(
        "--list", action="store_true", dest="listed", help="print every input and what was said"
    )
    parser.add_argument("--out", type=Path, default=None, help="where folders of failures are kept")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"--kinds: expected {', '.join(KINDS)}, got {', '.join(sorted(unknown))}")
    numbers = range(options.count) if options.only is None else [options.only]
    if options.only is not None:
        kinds = [kind_of(options.only)]
    out = (options.out or Path(tempfile.mkdtemp(prefix="hostile-"))).resolve()
    failed = run(numbers, seed=options.seed, kinds=kinds, out=out, listed=options.listed)
    if options.out is None and not failed and options.only is None:
        shutil.rmtree(out, ignore_errors=True)
    raise SystemExit(1 if failed else 0)


def run(
    numbers: range | list[int], *, seed: int, kinds: list[str], out: Path, listed: bool = False
) -> list[Verdict]:
    """Try inputs, print the table and the failures, and return these. listed: print all others too."""
    started = time.monotonic()
    materials = out / "materials"
    if not (materials / "mano.pkl").exists():
        command = [sys.executable, "-m", "benchmarks.hostile.materials", str(materials)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    most: Counter[str] = Counter()
    failed: list[Verdict] = []
    for verdict in tried(numbers, seed=seed, materials=materials, scratch=out, kinds=kinds):
        counts[verdict.kind][verdict.verdict] += 1
        most[verdict.kind] = max(most[verdict.kind], verdict.bytes)
        if listed:
            print(f"{verdict.number} {verdict.kind}: {verdict.name}: {verdict.verdict}: {verdict.said!r}")
        if verdict.fault is not None:
            failed.append(verdict)
            print(f"\nFAILED {verdict.number} ({verdict.kind}: {verdict.name})\n{verdict.fault}")
            print(f"again: python -m benchmarks.hostile --seed {seed} --only {verdict.number}", flush=True)
    print(f"\n{'kind':10} {'result':>8} {'refused':>8} {'failed':>8} {'most memory':>12}")
    for kind, count in counts.items():
        cells = " ".join(f"{count[verdict]:8}" for verdict in _VERDICTS)
        print(f"{kind:10} {cells} {most[kind] / 1e6:9.0f} MB")
    total = sum(sum(count.values()) for count in counts.values())
    print(f"{total - len(failed)} of {total} handled, seed {seed}, {time.monotonic() - started:.0f} s")
    return failed


if __name__ == "__main__":
    main()
