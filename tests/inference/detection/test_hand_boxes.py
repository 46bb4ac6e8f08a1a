"""Our hand detector as a source of places: boxes come back in the picture's px, and other files are refused."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from knuckle.errors import KnuckleError
from knuckle.geometry.cells import grid_cells
from knuckle.inference.detection.hand_boxes import HandBoxNetwork, box_to_square
from knuckle.inference.detection.landmarks import joints_to_square
from knuckle.inference.detection.proposals import Window


class Session:
    """Says one hand of 40 x 20 px in the upper left cell of the grid of stride 8, whatever it is shown."""

    def run(self, _, feed):
        self.shown = feed["picture"]
        raw = np.full((1, len(grid_cells(*self.shown.shape[1:3])), 8), -9.0, np.float32)
        raw[0, 0] = [3, 2.5, 1.5, np.log(5), np.log(2.5), 4, 0, 1]
        return [raw]


@pytest.fixture
def network(tmp_path):
    found = object.__new__(HandBoxNetwork)
    found.input_px, found.tile_px, found._session = 128, 256, Session()
    return found


def test_places_are_in_px_of_the_picture(network):
    image = np.zeros((256, 256, 3), np.uint8)
    places = network.propose(image, Window(64, 0, 128, 128))
    # Of the window's first cell, whose middle is at 4: the box's middle is at 24, 16.
    np.testing.assert_allclose(places.boxes_px, [[64 + 24 - 20 - 0.5, 16 - 10 - 0.5, 40, 20]])
    half = network.propose(image, Window(64, 0, 128, 128), input_px=64)
    assert network._session.shown.shape == (1, 64, 64, 3)
    np.testing.assert_allclose(half.boxes_px, [[64 + 2 * 4 - 0.5, 2 * 6 - 0.5, 80, 40]])
    assert places.scores[0] > 0.9 and places.right[0] > 0.9
    assert places.squares[0].rotation_rad == pytest.approx(np.pi / 2)


def test_a_usual_hands_square_is_that_of_its_joints():
    # An open hand, fingers up: palm and fingers each about half of it.
    joints = np.array(
        [[50, 100], [30, 90], [15, 75], [5, 62], [-3, 52]]
        + [[x, y] for x, top in ((32, 0), (47, -7), (61, 0), (75, 15)) for y in (50, 30, 14, top)],
        float,
    )
    for turn in (0.0, 1.0, -2.5):
        around = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        turned = joints @ around.T
        low, high = turned.min(0), turned.max(0)
        wanted = joints_to_square(turned)
        got = box_to_square(np.concatenate([low, high - low]), wanted.rotation_rad)
        assert got.side_px == pytest.approx(wanted.side_px, rel=0.25)
        np.testing.assert_allclose(got.centre_px, wanted.centre_px, atol=0.1 * wanted.side_px)


def test_a_bad_record_or_network_is_refused(tmp_path):
    record = tmp_path / "hand_boxes.json"
    with pytest.raises(KnuckleError, match=r"hand_boxes\.json: expected the record of a hand detector"):
        HandBoxNetwork(record=record)
    record.write_text(json.dumps({"file": "hand_boxes.onnx", "sha256": "0" * 64, "input_px": 320}))
    (tmp_path / "hand_boxes.onnx").write_bytes(b"damaged")
    with pytest.raises(KnuckleError, match=r"hand_boxes\.onnx"):
        HandBoxNetwork(record=record)
    x = helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, "h", "w", 3])
    y = helper.make_tensor_value_info("other", TensorProto.UINT8, [1, "h", "w", 3])
    graph = helper.make_graph([helper.make_node("Identity", ["picture"], ["other"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data = model.SerializeToString()
    onnx.checker.check_model(model)
    (tmp_path / "hand_boxes.onnx").write_bytes(data)
    import hashlib

    record.write_text(
        json.dumps({"file": "hand_boxes.onnx", "sha256": hashlib.sha256(data).hexdigest(), "input_px": 320})
    )
    with pytest.raises(KnuckleError, match="expected a hand detector with the output cells, got"):
        HandBoxNetwork(record=record)
