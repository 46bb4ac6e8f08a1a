"""HandAR: every switch learns, losses vanish at the truth, inference and training give the same mesh."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.layers.camera_head import frame_to_patch, project
from knuckle.models import create_loss, create_model
from knuckle.models.contract import OwnSurface, Targets, truth_mesh
from knuckle.models.handar.config import DEPTH_BOX_M, make_config
from knuckle.models.handar.coordinates import bins_to_metres, metres_to_bins
from knuckle.models.handar.losses import HandarLoss, masked_mean
from knuckle.models.handar.mesh_joints import joint_matrix
from knuckle.models.handar.model import HandarOutput
from knuckle.models.handar.render_loss import picture_distance
from knuckle.poses.prior import sample_poses, sample_shapes
from knuckle.rig.load import load_rig
from knuckle.skeleton import MANO16_PARENTS, MIDDLE_MCP

SMALL: dict[str, Any] = {
    "patch_size": 64,
    "fusion_width": 16,
    "mesh_width": 16,
    "depth_width": 8,
    "global_width": 8,
    "gin_hidden": 8,
    "gin_width": 8,
    "gin_blocks": 1,
    "gin_tail": 4,
    "render_size": 32,
}

SWITCHES: list[dict[str, Any]] = [
    {},
    {"joint_stage": False},
    {"refine_stage": False},
    {"refine_local": False},
    {"refine_global": False},
    {"refine_local": False, "refine_global": False},
    {"refine_offset": False},
    {"segmentation": False},
    {"render": False},
    {"segmentation": False, "render": False},
    {"joint_stage": False, "refine_stage": False, "segmentation": False, "render": False},
    {"fuse": "concat", "head_dilation": 2, "train_eps": True, "mean_start": False},
    {"render_size": 64, "render_levels": 1},
]


def inputs(batch: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    patch = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    crop = torch.tensor([[170.0, 110.0, 180.0]]).repeat(batch, 1)
    camera = torch.tensor([[400.0, 400.0, 160.0, 120.0]]).repeat(batch, 1)
    return patch, crop, camera


def targets(batch: int) -> Targets:
    """Hands half a metre away in the middle of the crops of `inputs`; the last of several rows has none."""
    _, crop, camera = inputs(batch)
    rng = np.random.default_rng(4)
    rig = load_rig()
    pose = torch.from_numpy(sample_poses(rig, batch, rng, kinds={"natural": 1.0}))
    shape = torch.from_numpy(sample_shapes(batch, rng))
    root = torch.tensor([0.01, -0.01, 0.5])
    blank = Targets(
        joints_patch=torch.zeros(batch, 21, 2),
        joints_px=torch.zeros(batch, 21, 2),
        joints_m=root.expand(batch, 21, 3),
        pose=pose,
        shape=shape,
        is_hand=torch.arange(batch) < max(batch - 1, 1),
    )
    _, joints = truth_mesh(loss_of().rig, blank)
    joints_px = project(joints, camera)
    return blank._replace(
        joints_m=joints, joints_px=joints_px, joints_patch=frame_to_patch(joints_px, crop, 64)
    )


def loss_of(**switches) -> HandarLoss:
    return create_loss("handar", make_config(**{**SMALL, **switches}))


def perfect(loss: HandarLoss, truth: Targets) -> HandarOutput:
    """What a model that knows everything would say."""
    _, crop, camera = inputs(len(truth.pose))
    depth = truth.joints_m[:, loss.config.root_joint, 2]
    mesh = metres_to_bins(truth_mesh(loss.rig, truth)[0], depth, crop, camera, loss.config)
    joints = metres_to_bins(truth.joints_m, depth, crop, camera, loss.config)
    return HandarOutput(mesh, mesh.clone(), joints, None, depth, torch.full_like(depth, 30.0))


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_switch_learns_and_its_loss_reaches_every_parameter(switches):
    torch.manual_seed(0)
    model = create_model("handar", **{**SMALL, **switches}).train()
    loss = create_loss("handar", model.config)
    patch, crop, camera = inputs(3)
    output = model(patch, crop, camera)
    assert (output.joints is None) is not switches.get("joint_stage", True)
    assert (output.segmentation is None) is not switches.get("segmentation", True)
    assert (output.final is output.rough) is not switches.get("refine_stage", True)
    total, terms = loss(output, targets(3), crop, camera, negatives=False)
    total.backward()
    assert torch.isfinite(total) and ("render" in terms) is switches.get("render", True)
    assert not [n for n, p in model.named_parameters() if p.grad is None]


def test_paper_preset_has_the_papers_shapes():
    """At a quarter of the paper's patch size, so every map's side is a quarter of the paper's."""
    torch.manual_seed(0)
    model = create_model("handar", preset="paper", patch_size=64, render_size=32).eval()
    shapes = {}

    def note(name):
        def hook(_module, given, result):
            shapes[name] = (
                tuple(result.shape[1:])
                if isinstance(result, torch.Tensor)
                else [tuple(m.shape[1:]) for m in result]
            )

        return hook

    for name in ("fusion", "joint_feature", "fuse", "mesh_encoder", "segmentation", "joint_head"):
        model.get_submodule(name).register_forward_hook(note(name))
    with torch.no_grad():
        output = model(*inputs(1))
    assert shapes["fusion"] == (256, 16, 16) and shapes["joint_feature"] == shapes["fuse"] == (64, 16, 16)
    assert shapes["mesh_encoder"] == [(256, 16, 16), (512, 8, 8), (1024, 4, 4), (2048, 2, 2)]
    assert shapes["segmentation"] == (2, 32, 32) and shapes["joint_head"] == (21, 3)
    assert output.final.shape == (1, len(load_rig().vertices), 3)
    refine = model.refine_stage
    assert refine.first.conv.first.weight.shape == (256, 902) and refine.tail.second.weight.shape == (3, 32)
    assert len(refine.blocks) == 3 and refine.blocks[0].blocks[1].conv.second.weight.shape == (64, 64)


