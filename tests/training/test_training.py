"""The loop learns, resumes exactly, and its files are what they claim."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.models import create_model
from knuckle.models.dahyf.config import TERMS
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import render_set
from knuckle.training.batches import TrainingBatches
from knuckle.training.checkpoint import load_model, load_weights, read_metadata, save_weights
from knuckle.training.hand_boxes.recipe import read_hand_boxes_recipe
from knuckle.training.loop import CHECKPOINT, WEIGHTS, Trainer
from knuckle.training.recipe import Recipe, read_recipe
from knuckle.training.start import load_initial

from .conftest import small_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = {"patch_size": 64, "width": 32, "pool_width": 64, "mlp_width": 64}
recipe = partial(small_recipe, switches=SMALL, negatives_from=0.5)


@pytest.fixture(scope="module")
def synthetic_set(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "set"
    options = SynthOptions(size=64, negatives=0.3, backgrounds="procedural")
    render_set(folder, 24, seed=3, options=options, workers=1)
    return folder


def test_thirty_steps_on_eight_samples_cut_the_loss_tenfold(synthetic_set, tmp_path):
    run = recipe(
        synthetic_set,
        switches={"patch_size": 64, "width": 64, "pool_width": 128, "mlp_width": 256},
        samples=1600,
        lr=6e-3,
        pretrained=True,
        augment=False,
        negatives_from=1.0,
        decay_fraction=0.0,
    )
    trainer = Trainer(run, tmp_path)
    batch = TrainingBatches(run)[0]
    history = [trainer.step(batch, step) for step in range(31)]
    first, last = (sum(terms[name] for name in TERMS) for terms in (history[0], history[30]))
    assert last < first / 10, history[30]


def test_a_resumed_run_equals_an_uninterrupted_one(synthetic_set, tmp_path):
    run = recipe(synthetic_set, switches={**SMALL, "dropout": 0.2})
    Trainer(run, tmp_path / "whole").run()
    trainer = Trainer(run, tmp_path / "parts")
    batches = TrainingBatches(run)
    for step in range(3):
        trainer.step(batches[step], step)
    trainer.progress["step"] = 3
    trainer.save()
    resumed = Trainer(run, tmp_path / "parts")
    resumed.run()
    whole, parts = final_weights_of(tmp_path / "whole", run), final_weights_of(tmp_path / "parts", run)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def final_weights_of(folder: Path, run: Recipe) -> dict[str, torch.Tensor]:
    model = create_model("dahyf", **run.switches)
    load_weights(folder / WEIGHTS, model)
    return model.state_dict()


def test_a_killed_process_loses_at_most_the_last_interval(synthetic_set, tmp_path):
    recipe_path = tmp_path / "kill.toml"
    recipe_path.write_text(
        f"""
