"""DaHyF: every switch builds, learns and decodes; mirroring, projection and export agree."""

import numpy as np
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.projection import weak_to_translation
from knuckle.models import create_model
from knuckle.models.contract import Targets
from knuckle.models.dahyf.config import make_config
from knuckle.models.dahyf.losses import DahyfLoss

SMALL = {"patch_size": 64, "width": 32, "pool_width": 64, "mlp_width": 64}

SWITCHES = [
    {},
    {"dirmap": "none", "joint2d": "none"},
    {"joint2d": "none"},
    {"joint2d": "heatmap", "pe": False, "contrastive": False},
    {"joint2d": "heatmap", "pe": False},
    {"pe": False},
    {"dirmap": "local", "pe": False},
    {"gdm_replicate": "match"},
    {"pe_coord": "patch"},
    {"pe_coord": "frame"},
    {"neg_target": 0},
    {"detach_2d": True},
    {"loss2d": "kl"},
    {"loss2d": "l1"},
    {"rot_repr": "aa"},
    {"pool": "gap"},
    {"fusion": "concat"},
    {"fusion": "deconv"},
]


def inputs(batch: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    patch = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    crop = torch.tensor([120.0, 90.0, 150.0]) + 20 * torch.rand(batch, 3, generator=generator)
    camera = torch.tensor([[500.0, 500.0, 160.0, 120.0]]).repeat(batch, 1)
    return patch, crop, camera


def targets(batch: int, size: int = 64) -> Targets:
    generator = torch.Generator().manual_seed(7)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    return Targets(
        joints_patch=random(batch, 21, 2) * size,
        joints_px=random(batch, 21, 2) * 100 + 50,
        joints_m=random(batch, 21, 3) * 0.15 + torch.tensor([0.0, 0.0, 0.5]),
        pose=random(batch, 16, 3) - 0.5,
        shape=random(batch, 10) - 0.5,
        is_hand=torch.arange(batch) < max(batch - 1, 1),
    )


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_switch_runs_and_its_loss_reaches_every_parameter(switches):
    model = create_model("dahyf", **SMALL, **switches).train()
    loss = DahyfLoss(model.config)
    patch, crop, camera = inputs(4)
    total, terms = loss(model(patch, crop, camera), targets(4), crop, camera, negatives=True)
    total.backward()
    assert torch.isfinite(total) and all(torch.isfinite(v) for v in terms.values())
    missing = [n for n, p in [*model.named_parameters(), *loss.named_parameters()] if p.grad is None]
    assert not missing
    model.eval()
    for batch in (1, 2, 5):
        with torch.no_grad():
            output = model(*inputs(batch), vertices=True)
        assert output.joints_m.shape == (batch, 21, 3) and output.vertices_m.shape[0] == batch
        assert torch.isfinite(output.joints_px).all()


@pytest.mark.parametrize(("preset", "stride"), [("resnet50", 4), ("paper", 4)])
def test_paper_presets_reach_stride_four(preset, stride):
    model = create_model("dahyf", preset=preset, patch_size=64).eval()
    with torch.no_grad():
        output = model(*inputs(1))
    assert output.maps is not None and output.maps.shape[-1] == 64 // stride
    assert output.logits is not None and output.logits[0].shape == (1, 21, 64 * 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: create_model("wilor"), "expected one of dahyf, ehpe, handar"),
        (lambda: create_model("dahyf", preset="huge"), "expected one of lite, photo, paper, resnet50"),
        (lambda: create_model("dahyf", dirmap="polar"), "dirmap: expected one of none, local, global"),
        (lambda: create_model("dahyf", heads=3), "expected switches among"),
        (lambda: create_model("dahyf", pe="yes"), "pe: expected true or false"),
        (lambda: create_model("dahyf", patch_size=100), "multiple of 32"),
        (lambda: create_model("dahyf", joint2d="none", pe=True), "both need the 2D joints"),
    ],
)
def test_wrong_names_are_refused_with_the_valid_ones(call, message):
    with pytest.raises(KnuckleError, match=message):
        call()


def test_projection_is_the_full_cameras():
    model = create_model("dahyf", **SMALL).eval()
    patch, crop, camera = inputs(2)
    with torch.no_grad():
        output = model(patch, crop, camera)
    full = Camera(500.0, 500.0, 160.0, 120.0, 320, 240)
    assert np.allclose(output.joints_px.numpy(), full.project(output.joints_m.double().numpy()), atol=1e-3)


