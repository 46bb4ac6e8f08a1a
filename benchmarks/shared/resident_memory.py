"""Resident memory of a running process, as Linux tells it."""

from pathlib import Path

from knuckle.errors import KnuckleError

MB = 1e6


def require_proc() -> None:
    """Raises KnuckleError on systems that do not tell a process's memory in /proc."""
    if not Path("/proc/self/status").exists():
        raise KnuckleError("expected Linux, where /proc tells a process's memory")


def resident_mb(process: int) -> float | None:
    """Of a process by its number; None of one that has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("VmRSS:")), None)
    return None if line is None else int(line.split()[1]) * 1024 / MB
