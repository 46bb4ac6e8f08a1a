"""Backbones: what each wants of its input, FastViT's stem, and MediaPipe's landmark network as the file has it."""

import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.layers.backbones import Backbone
from knuckle.layers.hand_landmark import FILE, HandLandmarkBody, convolutions, load_hand_landmark

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_fastvit_keeps_its_stem_out_of_channels_last():
    backbone = Backbone("fastvit_ma36", finest=4).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    assert backbone.strides == [4, 8, 16, 32] and backbone.channels[-1] == 608
    assert (backbone.mean, backbone.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert len(backbone._needs_nchw) == 1
    assert backbone._needs_nchw[0].weight.stride() == (3, 1, 1, 1)
    image = torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    sum(m.square().mean() for m in backbone(image)).backward()
    assert all(torch.isfinite(p.grad).all() for p in backbone.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("efficientnet_lite0", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("resnet50", IMAGENET_MEAN, IMAGENET_STD),
        ("hand_landmark", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    ],
)
def test_each_network_sees_the_colours_its_weights_were_made_for(name, mean, std):
    backbone = Backbone(name).eval()
    seen = []
    backbone.body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    rgb = torch.rand(1, 3, 32, 32)
    backbone(rgb * 2 - 1)
    expected = (rgb - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert torch.allclose(seen[0], expected, atol=1e-5)
    # What was saved before the scaling was the backbone's own still fits.
    assert not {"factor", "offset"} & set(backbone.state_dict())


class Bare(torch.nn.Module):
    """A backbone's body that passes on what it is shown."""

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [image]


def test_the_scaling_is_exported_with_the_backbone():
    backbone = Backbone("resnet50").eval()
    backbone.body, backbone._needs_nchw = Bare(), []
    example = torch.zeros(1, 3, 8, 8)
    program = torch.onnx.export(backbone, (example,), dynamo=True, opset_version=18, verbose=False)
    assert program is not None
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rgb = np.random.default_rng(0).random((1, 3, 8, 8), dtype=np.float32)
    (seen,) = session.run(None, {session.get_inputs()[0].name: rgb * 2 - 1})
    mean, std = (np.array(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    assert np.allclose(seen, (rgb - mean) / std, atol=1e-5)


def test_the_landmark_network_has_the_published_features():
    body = HandLandmarkBody()
    load_hand_landmark(body)
    assert (body.channels, body.strides) == ([24, 40, 112, 1152], [4, 8, 16, 32])
    assert len(convolutions(body)) == 47
    picture = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    with torch.no_grad():
        maps = body.eval()(torch.from_numpy(picture).permute(0, 3, 1, 2) / 255)
    assert [tuple(m.shape[1:]) for m in maps] == [(24, 56, 56), (40, 28, 28), (112, 14, 14), (1152, 7, 7)]
    assert np.abs(published_features(picture) - maps[-1].numpy()).max() < 1e-3


def published_features(picture: np.ndarray) -> np.ndarray:
    """What the heads of the file's network read."""
    model = onnx.load(FILE)
    pooled = next(node.input[0] for node in model.graph.node if node.op_type == "GlobalAveragePool")
    model.graph.output.append(onnx.helper.make_tensor_value_info(pooled, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([pooled], {model.graph.input[0].name: picture})[0]


def test_a_damaged_file_or_another_network_is_refused(tmp_path):
    damaged, other = tmp_path / "damaged.onnx", tmp_path / "palm.onnx"
    damaged.write_bytes(FILE.read_bytes()[:1000])
    shutil.copy(FILE.with_name("palm_detection_full.onnx"), other)
    for path in (damaged, other):
        with pytest.raises(KnuckleError, match=f"{path.name}: expected the"):
            load_hand_landmark(HandLandmarkBody(), path)
