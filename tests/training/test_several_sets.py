"""Recipes of several sets: what each step sees, what is held out, and which set an error names."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import render_set
from knuckle.training import order
from knuckle.training.batches import HandSource, TrainingBatches, collate
from knuckle.training.launch import launch
from knuckle.training.loop import Trainer
from knuckle.training.order import HandOrder
from knuckle.training.recipe import Recipe, read_recipe

from .conftest import small_recipe, write_pairs

SMALL = {"patch_size": 64, "width": 32, "pool_width": 64, "mlp_width": 64}


def recipe(*data: str, **changes) -> Recipe:
    """The small recipe of one set, as a string, or of several."""
    run = small_recipe(Path(data[0]), switches=SMALL, negatives_from=0.5)
    return replace(run, data=data[0] if len(data) == 1 else data, **changes)


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> list[str]:
    """Two sets of 24 and 16 crops of 64 px, some of them without a hand."""
    folder = tmp_path_factory.mktemp("sets")
    for name, count, seed in (("a", 24, 3), ("b", 16, 4)):
        options = SynthOptions(size=64, negatives=0.3, backgrounds="procedural")
        render_set(folder / name, count, seed=seed, options=options, workers=1)
    return [str(folder / "a"), str(folder / "b")]


def one_set_batch(run: Recipe, step: int) -> dict[str, torch.Tensor]:
    """The batch of a run on one set, written out: a permutation an epoch, one generator a row."""
    source = HandSource(Path(str(run.data)), validation=run.validation)
    negatives = round(run.negatives * run.batch) if run.with_negatives(step) else 0
    items = []
    for row in range(run.batch):
        number = step * run.batch + row
        rng = np.random.default_rng([run.seed, number])
        epoch, position = divmod(number, len(source.train))
        hands = np.random.default_rng([run.seed, 1, epoch]).permutation(source.train)
        index = rng.choice(source.negatives) if row < negatives else hands[position]
        items.append(source.item(int(index), rng=rng))
    return collate(items)


@pytest.mark.parametrize("seed", [0, 5, 2**40])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("shares", [(), (1.0,)])
def test_one_set_gives_the_batches_it_always_gave(sets, seed, listed, shares):
    run = recipe(sets[0], seed=seed)
    batches = TrainingBatches(replace(run, data=sets[:1] if listed else sets[0], shares=shares))
    for step in range(run.steps):
        expected = one_set_batch(run, step)
        for name, value in batches[step].items():
            assert torch.equal(value, expected[name]), (step, name)


@pytest.mark.parametrize("shares", [(), (0.3, 0.7)])
def test_what_a_step_sees_of_several_sets_depends_on_the_step_alone(sets, shares, monkeypatch):
    monkeypatch.setattr(order, "_BLOCK", 8)
    run = recipe(*sets, shares=shares)
    through, resumed = TrainingBatches(run), TrainingBatches(run)
    seen = [through[step] for step in range(run.steps)]
    for step in (4, 5, 1):
        for name, value in resumed[step].items():
            assert torch.equal(value, seen[step][name]), (step, name)
    assert not torch.equal(seen[1]["image"], seen[2]["image"])


def test_two_processes_share_a_batch_of_several_sets(sets):
    run = recipe(*sets, shares=(0.5, 0.5), augment=False, negatives_from=1.0)
    whole = TrainingBatches(run)[2]["image"]
    halves = [TrainingBatches(run, rank=rank, world=2)[2]["image"] for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), whole)


def places_of(batches: TrainingBatches, images: torch.Tensor) -> list[tuple[int, int]]:
    """(set, index) of crops that were not augmented."""
    known = {
        source.view(index).image.tobytes(): (place, index)
        for place, source in enumerate(batches.sources)
        for index in range(len(source.set))
    }
    return [known[image.numpy().transpose(1, 2, 0).tobytes()] for image in images]


def test_without_shares_every_hand_comes_equally_often(sets):
    batches = TrainingBatches(recipe(*sets, augment=False, negatives_from=1.0, samples=800))
    expected = {(place, int(i)) for place, source in enumerate(batches.sources) for i in source.train}
    steps = -(-2 * len(expected) // 8)
    seen = [place for step in range(steps) for place in places_of(batches, batches[step]["image"])]
    assert set(Counter(seen[: 2 * len(expected)]).values()) == {2}
    assert set(seen) == expected


def test_only_the_first_set_holds_hands_out_and_negatives_come_from_all(sets):
    batches = TrainingBatches(recipe(*sets, augment=False, samples=1600, negatives=0.5))
    first, second = batches.sources
    assert (len(first.validation), len(second.validation)) == (4, 0)
    seen = [place for step in range(100, 200) for place in places_of(batches, batches[step]["image"])]
    assert not {(0, int(i)) for i in first.validation} & set(seen)
    bare = {(place, int(i)) for place, source in enumerate(batches.sources) for i in source.negatives}
    assert bare <= set(seen) and {place for place, _ in bare} == {0, 1}


def test_rows_come_from_the_sets_by_their_shares_and_each_set_goes_round(monkeypatch):
    monkeypatch.setattr(order, "_BLOCK", 64)
    groups = [np.arange(7), np.arange(100, 130), np.arange(200, 205)]
    made = HandOrder(groups, shares=(0.6, 0.4, 0.0), seed=1)
    seen = [made.hand(number) for number in range(1000)]
    of_first, of_second = ([h for h in seen if h // 100 == place] for place in (0, 1))
    assert len(of_first) + len(of_second) == 1000 and abs(len(of_first) - 600) < 60
    for hands, group in ((of_first, groups[0]), (of_second, groups[1])):
        for start in range(0, len(hands) - len(group), len(group)):
            assert sorted(hands[start : start + len(group)]) == group.tolist()
    again = HandOrder(groups, shares=(0.6, 0.4, 0.0), seed=1)
    assert [again.hand(number) for number in (999, 3, 500)] == [seen[number] for number in (999, 3, 500)]
    assert [HandOrder(groups, shares=(0.6, 0.4, 0.0), seed=2).hand(n) for n in range(50)] != seen[:50]


def test_the_first_set_s_held_out_hands_are_scored(sets, tmp_path):
    trainer = Trainer(recipe(*sets, shares=[0.5, 0.5]), tmp_path)
    (batch,) = trainer.held_out
    source = HandSource(Path(sets[0]), validation=4)
    assert torch.equal(batch["joints_m"], torch.tensor(source.set.labels["joints_m"][source.validation]))


@pytest.mark.parametrize(("contrastive", "without"), [(True, 2), (False, 0)])
def test_a_system_that_negatives_teach_nothing_sees_hands_in_their_place(
    sets, tmp_path, contrastive, without
):
    run = recipe(sets[0], switches={**SMALL, "contrastive": contrastive, "joint2d": "simcc"})
    trainer = Trainer(run, tmp_path)
    batch = TrainingBatches(trainer.recipe)[5]
    assert int((~batch["is_hand"]).sum()) == without


def changed(folder: str, out: Path, **values) -> str:
    """A copy of a set whose index says something else."""
    shutil.copytree(folder, out)
    index = json.loads((out / "index.json").read_text())
    (out / "index.json").write_text(json.dumps({**index, **values}))
    return str(out)


def test_errors_name_the_set(sets, tmp_path):
    other = changed(sets[1], tmp_path / "other", rig="another")
    with pytest.raises(KnuckleError, match=f"^{re.escape(other)}: expected poses of the model's rig"):
        Trainer(recipe(sets[0], other), tmp_path / "run")
    large = tmp_path / "large"
    render_set(large, 3, options=SynthOptions(size=96, negatives=0.0, backgrounds="procedural"))
    with pytest.raises(KnuckleError, match=f"^{re.escape(str(large))}: expected crops of 64 px, got 96 px"):
        Trainer(recipe(sets[0], str(large)), tmp_path / "run")
    write_pairs(tmp_path / "pairs", 4, size=64, empty=0)
    with pytest.raises(
        KnuckleError, match=r"pairs: expected a set of one-hand crops .* got a set of two-hand"
    ):
        Trainer(recipe(sets[0], str(tmp_path / "pairs")), tmp_path / "run")
    empty = Path(changed(sets[1], tmp_path / "empty"))
    np.save(empty / "is_hand.npy", np.zeros(16, bool))
    with pytest.raises(KnuckleError, match=f"^{re.escape(str(empty))}: expected more than 0 hands, got 0"):
        Trainer(recipe(sets[0], str(empty)), tmp_path / "run")


def test_sets_of_pairs_with_and_without_masks_are_in_one_run(two_hand_set, tmp_path):
    write_pairs(tmp_path / "bare", 8, size=64, empty=0)
    arrays = json.loads((tmp_path / "bare" / "index.json").read_text())["arrays"]
    del arrays["part_mask"]
    bare = changed(str(tmp_path / "bare"), tmp_path / "no_masks", arrays=arrays)
    batch = TrainingBatches(recipe(str(two_hand_set), bare, shares=(0.5, 0.5), augment=False))[0]
    masked = batch["valid_mask"]
    assert masked.any() and not masked.all()
    assert (batch["part_mask"].flatten(1).any(1) == masked).all()
    assert "valid_mask" not in TrainingBatches(recipe(bare, validation=1))[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data = 3", "data: expected a folder or a list of folders, got 3"),
        ("data = []", "data: expected a folder or a list of folders"),
        ("data = ['a', 3]", "data: expected a folder or a list of folders"),
        ("data = ['a', 'a/']", "data: expected every set once, got a, a/"),
        ("data = ['a', 'b']\nshares = [1.0]", "shares: expected one for each set of data, 2, got 1"),
        ("data = 'a'\nshares = [0.5, 0.5]", "shares: expected one for each set of data, 1, got 2"),
        ("data = ['a', 'b']\nshares = [1.5, -0.5]", "shares: expected numbers from 0 that sum to 1"),
        ("data = ['a', 'b']\nshares = [0.5, 0.6]", "shares: expected numbers from 0 that sum to 1"),
        ("data = ['a', 'b']\nshares = [0.5, nan]", "shares: expected numbers from 0 that sum to 1"),
        ("data = ['a', 'b']\nshares = 0.5", "shares: expected a list, got 0.5"),
        ("data = ['a', 'b']\nshares = [true, false]", "shares: expected a list"),
    ],
)
def test_wrong_lists_are_refused(tmp_path, text, message):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(KnuckleError, match=f"^recipe r: {re.escape(message)}"):
        read_recipe(path)


def test_lists_are_read_and_a_missing_set_is_named(sets, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(f"data = ['{sets[0]}', '{tmp_path}/none']\nshares = [0.7, 0.3000001]")
    read = read_recipe(path)
    assert read.sets == (sets[0], f"{tmp_path}/none") == read.data and read.shares == (0.7, 0.3000001)
    assert Recipe(name="r", data="a").sets == ("a",)
    with pytest.raises(KnuckleError, match=r"r\.toml: expected data to name a folder .*/none', which is not"):
        launch(path, tmp_path / "run")
