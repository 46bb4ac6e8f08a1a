"""The process of a run: its threads, its priority, and which commit of the code it runs."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

import knuckle
from knuckle.training.launch import ALLOCATOR

_AGAIN = "KNUCKLE_STANDING_THREADS"


def with_threads(threads: int) -> None:
    """Begin this process anew where its environment has another number of threads: libraries read it once."""
    if os.environ.get(_AGAIN) == str(threads):
        return
    wanted = {**ALLOCATOR, **os.environ, "OMP_NUM_THREADS": str(threads), _AGAIN: str(threads)}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


def lower_priority(priority: Literal["idle", "low", "normal"]) -> None:
    """Give way to others, as far as the system knows how."""
    if priority == "normal":
        return
    os.nice(19)
    # Such a process reads and writes files when nobody else does, too.
    if priority == "idle" and hasattr(os, "SCHED_IDLE"):
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def commit_of_code() -> str:
    """The commit of the checkout the package runs from, with "+" where files differ from it; "" outside of one."""
    folder = Path(knuckle.__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
            )
        except OSError:
            return None
        return None if done.returncode else done.stdout.strip()

    # An installed package may lie within somebody else's checkout.
    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return ""
    head, changed = git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no")
    return f"{head or ''}{'+' if changed else ''}"
