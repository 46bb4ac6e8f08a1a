"""EHPE's open readings: a PG-stage that does not blow up at the paper's rate, and edges that depend on the hand."""

from pathlib import Path

import pytest
import torch

from knuckle.layers.graph_attention import GraphAttention, neighbourhood
from knuckle.models.ehpe.config import PRESETS, EhpeConfig, make_config
from knuckle.models.ehpe.fem import FeatureEnhancement
from knuckle.models.ehpe.losses import EhpeLoss
from knuckle.models.ehpe.spi import StructuralInference, neighbours
from knuckle.skeleton import BONES
from knuckle.training.checkpoint import load_model

WEIGHTS = Path(__file__).parents[2] / "weights" / "ehpe-lite.safetensors"
BEFORE = [[78.243, 54.856], [66.6, 48.841], [70.949, 58.568]]
"""What the shipped weights gave before there were readings: wrist, tips of index and little finger, px of the patch."""
CHANNELS = 32
SMALL = {"fem_width": 64, "fem_cells": 8, "fem_self_blocks": 1, "fem_cross_blocks": 1, "node_width": 64}


def config(**switches) -> EhpeConfig:
    return make_config(**{**SMALL, **switches})


def moved_by_adam(*, lr: float, steps: int = 3, **switches) -> float:
    """How far FEM's joints, -1..1, are moved at most by the first steps towards joints half a crop away."""
    torch.manual_seed(0)
    fem = FeatureEnhancement(config(**switches), CHANNELS, torch.zeros(1, 21, 3))
    features = torch.randn(2, CHANNELS, 16, 16).relu()
    optimiser = torch.optim.Adam(fem.parameters(), lr=lr)
    farthest = 0.0
    for _ in range(steps):
        joints = fem(features).joints
        optimiser.zero_grad()
        (128 * (joints - 0.5)).square().sum(-1).mean().backward()
        optimiser.step()
        farthest = max(farthest, fem(features).joints.detach().abs().max().item())
    return farthest


def test_the_papers_presets_start_where_a_flattened_layer_throws_the_joints_out_of_the_crop():
    paper = PRESETS["paper-resnet50"]
    # Eight times the paper's rate for an eighth of its 512 channels.
    assert moved_by_adam(lr=8 * 5e-4, fem_out="fc") > 3
    assert moved_by_adam(lr=8 * 5e-4, fem_out=paper.fem_out, fc_unit=paper.fc_unit) < 0.1


def test_one_layer_shared_by_all_cells_is_the_mean_of_its_answers():
    torch.manual_seed(0)
    fem = FeatureEnhancement(config(fem_out="shared_fc"), CHANNELS, torch.zeros(1, 21, 3))
    features = torch.randn(2, CHANNELS, 16, 16)
    with torch.no_grad():
        enhanced, joints = fem(features)
        cells = fem.out(enhanced.flatten(2).transpose(1, 2)).mean(1)
    assert torch.allclose(joints.flatten(1), cells, atol=1e-6)


@pytest.mark.parametrize("out", ["fc", "shared_fc"])
def test_a_layer_may_count_in_the_units_of_the_loss(out):
    answers = {}
    for unit in ("half_crop", "px_mm"):
        torch.manual_seed(0)
        fem = FeatureEnhancement(config(fem_out=out, fc_unit=unit), CHANNELS, torch.zeros(1, 21, 3))
        with torch.no_grad():
            answers[unit] = fem(torch.ones(1, CHANNELS, 16, 16)).joints
    expected = answers["half_crop"] * torch.tensor([1 / 128, 1 / 128, 1 / 150])
    assert torch.allclose(answers["px_mm"], expected, rtol=1e-4)


