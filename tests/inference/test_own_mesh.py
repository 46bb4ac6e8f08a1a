"""Whose mesh hands have: the fitted rig's or the network's own, with the joints that go with it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from fake_networks import one_hand_network, write_network
from knuckle.cli.main import app
from knuckle.errors import KnuckleError
from knuckle.export.json import read_json, write_json
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import MIRROR_POINT
from knuckle.geometry.projection import project
from knuckle.hands import Hands
from knuckle.inference.auto import open_predictor
from knuckle.inference.estimate import estimate
from knuckle.inference.one_hand import Predictor
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.own_mesh import own_mesh
from knuckle.inference.window import normalise
from knuckle.rig.load import load_rig
from knuckle.weights import resolve

CAMERA = Camera(220.0, 220.0, 70.0, 65.0, 160, 120)
BOXES = np.array([[40.0, 30.0, 60.0, 50.0], [60.0, 20.0, 50.0, 60.0]])
SIDES = ("right", "left")


def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def test_handar_returns_its_own_mesh_and_the_joints_of_that_mesh():
    path, record = resolve("handar")
    crops = [Crop.from_box(box, record.size, expand=record.expand) for box in BOXES]
    shown = [crops[0].warp(picture()), crops[1].warp(picture())[:, ::-1]]
    vectors = np.stack([crops[0].vector, crops[1].mirrored(160).vector])
    lenses = np.stack([CAMERA.vector, CAMERA.mirrored().vector])
    alone = OnnxModel(path, threads=1)(normalise(np.stack(shown)), vectors, lenses)
    hands = Predictor("handar", threads=1, mesh="network", evidence=False)(picture(), BOXES, SIDES, CAMERA)
    signs = np.stack([np.ones(3), MIRROR_POINT])[:, None]
    assert hands.mesh == "network"
    assert np.allclose(hands.vertices_m, alone["vertices_m"] * signs, atol=1e-5)
    assert np.allclose(hands.joints_m, alone["joints_m"] * signs, atol=1e-5)
    fitted = Predictor("handar", threads=1, mesh="rig", evidence=False)(picture(), BOXES, SIDES, CAMERA)
    assert fitted.mesh == "rig"
    # A rig cannot follow free vertices: it lies beside them, though near.
    apart = np.linalg.norm(fitted.vertices_m - hands.vertices_m, axis=-1).mean(1)
    assert (apart > 1e-4).all()
    assert np.allclose(fitted.confidence, hands.confidence)


def test_joints_are_those_of_the_mesh_where_a_network_has_others_too():
    rig = load_rig("open")
    mesh_joints = rig.joints_rest_m[None] + [0.02, 0.0, 0.5]
    outputs = {
        "joints_px": np.zeros((1, 21, 2)),
        "joints_m": mesh_joints + np.array([0.0, 0.0, 0.03]),
        "vertices_m": rig.vertices[None] + [0.02, 0.0, 0.5],
        "mesh_joints_m": mesh_joints,
        "rotations": np.tile(np.eye(3), (1, 16, 1, 1)),
        "shape": np.ones((1, 10)),
        "confidence": np.ones(1),
    }
    own = own_mesh(outputs, CAMERA.vector[None], rig)
    assert np.allclose(own["joints_m"], mesh_joints)
    assert np.allclose(own["joints_px"], project(mesh_joints, CAMERA.vector))
    assert np.allclose(own["vertices_m"], outputs["vertices_m"])
    assert np.allclose(own["shape"], 1)


def test_errors_of_a_networks_own_mesh_are_not_known(fake_model):
    options = {"boxes": BOXES[:1], "sides": ["right"], "camera": CAMERA, "model": fake_model}
    own = estimate(picture(), mesh="network", **options)
    fitted = estimate(picture(), mesh="rig", **options)
    assert np.isnan(own.joint_error_px).all()
    assert np.isnan(own.joint_error_m).all()
    assert np.isfinite(fitted.joint_error_px).all()
    assert not np.allclose(own.vertices_m, fitted.vertices_m, atol=1e-3)


def test_the_json_says_whose_mesh_it_is(tmp_path):
    write_json(tmp_path / "a.json", Hands(CAMERA, mesh="network"), image="a.jpg")
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["mesh"] == "network"
    assert read_json(tmp_path / "a.json").mesh == "network"
    # Files of before had the rig's.
    del data["mesh"]
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert read_json(tmp_path / "a.json").mesh == "rig"


@pytest.mark.parametrize("model", ["auto", "dfl"])
def test_models_without_a_mesh_of_their_own_say_so_in_one_sentence(model, installed):
    with pytest.raises(KnuckleError, match=r'mesh: expected "rig" with (auto|dfl-lite), .* got "network"'):
        open_predictor(model, mesh="network")
    assert open_predictor(model, mesh="rig")


@pytest.mark.parametrize("better", ["rig", "network"])
def test_the_weights_record_says_which_mesh_is_the_better_one(better, tmp_path):
    path = write_network(tmp_path / "own.onnx", one_hand_network(), hands=1, mesh=better)
    assert Predictor(path, threads=1)(picture(), BOXES[:1], ["right"], CAMERA).mesh == better
    record = tmp_path / "own.json"
    record.write_text(record.read_text().replace(f'"mesh": "{better}"', '"mesh": "mano"'))
    with pytest.raises(KnuckleError, match=r"own.json: mesh: expected rig or network, got 'mano'"):
        Predictor(path)


def test_another_mesh_is_refused():
    with pytest.raises(KnuckleError, match="mesh: expected one of rig, network, got 'mano'"):
        estimate(picture(), mesh="mano")  # type: ignore[arg-type]


def test_the_command_passes_it_on(fake_model, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "p.png"), picture())
    words = [
        "estimate",
        str(tmp_path / "p.png"),
        "--model",
        fake_model,
        "--box",
        "40,30,60,50",
        "--side",
        "left",
    ]
    result = CliRunner().invoke(app, [*words, "--mesh", "network"])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "p.json").read_text())["mesh"] == "network"
