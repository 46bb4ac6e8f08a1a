"""One run a folder, full disks, recipes that are wrong, and limits of time."""

import errno
import math
import multiprocessing
import os
import shutil
from datetime import datetime

import pytest
from safetensors import SafetensorError

from knuckle.cli.standing import _drop_clone_option
from knuckle.errors import KnuckleError
from knuckle.sets import storage
from knuckle.standing import process, trainer
from knuckle.standing import run as running
from knuckle.standing.disk import is_disk_full
from knuckle.standing.limits import TimeLimit, parse_time_of_day
from knuckle.standing.lock import LOCK, lock_folder
from knuckle.standing.recipe import read_standing
from knuckle.standing.sets import HELD_OUT, set_folder
from knuckle.standing.state import State, Stretch, read_state
from knuckle.training.loop import CHECKPOINT


def test_a_second_run_in_a_folder_is_refused_and_a_dead_one_s_lock_taken_over(tmp_path):
    with (
        lock_folder(tmp_path),
        pytest.raises(
            KnuckleError, match=f"got process {os.getpid()}; wait for it or choose another --folder"
        ),
        lock_folder(tmp_path),
    ):
        pass
    holder = multiprocessing.get_context("fork").Process(target=_hold_and_die, args=(tmp_path,))
    holder.start()
    holder.join()
    assert (tmp_path / LOCK).read_text() == f"{holder.pid}\n"
    with lock_folder(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"


def _hold_and_die(folder):
    with lock_folder(folder):
        os._exit(1)


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_sentence_and_blocks_nothing(
    tiny, whole, installed, tmp_path, monkeypatch, run, capsys
):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    monkeypatch.setenv("KNUCKLE_STANDING_THREADS", "1")

    def fails(*options: str) -> None:
        assert run("standing", str(tiny), "--folder", str(folder), *options) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"error: {folder}: the disk is full; free") and "--folder" in line

    before = (folder / CHECKPOINT).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "posix_fallocate", full)
        fails("--stretches", "3")
    assert not set_folder(folder, 2).exists()
    with monkeypatch.context() as patch:

        def writes_nothing(*_, **__):
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

        patch.setattr(trainer, "save_checkpoint", writes_nothing)
        fails("--stretches", "3")
    assert (folder / CHECKPOINT).read_bytes() == before
    with monkeypatch.context() as patch:
        patch.setattr(running, "score_weights", full)
        fails("--score-only")
        # Now nothing hinders the third stretch, whose set is there already; the scoring fails once more.
        fails("--stretches", "3")
    third = read_state(folder / "standing.json").stretches[2]
    assert third.samples_after is not None and third.seed == 100_002


