"""The hand detector's targets and loss, and its onnx file against torch."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.export.hand_boxes import ship_hand_boxes
from knuckle.geometry.cells import boxes_to_cells, grid_cells, pairwise_iou, read_cells
from knuckle.inference.detection.hand_boxes import HandBoxNetwork
from knuckle.inference.detection.windows import show_window, whole
from knuckle.models.hand_boxes.losses import box_ious, hand_boxes_loss
from knuckle.models.hand_boxes.model import HandBoxes, answers_of
from knuckle.models.hand_boxes.targets import UNKNOWN, HandLabels, assign
from knuckle.photos.reading import read_image
from knuckle.training.checkpoint import load_weights, save_weights

ROOT = Path(__file__).parents[2]
CELLS = torch.from_numpy(grid_cells(128, 128))


def labels(boxes, *, right=None, direction=None, ignored=()) -> HandLabels:
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return HandLabels(
        boxes,
        torch.ones(len(boxes)) if right is None else torch.tensor(right),
        torch.tensor([[1.0, 0.0]]).repeat(len(boxes), 1) if direction is None else torch.tensor(direction),
        torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4),
    )


def mirrored(boxes: torch.Tensor, width: int = 128) -> torch.Tensor:
    return torch.cat([width - boxes[:, :1] - boxes[:, 2:3], boxes[:, 1:]], 1)


def test_small_hands_are_said_at_stride_8_and_large_ones_at_32():
    small = assign(labels([[57, 57, 14, 14]]), CELLS)
    assert set(CELLS[small.hand == 0, 2].tolist()) == {8}
    assert (CELLS[small.hand == 0, :2] - 64).abs().max() <= 12
    large = assign(labels([[10, 0, 100, 128]]), CELLS)
    assert set(CELLS[large.hand == 0, 2].tolist()) == {16, 32}
    assert not (assign(labels([]), CELLS).hand >= 0).any()


def test_a_cell_between_two_hands_says_the_nearer_one():
    found = assign(labels([[40, 40, 16, 16], [56, 40, 16, 16]]), CELLS).hand
    at = {(x, y): hand for (x, y, s), hand in zip(CELLS.tolist(), found.tolist(), strict=True) if s == 8}
    assert (at[44, 44], at[52, 44], at[60, 44], at[68, 44]) == (0, 0, 1, 1)


def test_targets_of_the_mirrored_picture_are_the_mirrored_targets():
    boxes = torch.tensor([[8.0, 20, 30, 40], [50, 60, 61, 47], [90, 3, 12, 9]])
    plain = assign(labels(boxes.tolist(), ignored=[[0, 90, 40, 38]]), CELLS)
    other = assign(labels(mirrored(boxes).tolist(), ignored=[[88, 90, 40, 38]]), CELLS)
    place = {tuple(cell): number for number, cell in enumerate(CELLS.tolist())}
    same = [place[(128 - x, y, s)] for x, y, s in CELLS.tolist()]
    assert torch.equal(plain.hand, other.hand[same])
    assert torch.equal(plain.counts, other.counts[same])


def test_no_gradient_comes_from_an_ignored_area_but_inside_hands():
    one = labels([[41, 41, 38, 38]], ignored=[[0, 0, 128, 64]])
    raw = torch.zeros(1, len(CELLS), 8, requires_grad=True)
    total, _ = hand_boxes_loss(answers_of(raw), [one], CELLS)
    total.backward()
    assert raw.grad is not None
    above = (CELLS[:, 1] < 64) & ~((CELLS[:, 0] > 40) & (CELLS[:, 0] < 80) & (CELLS[:, 1] > 40))
    above &= assign(one, CELLS).hand < 0
    assert not raw.grad[0, above].any()
    assert raw.grad[0, ~above, 0].all()


def test_the_loss_falls_to_nothing_at_right_answers_and_rises_with_any_wrong_one():
    one = labels([[24, 30, 40, 44]], right=[0.0], direction=[[0.6, 0.8]])
    hand = assign(one, CELLS).hand
    raw = torch.zeros(1, len(CELLS), 8)
    raw[..., 0] = torch.where(hand >= 0, 12.0, -12.0)
    raw[..., 1:5] = boxes_to_cells(one.boxes.expand(len(CELLS), 4), CELLS)
    raw[..., 5:] = torch.tensor([-12.0, 3.0, 4.0])
    total, terms = hand_boxes_loss(answers_of(raw), [one], CELLS)
    assert total < 1e-3
    for number, wrong in ((0, 0.0), (1, 1.0), (3, 1.0), (5, 1.0), (7, -1.0)):
        changed = raw.clone()
        changed[..., number] = wrong
        assert hand_boxes_loss(answers_of(changed), [one], CELLS)[0] > 0.1
    # What is not known costs nothing.
    unknown = labels([[24, 30, 40, 44]], right=[UNKNOWN], direction=[[0.0, 0.0]])
    changed = raw.clone()
    changed[..., 5:] = torch.tensor([9.0, -1, -1])
    assert hand_boxes_loss(answers_of(changed), [unknown], CELLS)[0] < 1e-3
    assert terms["iou"] == pytest.approx(1, abs=1e-4)


def test_generalised_iou_of_known_boxes():
    iou, generalised = box_ious(
        torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1]]), torch.tensor([[1.0, 0, 2, 2], [3, 0, 1, 1]])
    )
    torch.testing.assert_close(iou, torch.tensor([1 / 3, 0]))
    torch.testing.assert_close(generalised, torch.tensor([1 / 3, -0.5]))


def test_frozen_layers_get_no_gradient_and_the_others_do():
    model = HandBoxes().to(memory_format=torch.channels_last)
    picture = torch.rand(1, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    model.raw(picture).square().sum().backward()
    with_gradient = {name.split(".")[1] for name, p in model.named_parameters() if p.grad is not None}
    assert {"stages", "halvings", "to_8", "to_16", "0", "1", "2"} == with_gradient
    assert all(p.grad is None for p in model.backbone.stages[1].parameters())
    assert all(p.grad is not None for p in model.backbone.stages[2].parameters())


def test_what_ships_says_what_torch_says_at_other_sizes(tmp_path, monkeypatch):
    torch.manual_seed(0)
    # No blocks: to write them takes seconds.
    small = partial(HandBoxes, kept=[()] * 5)
    trained = small()
    for head in trained.heads:
        torch.nn.init.normal_(head.added.weight, std=0.05)
    about = {"recipe": "r", "samples_seen": "8", "train_seconds": "3", "validation": '{"photo_ap50": 0.5}'}
    save_weights(tmp_path / "weights.safetensors", trained, metadata=about)
    monkeypatch.setattr("knuckle.export.hand_boxes.HandBoxes", small)

    record = ship_hand_boxes(tmp_path / "weights.safetensors", tmp_path, trained_on="noise", commit="c")

    assert (record.samples_seen, record.scores) == (8, {"validation": {"photo_ap50": 0.5}})
    network = HandBoxNetwork(record=tmp_path / "hand_boxes.json", threads=1)
    assert network.input_px == record.input_px
    shipped = small()
    load_weights(tmp_path / "weights.safetensors", shipped)
    session = onnxruntime.InferenceSession(tmp_path / record.file, providers=["CPUExecutionProvider"])
    for size in ((64, 96), (32, 32)):
        picture = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
        with torch.inference_mode():
            wanted = shipped.eval().raw(torch.from_numpy(picture).permute(0, 3, 1, 2) / 255)
        got = session.run(["cells"], {"picture": picture})[0]
        np.testing.assert_allclose(got, wanted.numpy(), atol=1e-3)
    with pytest.raises(KnuckleError, match="do not fit"):
        monkeypatch.undo()
        ship_hand_boxes(tmp_path / "weights.safetensors", tmp_path, trained_on="noise", commit="c")


def test_the_package_holds_the_trained_weights_which_see_a_hand_of_the_sample_photo():
    model = HandBoxes()
    load_weights(ROOT / "weights" / "hand-boxes.safetensors", model)
    network = HandBoxNetwork(threads=1)
    assets = ROOT / "src" / "knuckle" / "assets"
    image = read_image(assets / "two_hands.jpg")
    shown = show_window(image, whole(image), network.input_px).picture
    with torch.inference_mode():
        raw = model.eval().raw(torch.from_numpy(shown)[None].permute(0, 3, 1, 2) / 255)[0].numpy()
    wanted = read_cells(raw, grid_cells(*shown.shape[:2]), threshold=0.3)
    got = network.find(shown)
    np.testing.assert_allclose(got.boxes[: len(wanted.boxes)], wanted.boxes, atol=0.05)

    right_hand = np.array(json.loads((assets / "two_hands.json").read_text())["boxes"][:1])
    places = network.propose(image, whole(image))
    assert pairwise_iou(right_hand, places.boxes_px)[0, 0] > 0.5
