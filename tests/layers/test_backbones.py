"""Backbones: FastViT's stem, which must not be in channels_last."""

import torch

from knuckle.layers.backbones import Backbone


def test_fastvit_keeps_its_stem_out_of_channels_last():
    backbone = Backbone("fastvit_ma36", finest=4).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    assert backbone.strides == [4, 8, 16, 32] and backbone.channels[-1] == 608
    assert len(backbone._needs_nchw) == 1
    assert backbone._needs_nchw[0].weight.stride() == (3, 1, 1, 1)
    image = torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    sum(m.square().mean() for m in backbone(image)).backward()
    assert all(torch.isfinite(p.grad).all() for p in backbone.parameters() if p.grad is not None)
