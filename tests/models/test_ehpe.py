"""EHPE: its tables' switches, the terms of its losses, its phases and its two-hand form."""

import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.layers.graph_attention import neighbourhood
from knuckle.models import create_loss, create_model
from knuckle.models.contract import Targets, TwoHandTargets
from knuckle.models.ehpe.config import PRESETS, TABLE_4, joints_of, make_config
from knuckle.models.ehpe.coordinates import from_labels, mean_hand, to_patch, to_px_mm
from knuckle.models.ehpe.losses import EhpeLoss
from knuckle.models.ehpe.model import Ehpe
from knuckle.models.ehpe.nodes import NodeStart
from knuckle.models.ehpe.tw_stage import gaussian_targets, heatmap_peak
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.skeleton import BONES

TINY = {
    "patch_size": 64,
    "width": 16,
    "hourglass_width": 8,
    "hourglass_depth": 2,
    "refine_width": 8,
    "refine_blocks": 2,
    "refine_out": 8,
    "node_width": 16,
    "fem_width": 16,
    "fem_cells": 4,
    "mesh_width": 8,
    "mesh_hidden": 32,
}

BUILDS = [
    {"stages": "tw_only"},
    {"stages": "pg_only"},
    {"stages": "pg_only", "use_spi": False, "pg_feature": "coarse"},
    {"use_spi": False},
    {"use_fem": False},
    {"use_spi": False, "use_fem": False},
    {"edge_weight": "fixed"},
    {"edge_weight": "learned"},
    {"gat_score": "gatv2", "gat_norm": True, "node_identity": True, "edge_loss_reduction": "mean"},
    {"fem_out": "shared_fc", "fc_unit": "px_mm", "volume_norm": True},
    {"gat_layers": 1},
    {"gat_layers": 3, "gat_score": "dot", "gat_dropout": 0.1},
    {"spi_out": "absolute", "edge_loss_target": "uniform"},
    {"fem_out": "softargmax", "edge_loss_target": "off"},
    {"mesh_head": "transformer", "mesh_vertices_weight": 10.0},
    {"pg_feature": "coarse", "block": "bottleneck"},
    {"stacks": 2, "refine_pools": 2, "coordinate_loss": "l1"},
    {"l1_reduction": "sum", "fusion": "concat"},
    {"fusion": "deconv"},
    *({"tw_joint_set": letters} for letters in TABLE_4 if letters != "WT"),
    {"hands": 2, "tw_joint_set": "TD"},
]


def inputs(batch: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    patch = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    crop = torch.tensor([[120.0, 90.0, 150.0]]).repeat(batch, 1)
    camera = torch.tensor([[500.0, 500.0, 160.0, 120.0]]).repeat(batch, 1)
    return patch, crop, camera


def targets(batch: int, *hands: int) -> Targets:
    generator = torch.Generator().manual_seed(7)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(batch, *hands, *shape, generator=generator)

    return Targets(
        joints_patch=random(21, 2) * 64,
        joints_px=random(21, 2) * 100 + 50,
        joints_m=random(21, 3) * 0.15 + torch.tensor([0.0, 0.0, 0.5]),
        pose=random(16, 3) - 0.5,
        shape=random(10) - 0.5,
        is_hand=(torch.arange(batch) < batch - 1)[(...,) + (None,) * len(hands)].expand(batch, *hands),
    )


def tiny(**switches) -> Ehpe:
    torch.manual_seed(0)
    return create_model("ehpe", **{**TINY, **switches})


def rest_hand() -> torch.Tensor:
    return mean_hand(RigLayer(load_rig()), 150.0)


@pytest.mark.parametrize("switches", BUILDS, ids=str)
def test_every_switch_learns_and_answers(switches):
    model = tiny(**switches).train()
    loss = create_loss("ehpe", model.config)
    hands = switches.get("hands", 1)
    labels = targets(3) if hands == 1 else TwoHandTargets(*targets(3, 2))
    output = model(*inputs(3))
    total, terms = loss(output, labels, *inputs(3)[1:], negatives=True)
    total.backward()
    assert torch.isfinite(total) and all(torch.isfinite(v) for v in terms.values())
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    assert ("edge" in terms) is (output.attention is not None and loss.config.edge_loss_target != "off")
    assert output.joints_25d is not None and output.joints_25d.shape == (3, hands, 21, 3)
    if hands == 1:
        with torch.no_grad():
            answer = model.eval().infer(*inputs(2))
        assert answer.joints_m.shape == (2, 21, 3) and answer.vertices_m.shape[0] == 2
        assert all(torch.isfinite(part).all() for part in answer if part is not None)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name.startswith("paper")])
