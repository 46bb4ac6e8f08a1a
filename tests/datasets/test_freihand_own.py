"""FreiHAND's own masks and vertices as labels, and the hold-out that no photograph straddles."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets import freihand_training
from knuckle.datasets.freihand_training import FreihandTraining, held_out_samples
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.geometry.crop import apply_affine
from knuckle.sets.reader import SynthSet

from .conftest import FREIHAND_K, SAMPLES, Freihand, project

SIZE = 96
OFF_M = 0.002
"""By how much the mesh that the data set gives lies beside what its MANO parameters say."""
OFF = np.array([OFF_M, 0, 0])


def write_surface(freihand: Freihand, *, inverted: bool = False) -> np.ndarray:
    """Masks (the box of the joints, 12 px wider) and vertices; returns the boxes, px: left, top, right, bottom."""
    freihand.write("verts", (freihand.vertices_m + OFF).tolist())
    boxes = []
    for sample in range(SAMPLES):
        joints_px = project(freihand.joints_m[sample], FREIHAND_K)
        low, high = joints_px.min(0).astype(int) - 12, joints_px.max(0).astype(int) + 12
        mask = np.zeros((224, 224), np.uint8)
        mask[low[1] : high[1] + 1, low[0] : high[0] + 1] = 255
        path = freihand.folder / "training" / "mask" / f"{sample:08d}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), 255 - mask if inverted else mask)
        boxes.append([*low, *high])
    return np.array(boxes)


@pytest.mark.parametrize("inverted", [False, True])
def test_the_data_set_s_own_mesh_and_mask_are_stored(freihand, tmp_path, inverted):
    boxes = write_surface(freihand, inverted=inverted)
    convert_set("freihand", freihand.folder, tmp_path / "set", size=SIZE, rig=freihand.mano, negatives=0.2)
    made = SynthSet(tmp_path / "set")
    assert made.together == 4
    for row in range(4 * SAMPLES):
        sample = row // 4
        vertices = freihand.vertices_m[sample] + OFF
        np.testing.assert_allclose(made.labels["own_mesh_m"][row], vertices, atol=1e-6)
        mask = made.labels["own_mask"][row]
        assert mask.shape == (SIZE // 2, SIZE // 2) and set(np.unique(mask)) == {0, 1}
        # The box through the crop, in px of a mask of half its side.
        corners = boxes[sample].reshape(2, 2) + np.array([[-0.5, -0.5], [0.5, 0.5]])
        edges = (apply_affine(made.labels["patch_from_frame"][row], corners) - 0.5) / 2
        (left, top), (right, bottom) = edges
        v, u = np.nonzero(mask)
        found = [u.min() - 0.5, v.min() - 0.5, u.max() + 0.5, v.max() + 0.5]
        expected = np.clip([left, top, right, bottom], -0.5, SIZE // 2 - 0.5)
        assert np.abs(np.array(found) - expected).max() < 1
    for row in np.flatnonzero(~made.labels["is_hand"]):
        assert not made.labels["own_mask"][row].any() and not made.labels["own_mesh_m"][row].any()


def test_masks_go_with_the_open_rig_and_meshes_do_not(freihand, tmp_path):
    write_surface(freihand)
    convert_set("freihand", freihand.folder, tmp_path / "set", size=48)
    labels = SynthSet(tmp_path / "set").labels
    assert "own_mask" in labels and "own_mesh_m" not in labels


def test_a_missing_or_broken_mask_is_named(freihand, tmp_path):
    write_surface(freihand)
    mask = freihand.folder / "training" / "mask" / "00000001.jpg"
    for spoil in (lambda: mask.write_bytes(b"no picture"), mask.unlink):
        spoil()
        with pytest.raises(KnuckleError, match=r"mask/00000001\.jpg: expected a picture"):
            convert_set(
                "freihand", freihand.folder, tmp_path / "set", size=48, resume=(tmp_path / "set").exists()
            )
    freihand.write("verts", [[[1.0, 2, 3]]] * SAMPLES)
    with pytest.raises(KnuckleError, match=r"training_verts\.json: expected rows of \d+ x 3 numbers"):
        convert_set("freihand", freihand.folder, tmp_path / "other", size=48, rig=freihand.mano)


def test_the_hold_out_is_2000_images_of_the_whole_set():
    last = held_out_samples(32_560)
    assert len(last) == 500 and len(set(last.tolist())) == 500 and last.max() < 32_560
    assert last.tolist() == held_out_samples(32_560).tolist()
    # Drawn from all over the set, so that frames in turn do not fall together.
    assert abs(last.mean() - 16_280) < 1500 and np.abs(np.diff(last)).min() >= 1
    assert len(held_out_samples(SAMPLES)) == 0


def test_the_versions_of_a_photograph_never_straddle_the_hold_out(freihand, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from knuckle.training.batches import HandSource

    monkeypatch.setattr(freihand_training, "HELD_OUT_SHARE", 1 / SAMPLES)
    monkeypatch.setattr(freihand_training, "HELD_OUT_SEED", 1)
    (last,) = held_out_samples(SAMPLES)
    assert last != SAMPLES - 1
    source = FreihandTraining(freihand.folder, None)
    names = [hand.name for hand in source.hands(range(4 * SAMPLES))]
    assert sorted(names) == [f"{number:08d}" for number in range(4 * SAMPLES)]
    assert names[-4:] == [f"{last + SAMPLES * version:08d}" for version in range(4)]
    convert_set("freihand", freihand.folder, tmp_path / "set", size=48)
    made = SynthSet(tmp_path / "set")
    assert made.origin == "freihand, held out by seed 1"
    # The labels follow the order.
    own = made.labels["joints_m"][-4:, 9]
    np.testing.assert_allclose(own, freihand.joints_m[[last] * 4, 9], atol=1e-6)
    for asked, held in ((1, 4), (4, 4), (5, 8), (8, 8)):
        found = HandSource(tmp_path / "set", validation=asked)
        assert len(found.validation) == held and len(found.train) == 4 * SAMPLES - held
        whose = {int(row) // 4 for row in found.validation}
        assert not whose & {int(row) // 4 for row in found.train}
    assert len(HandSource(tmp_path / "set", validation=0).train) == 4 * SAMPLES
    with pytest.raises(KnuckleError, match="beside those of the same photographs"):
        HandSource(tmp_path / "set", validation=9)
    index = json.loads((tmp_path / "set" / "index.json").read_text())
    assert index["together"] == 4


def test_batches_carry_the_own_surface_through_rolls(freihand, tmp_path):
    pytest.importorskip("torch")
    from knuckle.training.batches import HandSource

    write_surface(freihand)
    convert_set("freihand", freihand.folder, tmp_path / "set", size=SIZE, rig=freihand.mano)
    source = HandSource(tmp_path / "set", validation=4)
    plain, rolled = source.item(0, rng=None), source.item(0, rng=np.random.default_rng(1))
    assert plain["has_own_mesh"] and plain["has_own_mask"]
    np.testing.assert_allclose(plain["own_mesh_m"], freihand.vertices_m[0] + OFF, atol=1e-6)
    # A roll turns mesh and joints alike.
    between = [np.linalg.norm(item["own_mesh_m"] - item["joints_m"][9], axis=-1) for item in (plain, rolled)]
    np.testing.assert_allclose(*between, atol=1e-5)
    assert np.abs(rolled["own_mesh_m"] - plain["own_mesh_m"]).max() > 1e-3
    # Joints lie within the box that the mask was drawn round, whatever the view.
    for item in (plain, rolled):
        u, v = np.round((item["joints_patch"] - 0.5) / 2).astype(int).T
        inside = (u >= 0) & (v >= 0) & (u < SIZE // 2) & (v < SIZE // 2)
        assert inside.any() and item["own_mask"][v[inside], u[inside]].all()


def test_losses_and_scores_look_at_the_own_surface(freihand, tmp_path: Path):
    torch = pytest.importorskip("torch")
    from knuckle.models.contract import Targets, truth_mesh
    from knuckle.rig.layer import RigLayer
    from knuckle.rig.load import load_rig
    from knuckle.training.batches import HandSource, collate
    from knuckle.training.objective import targets_of

    write_surface(freihand)
    convert_set("freihand", freihand.folder, tmp_path / "set", size=SIZE, rig=freihand.mano)
    source = HandSource(tmp_path / "set", validation=4)
    batch = collate([source.item(row, rng=None) for row in (0, 4)])
    targets = targets_of(batch)
    assert isinstance(targets, Targets) and targets.own is not None
    rig = RigLayer(load_rig(str(freihand.mano), side="right"))
    vertices, joints = truth_mesh(rig, targets)
    assert torch.allclose(vertices, batch["own_mesh_m"]) and torch.allclose(joints, targets.joints_m)
    # Without it the mesh is the posed rig's, OFF_M beside it.
    posed, _ = truth_mesh(rig, targets._replace(own=None))
    assert torch.allclose((vertices - posed)[..., 0], torch.tensor(OFF_M), atol=2e-4)
    # Row by row: one hand with a mesh of its own, one without.
    first = targets.own._replace(has_mesh=torch.tensor([True, False]))
    mixed, _ = truth_mesh(rig, targets._replace(own=first))
    assert torch.equal(mixed[0], vertices[0]) and torch.equal(mixed[1], posed[1])