def test_same_patch_elsewhere_in_the_frame_gives_another_hand_only_with_the_global_map():
    patch, crop, camera = inputs(1)
    moved = crop + torch.tensor([[400.0, 0.0, 0.0]])
    for dirmap, changes in (("global", True), ("local", False)):
        torch.manual_seed(0)
        model = create_model("dahyf", **SMALL, dirmap=dirmap, pe_coord="unit").eval()
        with torch.no_grad():
            here, there = model(patch, crop, camera), model(patch, moved, camera)
        assert bool((here.rotations - there.rotations).abs().max() > 1e-6) is changes


def test_cosine_is_one_when_branch_and_projection_agree():
    model = create_model("dahyf", **SMALL)
    crop = torch.tensor([[120.0, 90.0, 150.0]])
    patch_px = torch.rand(1, 21, 2) * 64
    frame = (patch_px - 31.5) * (150 / 64) + crop[:, None, :2]
    assert model._similarity(patch_px, frame, crop).item() == pytest.approx(1, abs=1e-5)
    opposite = 2 * crop[:, None, :2] - frame
    assert model._similarity(patch_px, opposite, crop).item() == pytest.approx(-1, abs=1e-5)


def test_patches_without_a_hand_count_in_the_confidence_only():
    model = create_model("dahyf", **SMALL).eval()
    loss = DahyfLoss(model.config)
    patch, crop, camera = inputs(4)
    output = model(patch, crop, camera)
    some = targets(4)
    wild = some._replace(joints_m=some.joints_m.clone(), pose=some.pose.clone())
    wild.joints_m[3] += 100
    wild.pose[3] += 1
    first, _ = loss(output, some, crop, camera, negatives=True)
    second, _ = loss(output, wild, crop, camera, negatives=True)
    assert first.item() == second.item()


def test_weak_camera_gradient_in_float64():
    crop = torch.tensor([[120.0, 90.0, 150.0]], dtype=torch.float64)
    camera = torch.tensor([[500.0, 510.0, 160.0, 120.0]], dtype=torch.float64)
    points = torch.randn(1, 21, 3, dtype=torch.float64) * 0.05

    def project(weak: torch.Tensor, hand: torch.Tensor) -> torch.Tensor:
        moved = hand + torch.stack(weak_to_translation(weak, crop, camera), dim=-1)[:, None]
        return moved[..., :2] / moved[..., 2:] * camera[:, None, :2] + camera[:, None, 2:]

    weak = torch.tensor([[7.0, 0.02, -0.03]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(project, (weak, points.requires_grad_()))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_detached_the_confidence_does_not_move_the_2d_branch(dropout):
    gradients = {}
    for detach in (False, True):
        torch.manual_seed(0)
        model = create_model("dahyf", **SMALL, detach_2d=detach, dropout=dropout, rot_repr="aa").train()
        patch, crop, camera = inputs(4)
        output = model(patch, crop, camera)
        _, terms = DahyfLoss(model.config)(output, targets(4), crop, camera, negatives=True)
        branch = [*model.to_maps.parameters(), *model.simcc.parameters()]
        for term in ("c", "2dp"):
            got = torch.autograd.grad(terms[term], branch, allow_unused=True, retain_graph=True)
            gradients[detach, term] = sum(0.0 if g is None else g.abs().sum().item() for g in got)
        regressed = torch.autograd.grad(terms["c"], list(model.regressor.parameters()))
        assert all(g.any() for g in regressed)
    assert gradients[True, "c"] == 0 < gradients[False, "c"]
    if not dropout:
        assert gradients[True, "2dp"] == pytest.approx(gradients[False, "2dp"], rel=1e-5)


@pytest.mark.parametrize(("preset", "moves"), [("lite", False), ("resnet50", True)])
def test_a_projection_far_off_has_a_gradient_in_the_paper_s_presets(preset, moves):
    config = make_config(preset, patch_size=64)
    assert config.local_map == ("cells" if moves else "unit")
    patch, crop, camera = inputs(4)
    output = create_model("dahyf", **SMALL)(patch, crop, camera)
    far = (output.joints_px.detach() + 1e4).requires_grad_()
    _, terms = DahyfLoss(config)(output._replace(joints_px=far), targets(4), crop, camera, negatives=False)
    (gradient,) = torch.autograd.grad(terms["2dp"], far)
    assert gradient[:3].any().item() is moves and not gradient[3].any()
