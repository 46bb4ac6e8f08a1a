"""Stretch after stretch: what a run leaves behind, and that one cut short anywhere ends as if it had not been."""

import json
import multiprocessing
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from knuckle.errors import KnuckleError
from knuckle.sets.reader import SynthSet
from knuckle.standing import sets
from knuckle.standing.limits import TimeLimit
from knuckle.standing.run import StandingRun
from knuckle.standing.sets import HELD_OUT, SETS, set_folder
from knuckle.standing.state import FIRST_SEED, Stretch, read_state
from knuckle.standing.trainer import COOLED, COOLING, Outcome, read_progress
from knuckle.training.checkpoint import read_metadata
from knuckle.training.loop import CHECKPOINT, WEIGHTS

from .conftest import start_run


def test_two_stretches_leave_weights_that_count_their_samples_and_one_set(whole):
    state, metadata = read_state(whole / "standing.json"), read_metadata(whole / WEIGHTS)
    first, second = state.stretches
    assert (first.seed, second.seed) == (FIRST_SEED, FIRST_SEED + 1)
    assert first.samples_before == 0 and first.samples_after == second.samples_before
    hands = int(SynthSet(set_folder(whole, 1)).labels["is_hand"].sum())
    rows = 8 * -(-3 * hands // 8)
    assert second.samples_after == second.samples_before + rows
    assert metadata["samples_seen"] == str(second.samples_after) and metadata["recipe"] == "tiny"
    assert "pa_mpjpe_mm" in metadata["validation"]
    assert [path.name for path in (whole / SETS).iterdir()] == ["00001"]
    assert {0, 40, first.samples_after, second.samples_after} <= {point["samples"] for point in state.curve}


def test_a_run_stopped_in_a_stretch_goes_on_as_if_it_had_not_been(tiny, whole, tmp_path):
    shutil.copytree(whole / HELD_OUT, tmp_path / HELD_OUT)
    first = start_run(tiny, tmp_path)
    calls = iter([False, False, True])
    first.stop = _Asked(calls)  # pyright: ignore[reportAttributeAccessIssue]
    assert first.run(TimeLimit(), stretches=2) is Outcome.STOPPED
    assert read_progress(tmp_path / CHECKPOINT)["rows"] == 16  # pyright: ignore[reportOptionalSubscript]
    assert start_run(tiny, tmp_path).run(TimeLimit(), stretches=2) is Outcome.FINISHED
    assert_same_end(tmp_path, whole)


class _Asked:
    """A request to stop that comes after some steps."""

    polled = False

    def __init__(self, answers):
        self.answers = answers

    @property
    def asked(self) -> bool:
        return next(self.answers)


def test_a_process_killed_while_it_renders_and_while_it_trains_goes_on(changed, whole, tmp_path):
    folder, tiny = tmp_path / "run", changed("[schedule]", "[schedule]\ncheckpoint_seconds = 0")
    shutil.copytree(whole / HELD_OUT, folder / HELD_OUT)

    def kill_when(there: Callable[[], bool]) -> None:
        # Forked: what is compiled and imported here is there too.
        run = partial(start_run(tiny, folder).run, TimeLimit(), stretches=2)
        process = multiprocessing.get_context("fork").Process(target=run)
        process.start()
        deadline = time.monotonic() + 120
        while not there() and time.monotonic() < deadline and process.is_alive():
            time.sleep(0.01)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL and there()

    rendered = set_folder(folder, 0)
    kill_when(lambda: (rendered / "index.json").exists())
    assert not (rendered / "done" / "000000").exists()
    kill_when(lambda: (folder / CHECKPOINT).exists())
    assert not read_progress(folder / CHECKPOINT)["finished"]  # pyright: ignore[reportOptionalSubscript]
    start_run(tiny, folder).run(TimeLimit(), stretches=2)
    assert_same_end(folder, whole)


def assert_same_end(folder: Path, expected: Path) -> None:
    """The same weights to the bit, the same optimiser, the same curve."""
    for name in (WEIGHTS, CHECKPOINT):
        found, wanted = load_file(folder / name), load_file(expected / name)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted), name
    found, wanted = read_state(folder / "standing.json"), read_state(expected / "standing.json")
    assert found.curve == wanted.curve
    assert [s.samples_after for s in found.stretches] == [s.samples_after for s in wanted.stretches]


