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

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.models.contract import System
from knuckle.models.upright import infer_upright

INPUTS = ("patch", "crop", "camera")
ROLL = "roll"


class Inference(nn.Module):
    """A system's `infer` with plain tensors as outputs. If a roll is given, crops are turned by it
    (`knuckle.models.upright`)."""

    def __init__(self, model: System) -> None:
        super().__init__()
        self.model = model
        self.outputs: tuple[str, ...] = ()
        """Names of the outputs, known after the first call."""

    def forward(
        self,
        patch: Float[Tensor, "B 3 S S"],
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        roll: Float[Tensor, "B"] | None = None,
    ) -> tuple[Tensor, ...]:
        if roll is None:
            output = self.model.infer(patch, crop, camera)
        else:
            output = infer_upright(self.model, patch, crop, camera, roll)
        given = {k: v for k, v in output._asdict().items() if v is not None}
        self.outputs = tuple(given)
        return tuple(given.values())


def export_onnx(model: System, path: Path) -> None:
    """Write a system as onnx, for batches of any size. Raises KnuckleError if the system fixes the batch size.

    Outputs are the fields of `HandOutput` or `TwoHandOutput` that the system gives; layers for training alone are left
    out. Tensors that fp16 represents exactly are stored as fp16 and cast back on load. As the shipped weights are fp16,
    this halves the file and changes no output. A system of upright crops takes their angle as a fourth input.
    """
    size = model.config.patch_size
    inputs = (*INPUTS, ROLL) if model.upright else INPUTS
    example = (
        torch.zeros(2, 3, size, size),
        torch.tensor([[100.0, 100, 80]]).repeat(2, 1),
        torch.tensor([[500.0, 500, 128, 128]]).repeat(2, 1),
        torch.zeros(2),
    )[: len(inputs)]
    inference = Inference(copy.deepcopy(model)).eval()
    with torch.inference_mode():
        inference(*example)
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.onnx.export(
        inference,
        example,
        dynamo=True,
        input_names=list(inputs),
        output_names=list(inference.outputs),
        dynamic_shapes=tuple({0: batch} for _ in inputs),
        opset_version=18,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    # Not the exporter's own optimiser: it also folds batch norms into convolutions, and fp16 cannot represent the
    # resulting weights exactly. onnxruntime folds them on load.
    optimizer.inline(program.model)
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    _check_batch(program.model_proto, path)
    graph = store_exact_tensors_as_fp16(remove_source_notes(program.model_proto))
    onnx.checker.check_model(graph)
    with atomic_path(path) as temporary:
        Path(temporary).write_bytes(graph.SerializeToString())


def _check_batch(model: onnx.ModelProto, path: Path) -> None:
    """Raise KnuckleError if the exporter fixed the batch size, as it does when a model's code depends on it."""
    for value in model.graph.input:
        if not value.type.tensor_type.shape.dim[0].dim_param:
            raise KnuckleError(
                f"{path}: expected a model that takes any batch, got one that fixes {value.name}'s"
            )


def remove_source_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove the exporter's notes on the Python source of every node: a megabyte, with local paths."""
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
    """Store float32 initialisers as fp16 with a Cast, where fp16 represents their values exactly.

    smallest: number of values below which a tensor stays as it is.
    """
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
