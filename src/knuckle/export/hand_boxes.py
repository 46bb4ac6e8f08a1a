"""The hand detector as an onnx file for onnxruntime, with its record."""

import copy
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from jaxtyping import Float, UInt8
from onnx import numpy_helper
from onnxscript import optimizer
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.export.onnx import remove_source_notes, store_exact_tensors_as_fp16
from knuckle.files import atomic_path
from knuckle.layers.depthwise import DepthwiseConv
from knuckle.models.hand_boxes.model import ANSWERS, HandBoxes
from knuckle.training.checkpoint import load_weights
from knuckle.training.hand_boxes.recipe import SYSTEM

INPUT, OUTPUT = "picture", "cells"
_EXAMPLE = 256, 320


@dataclass(frozen=True)
class HandBoxesRecord:
    """What is known of the detector's file; stored beside it as JSON."""

    sha256: str
    recipe: str
    commit: str
    samples_seen: int
    """Pictures that training showed it."""
    train_seconds: float
    trained_on: str
    scores: dict[str, Any] = field(default_factory=dict)
    """Measured figures, each with the command that printed it."""
    name: str = SYSTEM
    file: str = f"{SYSTEM}.onnx"
    input_px: int = 256
    """Longer side of what it is shown."""
    licence: str = "Apache-2.0"
    started_from: str = "palm_detection_full (MediaPipe Hands, Apache-2.0)"

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")


def ship_hand_boxes(weights: Path, folder: Path, *, trained_on: str, commit: str) -> HandBoxesRecord:
    """Write hand_boxes.onnx and its record into a folder.

    weights: a run's .safetensors. trained_on: the record's words on the training data. commit: of the code that
    trained the weights. Raises KnuckleError for other weights and a folder that cannot be written.
    """
    model = HandBoxes()
    metadata = load_weights(weights, model)
    path = folder / f"{SYSTEM}.onnx"
    record = HandBoxesRecord(
        sha256=export_hand_boxes(model, path),
        recipe=metadata["recipe"],
        commit=commit,
        samples_seen=int(metadata["samples_seen"]),
        train_seconds=float(metadata["train_seconds"]),
        trained_on=trained_on,
        scores={"validation": json.loads(metadata["validation"])},
    )
    record.write(path.with_suffix(".json"))
    return record


def export_hand_boxes(model: HandBoxes, path: Path) -> str:
    """Write the network as onnx and return the file's sha256.

    "picture" (1, H, W, 3) RGB bytes, H and W multiples of 32, to "cells" (1, N, 8), what each of the cells of
    `knuckle.geometry.cells.grid_cells` says. Weights that fp16 represents exactly, such as shipped ones, are stored in
    it.
    """
    network = _OfBytes(copy.deepcopy(model).cpu().eval())
    program = torch.onnx.export(
        network,
        (torch.zeros(1, *_EXAMPLE, 3, dtype=torch.uint8),),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=18,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    optimizer.inline(program.model)
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    graph = store_exact_tensors_as_fp16(_of_any_size(remove_source_notes(program.model_proto)))
    onnx.checker.check_model(graph)
    data = graph.SerializeToString(deterministic=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _of_any_size(model: onnx.ModelProto) -> onnx.ModelProto:
    """Free the picture's height and width, which the exporter fixes.

    It could keep them open itself, but takes ten times as long, and computes paddings from them that are always the
    same. Of all layers only the last ones, which lay the cells out as a list, name a size.
    """
    picture, cells = model.graph.input[0], model.graph.output[0]
    for axis, name in ((1, "height"), (2, "width")):
        picture.type.tensor_type.shape.dim[axis].dim_param = name
    cells.type.tensor_type.shape.dim[1].dim_param = OUTPUT
    as_list = numpy_helper.from_array(np.array([1, -1, ANSWERS]), "as_list")
    model.graph.initializer.append(as_list)
    for node in model.graph.node:
        if node.op_type == "Reshape":
            node.input[1] = as_list.name
    used = {name for node in model.graph.node for name in node.input}
    unused = [tensor for tensor in model.graph.initializer if tensor.name not in used]
    for tensor in unused:
        model.graph.initializer.remove(tensor)
    del model.graph.value_info[:]
    return model


class _OfBytes(nn.Module):
    """The network on a picture's bytes."""

    def __init__(self, model: HandBoxes) -> None:
        super().__init__()
        _for_onnxruntime(model)
        self.model = model
        self.eval()

    def forward(self, picture: UInt8[Tensor, "1 H W 3"]) -> Float[Tensor, "1 N 8"]:
        return self.model.raw(picture.permute(0, 3, 1, 2).float() / 255)


class _ByConvolutions(nn.Module):
    """PReLU as x + (1 - slope) relu(-x), by convolutions of single pixels: onnxruntime joins them to the convolutions
    round them, while its PReLU makes it lay out every map anew."""

    def __init__(self, bend: nn.PReLU) -> None:
        super().__init__()
        self.minus: Tensor
        self.lift: Tensor
        channels = len(bend.weight)
        self.register_buffer("minus", -torch.ones(channels, 1, 1, 1))
        self.register_buffer("lift", (1 - bend.weight.detach()).reshape(channels, 1, 1, 1))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        below = F.relu(F.conv2d(x, self.minus, groups=x.shape[1]))
        return F.conv2d(below, self.lift, groups=x.shape[1]) + x


class _PaddedConv(nn.Module):
    """A depthwise convolution by stride 2 of even maps, whose zeros are known whatever the maps' size."""

    def __init__(self, conv: DepthwiseConv) -> None:
        super().__init__()
        self.conv, spare = conv, conv.kernel_size[0] - conv.stride[0]
        self.pads = (spare // 2, spare - spare // 2) * 2

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C oh ow"]:
        conv = self.conv
        return F.conv2d(F.pad(x, self.pads), conv.weight, conv.bias, conv.stride, groups=conv.groups)


def _for_onnxruntime(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.PReLU):
            setattr(module, name, _ByConvolutions(child))
        elif isinstance(child, DepthwiseConv) and child.zeros is None:
            setattr(module, name, _PaddedConv(child))
        else:
            _for_onnxruntime(child)
