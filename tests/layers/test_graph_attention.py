"""Graph attention: neighbourhoods, the two scores, and the edges that are not trained."""

import pytest
import torch

from knuckle.layers.graph_attention import GraphAttention, neighbourhood
from knuckle.skeleton import BONES


def attention_of(**options) -> tuple[torch.Tensor, torch.Tensor, GraphAttention]:
    torch.manual_seed(0)
    mask = neighbourhood(BONES, 21, hops=options.pop("hops", 1))
    layer = GraphAttention(6, 16, mask, heads=4, **options)
    out, attention = layer(torch.randn(3, 21, 6))
    assert out.shape == (3, 21, 16)
    return attention, mask, layer


def test_neighbourhoods_of_the_hand():
    one, two = (neighbourhood(BONES, 21, hops=hops) for hops in (1, 2))
    assert one[0].nonzero()[:, 0].tolist() == [0, 1, 5, 9, 13, 17]
    assert one[8].nonzero()[:, 0].tolist() == [7, 8] and two[8].nonzero()[:, 0].tolist() == [6, 7, 8]
    assert two[5].nonzero()[:, 0].tolist() == [0, 1, 5, 6, 7, 9, 13, 17]
    assert torch.equal(two, two.T)


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("score", ["additive", "dot"])
def test_attention_stays_among_the_neighbours_and_sums_to_one(hops, score):
    attention, mask, _ = attention_of(hops=hops, score=score)
    assert attention.shape == (3, 4, 21, 21)
    assert (attention[:, :, ~mask] == 0).all() and (attention[:, :, mask] > 0).all()
    assert torch.allclose(attention.sum(-1), torch.ones(3, 4, 21))
    assert attention[:, :, mask].std() > 0


def test_a_node_hears_its_neighbours_only():
    torch.manual_seed(0)
    layer = GraphAttention(6, 16, neighbourhood(BONES, 21, hops=1), heads=4)
    nodes = torch.randn(1, 21, 6)
    changed = nodes.clone()
    changed[:, 8] += 1
    moved = (layer(nodes)[0] - layer(changed)[0]).abs().amax((0, 2)) > 1e-6
    assert moved.nonzero()[:, 0].tolist() == [7, 8]


def test_fixed_edges_are_the_normalised_skeleton_and_not_trained():
    attention, mask, layer = attention_of(edge_weight="fixed")
    assert torch.allclose(attention[0, 0], mask.float() / mask.sum(1, keepdim=True))
    assert not attention.requires_grad and [n for n, _ in layer.named_parameters()] == ["project.weight"]


def test_additive_score_is_the_papers():
    """Eq 9 written out for one pair of nodes and one head."""
    torch.manual_seed(0)
    layer = GraphAttention(6, 16, torch.ones(3, 3, dtype=torch.bool), heads=4)
    nodes = torch.randn(1, 3, 6)
    _, attention = layer(nodes)
    projected = layer.project(nodes)[0].unflatten(1, (4, 4))[:, 2]
    weights = torch.cat([layer.score_receiver[2], layer.score_sender[2]])
    scores = torch.stack([weights @ torch.cat([projected[0], projected[j]]) for j in range(3)])
    expected = torch.nn.functional.leaky_relu(scores, 0.2).softmax(0)
    assert torch.allclose(attention[0, 2, 0], expected, atol=1e-6)
