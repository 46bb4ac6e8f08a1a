"""Systems exported to onnx, and the one place that opens onnxruntime sessions and says how many threads they take."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError, install_command

MOST_THREADS = 4
"""Of one run: the networks are small, and other threads of the process want to work too."""
SPIN_US = 50
"""How long a thread of a run waits awake for its next share of it. Without, two threads are no faster than one; as long
as onnxruntime does by itself, they keep both cores from everything else."""


def available_cores() -> int:
    """Cores this process may run on, where the system says which; else those it has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


RuntimeName = Literal["auto", "onnxruntime", "openvino"]
"""What runs the networks; "auto" is onnxruntime, which is no slower wherever both were timed on one thread."""
RUNTIMES: tuple[RuntimeName, ...] = get_args(RuntimeName)
_chosen: RuntimeName = "onnxruntime"
_threads: int | None = None


def check_runtime(name: Any) -> RuntimeName:
    """The runtime that a name stands for. Raises KnuckleError for an unknown one, and for OpenVINO where it is not
    installed."""
    if name not in RUNTIMES:
        raise KnuckleError(f"runtime: expected one of {', '.join(RUNTIMES)}, got {name!r}")
    if name == "openvino" and find_spec("openvino") is None:
        raise KnuckleError(
            f"runtime: expected OpenVINO to be installed, got none: {install_command('openvino')}"
        )
    return "onnxruntime" if name == "auto" else name


def set_runtime(name: Any) -> None:
    """Choose what runs the networks that are opened from now on. Raises KnuckleError as `check_runtime` does."""
    global _chosen
    _chosen = check_runtime(name)


def set_threads(count: int | None) -> None:
    """Choose how many threads a run takes of the networks that are opened from now on; None: as many as there are
    cores, at most `MOST_THREADS`. One where other processes have the other cores."""
    global _threads
    _threads = count


def open_session(model: Path | bytes, *, name: object = None, threads: int | None = None) -> Any:
    """An onnxruntime session on the CPU (or OpenVINO's, `set_runtime`), which any number of threads may run at once.

    model: an onnx file or its bytes, which errors call `name`. threads: of one run; None takes what `set_threads` said,
    else the cores there are, at most `MOST_THREADS`. On one core there is one and none ever waits awake; nor does any
    between two runs, when our own code needs the cores. Raises KnuckleError when it is not an onnx network.
    """
    threads = threads or _threads or min(available_cores(), MOST_THREADS)
    if _chosen == "openvino":
        from knuckle.inference.openvino_session import OpenVinoSession

        try:
            return OpenVinoSession(model, threads=threads)
        except KnuckleError:
            raise
        except Exception as error:
            raise _refused(name or model, "OpenVINO", error) from error
    # Its releases send usage data and leave a device id in the user's cache unless told not to before they are loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
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
        raise _refused(name or model, "onnxruntime", error) from error


def _refused(name: object, runtime: str, error: Exception) -> KnuckleError:
    first_line = str(error).strip().splitlines()[0]
    return KnuckleError(f"{name}: expected an onnx network, got a file {runtime} refuses ({first_line})")


INPUTS = ("patch", "crop", "camera")
ROLL = "roll"
OUTPUTS = ("joints_px", "joints_m", "vertices_m", "confidence")
OPTIONAL_OUTPUTS = (
    "rotations",
    "shape",
    "joints_patch",
    "rough_vertices_m",
    "rough_joints_m",
    "mesh_joints_m",
)
PAIR_OUTPUTS = ("joints_px", "joints_m", "confidence", "joints_patch")
OPTIONAL_PAIR_OUTPUTS = ("vertices_m", "rotations", "shape", "mesh_joints_m")
ATTENTION = "attention"

_TAILS: dict[str, tuple[int, ...]] = {
    **{name: (21, 3) for name in ("joints_m", "rough_joints_m", "mesh_joints_m")},
    **{name: (21, 2) for name in ("joints_px", "joints_patch")},
    "confidence": (),
}


