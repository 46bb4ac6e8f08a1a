"""DFL: its tables' switches, Eq 1 to 4 against a plain computation, and what inference leaves out."""

import numpy as np
import onnx
import pytest
import torch
from dfl_samples import TINY, inputs, losses, targets, tiny
from torch import nn

from knuckle.errors import KnuckleError
from knuckle.export.onnx import export_onnx
from knuckle.geometry.camera import Camera
from knuckle.layers.skeleton_graph import SkeletonConv
from knuckle.models import create_model
from knuckle.models.dfl.config import PARTS, make_config
from knuckle.models.dfl.coordinates import to_depth_m
from knuckle.models.dfl.model import Dfl
from knuckle.models.dfl.streams import make_plan

BUILDS = [
    *({"baseline": name} for name in ("id1", "id2", "id3", "id4")),
    {"baseline": "id1", "seg": False},
    {"baseline": "id4", "attn": "literal"},
    *({"init": value} for value in ("p", "ap")),
    *({"ji": value} for value in ("a", "p")),
    *({"jj": value} for value in ("a", "ap")),
    *({"reg": value} for value in ("a", "ap")),
    {"init": "p", "ji": "p", "reg": "a", "attn": "literal"},
    {"init": "a", "ji": "a", "jj": "a", "reg": "a"},
    *({"iters": value} for value in (2, 4, 5)),
    {"iters": 2, "seg": False},
    {"attn": "literal"},
    {"attn": "literal", "seg": False, "reg": "a"},
    {"joint_codes": False, "dropout": 0.1, "spr_dropout": 0.1, "seg_hidden": 8, "block": "conv"},
    {"patch_size": 32, "attention_weight": 1.0},
    {"attention_weight": 1.0, "attention_heads": 1},
    {"spr_partitions": 4, "spr_drop_path": 0.5},
    {"spr_blocks": 2, "spr_width": 16, "spr_drop_path": 0.2, "spr_partitions": 4},
    {"position_from": "appearance"},
    {"position_from": "appearance", "attn": "literal"},
    {"position_from": "appearance", "baseline": "id4"},
    {"position_from": "appearance", "init": "p", "ji": "p"},
]


@pytest.mark.parametrize("switches", BUILDS, ids=str)
def test_every_switch_learns_and_answers(switches):
    model = tiny(**switches).train()
    total, terms = losses(model, targets())
    total.backward()
    assert torch.isfinite(total) and all(torch.isfinite(v) for v in terms.values())
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    pooled = model.config.baseline == "id1"
    assert ("2d" in terms) is not pooled and ("dice" in terms) is model.config.seg
    with torch.no_grad():
        answer = model.eval().infer(*inputs(2, model.config.patch_size))
    assert answer.joints_px.shape == answer.joints_patch.shape == (2, 2, 21, 2)
    assert answer.joints_m.shape == (2, 2, 21, 3) and answer.confidence.shape == (2, 2)
    if pooled:
        assert answer.attention is None
    else:
        cells = model.config.map_size
        assert answer.attention is not None
        assert answer.attention.shape == (2, model.config.iters, 2, 42, cells, cells)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"iters": 6}, "iters: expected one of 2, 3, 4, 5, got 6"),
        ({"jj": "pa"}, "jj: expected one of a, p, ap, got 'pa'"),
        ({"width": 18}, "width: expected a multiple of 4 and of heads, 4, got 18"),
        ({"position_width": 18}, "position_width: expected a multiple of 4"),
        ({"heads": 0}, "heads: expected at least 1, got 0"),
        ({"baseline": "id3", "jj": "a"}, "baseline: expected none beside jj, got 'id3'"),
        ({"init": "p", "ji": "p"}, "nothing would depend on the picture"),
    ],
)
def test_what_cannot_be_built_is_refused(switches, message):
    if "ji" in switches:
        make_config(**TINY, **switches, jj="a")
    with pytest.raises(KnuckleError, match=message):
        make_config(**{**TINY, **switches})


