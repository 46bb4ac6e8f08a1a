"""MediaPipe's networks in the package: they answer as the originals do, and no other file is taken for them.

mediapipe_outputs.npz holds what the .tflite files answer under LiteRT; tools/mediapipe_onnx/record.py wrote it.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.inference.detection import landmarks as mediapipe_networks
from knuckle.inference.detection.landmarks import (
    NETWORKS,
    LandmarkNetwork,
    TurnedSquare,
    landmark_network,
    open_network,
    read_network,
)

ANCHOR_STEP = 8


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("mediapipe_outputs.npz")) as arrays:
        return dict(arrays)


def test_palm_network_answers_as_the_original(recorded):
    session = open_network("palm_detection_full")
    regression, logits = session.run(("regression", "logits"), {"picture": recorded["pictures"]})
    np.testing.assert_allclose(regression[:, ::ANCHOR_STEP], recorded["regression"], rtol=0, atol=1e-3)
    scores, original = (1 / (1 + np.exp(-values)) for values in (logits, recorded["logits"]))
    np.testing.assert_allclose(scores, original, rtol=0, atol=1e-4)
    assert original.max() > 0.8


def test_landmark_network_answers_as_the_original(recorded):
    answers = LandmarkNetwork().batch(recorded["patches"])
    assert [answer.presence > 0.5 for answer in answers] == [True, True, False, False]
    for name, tolerance in (("joints_patch", 1e-3), ("world_m", 1e-4), ("presence", 1e-4), ("right", 1e-4)):
        ours = np.array([getattr(answer, name) for answer in answers])
        np.testing.assert_allclose(ours, recorded[name], rtol=0, atol=tolerance)


def test_a_patch_alone_gets_the_answer_it_gets_among_others(recorded):
    network, patches = landmark_network(), recorded["patches"]
    assert network.batch(patches[:0]) == []
    for patch, among in zip(patches, network.batch(patches), strict=True):
        np.testing.assert_allclose(network(patch).joints_patch, among.joints_patch, atol=1e-3)


def test_joints_of_a_square_lie_in_the_picture(recorded):
    # A square that is the whole patch, moved within a larger picture.
    patch = recorded["patches"][0]
    picture = np.pad(patch, ((40, 10), (30, 20), (0, 0)))
    joints, found = landmark_network().look(picture, TurnedSquare((30 + 111.5, 40 + 111.5), len(patch), 0.0))
    np.testing.assert_allclose(joints - [30, 40], recorded["joints_patch"][0, :, :2], atol=0.05)
    assert found.presence == pytest.approx(recorded["presence"][0], abs=1e-3)


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    """A copy of the networks to damage."""
    copy = tmp_path / "detector"
    shutil.copytree(mediapipe_networks.DETECTOR_FOLDER, copy)
    monkeypatch.setattr(mediapipe_networks, "DETECTOR_FOLDER", copy)
    return copy


@pytest.mark.parametrize("name", NETWORKS)
def test_a_damaged_network_is_refused(name, folder):
    path = folder / f"{name}.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(KnuckleError, match=rf"^[^\n]*{name}\.onnx: expected sha256 \w+, got \w+[^\n]*$"):
        read_network(name)


def test_networks_that_changed_places_are_refused(folder):
    first, second = (folder / f"{name}.onnx" for name in NETWORKS)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    for name in NETWORKS:
        with pytest.raises(KnuckleError, match=rf"{name}\.onnx: expected sha256"):
            open_network(name)


def test_missing_files_are_named(folder):
    (folder / "hand_landmark_full.onnx").unlink()
    with pytest.raises(KnuckleError, match=r"hand_landmark_full\.onnx: expected the \w+ its record names"):
        LandmarkNetwork()
    (folder / "hand_landmark_full.json").unlink()
    with pytest.raises(KnuckleError, match=r"hand_landmark_full\.json: expected the record of a network"):
        LandmarkNetwork()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"file": "palm_detection_full.onnx"}', "null"])
def test_a_broken_record_is_refused(content, folder):
    (folder / "palm_detection_full.json").write_text(content)
    with pytest.raises(KnuckleError, match=r"palm_detection_full\.json: expected the record of a network"):
        read_network("palm_detection_full")


def test_records_say_whose_the_networks_are():
    notice = Path(__file__).parents[3] / "NOTICE"
    for name in NETWORKS:
        record = json.loads((mediapipe_networks.DETECTOR_FOLDER / f"{name}.json").read_text())
        assert record["licence"] == "Apache-2.0" and record["source"]["file"].endswith(f"{name}.tflite")
        assert f"{name}.onnx" in notice.read_text()
