"""MediaPipe's two hand networks as data: the pinned wheel, and the operations of a .tflite file with their weights."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite

WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
MEMBERS = {
    "palm_detection_full": "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    "hand_landmark_full": "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
}

_NUMPY_TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_OPTIONS = {
    "ADD": tflite.AddOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "FULLY_CONNECTED": tflite.FullyConnectedOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
}
_OPERATORS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Operation:
    """One operation: tensors by number, in the order of the file, and the file's own table of its options."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Any


@dataclass(frozen=True)
class Network:
    """A .tflite network: shapes (channels last) of all tensors, the values of those that are weights, and operations
    in the order they run. Weights stored as fp16 are given as the float32 they are used as."""

    shapes: dict[int, tuple[int, ...]]
    weights: dict[int, np.ndarray]
    operations: tuple[Operation, ...]
    input: int
    outputs: tuple[int, ...]


def read_members(wheel: Path) -> dict[str, bytes]:
    """The two .tflite files of the pinned wheel. Exits where it is another file."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"error: {wheel}: expected the wheel of sha256 {WHEEL_SHA256}, got {found}")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(member) for name, member in MEMBERS.items()}


def read_network(data: bytes) -> Network:
    """Parse a .tflite file of one graph."""
    model = tflite.Model.GetRootAsModel(data, 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    weights = {
        number: value for number, value in enumerate(_stored(model, t) for t in tensors) if value is not None
    }
    operations = []
    for operation in (graph.Operators(number) for number in range(graph.OperatorsLength())):
        code = model.OperatorCodes(operation.OpcodeIndex())
        kind = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = tuple(int(number) for number in operation.InputsAsNumpy())
        output = int(operation.Outputs(0))
        if kind == "DEQUANTIZE":
            weights[output] = weights[inputs[0]].astype(np.float32)
        else:
            operations.append(Operation(kind, inputs, output, _options(kind, operation)))
    return Network(
        {
            number: tuple(int(size) for size in np.atleast_1d(t.ShapeAsNumpy()))
            for number, t in enumerate(tensors)
        },
        weights,
        tuple(operations),
        int(graph.Inputs(0)),
        tuple(int(number) for number in graph.OutputsAsNumpy()),
    )


def _stored(model: Any, tensor: Any) -> np.ndarray | None:
    buffer = model.Buffers(tensor.Buffer())
    if not buffer.DataLength():
        return None
    return np.frombuffer(buffer.DataAsNumpy().tobytes(), _NUMPY_TYPES[tensor.Type()]).reshape(
        tensor.ShapeAsNumpy()
    )


def _options(kind: str, operation: Any) -> Any:
    table = operation.BuiltinOptions()
    if table is None or kind not in _OPTIONS:
        return None
    options = _OPTIONS[kind]()
    options.Init(table.Bytes, table.Pos)
    return options