data = "{synthetic_set}"
validation = 4
samples = 4000
batch = 8
pretrained = false
checkpoint_seconds = 0.0
validate_every = 100000
[switches]
patch_size = 64
width = 32
pool_width = 64
mlp_width = 64
"""
    )
    command = [sys.executable, "-m", "knuckle.training.launch", str(recipe_path), str(tmp_path / "run")]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = tmp_path / "run" / CHECKPOINT
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    trainer = Trainer(read_recipe(recipe_path), tmp_path / "run")
    trainer.resume()
    assert trainer.progress["step"] >= 1


def test_what_a_step_sees_depends_on_the_step_alone(synthetic_set):
    run = recipe(synthetic_set)
    first, again = TrainingBatches(run), TrainingBatches(run)
    again[0]
    for name, value in first[4].items():
        assert torch.equal(value, again[4][name])
    assert not torch.equal(first[1]["image"], first[2]["image"])


def test_two_processes_share_a_batch_without_overlap(synthetic_set):
    run = recipe(synthetic_set, negatives_from=1.0, augment=False)
    whole = TrainingBatches(run)[0]["image"]
    halves = [TrainingBatches(run, rank=rank, world=2)[0]["image"] for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), whole)


def test_negatives_join_when_the_confidence_loss_does(synthetic_set):
    batches = TrainingBatches(recipe(synthetic_set))
    assert bool(batches[0]["is_hand"].all())
    assert int((~batches[5]["is_hand"]).sum()) == 2


def test_shipping_weights_carry_their_record_and_refuse_other_models(synthetic_set, tmp_path):
    model = create_model("dahyf", **SMALL)
    path = tmp_path / "weights.safetensors"
    save_weights(path, model, metadata={"system": "dahyf"})
    assert read_metadata(path) == {"system": "dahyf"}
    other = create_model("dahyf", **{**SMALL, "width": 48})
    before = {k: v.clone() for k, v in other.state_dict().items()}
    with pytest.raises(KnuckleError, match="do not fit"):
        load_weights(path, other)
    assert all(torch.equal(before[k], v) for k, v in other.state_dict().items())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(KnuckleError, match="expected a safetensors checkpoint"):
        load_weights(path, model)


def test_recipes_of_the_project_are_valid():
    paths = [path for path in sorted(RECIPES.rglob("*.toml")) if not path.stem.startswith("standing")]
    assert len(paths) >= 4
    for path in paths:
        read = read_hand_boxes_recipe if path.stem.startswith("hand-boxes") else read_recipe
        assert read(path).steps > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr = 'fast'", "lr: expected float"),
        ("rate = 1", "expected keys among"),
        ("batch = 9\nprocesses = 2", "divides among"),
        ("schedule = 'cosine'", "expected one of decay, step"),
        ("lr = = 1", "expected a recipe"),
        ("clip = -1.0", "clip: expected 0 to inf, got -1"),
        (
            "[augmentation]\nroll_degrees = 9",
            "augmentation: expected keys among roll, roll_deg, .*got roll_degrees",
        ),
        ("[augmentation]\nblur = 2.0", "augmentation blur: expected 0 to 1, got 2"),
        ("[augmentation]\nborder = 'white'", "border: expected one of reflect, edge, black"),
    ],
)
def test_wrong_recipes_are_refused(tmp_path, text, message):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(KnuckleError, match=message):
        read_recipe(path)


def test_the_papers_schedule_drops_half_way_and_ends_with_the_confidence_loss():
    run = read_recipe(RECIPES / "paper" / "dahyf-paper.toml")
    assert run.learning_rate(run.steps // 2 - 1) == pytest.approx(5e-5)
    assert run.learning_rate(run.steps // 2) == pytest.approx(5e-6)
    assert not run.with_negatives(int(0.79 * run.steps)) and run.with_negatives(int(0.81 * run.steps))


def test_dfl_s_schedule_drops_to_a_fifth_after_epochs_24_and_35_of_50():
    run = read_recipe(RECIPES / "paper" / "dfl-paper.toml")
    epoch = run.steps / 50
    rates = [run.learning_rate(round(epoch * after)) for after in (23.9, 24.1, 34.9, 35.1)]
    assert rates == pytest.approx([1e-4, 2e-5, 2e-5, 4e-6])
    assert not run.with_negatives(run.steps - 1)


def test_a_set_of_other_crops_is_refused(synthetic_set, tmp_path):
    with pytest.raises(KnuckleError, match="expected crops of 128 px, got 64 px"):
        Trainer(recipe(synthetic_set, switches={}), tmp_path)


def test_a_set_of_another_rig_is_refused(synthetic_set, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(synthetic_set, folder)
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**index, "rig": "another"}))
    with pytest.raises(
        KnuckleError,
        match="expected poses of the model's rig, open, got those of another version",
    ):
        Trainer(recipe(folder), tmp_path / "run")


def test_a_run_starts_from_parts_of_another_systems_weights(synthetic_set, tmp_path):
    switches = {"patch_size": 64}
    donor = create_model("dahyf", **switches)
    path = tmp_path / "dahyf.safetensors"
    save_weights(path, donor, metadata={"system": "dahyf", "samples_seen": "9"})
    load_weights(path, donor)
    run = recipe(
        synthetic_set,
        system="ehpe",
        switches=switches,
        init=str(path),
        init_parts=["backbone.", "fusion."],
        frozen=["backbone", "fusion"],
        phase="tw",
    )
    Trainer(run, tmp_path / "run").run()
    again, metadata = load_model(tmp_path / "run" / WEIGHTS)
    assert metadata["started_from"] == "backbone., fusion. of dahyf (9 samples seen)"
    expected = donor.state_dict()
    for name, tensor in again.state_dict().items():
        if name.startswith(("backbone.", "fusion.")):
            assert torch.equal(tensor, expected[name]), name
    on = replace(run, init=str(tmp_path / "run" / WEIGHTS), init_parts=(), phase="pg", frozen=())
    assert Trainer(on, tmp_path / "on").before.samples == run.samples
    with pytest.raises(KnuckleError, match="expected weights of system dahyf, got those of ehpe"):
        Trainer(replace(on, system="dahyf", switches=SMALL, phase="all"), tmp_path / "no")


def test_a_backbone_trained_further_elsewhere_replaces_that_of_the_start(synthetic_set, tmp_path):
    own, lender = (create_model(system, patch_size=64) for system in ("ehpe", "dahyf"))
    metadata = {"system": "ehpe", "started_from": "ImageNet", "samples_seen": "7"}
    save_weights(tmp_path / "own.safetensors", own, metadata=metadata)
    save_weights(tmp_path / "dahyf.safetensors", lender, metadata={"system": "dahyf", "samples_seen": "9"})
    run = recipe(
        synthetic_set,
        system="ehpe",
        switches={"patch_size": 64},
        init=str(tmp_path / "own.safetensors"),
        shared=str(tmp_path / "dahyf.safetensors"),
        shared_parts=["backbone."],
    )
    start = create_model("ehpe", patch_size=64)
    before = load_initial(start, run)
    assert before.started_from == "ImageNet; backbone. of dahyf (9 samples seen)"
    assert before.samples == 7
    for path, model in (("own", own), ("dahyf", lender)):
        load_weights(tmp_path / f"{path}.safetensors", model)
    lent = {name: t for name, t in lender.state_dict().items() if name.startswith("backbone.")}
    assert any(not torch.equal(own.state_dict()[name], tensor) for name, tensor in lent.items())
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, {**own.state_dict(), **lent}[name]), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"init_parts": ["head."]}, "expected the start of a tensor's name, got 'head.'"),
        (
            {"init_parts": ["pool."], "switches": {**SMALL, "pool_width": 32}},
            "expected the tensors of 'pool.'",
        ),
        ({"shared_parts": ["pool."]}, "expected shared and shared_parts together"),
        ({"frozen": ["neck"]}, "frozen: expected some of backbone, fusion"),
        ({"phase": "tw"}, "phase: expected one of all, got 'tw'"),
        ({"system": "mano"}, "system: expected one of dahyf, ehpe, handar, dfl, got 'mano'"),
    ],
)
def test_wrong_starts_are_refused(synthetic_set, tmp_path, changes, message):
    path = tmp_path / "start.safetensors"
    save_weights(path, create_model("dahyf", **SMALL), metadata={"system": "dahyf"})
    with pytest.raises(KnuckleError, match=re.escape(message)):
        Trainer(recipe(synthetic_set, init=str(path), **changes), tmp_path / "run")
