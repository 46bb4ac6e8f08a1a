"""How every network is run: the one place that opens onnxruntime sessions and says how many threads they take."""

import os
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError

MOST_THREADS = 4
"""Of one run: the networks are small, and other threads of the process want to work too."""
SPIN_US = 50
"""How long a thread of a run waits awake for its next share of it. Without, two threads are no faster than one; as long
as onnxruntime does by itself, they keep both cores from everything else."""


def available_cores() -> int:
    """Cores this process may run on, where the system tells; else those it has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(model: Path | bytes, *, name: object = None, threads: int | None = None) -> Any:
    """An onnxruntime session on the CPU, which any number of threads may run at once.

    model: an onnx file or its bytes, which errors call `name`. threads: of one run; None takes the cores there are, at
    most `MOST_THREADS`. On one core there is one and none ever waits awake; nor does any between two runs, when our own
    code needs the cores. Raises KnuckleError when it is not an onnx network.
    """
    # Its releases send usage data and leave a device id in the user's cache unless told not to before they are loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or min(available_cores(), MOST_THREADS)
    options.inter_op_num_threads = 1
    entries = {
        "session.intra_op.allow_spinning": str(int(options.intra_op_num_threads > 1)),
        "session.inter_op.allow_spinning": "0",
        "session.force_spinning_stop": "1",
        "session.intra_op.spin_duration_us": str(SPIN_US),
    }
    for entry, value in entries.items():
        options.add_session_config_entry(entry, value)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        first_line = str(error).strip().splitlines()[0]
        raise KnuckleError(
            f"{name or model}: expected an onnx network, got a file onnxruntime refuses ({first_line})"
        ) from error
