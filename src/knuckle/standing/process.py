"""The process of a run: its threads, its priority, and the commit of its code."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, NoReturn

from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.one_hand import DATA_VARIABLE
from knuckle.training.launch import ALLOCATOR

_PACKAGE = Path(__file__).resolve().parents[1]
_AGAIN = "KNUCKLE_STANDING_THREADS"


def restart_with_threads(threads: int) -> None:
    """Restart this process if its environment names another number of threads, which libraries read only once."""
    if os.environ.get(_AGAIN) == str(threads):
        return
    wanted = {**ALLOCATOR, **os.environ, "OMP_NUM_THREADS": str(threads), _AGAIN: str(threads)}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


def lower_priority(priority: Literal["idle", "low", "normal"]) -> None:
    """Lower the priority of this process, as far as the system allows."""
    if priority == "normal":
        return
    os.nice(19)
    # Linux shares a core among sessions first; nice values count only within a session.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")
    # This also lowers the priority of reading and writing files.
    if priority == "idle" and hasattr(os, "SCHED_IDLE"):
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def find_commit() -> str:
    """The commit of the checkout that the package runs from, with "+" if files differ from it; "" if installed."""
    if find_checkout() is None:
        return ""
    head, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return f"{head or ''}{'+' if changed else ''}"


def find_checkout() -> Path | None:
    """The git checkout that the package runs from; None if it is installed otherwise."""
    # An installed package may lie inside another project's checkout.
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    top = _git("rev-parse", "--show-toplevel")
    return None if top is None else Path(top)


def restart_in_clone(clone: Path, arguments: list[str]) -> NoReturn:
    """Restart `knuckle ARGUMENTS...` in a clone of the checkout, so that later changes here do not reach it.

    The clone is made if it does not exist. Raises KnuckleError outside of a checkout and if git fails.
    """
    source = find_checkout()
    if source is None:
        raise KnuckleError("--clone: expected knuckle to run from a git checkout, got an installed package")
    if not (clone / ".git").exists():
        made = subprocess.run(
            ["git", "clone", "--quiet", "--local", str(source), str(clone)], capture_output=True, text=True
        )
        if made.returncode:
            raise KnuckleError(
                f"--clone: git cannot clone into {clone}: {made.stderr.strip().splitlines()[-1]}"
            )
    package = clone.resolve() / _PACKAGE.parent.relative_to(source.resolve())
    environment = {**os.environ, "PYTHONPATH": str(package)}
    if data := os.environ.get(DATA_VARIABLE):
        environment[DATA_VARIABLE] = str(Path(data).resolve())
    os.chdir(clone)
    sys.stdout.flush()
    code = "from knuckle.cli.main import main; main()"
    os.execve(sys.executable, [sys.executable, "-c", code, *arguments], environment)


def _git(*arguments: str) -> str | None:
    """The output of git in the package's folder; None if git fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(_PACKAGE), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()
