"""A trained system as one onnx file: network, decoding and rig layer, for onnxruntime."""

import copy
from pathlib import Path

import numpy as np
import onnx
import torch
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper
from onnxscript import optimizer
from torch import Tensor, nn

from knuckle.files import atomic_path
from knuckle.models.dahyf.model import Dahyf

INPUTS = ("patch", "crop", "camera")
OUTPUTS = ("joints_px", "joints_m", "vertices_m", "rotations", "shape", "confidence", "joints_patch")


class DahyfInference(nn.Module):
    """What inference needs of DaHyF, as plain tensors in the order of `OUTPUTS`."""

    def __init__(self, model: Dahyf) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> tuple[Tensor, ...]:
        output = self.model(patch, crop, camera, vertices=True, decode="local")
        if output.joints_patch is None or output.similarity is None:
            size = self.model.config.patch_size
            joints_patch = (output.joints_px - crop[:, None, :2]) * (size / crop[:, None, 2:]) + (
                size - 1
            ) / 2
            confidence = torch.ones_like(crop[:, 0])
        else:
            joints_patch, confidence = output.joints_patch, (output.similarity + 1) / 2
        return (
            output.joints_px,
            output.joints_m,
            output.vertices_m,
            output.rotations,
            output.shape,
            confidence.clamp(0, 1),
            joints_patch,
        )


def export_onnx(model: Dahyf, path: Path) -> None:
    """Write the model with a dynamic batch; tensors that fp16 holds exactly are stored so and cast back on load.

    The weights that ship are fp16 already, so the file is half as large and the answers are the same.
    """
    size = model.config.patch_size
    example = (
        torch.zeros(2, 3, size, size),
        torch.tensor([[100.0, 100, 80]]).repeat(2, 1),
        torch.tensor([[500.0, 500, 128, 128]]).repeat(2, 1),
    )
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.onnx.export(
        DahyfInference(copy.deepcopy(model)).eval(),
        example,
        dynamo=True,
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_shapes=tuple({0: batch} for _ in INPUTS),
        opset_version=18,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    # The exporter's own optimiser also folds batch norms into convolutions, which makes weights that fp16 does not
    # hold exactly; onnxruntime does that on load. So: everything but that.
    optimizer.inline(program.model)
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    graph = store_exact_tensors_as_fp16(without_traces(program.model_proto))
    onnx.checker.check_model(graph)
    with atomic_path(path) as temporary:
        Path(temporary).write_bytes(graph.SerializeToString())


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes about the Python source of every node (a megabyte, with local paths)."""
    for item in (
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        model.graph,
    ):
        del item.metadata_props[:]
        item.doc_string = ""
    return model


def store_exact_tensors_as_fp16(model: onnx.ModelProto, *, smallest: int = 256) -> onnx.ModelProto:
    """Replace float32 initialisers whose values fp16 holds exactly by fp16 ones followed by a Cast."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < smallest or not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_fp16"))
        casts.append(helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    del graph.value_info[:]
    return model
