"""What the package computes, written down before its code moves and compared afterwards, to the last bit.

Run: python tools/freeze/freeze.py record OUT.npz
     python tools/freeze/freeze.py compare BEFORE.npz AFTER.npz [--within 1e-6]
     python tools/freeze/freeze.py load OUT.old
     python tools/freeze/freeze.py walk [--model NAME]

record also writes OUT.old, a folder with sets and training runs as this code stores them; load opens it with the code
of another day. compare and load exit 1 when something differs. README.md beside this file says what is recorded.
"""

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """Returns the exit code: 0, 1 where something differs, 2 for input that cannot be used."""
    arguments = _arguments()
    make_repeatable()
    import commands

    from knuckle import KnuckleError

    try:
        if arguments.command == "record":
            return commands.record(arguments.out, only=arguments.only)
        if arguments.command == "compare":
            return commands.compare(arguments.before, arguments.after, within=arguments.within)
        if arguments.command == "load":
            return commands.load(arguments.folder, within=arguments.within)
        return commands.walk(arguments.model)
    except KnuckleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="write down what the package computes")
    recording.add_argument("out", type=Path, metavar="OUT.npz")
    recording.add_argument("--only", nargs="+", metavar="PART", help="some parts alone")
    comparing = commands.add_parser("compare", help="name what differs between two records")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    loading = commands.add_parser("load", help="open sets and training runs that older code wrote, and go on")
    loading.add_argument("folder", type=Path, metavar="OUT.old")
    for command in (comparing, loading):
        command.add_argument(
            "--within", type=float, help="let floats differ by this much; without it, every bit must agree"
        )
    walking = commands.add_parser("walk", help="count the files that one photo's estimate passes through")
    walking.add_argument("--model", help="as of knuckle estimate; default: its own")
    return parser.parse_args()


def make_repeatable() -> None:
    """One thread: sums over several may be added in another order. No IPP in OpenCV: the last bit of its distance
    transform depends on where in memory the picture lies.

    Call it before numpy is imported, which starts its threads then.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        # onnxruntime takes as many threads as the process has cores.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import cv2

    cv2.setNumThreads(1)
    cv2.ipp.setUseIPP(False)


if __name__ == "__main__":
    sys.exit(main())