def test_full_disks_are_told_from_other_errors():
    chained = KnuckleError("cannot be written")
    chained.__cause__ = OSError(errno.EDQUOT, "quota")
    assert is_disk_full(chained)
    assert is_disk_full(OSError(errno.ENOSPC, "full"))
    assert not is_disk_full(OSError(errno.EACCES, "denied")) and not is_disk_full(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[render]\ncount = = 1", "expected a standing recipe"),
        ("lr = 1", "expected tables among photos, render, run, schedule, score, start, got lr"),
        ("run = 3\n[render]", "run: expected a table, got 3"),
        ("[run]\nlr = 1e-3", r"expected a table \[render\], got run"),
        ("[run]\nsamples = 5\n[render]", r"expected keys of \[run\] among .*, got samples"),
        ("[run]\nlr = 'fast'\n[render]", "lr: expected float"),
        ("[run]\nsystem = 'x'\n[render]", "system: expected one of dahyf"),
        ("[render]\nsizes = 3", r"expected keys of \[render\] among .*, got sizes"),
        ("[render]\nsize = 'x'", "render size: expected int"),
        ("[render]\nsize = 8", "size: expected 32 to 1024 px, got 8"),
        ("[render]\ncount = 0", "render count: expected 1 or more, got 0"),
        ("[render]\npasses = nan", "render passes: expected 0.01 to 1000, got nan"),
        ("[render]\nextras = 'views'", "render extras: expected a list"),
        ("[render]\nextras = ['rain']", "extras: expected some of"),
        ("[render]\nhands = 'two'", 'render: expected hands "one" and labels'),
        ("[render]\n[photos]\nshare = 1", "photos share: expected 0 or more and less than 1, got 1"),
        ("[render]\n[photos]\nfolder = 3", "photos folder: expected a string, got 3"),
        ("[render]\n[start]\nweight = 'x'", r"expected keys of \[start\] among record, weights, got weight"),
        ("[render]\n[schedule]\ncool_down = 2", "schedule cool_down: expected a share from 0 to 1, got 2"),
        ("[render]\n[schedule]\npriority = 'high'", "schedule priority: expected one of idle, low, normal"),
        ("[render]\n[score]\nlimit = -1", "score limit: expected 0 or more, got -1"),
    ],
)
def test_wrong_recipes_are_one_sentence(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(KnuckleError, match=f"^{path}: .*{message}") as caught:
        read_standing(path)
    assert "\n" not in str(caught.value)


def test_the_project_s_standing_recipes_are_valid():
    from ..training.test_training import RECIPES

    assert {path.stem for path in RECIPES.glob("standing*.toml")} == {"standing", "standing-gpu"}
    for path in RECIPES.glob("standing*.toml"):
        assert read_standing(path).run.with_negatives(0)


def test_the_rate_falls_over_the_last_share_of_whichever_limit_ends_first():
    now = [100.0]
    limit = TimeLimit(deadline=200, training=50, cool_down=0.2, clock=lambda: now[0])
    assert limit.left() == 50 and limit.cool_down_seconds == 10 and not limit.in_cool_down
    limit.trained = 41
    assert limit.left() == 9 and limit.in_cool_down
    now[0] = 300
    assert limit.left() == 0
    assert math.isinf(TimeLimit(cool_down=0.5).left()) and not TimeLimit(cool_down=0.5).in_cool_down


def test_until_is_the_next_time_that_clocks_show_it():
    now = datetime(2026, 3, 4, 22, 30)
    assert parse_time_of_day("23:15", now=now) - now.timestamp() == 45 * 60
    assert parse_time_of_day("6:30", now=now) - now.timestamp() == 8 * 3600
    for wrong in ("24:00", "7", "7:60", "soon"):
        with pytest.raises(KnuckleError, match="--until: expected a time of day"):
            parse_time_of_day(wrong, now=now)


def test_both_limits_at_once_and_a_folder_without_weights(tiny, tmp_path, run, capsys, monkeypatch):
    monkeypatch.setenv("KNUCKLE_STANDING_THREADS", "1")
    assert run("standing", str(tiny), "--hours", "1", "--until", "7:00") == 2
    assert "expected --hours or --until, got both" in capsys.readouterr().err
    assert run("standing", str(tiny), "--hours", "-1") == 2
    assert "--hours: expected a number above 0" in capsys.readouterr().err
    assert run("standing", str(tiny), "--folder", str(tmp_path / "none"), "--score-only") == 2
    assert "expected weights to score, got none" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_record_is_read_as_it_was_written_and_another_file_is_refused(tmp_path):
    state = State("r", {"size": 32}, stretches=[Stretch(5, {"count": 3}), Stretch(6, {"count": 4})])
    state.note(64, {"a": 1.0})
    state.note(8, {"a": 2.0})
    state.note(64, {"a": 3.0})
    state.note(64, {"a": 4.0}, cooled=True)
    assert [(p["samples"], p["scores"]["a"]) for p in state.curve] == [(8, 2.0), (64, 3.0), (64, 4.0)]
    state.write(tmp_path)
    assert read_state(tmp_path / "standing.json") == state
    (tmp_path / "standing.json").write_text('{"format": 9}')
    with pytest.raises(KnuckleError, match="expected the record of a standing run of format 1"):
        read_state(tmp_path / "standing.json")


def test_the_commit_is_that_of_the_checkout(monkeypatch, tmp_path):
    found = process.find_commit()
    assert found == "" or len(found.rstrip("+")) == 40
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr(process, "_PACKAGE", tmp_path)
    assert process.find_commit() == "" and process.find_checkout() is None
    with pytest.raises(KnuckleError, match="--clone: expected knuckle to run from a git checkout"):
        process.restart_in_clone(tmp_path / "clone", [])


def test_the_command_in_the_clone_is_the_same_without_the_clone():
    given = ["standing", "r.toml", "--clone", "../c", "--hours", "3"]
    assert _drop_clone_option(given) == ["standing", "r.toml", "--hours", "3"]
    assert _drop_clone_option(["standing", "--clone=../c", "r.toml"]) == ["standing", "r.toml"]


def test_held_out_hands_have_a_seed_of_their_own(whole):
    seeds = {storage.read_index(path)["seed"] for path in (whole / HELD_OUT, set_folder(whole, 1))}
    assert seeds == {99_999, 100_001}