def test_the_papers_sizes(preset):
    config = make_config(preset)
    assert config.map_size == 64 and config.pg_map_size == config.fem_size == config.refine_out == 8
    assert len(config.tw_joints) == 6 and config.stacks == 2 and config.depth_bins == 8
    assert 2 * config.fem_size**2 + 1 == 129 and config.gat_heads == 8


def test_the_paper_model_builds_and_answers():
    model = create_model("ehpe", preset="paper-resnet50", patch_size=64).eval()
    with torch.no_grad():
        output = model(*inputs(1))
    assert output.heatmaps is not None and output.heatmaps.shape == (1, 2, 6, 16, 16)
    assert output.attention is not None and output.attention.shape == (1, 1, 2, 8, 21, 21)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"tw_joint_set": ""}, "some but not all of W, M, P, D, T.*leaves a stage empty is refused"),
        ({"tw_joint_set": "TWDPM"}, "leaves a stage empty is refused"),
        ({"tw_joint_set": "WX"}, "letters among W, M, P, D, T, each at most once, got 'WX'"),
        ({"tw_joint_set": "WTT"}, "each at most once"),
        ({"tw_joint_set": None}, "each at most once, got None"),
        ({"stages": "pg_only", "use_fem": False}, "use_fem to be true when stages is pg_only"),
        ({"gat_layers": 4}, "gat_layers: expected one of 1, 2, 3"),
        ({"edge_loss_target": 1}, "edge_loss_target: expected one of 1, uniform, off"),
        ({"fem_cells": 3}, "fem_cells: expected to divide the 8 cells"),
        ({"hourglass_depth": 5}, "hourglass_depth: .* a map of 8 cells halved as often"),
        ({"refine_pools": 3}, "refine_pools: .* divides refine_blocks"),
        ({"gat_heads": 3}, "node_width: expected a multiple of gat_heads"),
        ({"fem_heads": 3}, "fem_width: expected a multiple of fem_heads"),
        ({"finest": 5}, "finest: expected 4, 8 or 16"),
    ],
)
def test_what_cannot_be_built_is_refused(switches, message):
    with pytest.raises(KnuckleError, match=message):
        make_config(**{**TINY, **switches})


def test_a_set_may_be_named_in_any_order():
    assert make_config(tw_joint_set="TW").tw_joints == make_config().tw_joints == (0, 4, 8, 12, 16, 20)


@pytest.mark.parametrize("letters", [*TABLE_4, "M", "WM", "D"])
def test_nodes_keep_the_known_joints_and_put_the_others_on_the_fingers(letters):
    rest = rest_hand()
    start = NodeStart(letters, rest)
    known = list(joints_of(letters))
    moved = rest + torch.tensor([0.2, -0.1, 0.3])
    with torch.no_grad():
        nodes = start(moved[None, known])[0]
    assert torch.equal(nodes[known], moved[known])
    # The rest hand's fingers are nearly straight; a tip put out from wrist and MCP alone is off the most.
    assert (nodes - moved).norm(dim=1).max() < 1.1
    missing = 21 - len(known)
    assert missing == 0 or sum(p.numel() for p in start.parameters()) > 0
    start(moved[None, known]).square().sum().backward()
    assert all(p.grad is not None for p in start.parameters())


def test_wrist_and_tips_give_the_public_ratios():
    tw_joints = torch.zeros(1, 6, 3)
    tw_joints[:, 1:, 1] = 1.0
    with torch.no_grad():
        nodes = NodeStart("WT", rest_hand())(tw_joints)[0, :, 1]
    assert torch.allclose(nodes[1:5], torch.tensor([0.35, 0.68, 0.88, 1.0]))
    assert torch.allclose(nodes[5:], torch.tensor([0.28, 0.62, 0.85, 1.0]).repeat(4))


def test_edge_loss_of_uniform_attention():
    """26.7 on the one-hop graph, as computed from Eq 13: 5 * 0.5 + 15 * 4 / 3 + 25 / 6; and none against uniform."""
    mask = neighbourhood(BONES, 21, hops=1).float()
    attention = (mask / mask.sum(1, keepdim=True)).expand(2, 1, 1, 8, 21, 21)
    literal = EhpeLoss(make_config(gat_layers=1)).edge_loss(attention)
    assert literal[:, 0].tolist() == pytest.approx([26.6667, 26.6667], abs=1e-3)
    uniform = EhpeLoss(make_config(gat_layers=1, edge_loss_target="uniform")).edge_loss(attention)
    assert uniform.abs().max() < 1e-6


def test_heatmap_targets_are_the_density():
    maps = gaussian_targets(torch.tensor([[[0.0, 0.0], [0.3, -0.3]]]), 16, sigma_cells=1.5)
    assert torch.allclose(maps.sum((2, 3)), torch.ones(1, 2), atol=1e-3)
    on_a_cell = gaussian_targets(torch.tensor([[[1 / 16, -3 / 16]]]), 16, sigma_cells=1.5)
    assert on_a_cell[0, 0, 6, 8].item() == pytest.approx(heatmap_peak(1.5)) == on_a_cell.max().item()


