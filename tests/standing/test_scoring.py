"""Scores beside what ships, the verdict's rules, and the picture drawn from the record alone."""

import math
import shutil
from dataclasses import replace

import pytest
import torch

from knuckle import weights as store
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.one_hand import rendered_benchmark
from knuckle.export import ship as shipping
from knuckle.inference import refine as fusion
from knuckle.inference.trust import STANDARD, trust_in
from knuckle.sets.reader import SynthSet
from knuckle.standing import score
from knuckle.standing.picture import draw_learning
from knuckle.standing.recipe import Scoring
from knuckle.standing.sets import HELD_OUT
from knuckle.standing.state import State, read_state
from knuckle.standing.trainer import COOLED
from knuckle.standing.verdict import Pair, Scores, judge
from knuckle.training.checkpoint import load_model, save_weights
from knuckle.training.loop import WEIGHTS

from .conftest import start_run

MARGINS = Scoring(photographs_mm=0.1, photographs_percent=0.05, rendered_mm=0.2, rendered_percent=0.1)


def pair(today: tuple[float, float], new: tuple[float, float]) -> Pair:
    return Pair(Scores(*today, hands=9), Scores(*new, hands=9))


SAME = pair((12.0, 7.0), (12.15, 7.05))
BETTER = pair((12.0, 7.0), (11.7, 7.1))
WORSE = pair((12.0, 7.0), (11.0, 7.2))


@pytest.mark.parametrize(
    ("photographs", "rendered", "line"),
    [
        (
            pair((9.96, 6.32), (8.89, 4.9)),
            BETTER,
            "ship: better on photographs (9.96 -> 8.89 mm, 6.32 -> 4.90 %) and on rendered hands"
            " (12.00 -> 11.70 mm, 7.00 -> 7.10 %)",
        ),
        (
            pair((9.96, 6.32), (9.9, 6.2)),
            SAME,
            "ship: better on photographs (9.96 -> 9.90 mm, 6.32 -> 6.20 %), no worse on rendered hands"
            " (12.00 -> 12.15 mm, 7.00 -> 7.05 %)",
        ),
        (
            pair((10.0, 6.0), (10.05, 5.98)),
            BETTER,
            "keep as the next start: no worse on photographs (10.00 -> 10.05 mm, 6.00 -> 5.98 %), better on rendered"
            " hands (12.00 -> 11.70 mm, 7.00 -> 7.10 %)",
        ),
        (
            pair((10.0, 6.0), (9.0, 6.2)),
            SAME,
            "discard: worse on photographs (10.00 -> 9.00 mm, 6.00 -> 6.20 %)",
        ),
        (
            pair((9.96, 6.32), (8.89, 4.9)),
            WORSE,
            "discard: worse on rendered hands (12.00 -> 11.00 mm, 7.00 -> 7.20 %), though better on photographs"
            " (9.96 -> 8.89 mm, 6.32 -> 4.90 %)",
        ),
        (
            pair((9.96, 6.32), (8.89, math.nan)),
            BETTER,
            "discard: worse on photographs (9.96 -> 8.89 mm, 6.32 -> nan %), though better on rendered hands"
            " (12.00 -> 11.70 mm, 7.00 -> 7.10 %)",
        ),
        (
            None,
            BETTER,
            "keep as the next start: no worse, better on rendered hands (12.00 -> 11.70 mm, 7.00 -> 7.10 %); scored on"
            " no photographs, so it does not ship",
        ),
    ],
)
def test_the_verdict_follows_its_rules(photographs, rendered, line):
    verdict = judge(photographs=photographs, rendered=rendered, margins=MARGINS)
    assert verdict.line == line and line.startswith(verdict.word)


def test_scores_differ_from_the_margin_on():
    edge = pair((9.0, 6.0), (8.5, 6.25))
    margins = replace(MARGINS, photographs_mm=0.5, photographs_percent=0.25)
    assert judge(photographs=edge, rendered=SAME, margins=margins).word == "keep"
    finer = replace(margins, photographs_mm=0.4)
    assert judge(photographs=edge, rendered=SAME, margins=finer).word == "ship"
    assert (
        judge(photographs=edge, rendered=SAME, margins=replace(finer, photographs_percent=0.2)).word
        == "discard"
    )


def test_the_weights_that_saw_most_are_scored(whole, tmp_path):
    with pytest.raises(KnuckleError, match="expected weights to score, got none"):
        score.newest_weights(tmp_path)
    model, metadata = load_model(whole / WEIGHTS)
    for name, samples in ((WEIGHTS, 64), (COOLED, 64)):
        save_weights(tmp_path / name, model, metadata={**metadata, "samples_seen": str(samples)})
    assert score.newest_weights(tmp_path).name == COOLED
    save_weights(tmp_path / WEIGHTS, model, metadata={**metadata, "samples_seen": "72"})
    assert score.newest_weights(tmp_path).name == WEIGHTS