def test_heatmap_space_and_back():
    config = make_config(**SMALL)
    _, crop, camera = inputs(2)
    points = torch.randn(2, 7, 3) * 0.05 + torch.tensor([0.0, 0.0, 0.6])
    depth = torch.tensor([0.6, 0.55])
    bins = metres_to_bins(points, depth, crop, camera, config)
    assert torch.allclose(bins_to_metres(bins, depth, crop, camera, config), points, atol=1e-6)
    # The crop's centre at the root's depth is the middle of every axis; half the box more is its far side.
    ray = (crop[:1, :2] - camera[:1, 2:]) / camera[:1, :2]
    for offset, z in ((0.0, 7.5), (DEPTH_BOX_M / 2, 15.5)):
        place = 0.5 + offset
        point = torch.cat([ray * place, torch.full((1, 1), place)], dim=1)[:, None]
        got = metres_to_bins(point, torch.tensor([0.5]), crop[:1], camera[:1], config)
        assert torch.allclose(got[0, 0], torch.tensor([7.5, 7.5, z]), atol=1e-4)


@pytest.mark.parametrize("z_root", ["middle_mcp", "wrist"])
def test_losses_are_zero_at_the_truth_only(z_root):
    loss, truth = loss_of(segmentation=False, z_root=z_root), targets(3)
    _, crop, camera = inputs(3)
    output = perfect(loss, truth)
    _, terms = loss(output, truth, crop, camera, negatives=False)
    assert set(terms) == {"mesh", "joint", "normal", "edge", "render", "depth", "confidence"}
    assert all(value < 1e-3 for value in terms.values()), terms
    # Four of 64 bins further right: one of the model's sixteen.
    moved = output._replace(final=output.final + torch.tensor([1.0, 0.0, 0.0]))
    _, wrong = loss(moved, truth, crop, camera, negatives=False)
    assert wrong["mesh"].item() == pytest.approx(4 / 3, rel=0.02)
    assert wrong["render"] > 0.01 and wrong["edge"] < 1e-3 and wrong["normal"] < 1e-3
    larger = output._replace(final=output.final * 1.2)
    _, wrong = loss(larger, truth, crop, camera, negatives=False)
    assert wrong["edge"] > 0.1 and wrong["normal"] < 1e-3
    sheared = output._replace(final=output.final + 0.5 * output.final.flip(-1))
    assert loss(sheared, truth, crop, camera, negatives=False)[1]["normal"] > 0.1


def test_surface_losses_are_the_sums_over_faces_and_edges():
    loss = loss_of()
    torch.manual_seed(0)
    mesh, truth = torch.randn(2, 2, len(load_rig().vertices), 3, dtype=torch.float64)
    everything = torch.ones(truth.shape[:2], dtype=torch.bool)
    normal, edge = loss.surface([mesh], truth, everything)
    corners, true_corners = mesh[:, loss.painted.faces], truth[:, loss.painted.faces]
    edges, true_edges = corners.roll(-1, 2) - corners, true_corners.roll(-1, 2) - true_corners
    normals = torch.nn.functional.normalize(
        torch.linalg.cross(true_edges[:, :, 0], true_edges[:, :, 1]), dim=-1
    )
    cosines = torch.nn.functional.normalize(edges, dim=-1) * normals[:, :, None]
    assert normal.item() == pytest.approx(cosines.sum(-1).abs().mean().item(), rel=1e-5)
    assert edge.item() == pytest.approx(
        (edges.norm(dim=-1) - true_edges.norm(dim=-1)).abs().mean().item(), rel=1e-5
    )


