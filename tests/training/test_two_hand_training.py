"""Two-hand systems learn, resume and are scored by the same loop, and refuse crops of the other kind."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.export.ship import choose_threshold, ship
from knuckle.inference.onnx_model import OnnxModel
from knuckle.models import create_model
from knuckle.models.contract import TwoHandOutput
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import render_set
from knuckle.training.batches import HandSource, TrainingBatches, validation_batches
from knuckle.training.checkpoint import load_model, load_weights
from knuckle.training.loop import WEIGHTS, Trainer
from knuckle.training.objective import images_to_input
from knuckle.training.recipe import Recipe
from knuckle.training.validation import held_out_scores
from knuckle.weights import read_record

from .conftest import small_recipe

SWITCHES: dict[str, dict[str, Any]] = {
    "dfl": {"patch_size": 64, "width": 32, "position_width": 32, "ffn": 64},
    "ehpe": {"patch_size": 64, "hands": 2},
}
recipe = partial(small_recipe, system="dfl", switches=SWITCHES["dfl"], negatives_from=0.0)


def test_forty_steps_on_one_batch_cut_the_loss(two_hand_set, tmp_path):
    run = recipe(two_hand_set, samples=4000, lr=3e-3, augment=False, decay_fraction=0.0, pretrained=True)
    trainer = Trainer(run, tmp_path)
    batch = TrainingBatches(run)[0]
    history = [trainer.step(batch, step)["total"] for step in range(41)]
    assert history[40] < 0.4 * history[0], history[::10]


@pytest.mark.parametrize("system", ["dfl", "ehpe"])
def test_a_resumed_run_equals_an_uninterrupted_one(two_hand_set, tmp_path, system):
    run = recipe(two_hand_set, system=system, switches=SWITCHES[system], samples=24)
    scores = Trainer(run, tmp_path / "whole").run()
    assert list(scores) == [
        "mpjpe_single_mm",
        "mpjpe_two_mm",
        "mpjpe_all_mm",
        "mrrpe_mm",
        "projected_percent_of_patch",
        "ghost_percent",
        "missed_percent",
    ]
    assert all(np.isfinite(value) for value in scores.values())
    trainer = Trainer(run, tmp_path / "parts")
    trainer.step(TrainingBatches(run)[0], 0)
    trainer.progress["step"] = 1
    trainer.save()
    Trainer(run, tmp_path / "parts").run()
    whole, parts = final_weights_of(tmp_path / "whole", run), final_weights_of(tmp_path / "parts", run)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    model, metadata = load_model(tmp_path / "whole" / WEIGHTS)
    assert model.hands == 2 and "mpjpe_all_mm=" in metadata["validation"]


def final_weights_of(folder: Path, run: Recipe) -> dict[str, torch.Tensor]:
    model = create_model(run.system, **run.switches)
    load_weights(folder / WEIGHTS, model)
    return model.state_dict()


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_ships_holds_the_confidence_of_hands_that_are_there(two_hand_set, tmp_path):
    run = recipe(two_hand_set, samples=8)
    Trainer(run, tmp_path).run()
    about = {"name": "small", "trained_on": "discs", "commit": "none"}
    record = ship(tmp_path / WEIGHTS, tmp_path, validation_set=two_hand_set, validation=8, **about)
    assert (record.hands, record.system, record.size, record.expand) == (2, "dfl", 64, 1.4)
    assert read_record(tmp_path / "small.json") == record
    model, _ = load_model(tmp_path / WEIGHTS)
    source = HandSource(two_hand_set, validation=8)
    batch = validation_batches(source, 8)[0]
    with torch.no_grad():
        output = model.infer(images_to_input(batch["image"]), batch["crop"], batch["camera"])
    expected = choose_threshold(output.confidence.numpy(), batch["is_hand"].numpy())
    assert not batch["is_hand"].all() and record.confidence_threshold == pytest.approx(expected, abs=2e-4)
    network = OnnxModel(tmp_path / record.file, threads=1)
    assert network.hands == 2 and network.has_attention
    render_set(tmp_path / "one", 8, options=SynthOptions(size=64, backgrounds="procedural"))
    with pytest.raises(KnuckleError, match="got a set of one-hand crops"):
        ship(tmp_path / WEIGHTS, tmp_path, validation_set=tmp_path / "one", validation=2, **about)


@pytest.mark.parametrize(
    ("system", "switches"),
    [
        ("dahyf", {"patch_size": 64, "width": 32}),
        ("ehpe", {"patch_size": 64}),
        ("handar", {"patch_size": 64}),
    ],
)
def test_a_one_hand_system_refuses_two_hand_crops(two_hand_set, tmp_path, system, switches):
    run = recipe(two_hand_set, system=system, switches=switches)
    message = (
        f"{two_hand_set}: expected a set of one-hand crops for this {system}, got a set of two-hand crops"
    )
    with pytest.raises(KnuckleError, match=re.escape(message)):
        Trainer(run, tmp_path)


@pytest.mark.parametrize("system", ["dfl", "ehpe"])
def test_a_two_hand_system_refuses_one_hand_crops(tmp_path, system):
    render_set(tmp_path / "one", 8, options=SynthOptions(size=64, backgrounds="procedural"))
    message = f"expected a set of two-hand crops (knuckle synth --hands two) for this {system}, got a set of one-hand"
    run = recipe(tmp_path / "one", system=system, switches=SWITCHES[system])
    with pytest.raises(KnuckleError, match=re.escape(message)):
        Trainer(run, tmp_path / "run")


class Answers:
    """A model of two hands that answers with given outputs, batch by batch."""

    hands = 2

    def __init__(self, answers: list[TwoHandOutput]) -> None:
        self.answers = iter(answers)

    def infer(self, patch: torch.Tensor, crop: torch.Tensor, camera: torch.Tensor) -> TwoHandOutput:
        return next(self.answers)


def test_scores_are_those_of_the_answers(two_hand_set):
    batches = validation_batches(HandSource(two_hand_set, validation=16), 5)
    truth = [
        TwoHandOutput(b["joints_px"], b["joints_m"], b["is_hand"].float(), b["joints_patch"]) for b in batches
    ]
    scores = held_out_scores(Answers(truth), batches, torch.device("cpu"))
    assert all(abs(value) < 1e-2 for value in scores.values()), scores

    # 3 cm deeper as a whole: the true depth of the wrist takes that back, as it does not count between the wrists.
    deeper = [answer._replace(joints_m=answer.joints_m + torch.tensor([0, 0, 0.03])) for answer in truth]
    scores = held_out_scores(Answers(deeper), batches, torch.device("cpu"))
    assert abs(scores["mpjpe_all_mm"]) < 1e-2 and abs(scores["mrrpe_mm"]) < 1e-2

    # The left hand's wrist alone 2 cm aside.
    aside = torch.zeros(2, 21, 3)
    aside[1, :, 0] = 0.02
    moved = [answer._replace(joints_m=answer.joints_m + aside) for answer in truth]
    assert held_out_scores(Answers(moved), batches, torch.device("cpu"))["mrrpe_mm"] == pytest.approx(
        20, abs=1e-3
    )

    # A tenth of the crop to the right.
    right = [
        answer._replace(
            joints_px=answer.joints_px + batch["crop"][:, None, None, 2:] * torch.tensor([0.1, 0.0])
        )
        for answer, batch in zip(truth, batches, strict=True)
    ]
    scores = held_out_scores(Answers(right), batches, torch.device("cpu"))
    assert scores["projected_percent_of_patch"] == pytest.approx(10, abs=1e-3)

    # Both hands always believed in: every lone hand has a ghost beside it; none believed in: all are missed.
    for confidence, ghost, missed in ((0.9, 100, 0), (0.1, 0, 100)):
        answers = [a._replace(confidence=torch.full_like(a.confidence, confidence)) for a in truth]
        scores = held_out_scores(Answers(answers), batches, torch.device("cpu"))
        assert (scores["ghost_percent"], scores["missed_percent"]) == (ghost, missed)


def test_the_threshold_keeps_ghosts_out_before_it_lets_hands_in():
    hands = np.linspace(0.5, 1, 101)
    assert choose_threshold(hands, np.ones(101, bool)) == pytest.approx(0.525)
    both = np.stack([hands, hands], -1)
    assert choose_threshold(both, np.ones((101, 2), bool)) == pytest.approx(0.525)
    lone = np.stack([hands, np.linspace(0, 0.8, 101)], -1)
    assert choose_threshold(lone, np.tile([True, False], (101, 1))) == pytest.approx(0.792)
    empty = np.concatenate([both, np.full((101, 2), 0.99)])
    assert choose_threshold(empty, np.arange(202)[:, None].repeat(2, 1) < 101) == pytest.approx(0.525)