def test_units_go_there_and_back():
    labels = targets(2)
    unit = from_labels(labels.joints_patch, labels.joints_m, patch_size=64, depth_range_mm=150.0)
    assert torch.allclose(to_patch(unit, 64), labels.joints_patch, atol=1e-4)
    px_mm = to_px_mm(unit, 150.0)
    depth = labels.joints_m[..., 2] - labels.joints_m[:, :1, 2]
    assert torch.allclose(px_mm[..., 2], 1000 * depth, atol=1e-3)
    assert torch.allclose(px_mm[..., :2], (labels.joints_patch + 0.5) * 4 - 0.5, atol=1e-3)


def test_losses_vanish_on_the_truth_and_leave_out_patches_without_a_hand():
    model = tiny().eval()
    with torch.no_grad():
        output = model(*inputs(3))
    labels = targets(3)
    truth = from_labels(labels.joints_patch, labels.joints_m, patch_size=64, depth_range_mm=300.0)
    known = list(model.config.tw_joints)
    wide = EhpeLoss(make_config(**{**TINY, "depth_range_mm": 300.0}))
    maps = gaussian_targets(truth[:, known, :2], 8, sigma_cells=1.0)
    exact = output._replace(
        heatmaps=maps[:, None],
        tw_joints=to_px_mm(truth[:, None, known], 300.0),
        joints_25d=to_px_mm(truth[:, None], 300.0),
    )
    wild = labels._replace(joints_m=labels.joints_m.clone())
    wild.joints_m[2] += torch.rand(21, 3)
    for each in (labels, wild):
        _, terms = wide(exact, each, *inputs(3)[1:], negatives=False)
        assert max(terms[name].item() for name in ("heatmap", "distance", "position")) < 1e-3
        assert terms["confidence"] == 0 and terms["pose"] > 0


def test_regularisation_is_the_sum_or_mean_of_the_first_stages_weights():
    values = {}
    for reduction in ("mean", "sum"):
        model = tiny(l1_reduction=reduction).train()
        values[reduction] = model(*inputs(2)).l1.item()
    parts = (model.backbone, model.fusion, model.tw)
    flat = torch.cat([p.flatten() for part in parts for p in part.parameters() if p.ndim > 1])
    assert values["sum"] == pytest.approx(flat.abs().sum().item(), rel=1e-4)
    assert values["mean"] == pytest.approx(flat.abs().mean().item(), rel=1e-4)
    assert model.eval()(*inputs(2)).l1 == 0


@pytest.mark.parametrize(
    ("phase", "frozen"), [("tw", {"pg", "meshes"}), ("pg", {"backbone", "fusion", "tw"})]
)
def test_a_phase_leaves_the_other_stage_as_it_is(phase, frozen):
    model = tiny()
    model.set_phase(phase)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss = create_loss("ehpe", model.config, phase=phase)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=1e-4)
    total, terms = loss(model(*inputs(3)), targets(3), *inputs(3)[1:], negatives=True)
    assert ("heatmap" in terms) is (phase == "tw") and ("position" in terms) is (phase == "pg")
    total.backward()
    optimiser.step()
    changed = {
        n.split(".")[0] for n, value in model.state_dict().items() if not torch.equal(value, before[n])
    }
    assert changed and not changed & frozen
    model.set_phase("all")
    assert all(p.requires_grad for p in model.parameters()) and model.backbone.training


def test_phases_that_do_not_exist_are_refused():
    with pytest.raises(KnuckleError, match="expected one of all, tw, pg, got 'both'"):
        tiny().set_phase("both")
    with pytest.raises(KnuckleError, match="expected one of all, tw, pg, got 'both'"):
        EhpeLoss(make_config(), "both")
    with pytest.raises(KnuckleError, match="has no TW-stage"):
        tiny(stages="pg_only").set_phase("tw")


def test_without_a_first_stage_the_second_trains_the_backbone():
    model = tiny(stages="pg_only")
    model.set_phase("pg")
    assert all(p.requires_grad for p in model.parameters())


def test_the_full_model_starts_from_the_first_stages_joints():
    model = tiny().eval()
    with torch.no_grad():
        output = model(*inputs(2))
    assert output.tw_joints is not None and output.joints_25d is not None
    known = list(model.config.tw_joints)
    assert (output.joints_25d[:, :, known] - output.tw_joints).abs().max() < 6


