"""A .tflite network run by LiteRT."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError


class TfliteModel:
    """One input array in, the list of output arrays out (in the file's order). Not safe for use by several
    threads.

    Raises KnuckleError when ai-edge-litert is not installed.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise KnuckleError(
                f"finding hands needs the package ai-edge-litert, which cannot be imported ({error}):"
                " pip install ai-edge-litert, or give boxes and sides, which needs no detector"
            ) from error
        with _quiet_stderr():
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, array: Float[np.ndarray, "..."]) -> list[Float[np.ndarray, "..."]]:
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(array, dtype=np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """LiteRT announces its CPU delegate on the process's own stderr, and has no switch for it."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("w") as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