class OnnxModel:
    """A system exported to onnx: patches with their crops and cameras in, a dict of outputs out.

    Args:
        path: an onnx file.
        threads: of one run, as of `open_session`.

    Attributes:
        hands: how many a patch shows. One: every hand is a right one. Two: outputs have an axis of hands after the
            batch, the right one first.
        vertex_count: of its mesh, where the file says so.
        upright: whether crops are to be turned so that the hand points up; such a file takes their angle too.
        has_attention: whether it can also show where it looked.

    Raises KnuckleError when the file is not such a network.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self._path = path
        self._session = open_session(path, threads=threads)
        inputs = {value.name for value in self._session.get_inputs()}
        shapes = {value.name: tuple(value.shape) for value in self._session.get_outputs()}
        self.hands = 2 if len(shapes.get("joints_px", ())) == 4 else 1
        wanted = OUTPUTS if self.hands == 1 else PAIR_OUTPUTS
        self.upright = ROLL in inputs
        if inputs - {ROLL} != set(INPUTS) or not shapes.keys() >= set(wanted):
            raise KnuckleError(
                f"{path}: expected a network with the inputs {', '.join(INPUTS)}"
                f" and the outputs {', '.join(wanted)},"
                f" got {', '.join(sorted(inputs))} and {', '.join(sorted(shapes))}"
            )
        _check_shapes(path, shapes, self.hands)
        count = shapes["vertices_m"][-2] if "vertices_m" in shapes else None
        self.vertex_count: int | None = count if isinstance(count, int) else None
        optional = OPTIONAL_OUTPUTS if self.hands == 1 else OPTIONAL_PAIR_OUTPUTS
        self._outputs = [*wanted, *(name for name in optional if name in shapes)]
        self.has_attention = self.hands == 2 and ATTENTION in shapes

    def __call__(
        self,
        patch: Float[np.ndarray, "b 3 s s"],
        crop: Float[np.ndarray, "b 3"],
        camera: Float[np.ndarray, "b 4"],
        *,
        roll: Float[np.ndarray, "b"] | None = None,
        attention: bool = False,
    ) -> dict[str, Float[np.ndarray, "b ..."]]:
        """The outputs, in the frame's axes.

        Args:
            patch: normalised RGB.
            crop: centre u, centre v, side, px of the frame.
            camera: fx, fy, cx, cy, px of the frame.
            roll: radians by which each crop is turned (`knuckle.geometry.crop.Crop`), for an upright network; without
                it none is.
            attention: whether (B, T, 2, 42, m, m) is among the outputs, where the network has it.
        """
        arrays = {"patch": patch, "crop": crop, "camera": camera}
        if self.upright:
            arrays[ROLL] = np.zeros(len(patch)) if roll is None else roll
        feed = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in arrays.items()}
        names = [*self._outputs, ATTENTION] if attention and self.has_attention else self._outputs
        try:
            values = self._session.run(names, feed)
        except Exception as error:  # onnxruntime's errors have no class in common
            first_line = str(error).strip().splitlines()[0][:300]
            raise KnuckleError(
                f"{self._path}: expected a network that answers a crop, got one that fails ({first_line})"
            ) from error
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def _check_shapes(path: Path, shapes: dict[str, tuple[int | str, ...]], hands: int) -> None:
    """Joints and confidence as the contract has them; sizes the file leaves open pass."""
    for name, tail in _TAILS.items():
        wanted = ("batch", *((2,) if hands == 2 else ()), *tail)
        got = shapes.get(name, wanted)
        fits = len(got) == len(wanted) and all(
            size == want or not isinstance(size, int) for size, want in zip(got[1:], wanted[1:], strict=True)
        )
        if not fits:
            raise KnuckleError(f"{path}: {name}: expected {_text(wanted)}, got {_text(got)}")


def _text(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(str(size) for size in shape)})"
