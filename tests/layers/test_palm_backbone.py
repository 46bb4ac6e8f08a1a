"""MediaPipe's palm backbone in torch says what its onnx file says; its PReLU has torch's gradients."""

import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from knuckle.errors import KnuckleError
from knuckle.layers.palm_backbone import FILE, PalmBackbone, load_palm
from knuckle.layers.prelu import PReLU

MAPS = ("t273", "t257", "t245")
"""The published graph's maps at strides 8, 16 and 32, before its heads."""


def test_it_has_the_published_maps():
    graph = onnx.load(FILE)
    graph.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in MAPS)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    picture = torch.randint(0, 256, (1, 192, 192, 3), generator=torch.Generator().manual_seed(0))
    published = session.run(MAPS, {"picture": picture.to(torch.uint8).numpy()})

    backbone = PalmBackbone()
    load_palm(backbone)
    with torch.inference_mode():
        own = backbone(picture.permute(0, 3, 1, 2) / 255)

    for theirs, ours in zip(published, own, strict=True):
        torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-3, rtol=1e-4)


def test_another_network_is_refused():
    with pytest.raises(KnuckleError, match=r"hand_landmark_full\.onnx: expected the 90 layers"):
        load_palm(PalmBackbone(), FILE.with_name("hand_landmark_full.onnx"))


def test_a_left_out_block_leaves_the_others_weights():
    whole = PalmBackbone()
    load_palm(whole)
    short = PalmBackbone(kept=((1, 2, 3), *whole.kept[1:]))
    load_palm(short)
    assert torch.equal(short.stages[0][0].pointwise.weight, whole.stages[0][1].pointwise.weight)
    assert torch.equal(short.to_8.pointwise.weight, whole.to_8.pointwise.weight)


def test_prelu_has_torchs_gradients():
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(2, 5, 9, 8, generator=generator)
    maps[0, :, 0] = 0
    given = torch.randn(2, 5, 9, 8, generator=generator)
    slopes = torch.tensor([0.25, -1.0, 2.0, 0.0, 1.0])

    gradients = []
    for compiled in (True, False):
        bend = PReLU(5)
        bend.weight.data.copy_(slopes)
        # Only maps with the channels last take the kernel.
        layout = torch.channels_last if compiled else torch.contiguous_format
        seen = maps.clone(memory_format=layout).requires_grad_()
        out = bend(seen) if compiled else F.prelu(seen, bend.weight)
        assert compiled == ("Bend" in type(out.grad_fn).__name__)
        out.backward(given)
        gradients.append((seen.grad, bend.weight.grad))
    torch.testing.assert_close(gradients[0], gradients[1])