class Clock:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_with_a_limit_the_rate_falls_and_the_constant_one_is_kept(changed, whole, tmp_path, monkeypatch):
    recipe, folder = changed("[schedule]", "[schedule]\ncool_down = 0.5"), tmp_path / "run"
    shutil.copytree(whole / HELD_OUT, folder / HELD_OUT)
    limit = TimeLimit(deadline=40, cool_down=0.5, clock=Clock())
    run, rates = start_run(recipe, folder), []
    # The clock of this test knows nothing of how fast rendering and training are.
    monkeypatch.setattr(run, "_affordable_crops", lambda limit: 20)
    watch_rates(run, rates)
    assert run.run(limit, stretches=9) is Outcome.TIME_UP
    assert set(rates[:3]) == {1e-3} and rates[-1] < 3e-4
    assert rates == sorted(rates, reverse=True)
    before, after = read_metadata(folder / WEIGHTS), read_metadata(folder / COOLED)
    assert int(before["samples_seen"]) < int(after["samples_seen"])
    assert not (folder / COOLING).exists()
    assert [p["cooled"] for p in read_state(folder / "standing.json").curve][-1]
    # The next command goes on from where the rate began to fall, as a run without a limit would have.
    start_run(recipe, folder).run(TimeLimit(), stretches=2)
    for name, value in load_file(whole / WEIGHTS).items():
        assert torch.equal(load_file(folder / WEIGHTS)[name], value), name


def test_a_falling_rate_that_was_cut_short_goes_on_if_it_is_to_end_at_the_same_time(tiny, whole, tmp_path):
    def limit(deadline: float) -> TimeLimit:
        return TimeLimit(deadline=deadline, cool_down=1.0, clock=lambda: 0.0)

    shutil.copytree(whole / HELD_OUT, tmp_path / HELD_OUT)
    first = start_run(tiny, tmp_path)
    first.stop = _Asked(iter([False, False, True]))  # pyright: ignore[reportAttributeAccessIssue]
    assert first.run(limit(900), stretches=1) is Outcome.STOPPED
    kept, falling = read_progress(tmp_path / CHECKPOINT), read_progress(tmp_path / COOLING)
    assert kept is not None and falling is not None and (kept["rows"], falling["rows"]) == (0, 16)
    (tmp_path / "other").mkdir()
    for name in (CHECKPOINT, COOLING):
        shutil.copy(tmp_path / name, tmp_path / "other")
    other = start_run(tiny, tmp_path / "other")
    assert not other._resume_cool_down(limit(901)) and not (tmp_path / "other" / COOLING).exists()
    second = start_run(tiny, tmp_path)
    assert second.run(limit(900), stretches=1) is Outcome.FINISHED
    assert read_metadata(tmp_path / COOLED)["samples_seen"] == "48"
    assert not (tmp_path / COOLING).exists() and read_progress(tmp_path / CHECKPOINT) == kept


def watch_rates(run: StandingRun, rates: list[float]) -> None:
    """Note the learning rate of every step."""
    make = run._make_trainer

    def trainer(index: int, *, cooling: bool):
        made = make(index, cooling=cooling)
        step = made.step

        def noting(batch, number):
            rates.append(made.learning_rate(number))
            return step(batch, number)

        made.step = noting
        return made

    run._make_trainer = trainer  # pyright: ignore[reportAttributeAccessIssue]


