"""Sets in which labels are missing: what a batch says of them, what is refused, and how a broken loss is explained."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.models.contract import Targets
from knuckle.sets.reader import SynthSet
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import render_set
from knuckle.training.batches import HandSource, TrainingBatches, collate
from knuckle.training.loop import Trainer
from knuckle.training.objective import targets_of
from knuckle.truth import Validity, array_name

from .conftest import small_recipe

SMALL = {"patch_size": 64, "width": 32, "pool_width": 64, "mlp_width": 64}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Twelve crops of 64 px with a hand."""
    folder = tmp_path_factory.mktemp("whole") / "set"
    options = SynthOptions(size=64, negatives=0.0, backgrounds="procedural")
    render_set(folder, 12, seed=3, options=options, workers=1)
    return folder


def with_arrays(folder: Path, out: Path, **arrays: np.ndarray) -> Path:
    """A copy of a set with other or further arrays."""
    shutil.copytree(folder, out)
    index = json.loads((out / "index.json").read_text())
    for name, array in arrays.items():
        np.save(out / f"{name}.npy", array)
        index["arrays"][name] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    (out / "index.json").write_text(json.dumps(index))
    return out


def flat(folder: Path, out: Path) -> Path:
    """A copy of a set whose hands are labelled in the picture alone, the rest being NaN."""
    labels = SynthSet(folder).labels
    missing = ("joints_m", "pose", "shape")
    arrays = {name: np.full_like(labels[name], np.nan) for name in missing}
    told: dict[str, np.ndarray] = {array_name(kind): np.zeros(12, bool) for kind in ("pose", "shape")}
    told[array_name("joints_3d")] = np.zeros((12, 21), bool)
    return with_arrays(folder, out, **arrays, **told)


def test_sets_with_and_without_3d_train_together(whole, tmp_path):
    run = small_recipe(whole, switches=SMALL, validation=2, samples=16)
    run = replace(run, data=(str(flat(whole, tmp_path / "flat")), str(whole)))
    trainer, batches = Trainer(run, tmp_path / "run"), TrainingBatches(run)
    batch = batches[0]
    targets = targets_of(batch)
    assert isinstance(targets, Targets) and all(torch.isfinite(v).all() for v in batch.values())
    placed = targets.counts("joints_3d").all(1)
    assert placed.any() and not placed.all() and targets.counts("joints_2d").all()
    assert (targets.counts("mesh") == placed).all()
    terms = trainer.step(batch, 0)
    assert all(np.isfinite(value) and value > 0 for name, value in terms.items() if name != "total")
    # The first set's hands, which are held out, have no 3D joints to be scored by.
    scores = trainer.validate()
    assert np.isnan(scores["pa_mpjpe_mm"]) and scores["projected_percent_of_patch"] > 0
    alone = TrainingBatches(small_recipe(whole, validation=2))[0]
    assert not set(alone) & {array_name(kind) for kind in Validity._fields}


def test_2d_labels_stay_on_the_picture(whole, tmp_path):
    source = HandSource(flat(whole, tmp_path / "flat"), validation=0, upright=True)
    marked = np.zeros_like(source.set.images)
    for image, joints in zip(marked, source.set.labels["joints_px"], strict=True):
        for u, v in joints:
            cv2.circle(image, (round(u * 16), round(v * 16)), 40, (255, 255, 255), -1, cv2.LINE_AA, shift=4)
    source.set.images = marked
    for index in range(6):
        item = source.item(index, rng=np.random.default_rng(index))
        u, v = item["joints_patch"].round().astype(int).T
        inside = (u > 2) & (u < 61) & (v > 2) & (v < 61)
        assert inside.sum() > 8 and item["image"][:, v[inside], u[inside]].mean() > 90
        # The same as of the hand whose 3D joints are known.
        known = HandSource(whole, validation=0, upright=True).item(index, rng=np.random.default_rng(index))
        assert np.allclose(item["joints_patch"], known["joints_patch"], atol=1e-2)
        assert np.allclose(item["joints_px"], known["joints_px"], atol=1e-1)


@pytest.mark.parametrize("name", ["joints_m", "joints_px", "pose", "camera"])
def test_a_label_that_is_no_number_is_refused_where_it_is_said_to_be_there(whole, tmp_path, name):
    values = np.array(SynthSet(whole).labels[name])
    values[7].reshape(-1)[-1] = np.nan
    broken = with_arrays(whole, tmp_path / "broken", **{name: values})
    message = f"{re.escape(str(broken))}/{name}.npy: row 7: expected finite numbers, got nan"
    with pytest.raises(KnuckleError, match=message):
        HandSource(broken, validation=2)
    told = np.ones((12, 21), bool)
    told[7, 20] = False
    if name == "joints_m":
        HandSource(with_arrays(broken, tmp_path / "told", valid_joints_3d=told), validation=2)
    with pytest.raises(
        KnuckleError, match=r"valid_pose.npy: expected \(12,\) of bool, got \(12, 21\) of bool"
    ):
        HandSource(with_arrays(whole, tmp_path / "odd", valid_pose=told), validation=2)


def test_a_run_says_which_term_of_which_sample_broke(whole, tmp_path):
    far = np.array(SynthSet(whole).labels["joints_m"], dtype=float)
    far[4] *= 3e38 / np.abs(far[4]).max()
    data = with_arrays(whole, tmp_path / "far", joints_m=far.astype(np.float32))
    run = small_recipe(data, switches=SMALL, validation=2, augment=False, samples=16)
    trainer, batches = Trainer(run, tmp_path / "run"), TrainingBatches(run)
    step = next(s for s in (0, 1) if 4 in [batches.sample(s, row)[1] for row in range(8)])
    message = f"loss of step {step} is not finite: 3d, b of row 4 of {re.escape(str(data))}$"
    with pytest.raises(KnuckleError, match=message):
        trainer.step(batches[step], step)
    with torch.no_grad():
        next(trainer.objective.model.parameters()).fill_(float("nan"))
    with pytest.raises(KnuckleError, match=r"of every sample\); lower the learning rate$"):
        trainer.step(batches[1 - step], 1 - step)


def test_a_set_without_what_a_loss_needs_is_refused_before_the_first_step(whole, tmp_path):
    data = flat(whole, tmp_path / "flat")
    run = small_recipe(data, validation=2, switches={"patch_size": 64}, negatives=0.0)
    for system in ("handar", "ehpe"):
        with pytest.raises(
            KnuckleError, match=f"expected 3D joints of some hands, which the loss of {system}"
        ):
            Trainer(replace(run, system=system), tmp_path / system)


def test_pairs_change_places_with_what_is_known_of_them(two_hand_set, tmp_path):
    told = np.ones((24, 2), bool)
    told[:, 1] = False
    source = HandSource(with_arrays(two_hand_set, tmp_path / "pairs", valid_pose=told), validation=4)
    index = next(int(i) for i in source.train if source.set.labels["is_hand"][i].all())
    seen = set()
    for seed in range(12):
        item = source.item(index, rng=np.random.default_rng(seed))
        known = item[array_name("pose")]
        assert known.sum() == 1 and item["pose"][known].any() and not item["pose"][~known].any()
        assert (item[array_name("mesh")] == known).all() and item[array_name("mask")]
        assert collate([item])[array_name("joints_2d")].shape == (1, 2, 21)
        seen.add(bool(known[0]))
    assert seen == {True, False}
