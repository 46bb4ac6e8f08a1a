"""Graph convolutions against dense adjacency matrices, and samples of maps at known places."""

import numpy as np
import pytest
import torch

from knuckle.layers.local_features import sample_at
from knuckle.layers.mesh_graph import GinBlock, GinConv, GinResidual, MeshGraph
from knuckle.rig.load import load_rig

COUNT = 9


def fan() -> np.ndarray:
    """A wheel round vertex 0, whose degree is far above the others', and a vertex without any face."""
    rim = np.arange(1, COUNT - 1)
    return np.stack([np.zeros_like(rim), rim, np.roll(rim, -1)], axis=1)


def adjacency(faces: np.ndarray, count: int) -> torch.Tensor:
    dense = torch.zeros(count, count)
    for a, b, c in faces.tolist():
        for i, j in ((a, b), (b, c), (c, a)):
            dense[i, j] = dense[j, i] = 1.0
    return dense


@pytest.mark.parametrize("faces", [fan(), load_rig().faces], ids=["fan", "hand"])
def test_neighbour_sum_is_the_adjacency_product_and_so_is_its_gradient(faces):
    count = COUNT if len(faces) < 20 else len(load_rig().vertices)
    graph, dense = MeshGraph(faces, count), adjacency(faces, count)
    features = torch.randn(count, 2, 3, requires_grad=True)
    expected = torch.einsum("ij,jbc->ibc", dense, features)
    assert torch.allclose(graph(features), expected, atol=1e-4)
    assert torch.allclose(graph._gathered(features), expected, atol=1e-4)
    weight = torch.randn(count, 2, 3)
    (gradient,) = torch.autograd.grad((graph(features) * weight).sum(), features)
    assert torch.allclose(gradient, torch.einsum("ij,jbc->ibc", dense.T, weight), atol=1e-4)
    assert torch.equal(graph.degree, dense.sum(1))


@pytest.mark.parametrize(("inputs", "hidden"), [(7, 4), (4, 7)])
@pytest.mark.parametrize("train_eps", [False, True])
def test_gin_is_the_mlp_of_the_weighted_sum(inputs, hidden, train_eps):
    torch.manual_seed(0)
    shared_width = 3
    graph, dense = MeshGraph(fan(), COUNT), adjacency(fan(), COUNT)
    conv = GinConv(inputs, hidden, 5, shared=shared_width, train_eps=train_eps)
    eps = 0.0
    if conv.eps is not None:
        torch.nn.init.constant_(conv.eps, 0.4)
        eps = 0.4
    features, shared = torch.randn(COUNT, 2, inputs), torch.randn(2, shared_width)
    joined = torch.cat([features, shared.expand(COUNT, -1, -1)], dim=-1)
    total = (1 + eps) * joined + torch.einsum("ij,jbc->ibc", dense, joined)
    expected = conv.second(conv.first(total).relu())
    assert torch.allclose(conv(features, graph, shared), expected, atol=1e-4)


def test_blocks_keep_their_shapes_and_a_residual_has_its_identity():
    graph, features = MeshGraph(fan(), COUNT), torch.randn(COUNT, 2, 6)
    assert GinBlock(6, 5, 4)(features, graph).shape == (COUNT, 2, 4)
    residual = GinResidual(6)
    for parameter in residual.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(residual(features, graph), features)


def test_samples_are_bilinear_with_cell_centres_half_a_cell_from_the_edge():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    maps = [ramp, ramp.transpose(2, 3), torch.ones(1, 2, 4, 4)]
    # Cell 2.5, 5 of eight; the outer edge; outside.
    cells = torch.tensor([[2.5, 5.0], [-0.5, 3.0], [-9.0, 3.0]])
    samples = sample_at(maps, ((cells + 0.5) / 4 - 1)[None])
    assert samples.shape == (3, 1, 4)
    assert torch.allclose(samples[0, 0], torch.tensor([2.5, 5.0, 1.0, 1.0]), atol=1e-5)
    assert torch.allclose(samples[1, 0], torch.tensor([0.0, 1.5, 0.5, 0.5]), atol=1e-5)
    assert samples[2].abs().max() == 0
