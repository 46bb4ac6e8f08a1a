"""The same network as an onnx graph: channels first inside, weights stored as fp16 and cast when loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper
from source import Network, Operation

OPSET, IR_VERSION = 18, 9
# Smaller tensors stay float32: a Cast would cost more than it saves.
SMALLEST_FP16 = 256
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass(frozen=True)
class Result:
    """An output of the onnx file: its name, which of the network's outputs it is, and its shape after the batch."""

    name: str
    number: int
    shape: tuple[int | str, ...]
    """A size that depends on the picture's has a name."""


def to_onnx(
    network: Network, name: str, results: Sequence[Result], *, any_size: bool = False
) -> onnx.ModelProto:
    """The network with a dynamic batch.

    Input `picture`: (batch, size, size, 3) RGB bytes, which the graph scales to 0..1; with any_size (batch, height,
    width, 3), for a network whose answer is a list over the picture. Outputs: `results`.
    """
    graph = _Graph(network, any_size)
    for operation in network.operations:
        _WRITERS[operation.kind](graph, operation)
    for result in results:
        sizes = (-1 if isinstance(size, str) else size for size in result.shape)
        shape = graph.integers([0, *sizes], result.name)
        graph.add("Reshape", [graph.name(network.outputs[result.number]), shape], result.name)
    size = network.shapes[network.input][1]
    sides = ["height", "width"] if any_size else [size, size]
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, ["batch", *sides, 3])
    outputs = [
        helper.make_tensor_value_info(result.name, TensorProto.FLOAT, ["batch", *result.shape])
        for result in results
    ]
    made = helper.make_graph(graph.casts + graph.nodes, name, [picture], outputs, graph.initializers)
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="knuckle tools/mediapipe_onnx",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass
class _Graph:
    """Nodes and weights as they come; a tensor's name is its number in the .tflite file."""

    network: Network
    any_size: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    casts: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add("Transpose", ["picture"], "bytes", perm=TO_CHANNELS_FIRST)
        self.add("Cast", ["bytes"], "floats", to=TensorProto.FLOAT)
        scale = self.weight(np.array(1 / 255, np.float32), "scale")
        self.add("Mul", ["floats", scale], self.name(self.network.input))

    def name(self, number: int) -> str:
        return f"t{number}"

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output], name=f"{kind}_{output}", **attributes)
        )

    def weight(self, values: np.ndarray, name: str) -> str:
        """Stores float32 weights once, as fp16 where that loses nothing; returns the name to use them by."""
        if any(name in (tensor.name, tensor.name.removesuffix("_fp16")) for tensor in self.initializers):
            return name
        half = values.astype(np.float16)
        if values.size < SMALLEST_FP16 or not np.array_equal(half.astype(np.float32), values):
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        else:
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(half), f"{name}_fp16"))
            self.casts.append(
                helper.make_node("Cast", [f"{name}_fp16"], [name], name=f"Cast_{name}", to=TensorProto.FLOAT)
            )
        return name

    def integers(self, values: Sequence[int], owner: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.array(values, np.int64), f"{owner}_sizes"))
        return f"{owner}_sizes"

    def activate(self, kind: int, output: str) -> str:
        """The name that an operation's own result takes, its activation written after it by `finish`."""
        return output if kind == tflite.ActivationFunctionType.NONE else f"{output}_linear"

    def finish(self, kind: int, output: str) -> None:
        if kind == tflite.ActivationFunctionType.RELU6:
            low, high = (self.weight(np.array(value, np.float32), f"clip_{value}") for value in (0, 6))
            self.add("Clip", [f"{output}_linear", low, high], output)
        elif kind != tflite.ActivationFunctionType.NONE:
            raise SystemExit(f"error: {output}: expected no activation or ReLU6, got number {kind}")


def _convolution(graph: _Graph, operation: Operation) -> None:
    options, network = operation.options, graph.network
    source, kernel, bias = operation.inputs
    values, output = network.weights[kernel], graph.name(operation.output)
    if operation.kind == "DEPTHWISE_CONV_2D":
        # (1, k, k, channels) to (channels, 1, k, k)
        values, groups = values.transpose(3, 0, 1, 2), values.shape[3]
    else:
        # (out, k, k, in) to (out, in, k, k)
        values, groups = values.transpose(TO_CHANNELS_FIRST), 1
    inputs = [graph.name(source), graph.weight(values, f"t{kernel}")]
    if network.weights[bias].any():
        inputs.append(graph.weight(network.weights[bias], f"t{bias}"))
    strides = [options.StrideH(), options.StrideW()]
    graph.add(
        "Conv",
        inputs,
        graph.activate(options.FusedActivationFunction(), output),
        kernel_shape=values.shape[2:],
        strides=strides,
        group=groups,
        pads=_pads(network.shapes[source][1:3], values.shape[2:], strides, options.Padding()),
    )
    graph.finish(options.FusedActivationFunction(), output)