@pytest.fixture
def small_benchmarks(whole, tmp_path, monkeypatch):
    """The run's held-out hands in place of the frozen ones and of photographs, and the fake network as what ships."""
    (tmp_path / "data" / "eval-dev").mkdir(parents=True)
    monkeypatch.setenv("KNUCKLE_DATA", str(tmp_path / "data"))
    names = {"synthetic": "synthetic", "eval-dev": "hand-graph"}
    hands = SynthSet(whole / HELD_OUT)
    monkeypatch.setattr(
        score,
        "open_benchmarks",
        lambda data, limit: [rendered_benchmark(hands, name=names[data], limit=limit)],
    )


def test_a_run_is_scored_beside_what_ships(
    tiny, whole, installed, small_benchmarks, tmp_path, monkeypatch, run, capsys, fake_model
):
    folder, exported = tmp_path / "run", []

    def export(model, path):
        # The same network as what ships, so that scores must be equal; exporting is tested elsewhere, and slow.
        exported.append(model.state_dict())
        shutil.copy(fake_model, path)

    monkeypatch.setattr(shipping, "export_onnx", export)
    # New weights are not calibrated beside the landmark network, those that ship are: the same trust for both.
    monkeypatch.setattr(fusion, "trust_in", lambda _: trust_in(STANDARD))
    monkeypatch.setenv("KNUCKLE_STANDING_THREADS", "1")
    shutil.copytree(whole, folder)
    assert run("standing", str(tiny), "--folder", str(folder), "--score-only") == 0
    expected = load_model(whole / WEIGHTS)[0].state_dict()
    assert all(torch.equal(exported[0][name], value) for name, value in expected.items())
    (scoring,) = read_state(folder / "standing.json").scorings
    assert scoring["samples"] == 96 and scoring["against"]["name"] == "dahyf-lite"
    for benchmark in ("photographs", "rendered"):
        today, new = (scoring["scores"][benchmark][which] for which in ("today", "new"))
        assert today == new and today["hands"] == 5
    printed = capsys.readouterr().out
    assert f"{today['mm']:.2f}" in printed and "keep as the next start: no worse on photographs" in printed
    record = store.read_record(folder / "scored" / "tiny.json")
    assert record.samples_seen == 96 and "seeds 100000 to 100001" in record.trained_on
    assert (folder / "learning.png").is_file()


def test_the_commands_that_ship_name_files_that_are_there_and_today_s_name(tiny, whole, installed):
    standing = start_run(tiny, whole)
    export, *copies = score.shipping_commands(
        whole, standing.recipe, standing.state, held_out=whole / HELD_OUT, commit="abc"
    )
    assert export.startswith(
        f"knuckle ship {whole}/scored/weights.safetensors --name dahyf-lite --data {whole}/held-out"
    )
    assert "--commit abc" in export
    assert copies[1] == f"cp {whole}/standing.json weights/standing.json"


def test_without_photographs_only_rendered_hands_are_scored(small_benchmarks, monkeypatch):
    assert set(score.benchmarks(None)) == {"photographs", "rendered"}
    monkeypatch.delenv("KNUCKLE_DATA")
    assert set(score.benchmarks(2)) == {"rendered"}


def test_the_picture_is_drawn_from_the_record_alone(whole):
    with pytest.raises(KnuckleError, match="expected a record with scores"):
        draw_learning(State("r", {"system": "dahyf", "preset": "lite", "size": 128}))
    state = read_state(whole / "standing.json")
    held_out = draw_learning(state).axes
    assert [axes.get_ylabel() for axes in held_out] == ["mm", "% of the patch"]
    constant = [p for p in state.curve if not p["cooled"]]
    expected = [[p["samples"] / 1e3, p["scores"]["pa_mpjpe_mm"]] for p in constant]
    assert held_out[0].lines[0].get_xydata().tolist() == expected
    both = {"today": {"mm": 10.0, "percent": 6.0}, "new": {"mm": 9.0, "percent": 5.0}}
    scoring = {"samples": 64, "cooled": True, "against": {"name": "dahyf-lite"}}
    scoring["scores"] = {"photographs": both, "rendered": both}
    axes = draw_learning(replace(state, scorings=[scoring])).axes
    assert [one.get_ylabel() for one in axes] == ["mm"] * 3 + ["% of the patch"] + ["% of the box"] * 2
    for one, (new, today) in zip((*axes[1:3], *axes[4:]), [(9, 10)] * 2 + [(5, 6)] * 2, strict=True):
        dot, level = one.lines
        assert dot.get_xydata().tolist() == [[0.064, new]] and set(level.get_ydata()) == {today}
        assert [t.get_text() for t in one.get_legend().get_texts()] == ["new weights", "ships: dahyf-lite"]


def test_a_run_before_stands_in_the_picture(whole):
    state = read_state(whole / "standing.json")
    moved = [{**point, "samples": point["samples"] + 1_000_000} for point in state.curve]
    later = replace(state, curve=moved, earlier={"stretches": [], "curve": state.curve, "scorings": []})
    points = [len(draw_learning(one).axes[0].lines[0].get_xdata()) for one in (state, later)]
    assert points[1] == 2 * points[0]
