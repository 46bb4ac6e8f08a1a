"""Single-hand networks run by onnxruntime."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError

INPUTS = ("patch", "crop", "camera")
OUTPUTS = ("joints_px", "joints_m", "vertices_m", "confidence")
OPTIONAL_OUTPUTS = ("rotations", "shape", "joints_patch", "rough_vertices_m", "mesh_joints_m")


class OnnxModel:
    """A single-hand system exported to onnx: patches with their crops and cameras in, a dict of outputs out.

    patch (B, 3, S, S) normalised RGB; crop (B, 3) = centre u, centre v, side px and camera (B, 4) = fx, fy,
    cx, cy of the frame. Every hand is a right one. vertex_count: of its mesh, where the file says so. threads: None
    lets onnxruntime choose. Raises KnuckleError when the file is not such a network.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            first_line = str(error).strip().splitlines()[0]
            raise KnuckleError(
                f"{path}: expected an onnx network, got a file onnxruntime refuses ({first_line})"
            ) from error
        inputs = {value.name for value in self._session.get_inputs()}
        outputs = {value.name for value in self._session.get_outputs()}
        if inputs != set(INPUTS) or not outputs >= set(OUTPUTS):
            raise KnuckleError(
                f"{path}: expected a network with the inputs {', '.join(INPUTS)}"
                f" and the outputs {', '.join(OUTPUTS)},"
                f" got {', '.join(sorted(inputs))} and {', '.join(sorted(outputs))}"
            )
        shape = next(v.shape for v in self._session.get_outputs() if v.name == "vertices_m")
        self.vertex_count: int | None = shape[1] if isinstance(shape[1], int) else None
        self._outputs = [*OUTPUTS, *(name for name in OPTIONAL_OUTPUTS if name in outputs)]

    def __call__(
        self,
        patch: Float[np.ndarray, "b 3 s s"],
        crop: Float[np.ndarray, "b 3"],
        camera: Float[np.ndarray, "b 4"],
    ) -> dict[str, Float[np.ndarray, "b ..."]]:
        arrays = {"patch": patch, "crop": crop, "camera": camera}
        feed = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in arrays.items()}
        values = self._session.run(self._outputs, feed)
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}
