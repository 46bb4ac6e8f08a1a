"""`evaluate --data SET` scores hands that training did not see, and meshes of any set whose rig is at hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.run import evaluate
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import from_text, joined, origin_of, to_text

from ..datasets.conftest import write_mano
from .conftest import made_model, oracle


def changed_index(folder: Path, **changes) -> None:
    path = folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_hands_that_trained_a_model_are_left_out(rendered_folder):
    origin = SynthSet(rendered_folder).origin
    # Rows 0, 1, 3 and 5 have hands; those from row 3 on were held out. Rows 2, 4 and 6 have none.
    (benchmark,) = open_benchmarks(str(rendered_folder), seen={origin: (3, 5)})
    assert benchmark.names == ("3", "5") and benchmark.other_count == 1
    model = made_model(
        oracle(list(benchmark.patches(32, 1.5))), size=32, expand=1.5, trained_sets={origin: (3, 5)}
    )
    assert any(
        "2 of 4 hands left out, as training saw them" in note for note in evaluate(model, benchmark).notes
    )
    with pytest.raises(
        KnuckleError, match="expected hands that the weights were not trained on, got 4 that they were"
    ):
        open_benchmarks(str(rendered_folder), seen={origin: (7, 7)})


def test_weights_from_before_are_scored_with_a_note(rendered_folder):
    (benchmark,) = open_benchmarks(str(rendered_folder), seen={})
    model = made_model(oracle(list(benchmark.patches(32, 1.5))), size=32, expand=1.5)
    assert any("do not say which hands" in note for note in evaluate(model, benchmark).notes)


def test_pairs_that_trained_a_model_are_left_out(pair_folder):
    origin = SynthSet(pair_folder).origin
    (benchmark,) = open_benchmarks(str(pair_folder), seen={origin: (2, 5)})
    assert [frame.name for frame in benchmark.frames()] == ["2", "3"]


def test_the_same_hands_at_another_size_have_the_same_origin():
    one = {"seed": 1, "options": {"size": 128, "hands": "one"}}
    assert origin_of(one) == origin_of({"seed": 1, "options": {"size": 64, "hands": "one"}, "count": 9}) != ""
    assert origin_of(one) != origin_of(one | {"seed": 2})
    assert origin_of({"dataset": "freihand", "options": {"size": 128}}) == "freihand"
    assert origin_of({}) == ""
    both = joined({"a": (3, 5)}, {"a": (2, 9), "b": (1, 1)})
    assert from_text(to_text(both)) == both == {"a": (3, 9), "b": (1, 1)}
    assert from_text(None) is None


def test_a_converted_set_of_mano_has_its_mesh_by_the_user_s_file(rendered_folder, tmp_path):
    from knuckle.rig.load import load_rig
    from knuckle.rig.rotations import rodrigues

    mano = write_mano(tmp_path / "MANO_RIGHT.pkl")
    rig = load_rig(mano)
    changed_index(
        rendered_folder,
        rig=rig.fingerprint,
        rig_name="mano",
        tips="freihand",
        dataset="freihand",
        residual_mm=0.6,
    )
    (without,) = open_benchmarks(str(rendered_folder))
    assert without.vertex_count == 0
    (benchmark,) = open_benchmarks(str(rendered_folder), mano=mano)
    assert benchmark.vertex_count == len(rig.vertices)
    patch = next(iter(benchmark.patches(32, 1.5)))
    labels = SynthSet(rendered_folder).labels
    pose, shape, place = (labels[name][0] for name in ("pose", "shape", "translation"))
    posed = rig.posed_by_matrices(rodrigues(pose), shape, place)
    np.testing.assert_allclose(patch.vertices_m, posed.vertices, atol=1e-6)
    changed_index(rendered_folder, rig="another")
    with pytest.raises(KnuckleError, match="expected the MANO file that it was converted with"):
        open_benchmarks(str(rendered_folder), mano=mano)