def test_the_papers_sizes():
    config = make_config("paper")
    assert (config.map_size, config.width, config.heads, config.ffn, config.iters) == (64, 256, 8, 1024, 3)
    assert (config.tau_uv, config.tau_d, config.alpha, config.beta) == (1, 3, 0.5, 1)
    assert (config.lambda_joints, config.lambda_seg, config.focal_gamma) == (3, 1, 2)
    model = create_model("dfl", preset="paper", patch_size=64).eval()
    with torch.no_grad():
        answer = model.infer(*inputs(1))
    assert answer.attention is not None and answer.attention.shape == (1, 3, 2, 42, 16, 16)


@pytest.mark.parametrize(
    ("iters", "cells"), [(2, [4, 8]), (3, [4, 8, 16]), (4, [4, 8, 16, 16]), (5, [4, 8, 16, 16, 16])]
)
def test_iterations_go_from_coarse_to_fine_and_stay_there(iters, cells):
    output = tiny(iters=iters, attention_weight=1.0).eval()(*inputs(1))
    assert [maps.shape[-1] for maps in output.attention] == [size**2 for size in (2, *cells)]
    assert output.joints_2d is not None and output.joints_2d.shape[1] == iters


def test_position_features_are_the_same_for_every_picture():
    model = tiny().eval()
    with torch.no_grad():
        one, two = (
            model._image_streams(model.appearance(model.backbone(inputs(b)[0])).tokens) for b in (1, 2)
        )
    for scale in range(1, 4):
        assert one[scale]["p"].shape == (1, 4 ** (scale + 1), 8) and torch.equal(
            one[scale]["p"], two[scale]["p"]
        )
        assert not torch.allclose(one[scale]["a"], two[scale]["a"][:1])
    finest = one[3]["p"][0]
    assert (torch.cdist(finest, finest) + torch.eye(256)).min() > 1e-3


def test_position_features_may_come_from_appearance_and_start_without_it():
    model = tiny(position_from="appearance").eval()
    picture = inputs(2)[0]

    def positions() -> dict[int, torch.Tensor]:
        with torch.no_grad():
            image = model._image_streams(model.appearance(model.backbone(picture)).tokens)
        return {scale: streams["p"] for scale, streams in image.items()}

    before = positions()
    torch.nn.init.normal_(model.position.seen.weight)
    after = positions()
    for scale in range(4):
        assert torch.equal(before[scale][0], before[scale][1])
        assert not torch.allclose(after[scale][0], after[scale][1], atol=1e-3)


def literal_by_hand(model: Dfl, image: dict[int, dict[str, torch.Tensor]]) -> list[dict[str, np.ndarray]]:
    """Eq 1 to 4 in numpy for a batch of one."""

    def softmax(logits: np.ndarray) -> np.ndarray:
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        return weights / weights.sum(-1, keepdims=True)

    values = {n: {s: v[0].double().numpy() for s, v in streams.items()} for n, streams in image.items()}
    query = model.decoder.codes["a"][0].detach().double().numpy()
    c_a, c_p = query.shape[1], values[1]["p"].shape[1]
    attention = softmax(query @ values[0]["a"].T / np.sqrt(c_a))
    appearance, position = attention @ values[0]["a"], attention @ values[0]["p"]
    every = []
    for scale in (1, 2, 3):
        attention = softmax(position @ position.T / np.sqrt(c_p))
        appearance, position = attention @ appearance, attention @ position
        logits = appearance @ values[scale]["a"].T + position @ values[scale]["p"].T
        attention = softmax(logits / np.sqrt(c_a + c_p))
        appearance, position = attention @ values[scale]["a"], attention @ values[scale]["p"]
        every.append({"a": appearance, "p": position})
    return every


def test_literal_attention_is_equations_1_to_4():
    model = tiny(attn="literal").eval()
    with torch.no_grad():
        image = model._image_streams(model.appearance(model.backbone(inputs(1)[0])).tokens)
        decoded = model.decoder(image, 1)
    assert image[3]["a"].shape[-1] == 16 + PARTS
    for got, expected in zip(decoded.iterations, literal_by_hand(model, image), strict=True):
        for stream, features in got.joints.items():
            assert np.abs(features[0].numpy() - expected[stream]).max() < 1e-4
    assert set(decoded.iterations[-1].joints) == {"p"}


