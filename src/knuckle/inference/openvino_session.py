"""OpenVINO as another runtime of the networks: the extra "openvino", chosen by `onnx_model.set_runtime`.

Float32 throughout, as onnxruntime computes: left alone, OpenVINO takes bfloat16 where a processor has it.
"""

import io
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from knuckle.errors import KnuckleError


class Value(NamedTuple):
    """An input or output of a network; sizes that are open are texts."""

    name: str
    shape: tuple[int | str, ...]


class OpenVinoSession:
    """What is used of onnxruntime's `InferenceSession`, by OpenVINO; any number of threads may run it at once.

    model: an onnx file or its bytes. threads: of one run. Raises KnuckleError where OpenVINO is not installed, and
    whatever OpenVINO raises for what is no network.
    """

    def __init__(self, model: Path | bytes, *, threads: int) -> None:
        try:
            import openvino
        except ImportError:
            raise KnuckleError(
                'runtime: expected OpenVINO to be installed (pip install "knuckle[openvino]"), got none'
            ) from None
        core = openvino.Core()
        read = core.read_model(io.BytesIO(model) if isinstance(model, bytes) else str(model))
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(read, "CPU", options)
        self._requests = threading.local()

    def get_inputs(self) -> list[Value]:
        """In the file's order."""
        return [_value(port) for port in self._compiled.inputs]

    def get_outputs(self) -> list[Value]:
        """In the file's order."""
        return [_value(port) for port in self._compiled.outputs]

    def run(self, names: Sequence[str] | None, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs of those names, or all."""
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        request = self._requests.own
        request.infer(dict(feed))
        wanted = [value.name for value in self.get_outputs()] if names is None else names
        # Its memory is used again in the next run.
        return [np.array(request.get_tensor(name).data) for name in wanted]


def _value(port: Any) -> Value:
    sizes = (size.get_length() if size.is_static else "open" for size in port.get_partial_shape())
    return Value(port.get_any_name(), tuple(sizes))
