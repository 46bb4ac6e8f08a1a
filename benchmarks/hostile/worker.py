"""The process that hostile inputs are tried in: it makes one, runs it, and says what came of it, a line of JSON each.

Started by `benchmarks.hostile.run` with a pipe of numbers at its input. It is killed from outside where an input takes
too long, and may not take more address space than it is given; what it had when all was loaded comes on top.
"""

import faulthandler
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from random import Random

from benchmarks.hostile.attempt import Attempt
from benchmarks.hostile.guard import Guard
from benchmarks.hostile.kinds.pickles import CANARY
from benchmarks.shared.whole_files import faults

_MOST_MESSAGE = 4000
"""Letters of what is printed about one input, the path of the input aside."""


def main(kind: str, seed: int, materials: Path, scratch: Path, memory_bytes: int) -> None:
    """Try the inputs whose numbers come on stdin, one a line."""
    from benchmarks.hostile.kinds import KINDS

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    printed = scratch / f"printed-{os.getpid()}"
    faulthandler.enable(open(os.dup(2), "w"))  # noqa: SIM115, PTH123 - stays open
    # Libraries in C print as well: the file behind both streams is another, not the objects alone.
    file = printed.open("wb+")
    for stream in (1, 2):
        os.dup2(file.fileno(), stream)
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    maker = KINDS[kind](materials)
    guard = Guard(network=kind == "requests")
    # Modules that the first input loads count as loaded, and need not fit into an input's share.
    _tried(maker.attempt(Random("warm"), _fresh(scratch / "warm")), guard, scratch / "warm", file.fileno())
    limit = _status("VmSize") + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps({"ready": os.getpid()}), file=answers)
    for line in sys.stdin:
        number = int(line)
        folder = _fresh(scratch / f"{number}")
        # Peaks of memory are counted anew.
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        try:
            attempt = maker.attempt(Random(f"{seed}:{number}"), folder)
        except Exception:
            print(json.dumps({"name": "not made", "fault": traceback.format_exc()}), file=answers)
            continue
        print(json.dumps({"name": attempt.name}), file=answers)
        verdict, fault = _tried(attempt, guard, folder, file.fileno())
        said = os.pread(file.fileno(), 400, 0).decode(errors="replace").strip()
        more = max(_status("VmHWM") - before, 0)
        print(json.dumps({"verdict": verdict, "fault": fault, "bytes": more, "said": said}), file=answers)
        if fault is None:
            shutil.rmtree(folder, ignore_errors=True)
    printed.unlink(missing_ok=True)


def _tried(attempt: Attempt, guard: Guard, folder: Path, printed: int) -> tuple[str, str | None]:
    """What came of an input ("result" or "refused"), and what is wrong with that, if anything."""
    given = frozenset(path for path in folder.rglob("*") if path.is_file())
    os.ftruncate(printed, 0)
    os.lseek(printed, 0, os.SEEK_SET)
    # Temporary files count as the input's too.
    tempfile.tempdir = str(folder)
    guard.watch(folder)
    code, fault = None, None
    try:
        code = attempt.run()
    except MemoryError:
        fault = f"out of memory\n{traceback.format_exc()}"
    except BaseException:  # whatever gets out is what users would see
        fault = traceback.format_exc()
    noted = guard.noted()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    text = os.pread(printed, 1 << 20, 0).decode(errors="replace")
    if fault is None:
        fault = judged(attempt, code, text, folder, given)
    if noted:
        fault = f"did what it must not: {'; '.join(noted)}\n{fault or ''}"
    return ("result" if code == 0 else "refused"), fault


def judged(attempt: Attempt, code: int | None, text: str, folder: Path, given: frozenset[Path]) -> str | None:
    """What is wrong with what came of an input, if anything.

    code, text: the exit code, and all that was printed. folder: where the input lies; given: the files that were there
    before.
    """
    canaries = [*folder.rglob(f"*{CANARY}*"), *folder.parent.glob(f"*{CANARY}*")]
    if set(canaries) - given or _CANARY_ELSEWHERE.exists():
        return "ran code of the file, or wrote where the file says"
    if code not in attempt.exit_codes:
        return f"exit code {code}: {text[-1500:]}"
    if "Traceback (most recent call last)" in text:
        return f"printed a traceback: {text[-1500:]}"
    errors = re.findall(r"^error: .*", text, flags=re.MULTILINE)
    if code == 2 and len(errors) != 1:
        return f"expected one sentence with exit code 2, got {text[-1500:]!r}"
    if code == 2 and len(errors[0].replace(str(folder), "")) > _MOST_MESSAGE:
        return f"an error of {len(errors[0])} letters: {errors[0][:300]!r}"
    if half := list(faults(folder, given)):
        return f"left half files: {'; '.join(half)}"
    return None


_CANARY_ELSEWHERE = Path("/tmp") / CANARY


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _status(name: str) -> int:
    """A size of this process, bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
