"""DFL's units, its losses against plain numbers, and where its wrists stand."""

import numpy as np
import pytest
import torch
from dfl_samples import inputs, losses, targets, tiny
from torch import nn

from knuckle.models.contract import TwoHandTargets
from knuckle.models.dfl.config import PARTS, make_config
from knuckle.models.dfl.coordinates import from_labels, to_depth_m, to_patch, to_px_bins
from knuckle.models.dfl.heads import PairState, wrist_depths
from knuckle.models.dfl.losses import DflLoss, sample_attention
from knuckle.models.dfl.model import DflOutput


def test_units_go_there_and_back():
    labels = targets(2)
    uvd = from_labels(labels.joints_patch, labels.joints_m, patch_size=64)
    assert torch.allclose(to_patch(uvd, 64), labels.joints_patch, atol=1e-4)
    relative = labels.joints_m[..., 2] - labels.joints_m[..., :1, 2]
    assert torch.allclose(to_depth_m(uvd), relative, atol=1e-6)
    assert torch.allclose(uvd[..., 2] * 1.5625e-3, relative, atol=1e-6)
    middle = to_px_bins(torch.zeros(1, 21, 3))
    assert middle[0, 0].tolist() == [127.5, 127.5, 0]
    corner = to_px_bins(torch.full((1, 21, 3), 1.0))
    assert corner[0, 0].tolist() == [255.5, 255.5, 128]


def test_joint_losses_by_hand():
    loss = DflLoss(make_config())
    error = torch.zeros(1, 2, 21, 3)
    error[0, 0, 0] = torch.tensor([0.5, -2.0, 1.5])
    error[0, 0, 1] = torch.tensor([0.0, 0.0, -7.0])
    # |u| < 1: u^2 / 2; |v| > 1: |v| - 1/2; |d| < 3: d^2 / 6; |d| > 3: |d| - 3/2; uv counts half.
    got = loss.joints_25d(error)[0, 0]
    assert got[0].item() == pytest.approx((0.5 * (0.125 + 1.5) + 1.5**2 / 6) / 3)
    assert got[1].item() == pytest.approx(5.5 / 3)
    assert got[2:].sum() == 0


def test_the_paper_s_balance_is_eq_11():
    config = make_config("paper", patch_size=64)
    loss = DflLoss(config)
    labels = targets()._replace(is_hand=torch.ones(4, 2, dtype=torch.bool))
    exact = exact_output(labels)
    off = torch.tensor([3.0, -0.5, 7.0])
    # One coordinate of tau 1 is beyond it and one within; the depth is beyond tau 3.
    output = exact._replace(
        joints_25d=exact.joints_25d + off, joints_2d=exact.joints_2d + off[:2], log_parts=None
    )
    _, crop, camera = inputs(4)
    total, terms = loss(output, labels, crop, camera, negatives=False)
    plane, depth = (3 - 0.5) + 0.5**2 / 2, 7 - 3 / 2
    assert terms["2d"].item() == pytest.approx(plane, rel=1e-4)
    assert terms["25d"].item() == pytest.approx(0.5 * plane + depth, rel=1e-4)
    # Eq 11, and nothing else: the truth's validity and depth of the pair have no loss, the relative one no weight.
    assert total.item() == pytest.approx(plane + 3 * (0.5 * plane + depth), rel=1e-4)
    assert loss.weights["relative"] == loss.weights["attention"] == 0


def test_heads_the_paper_lacks_do_not_change_what_the_paper_s_preset_learns():
    model = tiny(coordinates="sum", pair_gradient=False, relative_weight=0.0).train()
    total, terms = losses(model, targets())
    published = terms["2d"] + 3 * terms["25d"] + terms["focal"] + terms["dice"]
    named = {n: p for n, p in model.named_parameters() if not n.startswith("pair.")}
    expected = torch.autograd.grad(published, named.values(), retain_graph=True)
    got = torch.autograd.grad(total, named.values())
    assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))


@pytest.mark.parametrize(("weight", "apart_m"), [(0.0, 0.0), (1.0, 0.2)])
def test_wrists_are_apart_only_where_that_was_learned(weight, apart_m):
    model = tiny(relative_weight=weight).eval()
    with torch.no_grad():
        model.pair.validity[-1].bias.fill_(5.0)
        model.pair.depth[-1].bias.fill_(1.0)
        depth = model.infer(*inputs(2)).joints_m[:, :, 0, 2]
    assert torch.allclose(depth[:, 1] - depth[:, 0], torch.full((2,), apart_m), atol=2e-2)


