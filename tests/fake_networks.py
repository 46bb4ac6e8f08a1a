"""Networks small enough to predict by hand or at once, with the inputs and outputs of the real ones, and their
records."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.weights import WeightsRecord

SIZE = 32
DEPTH_M = 0.5
OFFSETS = np.random.default_rng(5).uniform(-0.3, 0.3, (21, 2))
OFFSETS[0] = 0
ROTATION_VECTORS = np.random.default_rng(6).uniform(-1, 1, (16, 3))
SHAPE = np.linspace(-1, 1, 10)


def one_hand_network() -> bytes:
    """joints_px[0] is where the patch is brighter than grey (centroid), the others keep fixed offsets from it
    (shares of the crop's side), all at a depth of half a metre; the mesh is the rig at rest at the wrist; the
    confidence is the share of the patch that is bright."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from knuckle.rig import load_rig
    from knuckle.rig.rotations import rodrigues

    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1)
    constants = {
        "grid": grid[None],
        "middle": [(SIZE - 1) / 2],
        "size": [SIZE],
        "tiny": [1e-6],
        "offsets": OFFSETS[None],
        "depth": [DEPTH_M],
        "rest_vertices": load_rig("open").vertices[None],
        "rotation_values": rodrigues(ROTATION_VECTORS)[None],
        "shape_values": SHAPE[None],
        "zero": [0],
    }
    integers = {
        "axis1": [1],
        "axes12": [1, 2],
        "axis3": [3],
        "at0": [0],
        "at2": [2],
        "at3": [3],
        "at4": [4],
        "last": [1],
        "wrist": [0],
        "one_axis": [-1],
        "two_axes": [-1, -2],
    }
    initialisers = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()]
    initialisers += [numpy_helper.from_array(np.asarray(v, np.int64), k) for k, v in integers.items()]
    steps = [
        ("ReduceMean", ["patch", "axis1"], "grey", {"keepdims": 0}),
        ("Relu", ["grey"], "bright", {}),
        ("Add", ["bright", "tiny"], "weight", {}),
        ("ReduceSum", ["weight", "axes12"], "total", {"keepdims": 0}),
        ("Unsqueeze", ["weight", "axis3"], "weight4", {}),
        ("Mul", ["weight4", "grid"], "moments", {}),
        ("ReduceSum", ["moments", "axes12"], "moment", {"keepdims": 0}),
        ("Unsqueeze", ["total", "one_axis"], "total2", {}),
        ("Div", ["moment", "total2"], "centroid", {}),
        ("Slice", ["crop", "at0", "at2", "last"], "centre", {}),
        ("Slice", ["crop", "at2", "at3", "last"], "side", {}),
        ("Div", ["side", "size"], "scale", {}),
        ("Sub", ["centroid", "middle"], "from_middle", {}),
        ("Mul", ["from_middle", "scale"], "from_centre", {}),
        ("Add", ["from_centre", "centre"], "uv", {}),
        ("Unsqueeze", ["uv", "axis1"], "uv3", {}),
        ("Unsqueeze", ["side", "axis1"], "side3", {}),
        ("Mul", ["offsets", "side3"], "spread", {}),
        ("Add", ["uv3", "spread"], "joints_px", {}),
        ("Slice", ["camera", "at0", "at2", "last"], "focal", {}),
        ("Slice", ["camera", "at2", "at4", "last"], "point", {}),
        ("Unsqueeze", ["focal", "axis1"], "focal3", {}),
        ("Unsqueeze", ["point", "axis1"], "point3", {}),
        ("Sub", ["joints_px", "point3"], "from_point", {}),
        ("Div", ["from_point", "focal3"], "ray", {}),
        ("Mul", ["ray", "depth"], "xy", {}),
        ("Slice", ["ray", "at0", "last", "at2"], "one_column", {}),
        ("Mul", ["one_column", "zero"], "no_depth", {}),
        ("Add", ["no_depth", "depth"], "z", {}),
        ("Concat", ["xy", "z"], "joints_m", {"axis": 2}),
        ("Gather", ["joints_m", "wrist"], "wrist_m", {"axis": 1}),
        ("Add", ["wrist_m", "rest_vertices"], "vertices_m", {}),
        ("Mul", ["side", "zero"], "nothing", {}),
        ("Add", ["nothing", "shape_values"], "shape", {}),
        ("Unsqueeze", ["nothing", "two_axes"], "nothing4", {}),
        ("Add", ["nothing4", "rotation_values"], "rotations", {}),
        ("ReduceMean", ["bright", "axes12"], "confidence", {"keepdims": 0}),
        ("Unsqueeze", ["centre", "axis1"], "centre3", {}),
        ("Unsqueeze", ["scale", "axis1"], "scale3", {}),
        ("Sub", ["joints_px", "centre3"], "local", {}),
        ("Div", ["local", "scale3"], "local_patch", {}),
        ("Add", ["local_patch", "middle"], "joints_patch", {}),
    ]
    nodes = [helper.make_node(op, inputs, [name], **extra) for op, inputs, name, extra in steps]
    shapes = {"patch": (3, SIZE, SIZE), "crop": (3,), "camera": (4,)}
    results = {
        "joints_px": (21, 2),
        "joints_m": (21, 3),
        "vertices_m": ("vertices", 3),
        "rotations": (16, 3, 3),
    }
    results |= {"shape": (10,), "confidence": (), "joints_patch": (21, 2)}
    as_value = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *tail])
        for name, tail in {**shapes, **results}.items()
    }
    graph = helper.make_graph(
        nodes, "fake", [as_value[n] for n in shapes], [as_value[n] for n in results], initialisers
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def two_hand_network(confidence: tuple[float, float] | None = None) -> bytes:
    """A two-hand network of random weights: a coarse look at the patch moves the joints of a left and a right hand
    at rest, their depths, confidences and attention. Mirroring the patch does not mirror its answer.

    confidence: that of the right and the left hand in every patch, instead."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from knuckle.rig import load_rig

    rest = load_rig("open").joints_rest_m.astype(float)
    rest = rest - rest.mean(0)
    hands = np.stack([rest, rest * [-1, 1, 1]])
    places = hands[..., :2] * 100 + (SIZE - 1) / 2 + np.array([[[-4, 1]], [[6, -2]]])
    depths = hands[..., 2:] + np.array([[[DEPTH_M - 0.02]], [[DEPTH_M + 0.03]]])
    rng = np.random.default_rng(8)
    weights = {
        "to_places": rng.normal(0, 0.5, (48, 84)),
        "to_depths": rng.normal(0, 0.5, (48, 42)),
        "to_confidence": rng.normal(0, 0.5, (48, 2)),
        "to_attention": rng.normal(0, 2, (48, 2 * 2 * 42 * 16)),
    }
    constants = {"middle": [(SIZE - 1) / 2], "size": [SIZE], "px": [1.0], "centimetre": [0.01], "more": [2.0]}
    constants |= {"places": places[None], "depths": depths[None], **weights}
    if confidence is not None:
        sure = np.array(confidence)
        constants |= {"to_confidence": np.zeros((48, 2)), "more": np.log(sure / (1 - sure))}
    integers = {
        "at0": [0],
        "at2": [2],
        "at3": [3],
        "at4": [4],
        "axis1": [1],
        "axes12": [1, 2],
        "uv_shape": [-1, 2, 21, 2],
        "z_shape": [-1, 2, 21, 1],
        "maps_shape": [-1, 2, 2, 42, 16],
        "attention_shape": [-1, 2, 2, 42, 4, 4],
    }
    initialisers = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()]
    initialisers += [numpy_helper.from_array(np.asarray(v, np.int64), k) for k, v in integers.items()]
    steps = [
        ("AveragePool", ["patch"], "pooled", {"kernel_shape": [8, 8], "strides": [8, 8]}),
        ("Flatten", ["pooled"], "seen", {}),
        ("MatMul", ["seen", "to_places"], "moves1", {}),
        ("Tanh", ["moves1"], "moves2", {}),
        ("Mul", ["moves2", "px"], "moves3", {}),
        ("Reshape", ["moves3", "uv_shape"], "moves", {}),
        ("Add", ["moves", "places"], "joints_patch", {}),
        ("Slice", ["crop", "at0", "at2", "axis1"], "centre2", {}),
        ("Slice", ["crop", "at2", "at3", "axis1"], "side2", {}),
        ("Unsqueeze", ["centre2", "axes12"], "centre", {}),
        ("Unsqueeze", ["side2", "axes12"], "side", {}),
        ("Div", ["side", "size"], "scale", {}),
        ("Sub", ["joints_patch", "middle"], "from_middle", {}),
        ("Mul", ["from_middle", "scale"], "from_centre", {}),
        ("Add", ["from_centre", "centre"], "joints_px", {}),
        ("MatMul", ["seen", "to_depths"], "relief1", {}),
        ("Tanh", ["relief1"], "relief2", {}),
        ("Mul", ["relief2", "centimetre"], "relief3", {}),
        ("Reshape", ["relief3", "z_shape"], "relief", {}),
        ("Add", ["relief", "depths"], "z", {}),
        ("Slice", ["camera", "at0", "at2", "axis1"], "focal2", {}),
        ("Slice", ["camera", "at2", "at4", "axis1"], "point2", {}),
        ("Unsqueeze", ["focal2", "axes12"], "focal", {}),
        ("Unsqueeze", ["point2", "axes12"], "point", {}),
        ("Sub", ["joints_px", "point"], "from_point", {}),
        ("Div", ["from_point", "focal"], "ray", {}),
        ("Mul", ["ray", "z"], "xy", {}),
        ("Concat", ["xy", "z"], "joints_m", {"axis": 3}),
        ("MatMul", ["seen", "to_confidence"], "logits1", {}),
        ("Add", ["logits1", "more"], "logits", {}),
        ("Sigmoid", ["logits"], "confidence", {}),
        ("MatMul", ["seen", "to_attention"], "maps1", {}),
        ("Reshape", ["maps1", "maps_shape"], "maps2", {}),
        ("Softmax", ["maps2"], "maps", {"axis": -1}),
        ("Reshape", ["maps", "attention_shape"], "attention", {}),
    ]
    nodes = [helper.make_node(op, inputs, [name], **extra) for op, inputs, name, extra in steps]
    shapes = {"patch": (3, SIZE, SIZE), "crop": (3,), "camera": (4,)}
    results = {
        "joints_px": (2, 21, 2),
        "joints_m": (2, 21, 3),
        "confidence": (2,),
        "joints_patch": (2, 21, 2),
    }
    results |= {"attention": (2, 2, 42, 4, 4)}
    as_value = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *tail])
        for name, tail in {**shapes, **results}.items()
    }
    graph = helper.make_graph(
        nodes, "fake-pair", [as_value[n] for n in shapes], [as_value[n] for n in results], initialisers
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_network(path: Path, network: bytes, *, hands: int, **changes: Any) -> str:
    """Write the network and its record, both under the path's stem; the network's path.

    changes: fields of the record that are others."""
    path.write_bytes(network)
    record: dict[str, Any] = {
        "name": f"{path.stem}-lite",
        "system": path.stem,
        "preset": "lite",
        "rig": "open",
        "file": path.name,
        "sha256": hashlib.sha256(network).hexdigest(),
        "size": SIZE,
        "expand": 1.5,
        "confidence_threshold": 0.5,
        "licence": "Apache-2.0",
        "trained_on": "nothing",
        "recipe": "none",
        "commit": "none",
        "samples_seen": 0,
        "train_seconds": 0.0,
        "hands": hands,
    }
    WeightsRecord(**record | changes).write(path.with_suffix(".json"))
    return str(path)