def test_joints_alone_from_the_visual_branch_start_as_the_mean_hand():
    for switches in ({"use_spi": False}, {"stages": "pg_only"}):
        with torch.no_grad():
            joints = tiny(**switches).eval()(*inputs(2)).joints_25d
        assert joints is not None
        assert (joints[0, 0] - to_px_mm(rest_hand(), 150.0)).abs().max() < 6


def test_two_hands_have_their_own_graphs_and_rigs():
    model = tiny(hands=2).eval()
    with torch.no_grad():
        output = model(*inputs(2))
    assert output.heatmaps is not None and output.heatmaps.shape == (2, 1, 12, 8, 8)
    assert output.tw_joints is not None and output.tw_joints.shape == (2, 2, 6, 3)
    assert output.attention is not None and output.attention.shape[:3] == (2, 2, 2)
    assert [rig.side for rig in model.rigs] == ["right", "left"]
    assert output.hands is not None and output.hands.mesh_joints_m.shape == (2, 2, 21, 3)
    with torch.no_grad():
        answer = model.infer(*inputs(2))
    assert torch.equal(answer.joints_m, output.hands.joints_m)
    assert answer.confidence.shape == (2, 2) and torch.equal(answer.confidence[:, 0], answer.confidence[:, 1])
    assert answer.mesh_joints_m is not None and answer.rotations is not None and answer.shape is not None
    for hand, rig in enumerate(model.rigs):
        vertices, joints = rig(answer.rotations[:, hand], answer.shape[:, hand])
        place = answer.mesh_joints_m[:, hand, :1] - joints[:, :1]
        assert torch.allclose(answer.vertices_m[:, hand], vertices + place, atol=1e-5)


def test_the_fusion_may_give_the_remaining_joints_alone():
    known = [0, 4, 8, 12, 16, 20]
    others = [joint for joint in range(21) if joint not in known]
    outputs = {}
    for fused in ("all", "remaining"):
        model = tiny(fused_joints=fused).eval()
        with torch.no_grad():
            # A fusion that has learned something.
            model.pg.graphs[0].spi_weight.mul_(1.5)
            outputs[fused] = model(*inputs(2))
    remaining = outputs["remaining"]
    assert remaining.tw_joints is not None and remaining.joints_25d is not None
    assert torch.equal(remaining.joints_25d[:, :, known], remaining.tw_joints)
    assert torch.equal(remaining.joints_25d[:, :, others], outputs["all"].joints_25d[:, :, others])
    assert not torch.allclose(remaining.joints_25d, outputs["all"].joints_25d)
    for switches in ({"stages": "pg_only"}, {"stages": "tw_only"}, {"use_spi": False, "use_fem": False}):
        with pytest.raises(KnuckleError, match="expected fused_joints to be all where one stage gives every"):
            tiny(fused_joints="remaining", **switches)


def test_head_k_may_see_k_hops():
    model = tiny(gat_reach="heads").eval()
    with torch.no_grad():
        attention = model(*inputs(2)).attention
    assert attention is not None and attention.shape[2:4] == (2, 8)
    seen = (attention[0, 0] > 0).sum((-1, -2))
    # Neighbours on the skeleton within k steps, the joint itself included, of all 21 joints.
    hops = torch.linalg.matrix_power
    adjacency = torch.eye(21, dtype=torch.float64)
    for a, b in BONES:
        adjacency[a, b] = adjacency[b, a] = 1
    expected = [int((hops(adjacency, k) > 0).sum()) for k in range(1, 9)]
    assert seen[0].tolist() == seen[1].tolist() == expected and expected[-1] == 21 * 21
    loss = create_loss("ehpe", model.config)
    assert loss.edges.sum((-1, -2)).tolist() == [expected, expected]


def test_all_joints_may_have_heatmaps():
    model = tiny(heatmap_joints="all").eval()
    output = model(*inputs(2))
    assert output.heatmaps is not None and output.heatmaps.shape[2] == 21
    assert output.tw_joints is not None and output.tw_joints.shape[2] == 6
    _, terms = create_loss("ehpe", model.config)(output, targets(2), *inputs(2)[1:], negatives=False)
    (gradient,) = torch.autograd.grad(terms["heatmap"], output.heatmaps)
    assert gradient[0].flatten(2).any(2).all()


def test_one_hand_labels_are_the_right_hands_of_a_two_hand_model():
    model = tiny(hands=2).train()
    loss = create_loss("ehpe", model.config)
    output = model(*inputs(3))
    labels = targets(3)
    one, _ = loss(output, labels, *inputs(3)[1:], negatives=False)
    both = TwoHandTargets(*(part[:, None].repeat(1, 2, *(1,) * (part.ndim - 1)) for part in labels[:6]))
    both.is_hand[:, 1] = False
    two, _ = loss(output, both, *inputs(3)[1:], negatives=False)
    assert one.item() == pytest.approx(two.item())
