"""An onnx file whose weights are stored in 8 bits and read as float32: smaller on disk, as fast, computed as before."""

import re

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def store_weights_as_int8(model: onnx.ModelProto, *, smallest: int = 2048) -> onnx.ModelProto:
    """Store fp16 weights (`store_exact_tensors_as_fp16`) in 8 bits, with a scale for each row of their first axis.

    A Cast and a Mul give them back; onnxruntime does that once, when it opens the file. (DequantizeLinear, made for
    this, it keeps for every run.) Activations and sums stay float32. Weights move by at most half a step: 1/254 of the
    row's largest.

    smallest: number of values below which a tensor stays as it is, as do vectors. Changes the model given.
    """
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    nodes, kept = [], []
    for node in graph.node:
        tensor = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if tensor is None or tensor.data_type != TensorProto.FLOAT16 or not _is_weight(tensor, smallest):
            kept.append(node)
            continue
        values = numpy_helper.to_array(tensor).astype(np.float32)
        rows = (-1, *[1] * (values.ndim - 1))
        scale = np.abs(values).max(axis=tuple(range(1, values.ndim))) / 127
        scale[scale == 0] = 1
        name = node.output[0]
        steps = np.round(values / scale.reshape(rows)).astype(np.int8)
        tensor.CopyFrom(numpy_helper.from_array(steps, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale.reshape(rows), f"{name}_scale"))
        nodes.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_steps"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [name]))
    del graph.node[:]
    graph.node.extend([*nodes, *kept])
    return model


def _is_weight(tensor: onnx.TensorProto, smallest: int) -> bool:
    """Whether it is a layer's weights; the rig's tables are exact, and stay so."""
    large = len(tensor.dims) > 1 and int(np.prod(tensor.dims)) >= smallest
    return large and not re.search(r"\brigs?\.", tensor.name)