@pytest.mark.parametrize(("reg", "streams"), [("p", {"p"}), ("a", {"a"}), ("ap", {"a", "p"})])
def test_only_what_is_regressed_leaves_the_last_iteration(reg, streams):
    model = tiny(reg=reg).eval()
    with torch.no_grad():
        image = model._image_streams(model.appearance(model.backbone(inputs(1)[0])).tokens)
        decoded = model.decoder(image, 1)
    assert set(decoded.iterations[-1].joints) == streams
    assert set(decoded.iterations[0].joints) == {"a", "p"}
    last = model.decoder.layers[-1].image.relations
    assert set(last.value) == streams and set(last.query) == {"a", "p"}
    widths = make_plan(model.config).widths
    assert model.joints.linear.in_features == sum(widths[s] for s in streams)


@pytest.mark.parametrize(("module", "name"), [("joints", "jj"), ("image", "ji")])
@pytest.mark.parametrize("guides", ["a", "p", "ap"])
def test_relations_depend_on_their_guides_alone_and_move_every_stream(module, name, guides):
    gather = getattr(tiny(**{name: guides}, reg="ap").eval().decoder.layers[-1], module)
    torch.manual_seed(1)
    joints = {s: torch.randn(1, 42, w) for s, w in (("a", 16), ("p", 8))}
    source = joints if module == "joints" else {s: torch.randn(1, 256, v.shape[2]) for s, v in joints.items()}
    with torch.no_grad():
        before = gather(joints, source)
        assert set(before.logits) == set(guides) and set(before.joints) == {"a", "p"}
        for changed in ("a", "p"):
            other = {s: v + (s == changed) * torch.randn(v.shape) for s, v in source.items()}
            after = gather(other if module == "joints" else joints, other)
            same = torch.equal(before.attention, after.attention)
            assert same is (changed not in guides)
            unchanged = {"a": "p", "p": "a"}[changed]
            # No features of one stream enter the other's; they meet in the attention alone.
            assert torch.equal(before.joints[unchanged], after.joints[unchanged]) is same


def test_the_first_features_are_gathered_by_the_chosen_relations():
    for init in ("a", "p", "ap"):
        model = tiny(init=init, attention_weight=1.0).eval()
        one, two = (model(*inputs(b)).attention[0] for b in (1, 2))
        assert torch.allclose(one, two[:1]) is (init == "p")


def test_a_baseline_has_one_stream_and_the_modules_of_its_row():
    for name, jj, spr in (("id2", False, False), ("id3", True, False), ("id4", True, True)):
        model = tiny(baseline=name)
        assert make_plan(model.config).widths == {"f": 24}
        assert [hasattr(layer, "joints") for layer in model.decoder.layers] == [jj] * 3
        assert isinstance(model.refine, nn.Identity) is not spr
    assert not hasattr(tiny(baseline="id1"), "decoder")


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_the_attention_loss_sees_the_heads_that_are_asked(asked):
    model = tiny(attention_weight=1.0, attention_heads=asked).eval()
    heads = []

    def keep(_module, _inputs, output):
        heads.append(output.attention)

    for part in (model.decoder.start.relations, *(layer.image.relations for layer in model.decoder.layers)):
        part.register_forward_hook(keep)
    maps = model(*inputs(1)).attention
    assert len(maps) == len(heads) == 1 + model.config.iters
    for one, every in zip(maps, heads, strict=True):
        chosen = every[:, :asked] if asked else every
        torch.testing.assert_close(one, chosen.mean(1))


@pytest.mark.parametrize("asked", [-1, 5])
def test_more_heads_than_there_are_cannot_be_asked(asked):
    with pytest.raises(KnuckleError, match=f"attention_heads: expected 0 to heads, 4, got {asked}"):
        make_config("lite", attention_heads=asked)


def test_attention_maps_are_each_streams_own_and_keep_their_sum():
    model = tiny().eval()
    with torch.no_grad():
        maps = model.infer(*inputs(2)).attention
        iterations = model._run(*inputs(2), intermediate=False)[1]
    assert maps is not None
    # Every cell of a coarser map became several of the finest.
    for number, cells in enumerate((4, 8, 16)):
        sums = maps[:, number].sum((-1, -2)) / (16 / cells) ** 2
        assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)
        for stream, name in enumerate(("a", "p")):
            own = iterations[number].logits[name].softmax(-1).mean(1).unflatten(-1, (cells, cells))
            step = 16 // cells
            assert torch.allclose(maps[:, number, stream, :, ::step, ::step], own, atol=1e-6)
    single = tiny(ji="a").eval().infer(*inputs(1)).attention
    assert single is not None and torch.equal(single[:, :, 0], single[:, :, 1])


