"""Weights stored in 8 bits come back within half a step, the file is smaller, and tables of a rig stay exact."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from knuckle.export.onnx import store_exact_tensors_as_fp16
from knuckle.export.small_storage import store_weights_as_int8


def network(weights: np.ndarray, table: np.ndarray) -> onnx.ModelProto:
    """y = (x @ weights) @ table, stored as fp16 as shipped networks are."""
    stored = [numpy_helper.from_array(weights, "head.weight"), numpy_helper.from_array(table, "rig.basis")]
    nodes = [
        helper.make_node("MatMul", ["x", "head.weight"], ["h"]),
        helper.make_node("MatMul", ["h", "rig.basis"], ["y"]),
    ]
    given, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", weights.shape[0]), ("y", table.shape[1]))
    )
    graph = helper.make_graph(nodes, "small", [given], [result], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return store_exact_tensors_as_fp16(model)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0])


def test_weights_come_back_within_half_a_step_and_a_rigs_tables_exactly():
    rng = np.random.default_rng(3)
    size = 64
    scale = np.exp(rng.normal(size=(size, 1)))
    weights = (scale * rng.normal(size=(size, size))).astype(np.float16).astype(np.float32)
    weights[5] = 0
    table = rng.normal(size=(size, size)).astype(np.float16).astype(np.float32)
    before = network(weights, table)
    size_before = before.ByteSize()
    after = store_weights_as_int8(before, smallest=1000)
    onnx.checker.check_model(after)
    assert after.ByteSize() < 0.8 * size_before
    # Rows of the unit matrix read the weights off, once the exact table is taken back.
    read = run(after, np.eye(size, dtype=np.float32)) @ np.linalg.inv(table.astype(float))
    off = np.abs(read - weights)
    step = np.abs(weights).max(1, keepdims=True) / 127
    assert (off <= 0.51 * step + 1e-3 * np.abs(weights).max()).all()
    assert off.max() > 0.1 * step.max()
    assert "rig.basis_fp16" in {tensor.name for tensor in after.graph.initializer}


def test_small_tensors_stay_as_they_are():
    model = network(np.eye(8, dtype=np.float32), np.ones((8, 300), np.float32))
    before = {tensor.name for tensor in model.graph.initializer}
    assert {tensor.name for tensor in store_weights_as_int8(model).graph.initializer} == before