def test_render_gradient_pulls_a_shifted_mesh_back():
    loss, truth = loss_of(), targets(1)
    output = perfect(loss, truth)
    depth = truth.joints_m[:, MIDDLE_MCP, 2]
    options = {"bins": loss.config.bins, "box_m": DEPTH_BOX_M, "size": 32}
    picture = loss.painted(output.final, depth, **options).image
    for axis in (0, 1):
        for side in (-1.0, 1.0):
            shift = torch.zeros(3)
            shift[axis] = 0.6 * side
            shift.requires_grad_()
            moved = loss.painted(output.final + shift, depth, **options).image
            picture_distance(moved, picture, 3).sum().backward()
            assert shift.grad is not None and shift.grad[axis] * side > 0


def test_truncated_coordinates_and_patches_without_a_hand_do_not_count():
    loss, truth = loss_of(segmentation=False), targets(3)
    _, crop, camera = inputs(3)
    crop[0, 0] += 90
    depth = truth.joints_m[:, MIDDLE_MCP, 2]
    mesh = metres_to_bins(truth_mesh(loss.rig, truth)[0], depth, crop, camera, loss.config)
    outside = (mesh[0, :, 0] < -0.5).nonzero()[:, 0]
    assert 100 < len(outside) < mesh.shape[1]
    joints = metres_to_bins(truth.joints_m, depth, crop, camera, loss.config)
    wild = mesh.clone()
    wild[0, outside, 0] += 5
    wild[2] += 1000
    output = HandarOutput(wild, wild, joints, None, depth, torch.zeros(3))
    _, terms = loss(output, truth, crop, camera, negatives=False)
    assert terms["mesh"] < 1e-4 and terms["normal"] < 1e-3 and terms["edge"] < 1e-3
    wild[0, outside, 1] += 5
    _, terms = loss(output, truth, crop, camera, negatives=False)
    assert terms["mesh"] > 0.01
    assert masked_mean(torch.full((2,), torch.inf), torch.zeros(2, dtype=torch.bool)) == 0


def test_segmentation_is_compared_with_the_data_set_s_own_mask_where_there_is_one():
    loss, truth = loss_of(), targets(3)
    _, crop, camera = inputs(3)
    mask = torch.zeros(3, 64, 64, dtype=torch.uint8)
    mask[:, 10:30, 20:40] = 1
    has_mask = torch.tensor([True, False, True])  # the last row has no hand
    own = truth._replace(own=OwnSurface(mask=mask, has_mask=has_mask))
    size = loss.config.mask_size
    wide = torch.nn.functional.interpolate(mask[:1, None].float(), (size, size), mode="area")[0, 0] >= 0.5
    logits = torch.full((3, 2, size, size), -8.0)
    logits[:, 0] = torch.where(wide, -8.0, 8.0)
    logits[:, 1] = -logits[:, 0]
    output = perfect(loss, truth)._replace(segmentation=logits)
    _, with_own = loss(output, own, crop, camera, negatives=False)
    _, drawn = loss(output, truth, crop, camera, negatives=False)
    # Of two hands that count the first is right, the second is compared with its drawn mesh, as both were before.
    one = truth._replace(is_hand=torch.tensor([False, True, False]))
    _, second = loss(output, one, crop, camera, negatives=False)
    assert float(second["segmentation"]) > 1 and float(drawn["segmentation"]) > 1
    assert float(with_own["segmentation"]) == pytest.approx(float(second["segmentation"]) / 2, rel=1e-4)


def test_segmentation_is_compared_with_the_drawn_mesh():
    loss, truth = loss_of(), targets(2)
    _, crop, camera = inputs(2)
    output = perfect(loss, truth)
    depth = truth.joints_m[:, MIDDLE_MCP, 2]
    drawn = loss.painted(output.final, depth, bins=16, box_m=DEPTH_BOX_M, size=32).alpha >= 0.5
    assert 0.05 < drawn[0].float().mean() < 0.6
    logits = 20.0 * torch.stack([~drawn, drawn], dim=1).float()
    _, right = loss(output._replace(segmentation=logits), truth, crop, camera, negatives=False)
    _, wrong = loss(output._replace(segmentation=-logits), truth, crop, camera, negatives=False)
    assert right["segmentation"] < 1e-4 and wrong["segmentation"] > 10