def test_spatial_refinement_mixes_both_hands_and_follows_the_skeleton():
    refine = tiny().eval().refine
    joints = torch.randn(1, 42, 8)
    swapped = joints.unflatten(1, (2, 21)).flip(1).flatten(1, 2)
    other = joints.clone()
    other[:, 40] = torch.randn(8)
    with torch.no_grad():
        expected = refine(joints).unflatten(1, (2, 21)).flip(1).flatten(1, 2)
        assert torch.allclose(refine(swapped), expected, atol=1e-5)
        change = (refine(other) - refine(joints)).abs().sum(-1)[0]
        shuffled = torch.randperm(21)
        both = torch.cat([shuffled, shuffled + 21])
        assert not torch.allclose(refine(joints[:, both]), refine(joints)[:, both], atol=1e-3)
    assert change.min() > 0


@pytest.mark.parametrize("sure", [True, False])
def test_joints_stand_at_their_wrists_depth_and_project_to_their_pixels(sure):
    model = tiny().eval()
    last = model.pair.validity[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([4.0, 4.0 if sure else -4.0]))
        model.joints.linear.weight.mul_(1e3)
        model.pair.depth[-1].bias.copy_(torch.tensor([0.1, 0.3]))
        answer, output = model.infer(*inputs(2)), model(*inputs(2))
    view = Camera(500.0, 500.0, 160.0, 120.0, 320, 240)
    assert np.abs(view.project(answer.joints_m.double().numpy()) - answer.joints_px.numpy()).max() < 1e-2
    wrists = answer.joints_m[:, :, 0, 2]
    apart = output.pair.relative_m if sure else torch.zeros(2)
    assert torch.allclose(wrists[:, 1] - wrists[:, 0], apart, atol=1e-6)
    assert torch.allclose(wrists.mean(1), output.pair.depth_m, atol=1e-6)
    relative = answer.joints_m[..., 2] - wrists[..., None]
    assert relative.abs().max() > 1e-3 and torch.allclose(relative, to_depth_m(output.joints_25d), atol=1e-6)
    patch = (answer.joints_px - torch.tensor([120.0, 90.0])) * (64 / 150) + 31.5
    assert torch.allclose(patch, answer.joints_patch, atol=1e-3)


@pytest.mark.usefixtures("unchecked_shapes")
def test_inference_leaves_the_intermediate_heads_out(tmp_path):
    model = tiny().eval()
    with torch.no_grad():
        before = model.infer(*inputs(2))
        for head in model.joints_2d:
            head.linear.weight.fill_(float("nan"))
        after = model.infer(*inputs(2))
    given = [name for name, value in before._asdict().items() if value is not None]
    assert all(torch.equal(getattr(before, name), getattr(after, name)) for name in given)
    export_onnx(model, tmp_path / "dfl.onnx")
    graph = onnx.load(tmp_path / "dfl.onnx").graph
    names = {tensor.name for tensor in graph.initializer}
    assert any("decoder" in name for name in names) and not any("joints_2d" in name for name in names)
    assert [value.name for value in graph.output] == given


def test_the_fourth_partition_is_the_other_hand_s_same_joint():
    torch.manual_seed(0)
    joints = torch.randn(1, 2, 21, 4)
    changed = joints.clone()
    changed[0, 1, 7] += 1
    for partner, reached in ((False, []), (True, [7])):
        graph = SkeletonConv(4, 4, partner=partner)
        moved = (graph(changed) - graph(joints)).abs().sum(-1)[0] > 1e-6
        assert moved[0].nonzero().flatten().tolist() == reached and moved[1].sum() == 3


def test_the_paper_s_preset_has_the_parameters_that_its_page_counts():
    def millions(**switches: int) -> float:
        model = create_model("dfl", preset="paper", **switches)
        published = (p.numel() for n, p in model.named_parameters() if not n.startswith("pair."))
        return round(sum(published) / 1e6, 1)

    assert millions() == 33.9
    assert millions(spr_blocks=3, spr_width=512, spr_partitions=3) == 42.2