def test_a_new_run_goes_on_from_the_weights_and_keeps_their_record(whole, changed, tmp_path):
    start, record = whole / WEIGHTS, whole / "standing.json"
    recipe = changed("[schedule]", f'[start]\nweights = "{start}"\nrecord = "{record}"\n[schedule]')
    run = start_run(recipe, tmp_path / "run")
    seen = int(read_metadata(start)["samples_seen"])
    assert run.state.start["samples"] == seen
    assert run.state.new_seed(None) == FIRST_SEED + 2
    assert run.state.new_seed(7) == 7 and run.state.new_seed(FIRST_SEED) == FIRST_SEED + 2
    assert len(run.state.earlier["curve"]) == len(json.loads(record.read_text())["curve"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nsize = 32", "\nsize = 64", "render size: expected 32 px, which dahyf lite takes, got 64 px"),
        ("[render]", '[start]\nweights = "none.safetensors"\n[render]', "got none.safetensors, which is not"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_is_rendered(changed, tmp_path, old, new, message):
    with pytest.raises(KnuckleError, match=message):
        start_run(changed(old, new), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_system_of_two_hands_is_refused(tmp_path):
    recipe = tmp_path / "two.toml"
    recipe.write_text('[run]\nsystem = "dfl"\n[render]\nsize = 128\n')
    with pytest.raises(KnuckleError, match="run: expected a system of one hand, got dfl"):
        start_run(recipe, tmp_path / "run")


def test_a_set_is_cut_to_what_can_be_rendered_and_trained_on_in_the_time_left(tiny, tmp_path):
    run = start_run(tiny, tmp_path / "run")
    limit = TimeLimit(deadline=10, clock=lambda: 0.0)
    assert run._affordable_crops(limit) == 20, "as fast as it is nobody knows yet"
    run.render_rate, run.train_rate = 10.0, 30.0
    assert run._affordable_crops(limit) == pytest.approx(10 / (1 / 10 + 3 / 30), abs=1)
    assert run._affordable_crops(TimeLimit()) == 20
    # Rendering takes nothing of a limit to the time spent in training.
    assert run._affordable_crops(TimeLimit(training=10)) == pytest.approx(100, abs=1)


def test_photographs_are_converted_once_and_join_by_their_share(changed, whole, tmp_path, monkeypatch):
    recipe, folder = changed("[schedule]", "[photos]\nshare = 0.25\n[schedule]"), tmp_path / "run"
    (tmp_path / "train-photos").mkdir()
    monkeypatch.setenv("KNUCKLE_DATA", str(tmp_path))
    converted = []

    def convert(source: Path, out: Path, *, size: int, **_):
        converted.append((source, size))
        shutil.copytree(whole / HELD_OUT, out)
        index = json.loads((out / "index.json").read_text())
        index |= {"dataset": "teacher", "options": {"size": size, "expand": 1.5, "depths": None}}
        (out / "index.json").write_text(json.dumps(index))

    monkeypatch.setattr(sets, "convert_teacher", convert)
    shutil.copytree(whole / HELD_OUT, folder / HELD_OUT)
    run = start_run(recipe, folder)
    run.run(TimeLimit(), stretches=0)
    start_run(recipe, folder).run(TimeLimit(), stretches=0)
    assert converted == [(tmp_path / "train-photos", 32)]
    made = run._make_recipe(Stretch(3, {}), set_folder(whole, 1))
    hands = int(SynthSet(set_folder(whole, 1)).labels["is_hand"].sum())
    assert made.shares == (0.75, 0.25) and made.sets[1] == str(folder / sets.PHOTOS)
    assert made.samples == round(hands * 3 / 0.75), (
        "each rendered hand is seen as often as without photographs"
    )


def test_missing_photographs_are_named(changed, tmp_path, monkeypatch):
    recipe = changed("[schedule]", "[photos]\nshare = 0.3\n[schedule]")
    monkeypatch.setenv("KNUCKLE_DATA", str(tmp_path))
    with pytest.raises(KnuckleError, match=r"expected KNUCKLE_DATA .* train-photos, but .* is not there"):
        start_run(recipe, tmp_path / "run")
    monkeypatch.delenv("KNUCKLE_DATA")
    with pytest.raises(KnuckleError, match="it is not set; a share of 0 trains without"):
        start_run(recipe, tmp_path / "run")


def test_a_folder_of_another_model_is_refused(whole, changed):
    with pytest.raises(KnuckleError, match=r"expected a run of dahyf lite at 32 px with .*; choose another"):
        start_run(changed("width = 16", "width = 24"), whole)