def exact_output(labels: TwoHandTargets) -> DflOutput:
    """The truth as an output; rows of absent hands are far off."""
    uvd = from_labels(labels.joints_patch, labels.joints_m, patch_size=64)
    uvd = torch.where(labels.is_hand[:, :, None, None], uvd, 1e4)
    mask = labels.part_mask
    assert mask is not None
    one_hot = nn.functional.one_hot(mask[:, ::2, ::2].flatten(1).long(), PARTS).float()
    wrists = labels.joints_m[:, :, 0, 2]
    there = labels.is_hand
    pair = PairState(
        validity_logit=torch.where(there, 50.0, -50.0),
        depth_m=torch.where(
            there.all(1), wrists.mean(1), torch.where(there[:, 0], wrists[:, 0], wrists[:, 1])
        ),
        relative_m=torch.where(there.all(1), wrists[:, 1] - wrists[:, 0], 5.0),
    )
    return DflOutput(uvd, uvd[:, None, ..., :2], [], (one_hot + 1e-9).log(), pair)


def test_losses_vanish_on_the_truth_and_absent_hands_do_not_count():
    labels = targets()
    _, terms = losses(tiny(), labels, exact_output(labels))
    assert set(terms) == {"25d", "2d", "focal", "dice", "validity", "depth", "relative"}
    assert all(value.item() < 1e-4 for value in terms.values()), terms
    wild = labels._replace(joints_m=labels.joints_m.clone(), joints_patch=labels.joints_patch.clone())
    wild.joints_m[~labels.is_hand] = float("nan")
    wild.joints_patch[~labels.is_hand] += 1e3
    model = tiny(attention_weight=1.0).eval()
    with torch.no_grad():
        values = [losses(model, each)[0].item() for each in (labels, wild)]
    assert values[0] == pytest.approx(values[1])


def test_each_loss_is_what_it_says():
    labels = targets()
    exact = exact_output(labels)
    shifted = exact._replace(
        joints_2d=exact.joints_2d + torch.tensor([3.0, 0.0]),
        joints_25d=exact.joints_25d + torch.tensor([0.0, 0.0, 4.0]),
        pair=PairState(torch.zeros(4, 2), exact.pair.depth_m * 1.1, exact.pair.relative_m + 0.01),
    )
    total, terms = losses(tiny(), labels, shifted)
    expected = {
        "2d": 2.5 / 2,
        "25d": 2.5 / 3,
        "validity": np.log(2),
        "depth": np.log(1.1),
        "relative": 6.4 - 1.5,
        "focal": 0,
        "dice": 0,
    }
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, abs=1e-3), name
    weights = {"25d": 3, "validity": 5, "depth": 10}
    assert total.item() == pytest.approx(sum(weights.get(n, 1) * v for n, v in expected.items()), abs=1e-2)


def test_a_batch_without_hands_counts_in_validity_and_segmentation_alone():
    labels = targets()._replace(is_hand=torch.zeros(4, 2, dtype=torch.bool))
    model = tiny(attention_weight=1.0).train()
    total, terms = losses(model, labels)
    total.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    counted = {name for name, value in terms.items() if value.item() != 0}
    assert counted == {"validity", "focal", "dice"}


def test_sets_without_part_masks_train_everything_else():
    model = tiny().train()
    total, terms = losses(model, targets()._replace(part_mask=None))
    total.backward()
    assert terms["focal"] == terms["dice"] == 0 and terms["25d"] > 0
    assert all(p.grad is not None for p in model.parameters())


def test_attention_is_sampled_between_cells():
    maps = torch.arange(16.0).expand(1, 42, 16)
    uv = torch.zeros(1, 42, 2)
    # Cells of 64 px, their centres at 31.5, 95.5, ...
    uv[0, :4] = torch.tensor([[95.5, 31.5], [95.5, 63.5], [127.5, 95.5], [300.0, 300.0]])
    assert sample_attention(maps, uv)[0, :4].tolist() == pytest.approx([1, 3, 5.5, 15])


def test_wrists_stand_at_the_pairs_depth_and_apart_where_both_are_there():
    state = PairState(torch.zeros(2, 2), torch.tensor([0.5, 0.6]), torch.tensor([0.1, 0.1]))
    depths = wrist_depths(state, torch.tensor([True, False]))
    assert torch.allclose(depths, torch.tensor([[0.45, 0.55], [0.6, 0.6]]))