def _max_pool(graph: _Graph, operation: Operation) -> None:
    options, (source,) = operation.options, operation.inputs
    kernel, strides = [options.FilterHeight(), options.FilterWidth()], [options.StrideH(), options.StrideW()]
    pads = _pads(graph.network.shapes[source][1:3], kernel, strides, options.Padding())
    output = graph.name(operation.output)
    graph.add("MaxPool", [graph.name(source)], output, kernel_shape=kernel, strides=strides, pads=pads)


def _pads(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: int) -> list[int]:
    """Top, left, bottom, right; "same" puts the smaller half before."""
    if padding == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    totals = [
        max((-(-size // stride) - 1) * stride + k - size, 0)
        for size, k, stride in zip(sizes, kernel, strides, strict=True)
    ]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _prelu(graph: _Graph, operation: Operation) -> None:
    """x + (1 - slope) * relu(-x), a slope a channel: PRelu's values. onnxruntime computes PRelu itself one value after
    the other and outside the memory layout of its convolutions; the palm network takes twice as long with it."""
    source, slope = operation.inputs
    source, output = graph.name(source), graph.name(operation.output)
    slopes = graph.network.weights[slope].reshape(-1, 1, 1, 1)
    minus = graph.weight(np.full_like(slopes, -1), f"minus_{len(slopes)}")
    graph.add("Conv", [source, minus], f"{output}_minus", kernel_shape=[1, 1], group=len(slopes))
    graph.add("Relu", [f"{output}_minus"], f"{output}_below")
    rest = graph.weight(1 - slopes, f"t{slope}")
    graph.add("Conv", [f"{output}_below", rest], f"{output}_raised", kernel_shape=[1, 1], group=len(slopes))
    graph.add("Add", [f"{output}_raised", source], output)


def _add(graph: _Graph, operation: Operation) -> None:
    output = graph.name(operation.output)
    kind = operation.options.FusedActivationFunction()
    graph.add("Add", [graph.name(number) for number in operation.inputs], graph.activate(kind, output))
    graph.finish(kind, output)


def _pad_channels(graph: _Graph, operation: Operation) -> None:
    """Channels of zeros after the others, by a convolution: at a Pad onnxruntime would leave the memory layout of its
    convolutions, and come back to it only many nodes later."""
    source, amounts = operation.inputs
    count, after = graph.network.shapes[source][3], int(graph.network.weights[amounts][3, 1])
    if graph.network.weights[amounts].sum() != after:
        raise SystemExit("error: expected padding of channels, after the others, got another")
    kernel = np.eye(count + after, count, dtype=np.float32).reshape(count + after, count, 1, 1)
    output = graph.name(operation.output)
    graph.add(
        "Conv", [graph.name(source), graph.weight(kernel, f"{output}_eye")], output, kernel_shape=[1, 1]
    )


def _resize(graph: _Graph, operation: Operation) -> None:
    source, _ = operation.inputs
    if not operation.options.HalfPixelCenters() or operation.options.AlignCorners():
        raise SystemExit("error: expected a bilinear resize by pixel centres, got another")
    shapes, output = graph.network.shapes, graph.name(operation.output)
    ratios = [
        large / small for large, small in zip(shapes[operation.output][1:3], shapes[source][1:3], strict=True)
    ]
    scales = graph.weight(np.array([1, 1, *ratios], np.float32), f"{output}_scales")
    graph.add(
        "Resize",
        [graph.name(source), "", scales],
        output,
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def _reshape(graph: _Graph, operation: Operation) -> None:
    """Maps to rows: an anchor's values lie side by side only with the channels last."""
    source, output = operation.inputs[0], graph.name(operation.output)
    graph.add("Transpose", [graph.name(source)], f"{output}_last", perm=TO_CHANNELS_LAST)
    _, rows, *values = graph.network.shapes[operation.output]
    shape = graph.integers([0, -1 if graph.any_size else rows, *values], output)
    graph.add("Reshape", [f"{output}_last", shape], output)


def _concat(graph: _Graph, operation: Operation) -> None:
    inputs = [graph.name(number) for number in operation.inputs]
    graph.add("Concat", inputs, graph.name(operation.output), axis=operation.options.Axis())


def _mean(graph: _Graph, operation: Operation) -> None:
    source, axes = operation.inputs
    if sorted(graph.network.weights[axes].tolist()) != [1, 2]:
        raise SystemExit("error: expected a mean over rows and columns, got another")
    output = graph.name(operation.output)
    graph.add("GlobalAveragePool", [graph.name(source)], f"{output}_map")
    graph.add("Flatten", [f"{output}_map"], output)


def _fully_connected(graph: _Graph, operation: Operation) -> None:
    source, matrix, bias = operation.inputs
    weights = graph.network.weights
    inputs = [
        graph.name(source),
        graph.weight(weights[matrix], f"t{matrix}"),
        graph.weight(weights[bias], f"t{bias}"),
    ]
    graph.add("Gemm", inputs, graph.name(operation.output), transB=1)


def _logistic(graph: _Graph, operation: Operation) -> None:
    graph.add("Sigmoid", [graph.name(operation.inputs[0])], graph.name(operation.output))


_WRITERS: dict[str, Callable[[_Graph, Operation], None]] = {
    "ADD": _add,
    "CONCATENATION": _concat,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "PAD": _pad_channels,
    "PRELU": _prelu,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
}
