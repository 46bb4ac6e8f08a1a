"""`knuckle evaluate` of two-hand systems and on two-hand data, as typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fake_networks import two_hand_network, write_network
from knuckle.cli.main import app


def run(*arguments: str):
    return CliRunner().invoke(app, ["evaluate", *arguments])


def scores_of(path: Path, row: int = 0) -> dict[str, dict]:
    return json.loads(path.read_text())["reports"][row]["scores"]


@pytest.fixture(scope="module")
def pair_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A two-hand .onnx file that is sure of the right hand (0.9) of every crop, and less so (0.6) of the left one; its
    record's threshold is 0.7."""
    path = tmp_path_factory.mktemp("pair-weights") / "pair.onnx"
    network = two_hand_network(confidence=(0.9, 0.6))
    return write_network(path, network, hands=2, expand=1.4, confidence_threshold=0.7)


def test_two_hand_and_one_hand_weights_side_by_side(pair_folder, pair_model, fake_model, tmp_path):
    out = tmp_path / "out"
    result = run(
        *("--data", str(pair_folder), "--weights", pair_model, "--weights", fake_model),
        *("--out", str(out), "--by-class"),
    )
    assert result.exit_code == 0, result.output
    assert "pairs · 4 crops · pair-lite" in result.output and "pairs · 4 crops · fake-lite" in result.output
    assert sorted(p.name for p in out.iterdir()) == ["pairs.json", "pairs.png"]
    two, one = (scores_of(out / "pairs.json", row) for row in (0, 1))
    for scores in (two, one):
        assert scores["MPJPE all"]["value"] > 1 and scores["MRRPE"]["value"] > 1
        assert scores["penetration"]["value"] >= 0
    # The record's threshold: the left hand's 0.6 is never enough, the right one's 0.9 a ghost beside a lone left one.
    assert two["ghost partners"]["value"] == 50 and two["missed hands"]["value"] == 50
    assert two["handedness"]["value"] == 50
    assert "ghost partners" not in one
    assert "side by side" not in result.output and "right alone" in result.output


def test_frozen_benchmark_by_its_name(pair_folder, pair_model, monkeypatch):
    from knuckle.sets.reader import SynthSet
    from knuckle.synth import benchmark

    def small(*, progress: bool) -> SynthSet:
        return SynthSet(pair_folder)

    monkeypatch.setattr(benchmark, "load_two_hand_benchmark", small)
    result = run("--data", "synthetic-two", "--weights", pair_model, "--limit", "3")
    assert result.exit_code == 0 and "synthetic-two · 3 crops · pair-lite" in result.output, result.output


def test_network_alone_has_no_mesh(pair_folder, pair_model, tmp_path):
    out = tmp_path / "out"
    result = run(
        *("--data", str(pair_folder), "--weights", pair_model, "--no-refine", "--limit", "2"),
        *("--out", str(out), "--no-plot"),
    )
    assert result.exit_code == 0, result.output
    assert "2 crops" in result.output and "pair-lite (network alone)" in result.output
    assert "penetration" not in scores_of(out / "pairs.json")


def test_two_hand_weights_on_photographs(photo_index, pair_photos, pair_model, tmp_path):
    out = tmp_path / "out"
    result = run(
        *("--data", str(photo_index), "--data", str(pair_photos), "--weights", pair_model),
        *("--out", str(out), "--no-plot"),
    )
    assert result.exit_code == 0, result.output
    single = scores_of(out / "photos.json")
    assert single["PA-MPJPE"]["value"] > 1 and single["ghost partners"]["value"] == 0
    assert single["handedness"]["value"] == 100
    reports = json.loads((out / "pair-photos.json").read_text())["reports"]
    assert [(r["benchmark"], r["count"], r["counted"]) for r in reports] == [
        ("C", 6, "hand"),
        ("two-hand photos", 1, "crop"),
    ]
    # Two of its hands share a picture: the other one is no ghost.
    assert "ghost partners" not in reports[0]["scores"]
    assert reports[1]["scores"]["MPJPE two"]["value"] > 1


def test_untrained_dfl_of_a_training_run(pair_folder, rendered_folder, tmp_path):
    import torch

    from knuckle.models import create_model
    from knuckle.training.checkpoint import save_weights

    torch.manual_seed(0)
    switches = {"width": 16, "position_width": 16, "heads": 2, "ffn": 16, "patch_size": 64}
    path, out = tmp_path / "run.safetensors", tmp_path / "out"
    metadata = {"system": "dfl", "preset": "lite", "switches": json.dumps(switches)}
    save_weights(path, create_model("dfl", **switches), metadata=metadata)
    result = run(
        *("--data", str(pair_folder), "--data", str(rendered_folder), "--weights", str(path)),
        *("--out", str(out), "--no-plot"),
    )
    assert result.exit_code == 0, result.output
    two, one = scores_of(out / "pairs.json"), scores_of(out / "rendered.json")
    assert two["MPJPE all"]["value"] > 5 and two["MRRPE"]["value"] > 5
    assert one["PA-MPJPE"]["value"] > 5 and 0 <= one["ghost partners"]["value"] <= 100


def test_silhouettes_are_not_compared_on_two_hands(pair_folder, pair_model):
    result = run("--data", str(pair_folder), "--weights", pair_model, "--alignment")
    assert result.exit_code == 2
    assert "alignment: expected data with a mesh a hand, pairs has none" in result.output


def test_auto_is_given_the_hands_that_are_there(installed, pair_folder, rendered_folder, tmp_path):
    out = tmp_path / "out"
    result = run(
        *("--data", str(pair_folder), "--data", str(rendered_folder)),
        *("--weights", "auto", "--weights", "dahyf", "--out", str(out), "--no-plot"),
    )
    assert result.exit_code == 0, result.output
    assert "pairs · 4 crops · auto" in result.output
    auto, one = (scores_of(out / "pairs.json", row) for row in (0, 1))
    assert auto["MPJPE single"]["value"] == pytest.approx(one["MPJPE single"]["value"], abs=1e-3)
    assert auto["MPJPE two"]["value"] != pytest.approx(one["MPJPE two"]["value"], abs=0.1)
    assert auto["penetration"]["value"] >= 0 and "ghost partners" not in auto
    single = [scores_of(out / "rendered.json", row) for row in (0, 1)]
    assert single[0] == single[1]


def test_auto_cuts_its_own_crops(installed, pair_folder):
    result = run("--data", str(pair_folder), "--weights", "auto", "--expand", "1.3")
    assert result.exit_code == 2 and "expand: expected none with auto" in result.output
