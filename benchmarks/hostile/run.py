"""Tries numbered inputs in worker processes, and ends a worker that takes too long over one."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile.kinds import KINDS

CPU_S, WALL_S = 20.0, 120.0
"""What one input may take; the second is for machines that do other things too."""
START_S = 120.0
MEMORY_BYTES = 3 << 30
"""More address space than a worker had when all was loaded. A picture of 100 megapixels, the most that is read, takes 1
GB of it."""
_TICK_S, _HERTZ = 0.2, os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Verdict:
    """What came of one input."""

    number: int
    kind: str
    name: str
    verdict: str
    """result, refused, or, with a fault, failed."""
    fault: str | None
    bytes: int
    """Memory that it took on top, at most."""
    said: str = ""
    """The beginning of what was printed."""


def kind_of(number: int, kinds: Sequence[str] = tuple(KINDS)) -> str:
    """Inputs go through the kinds in turn."""
    return kinds[number % len(kinds)]


def tried(
    numbers: Sequence[int], *, seed: int, materials: Path, scratch: Path, kinds: Sequence[str] = tuple(KINDS)
) -> Iterator[Verdict]:
    """The verdict of each number, kind by kind."""
    for kind in kinds:
        waiting = [number for number in numbers if kind_of(number) == kind]
        while waiting:
            for verdict in _by_one_worker(kind, tuple(waiting), seed, materials, scratch):
                waiting.remove(verdict.number)
                yield verdict


def _by_one_worker(
    kind: str, numbers: Sequence[int], seed: int, materials: Path, scratch: Path
) -> Iterator[Verdict]:
    """Verdicts until the worker ends, by itself or by an input."""
    words = [kind, str(seed), str(materials), str(scratch), str(MEMORY_BYTES)]
    command = [sys.executable, "-m", "benchmarks.hostile.worker", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KNUCKLE_CACHE": str(scratch / "cache")}
    errors = (scratch / f"{kind}.stderr").open("wb+")
    worker = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True
    )
    assert worker.stdin is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_pass_on, args=(worker, lines), daemon=True).start()
    try:
        if not _answer(worker, lines, START_S, START_S)[0]:
            errors.seek(0)
            raise RuntimeError(f"{kind}: the worker did not start: {errors.read().decode()[-2000:]}")
        for number in numbers:
            try:
                worker.stdin.write(f"{number}\n")
                worker.stdin.flush()
            except OSError:
                return
            name, told = "not made", {}
            while "fault" not in told:
                line, ended = _answer(worker, lines, CPU_S, WALL_S)
                if line is None:
                    errors.seek(0)
                    seen = errors.read().decode(errors="replace")[-1500:]
                    yield Verdict(number, kind, name, "failed", f"{ended}\n{seen}".strip(), 0)
                    return
                told = json.loads(line)
                name = told.get("name", name)
            verdict = told.get("verdict", "failed") if told["fault"] is None else "failed"
            yield Verdict(
                number, kind, name, verdict, told["fault"], told.get("bytes", 0), told.get("said", "")
            )
    finally:
        worker.stdin.close()
        try:
            worker.wait(timeout=5)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        errors.close()


def _pass_on(worker: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        lines.put(line)
    lines.put("")


def _answer(
    worker: "subprocess.Popen[str]", lines: "queue.Queue[str]", cpu_s: float, wall_s: float
) -> tuple[str | None, str]:
    """The worker's next line, or None and why there is none; a worker over its time is killed."""
    started, cpu = time.monotonic(), _cpu_s(worker.pid)
    while True:
        try:
            line = lines.get(timeout=_TICK_S)
        except queue.Empty:
            used = _cpu_s(worker.pid) - cpu
            if used > cpu_s or time.monotonic() - started > wall_s:
                worker.kill()
                return (
                    None,
                    f"over its time: {used:.0f} s of the processor in {time.monotonic() - started:.0f} s",
                )
            continue
        if line:
            return line, ""
        code = worker.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return None, f"the process ended by {how}"


def _cpu_s(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / _HERTZ