def spread_after(steps: int, **switches) -> float:
    """Standard deviation over hands of alpha, after a few steps of Eq 14 on made-up hands, whose joints are to go where
    the joint before them is.
    """
    form = config(**switches)
    torch.manual_seed(0)
    spi = StructuralInference(form, CHANNELS)
    loss = EhpeLoss(form, "pg")
    optimiser = torch.optim.Adam(spi.parameters(), lr=3e-3)
    attention = torch.zeros(0)
    for step in range(steps):
        torch.manual_seed(step)
        nodes = torch.rand(16, 21, 3) * 2 - 1
        features = torch.randn(16, CHANNELS, 16, 16)
        joints, attention = spi(nodes, features)
        aim = nodes[:, [0, *range(20)]]
        total = form.position_weight * (128 * (joints - aim)).abs().sum(-1).mean()
        if form.edge_loss_target != "off":
            total = total + form.edge_loss_weight * loss.edge_loss(attention[:, None]).mean()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    edges = torch.cat(neighbours(form))[:, None].expand(-1, form.gat_heads, -1, -1)
    return attention.detach().std(0)[edges].mean().item()


def test_an_edge_loss_that_is_a_mean_leaves_edges_to_the_hand():
    steps = 40
    assert spread_after(steps) < 0.01
    assert spread_after(steps, edge_loss_reduction="mean", node_identity=True, gat_norm=True) > 0.02


def test_the_edge_loss_may_be_a_mean_over_edges():
    """On the one-hop graph, 61 directed edges with self loops."""
    mask = neighbourhood(BONES, 21, hops=1).float()
    attention = (mask / mask.sum(1, keepdim=True)).expand(2, 1, 1, 8, 21, 21)
    total, mean = (
        EhpeLoss(make_config(gat_layers=1, edge_loss_reduction=reduction)).edge_loss(attention)
        for reduction in ("sum", "mean")
    )
    assert mask.sum() == 61 and torch.allclose(total / 61, mean)


def test_learned_edges_are_the_same_for_every_hand():
    layer = GraphAttention(8, 16, neighbourhood(BONES, 21, hops=1), edge_weight="learned")
    torch.nn.init.normal_(layer.scores)
    _, attention = layer(torch.randn(3, 21, 8))
    assert torch.equal(attention[0], attention[2]) and attention.std() > 0.05
    assert torch.allclose(attention.sum(-1), torch.ones(3, 8, 21), atol=1e-5)


def test_in_gatv2_the_favourite_neighbour_may_differ_from_node_to_node():
    """Additive scores order all neighbours alike, whoever asks (Brody et al. 2022)."""
    everyone = torch.ones(21, 21, dtype=torch.bool)
    favourites = {}
    for score in ("additive", "gatv2"):
        torch.manual_seed(0)
        layer = GraphAttention(8, 16, everyone, heads=1, score=score)
        _, attention = layer(torch.randn(1, 21, 8) * 3)
        favourites[score] = len(attention[0, 0].argmax(-1).unique())
    assert favourites["additive"] == 1 and favourites["gatv2"] > 1


def test_lite_stays_as_its_shipped_weights_are():
    """That they answer as before is `test_shipped_parity`'s, with an onnx file that no reading changes."""
    model, metadata = load_model(WEIGHTS)
    assert metadata["preset"] == "lite" and metadata["switches"] == "{}"
    printed = {
        "gat_score": "additive",
        "gat_norm": False,
        "node_identity": False,
        "edge_loss_reduction": "sum",
    }
    literal = printed | {"fem_out": "fc", "fc_unit": "half_crop", "volume_norm": False}
    assert {name: getattr(model.config, name) for name in literal} == literal
    patch = torch.linspace(-1, 1, 3 * 128 * 128).reshape(1, 3, 128, 128)
    crop, camera = torch.tensor([[64.0, 64.0, 128.0]]), torch.tensor([[200.0, 200.0, 64.0, 64.0]])
    with torch.no_grad():
        joints = model.infer(patch, crop, camera).joints_patch
    assert joints is not None
    assert torch.allclose(joints[0, [0, 8, 20]], torch.tensor(BEFORE), atol=1e-2)