def test_infer_needs_no_training_branch_and_gives_the_same_mesh_to_the_bit():
    torch.manual_seed(0)
    model = create_model("handar", **SMALL).eval()
    values = inputs(2)
    with torch.no_grad():
        model.refine_stage.tail.second.weight.normal_()
        output = model(*values)
        model.joint_head = model.segmentation = None
        inferred = model.infer(*values)
    mesh, rough = (
        bins_to_metres(bins, output.root_depth_m, *values[1:], model.config)
        for bins in (output.final, output.rough)
    )
    assert torch.equal(inferred.vertices_m, mesh)
    assert torch.equal(inferred.rough_vertices_m, rough) and not torch.equal(rough, mesh)
    for joints, vertices in ((inferred.joints_m, mesh), (inferred.rough_joints_m, rough)):
        assert torch.allclose(joints, model.joint_matrix @ vertices, atol=1e-6)
    assert inferred.rotations is None and inferred.shape is None and inferred.joints_patch is None


def test_a_fresh_model_answers_a_hand_in_the_middle():
    torch.manual_seed(0)
    model = create_model("handar", **SMALL).eval()
    with torch.no_grad():
        mesh = model(*inputs(1)).final[0]
    extent = mesh.amax(0) - mesh.amin(0)
    assert (mesh.mean(0) - 7.5).abs().max() < 2 and 6 < extent[:2].max() < 10


def test_the_mesh_encoder_can_start_as_the_first_one():
    model = create_model("handar", **SMALL)
    first, second = model.backbone.body.blocks[3][1].conv_pw, model.mesh_encoder.stages[1][1].conv_pw
    assert not torch.equal(first.weight, second.weight)
    model.after_loading_parts(["backbone."])
    assert torch.equal(first.weight, second.weight) and first.weight is not second.weight
    create_model("handar", **SMALL, joint_stage=False).after_loading_parts(["backbone."])


def test_joints_of_the_open_rigs_mesh_are_its_posed_joints():
    rig, rng = load_rig(), np.random.default_rng(9)
    hands = rig.posed(sample_poses(rig, 64, rng), sample_shapes(64, rng))
    error = np.linalg.norm(joint_matrix(rig) @ hands.vertices - hands.joints, axis=-1)
    assert error.mean() < 1e-4 and error.max() < 2e-3
    assert np.abs(joint_matrix(rig).sum(1) - 1).max() < 1e-5


def test_a_mano_file_gives_its_own_vertex_count(tmp_path):
    """A made-up file of MANO's 778 vertices: a tube of triangles through vertices of the open rig."""
    rig = load_rig()
    joints = rig.joint_regressor @ rig.vertices
    regressor = np.zeros((16, 778))
    vertices = rig.vertices[np.linspace(0, len(rig.vertices) - 1, 778).astype(int)]
    regressor[np.arange(16), np.linalg.norm(vertices[None] - joints[:, None], axis=-1).argmin(1)] = 1
    ring = np.arange(770)
    data = {
        "v_template": vertices.astype(float),
        "f": np.concatenate(
            [np.stack([ring, ring + 1, ring + 8], 1), np.stack([ring + 1, ring + 8, ring + 7], 1)]
        ),
        "shapedirs": np.zeros((778, 3, 10)),
        "posedirs": np.zeros((778, 3, 135)),
        "weights": np.eye(16)[np.arange(778) % 16],
        "J_regressor": regressor,
        "kintree_table": np.stack([np.array(MANO16_PARENTS), np.arange(16)]),
        "hands_mean": np.zeros(45),
    }
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps(data, protocol=2))
    model = create_model("handar", **SMALL, rig=str(path)).train()
    loss = create_loss("handar", model.config)
    patch, crop, camera = inputs(2)
    output = model(patch, crop, camera)
    assert output.final.shape == (2, 778, 3)
    total, _ = loss(output, targets(2), crop, camera, negatives=True)
    total.backward()
    assert torch.isfinite(total)
    with torch.no_grad():
        hand = model.eval().infer(patch, crop, camera)
    assert torch.allclose(hand.joints_m[:, 4], hand.vertices_m[:, 744], atol=1e-6)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"backbone": "hrnet_w64"}, "backbone: expected one of efficientnet_lite0, resnet50"),
        ({"refine_local": "yes"}, "refine_local: expected true or false"),
        ({"fuse": "product"}, "fuse: expected one of sum, concat"),
        ({"patch_size": 120}, "multiple of 32"),
        ({"gin_width": 0}, "gin_width: expected at least 1"),
        ({"head_dilation": -1}, "head_dilation: expected at least 0"),
        ({"render_size": 24}, "render_size"),
        ({"rig": "nowhere.pkl"}, "found no file"),
    ],
)
def test_bad_values_are_refused(switches, message):
    with pytest.raises(KnuckleError, match=message):
        create_model("handar", **switches)
