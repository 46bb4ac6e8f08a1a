"""Transformer blocks and the hourglass."""

import pytest
import torch

from knuckle.layers.attention import Attention, CrossAttentionBlock, SelfAttentionBlock
from knuckle.layers.hourglass import StackedHourglass


def test_attention_is_softmax_of_scaled_products():
    torch.manual_seed(0)
    layer = Attention(8, heads=2)
    queries, source = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    query, (key, value) = layer.query(queries), layer.key_value(source).chunk(2, dim=-1)
    parts = []
    for head in (slice(0, 4), slice(4, 8)):
        weight = (query[..., head] @ key[..., head].transpose(1, 2) / 2).softmax(-1)
        parts.append(weight @ value[..., head])
    assert torch.allclose(layer(queries, source), layer.out(torch.cat(parts, -1)), atol=1e-6)


def test_blocks_keep_the_tokens_shape_and_learn():
    tokens, source = torch.randn(2, 4, 16), torch.randn(2, 9, 16)
    for block, values in (
        (SelfAttentionBlock(16, 4), (tokens,)),
        (CrossAttentionBlock(16, 4), (tokens, source)),
    ):
        out = block(*values)
        assert out.shape == tokens.shape
        out.square().sum().backward()
        assert all(p.grad is not None for p in block.parameters())


@pytest.mark.parametrize("kind", ["bottleneck", "separable"])
def test_stacked_hourglass_gives_maps_of_every_stack_and_learns(kind):
    net = StackedHourglass(6, 3, stacks=2, depth=2, width=8, kind=kind)
    maps = net(torch.randn(2, 6, 8, 8))
    assert [tuple(m.shape) for m in maps] == [(2, 3, 8, 8)] * 2
    maps[-1].square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
