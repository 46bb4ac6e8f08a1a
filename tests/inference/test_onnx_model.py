"""Which onnx files are networks of one hand, of two, or none."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from knuckle.errors import KnuckleError
from knuckle.inference.onnx_model import OnnxModel
from knuckle.weights import read_record, resolve


def inputs(batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patch = np.random.default_rng(0).normal(size=(batch, 3, 32, 32))
    return patch, np.tile([100.0, 90, 60], (batch, 1)), np.tile([200.0, 210, 110, 95], (batch, 1))


def test_hands_are_read_off_the_outputs(fake_model, fake_pair_model):
    one, two = OnnxModel(Path(fake_model)), OnnxModel(Path(fake_pair_model))
    assert (one.hands, two.hands) == (1, 2)
    assert (one.has_attention, two.has_attention) == (False, True)
    assert two(*inputs(3))["joints_m"].shape == (3, 2, 21, 3)
    assert two(*inputs(3))["confidence"].shape == (3, 2)


def test_attention_comes_only_where_asked_for(fake_model, fake_pair_model):
    two = OnnxModel(Path(fake_pair_model))
    plain, asked = two(*inputs(2)), two(*inputs(2), attention=True)
    assert asked.keys() - plain.keys() == {"attention"}
    assert asked["attention"].shape == (2, 2, 2, 42, 4, 4)
    np.testing.assert_array_equal(plain["joints_m"], asked["joints_m"])
    assert "attention" not in OnnxModel(Path(fake_model))(*inputs(2), attention=True)


RIGHT_SHAPES = {
    "joints_px": (2, 21, 2),
    "joints_m": (2, 21, 3),
    "confidence": (2,),
    "joints_patch": (2, 21, 2),
}


def constant_network(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A network whose outputs are zeros of these shapes, for a batch of one."""
    from onnx import TensorProto, helper, numpy_helper

    given = {"patch": ["batch", 3, 32, 32], "crop": ["batch", 3], "camera": ["batch", 4]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given.items()]
    sizes = [numpy_helper.from_array(np.array([1, *tail]), f"size_{name}") for name, tail in shapes.items()]
    nodes = [helper.make_node("ConstantOfShape", [f"size_{name}"], [name]) for name in shapes]
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, *tail]) for n, tail in shapes.items()]
    graph = helper.make_graph(nodes, "constant", values, results, sizes)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.parametrize(
    ("name", "tail", "said"),
    [
        ("joints_m", (3, 21, 3), r"joints_m: expected \(batch, 2, 21, 3\), got \(1, 3, 21, 3\)"),
        ("joints_m", (21, 3), r"joints_m: expected \(batch, 2, 21, 3\), got \(1, 21, 3\)"),
        ("confidence", (), r"confidence: expected \(batch, 2\), got \(1\)"),
        ("joints_patch", (2, 20, 2), r"joints_patch: expected \(batch, 2, 21, 2\), got \(1, 2, 20, 2\)"),
        ("joints_px", (3, 21, 2), r"joints_px: expected \(batch, 2, 21, 2\), got \(1, 3, 21, 2\)"),
    ],
)
def test_outputs_of_another_shape_are_refused(tmp_path, name, tail, said):
    assert OnnxModel(constant_network(tmp_path / "right.onnx", RIGHT_SHAPES)).hands == 2
    path = constant_network(tmp_path / "odd.onnx", {**RIGHT_SHAPES, name: tail})
    with pytest.raises(KnuckleError, match=rf"odd\.onnx: {said}"):
        OnnxModel(path)


def test_two_hand_network_without_an_output_is_refused(fake_pair_model, tmp_path):
    model = onnx.load(fake_pair_model)
    kept = [output for output in model.graph.output if output.name != "confidence"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(KnuckleError, match="the outputs joints_px, joints_m, confidence, joints_patch, got"):
        OnnxModel(tmp_path / "odd.onnx")


def test_record_says_how_many_hands(fake_model, fake_pair_model, tmp_path):
    assert resolve(fake_model)[1].hands == 1 and resolve(fake_pair_model)[1].hands == 2
    shutil.copy(fake_model, tmp_path / "fake.onnx")
    record = read_record(Path(fake_model).with_suffix(".json"))
    replace(record, hands=3).write(tmp_path / "fake.json")
    with pytest.raises(KnuckleError, match=r"fake\.json: hands: expected 1 or 2, got 3"):
        resolve(str(tmp_path / "fake.onnx"))


def test_a_systems_name_stands_for_its_weights_that_are_best_on_photographs(
    tmp_path, fake_model, monkeypatch
):
    record = read_record(Path(fake_model).with_suffix(".json"))
    monkeypatch.setattr("knuckle.weights.WEIGHTS_FOLDER", tmp_path)
    (tmp_path / record.file).write_bytes(Path(fake_model).read_bytes())
    for name in ("dahyf-lite", "dahyf-teacher"):
        replace(record, name=name).write(tmp_path / f"{name}.json")
    assert resolve("dahyf")[1].name == "dahyf-lite" and resolve("dahyf-teacher")[1].name == "dahyf-teacher"
    replace(record, name="dahyf-photo").write(tmp_path / "dahyf-photo.json")
    assert resolve("dahyf")[1].name == "dahyf-photo" and resolve("dahyf-lite")[1].name == "dahyf-lite"


def test_a_record_from_before_a_field_was_added_has_its_default(tmp_path, fake_model):
    record = json.loads(Path(fake_model).with_suffix(".json").read_text())
    del record["started_from"]
    (tmp_path / "old.json").write_text(json.dumps(record))
    assert read_record(tmp_path / "old.json").started_from == ""
    del record["size"]
    (tmp_path / "old.json").write_text(json.dumps(record))
    with pytest.raises(KnuckleError, match=r"old.json: expected a weights record, missing size"):
        read_record(tmp_path / "old.json")


def test_a_network_that_fails_on_a_crop_is_one_error(fake_model):
    network = OnnxModel(Path(fake_model))
    patch, crop, camera = inputs(1)
    with pytest.raises(
        KnuckleError, match=r"fake.onnx: expected a network that answers a crop, got one that"
    ):
        network(patch[..., :31], crop, camera)


@pytest.mark.parametrize(
    "change",
    [
        {"size": -np.inf},
        {"size": 0},
        {"size": 10**6},
        {"file": 1e308},
        {"file": "a\0.onnx"},
        {"rig": None},
        {"expand": np.nan},
        {"expand": "1"},
        {"trained_sets": {"a": 1}},
    ],
)
def test_records_of_other_types_and_sizes_are_refused(tmp_path, fake_model, change):
    path = Path(shutil.copy(fake_model, tmp_path)).with_suffix(".json")
    record = json.loads(Path(fake_model).with_suffix(".json").read_text())
    path.write_text(json.dumps(record | change))
    with pytest.raises(KnuckleError, match=r": expected"):
        resolve(str(path.with_suffix(".onnx")))
