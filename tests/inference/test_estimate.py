"""`knuckle.estimate` and its checks."""

import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

import knuckle
from knuckle import Camera, Detection, KnuckleError

BOX = [30.0, 20.0, 40.0, 44.0]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (100, 140, 3), dtype=np.uint8)


def test_box_and_side_from_array_and_from_file(image, fake_model, tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), image[..., ::-1])
    from_array = knuckle.estimate(image, boxes=[BOX], sides=["left"], model=fake_model)
    for given in (path, str(path)):
        from_file = knuckle.estimate(given, boxes=[BOX], sides=["left"], model=fake_model)
        np.testing.assert_array_equal(from_file.joints_m, from_array.joints_m)
    assert from_array.sides == ("left",)
    assert from_array.joints_m.shape == (1, 21, 3)
    assert from_array.camera.assumed
    assert from_array.camera.fx == pytest.approx(np.hypot(140, 100))
    np.testing.assert_array_equal(from_array.boxes_px, [BOX])
    assert [hand.side for hand in from_array] == ["left"]


def test_camera_as_numbers_and_as_camera(image, fake_model):
    numbers = knuckle.estimate(
        image, boxes=[BOX], sides=["right"], camera=(200, 210, 60, 55), model=fake_model
    )
    whole = Camera(200, 210, 60, 55, 140, 100)
    same = knuckle.estimate(image, boxes=[BOX], sides=["right"], camera=whole, model=fake_model)
    assert numbers.camera == whole
    assert not numbers.camera.assumed
    np.testing.assert_array_equal(numbers.joints_m, same.joints_m)
    np.testing.assert_allclose(numbers.camera.project(numbers.joints_m), numbers.joints_px, atol=1e-3)


def test_detector_is_used_without_boxes_only(image, fake_model):
    calls = []

    def detector(picture):
        calls.append(picture.shape)
        return [Detection(np.array(BOX), "left", 0.9), Detection(np.array([1.0, 2, 30, 30]), "right", 0.8)]

    found = knuckle.estimate(image, model=fake_model, detector=detector)
    assert calls == [(100, 140, 3)]
    assert found.sides == ("left", "right")
    given = knuckle.estimate(
        image, boxes=found.boxes_px, sides=found.sides, model=fake_model, detector=detector
    )
    assert len(calls) == 1
    np.testing.assert_array_equal(given.joints_px, found.joints_px)


def test_no_hand_is_an_empty_result(image, fake_model):
    hands = knuckle.estimate(image, model=fake_model, detector=lambda _: [])
    assert len(hands) == 0
    assert hands.joints_m.shape == (0, 21, 3)
    assert list(hands) == []
    assert len(knuckle.estimate(image, boxes=[], sides=[], model=fake_model)) == 0


def test_mirrored_photo_gives_the_mirrored_hand(image, fake_model):
    mirrored_box = [140 - 1 - BOX[0] - BOX[2], *BOX[1:]]
    right = knuckle.estimate(image, boxes=[BOX], sides=["right"], model=fake_model)
    left = knuckle.estimate(
        np.ascontiguousarray(image[:, ::-1]), boxes=[mirrored_box], sides=["left"], model=fake_model
    )
    np.testing.assert_allclose(left.joints_px * [-1, 1] + [139, 0], right.joints_px, atol=0.02)
    np.testing.assert_allclose(left.vertices_m * [-1, 1, 1], right.vertices_m, atol=1e-4)
    np.testing.assert_array_equal(left.faces_of("left"), right.faces[:, ::-1])


NAN = float("nan")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boxes": [BOX]}, "sides: expected one for each box"),
        ({"sides": ["left"]}, "boxes: expected one for each side"),
        ({"boxes": [BOX], "sides": []}, "sides: expected one for each box, got 0 for 1"),
        ({"boxes": [BOX], "sides": ["left", "right"]}, "sides: expected one for each box, got 2 for 1"),
        ({"boxes": [BOX], "sides": ["Left"]}, "side: expected one of left, right, got 'Left'"),
        ({"boxes": [BOX], "sides": "left"}, "sides: expected a list"),
        ({"boxes": [BOX], "sides": 3}, "sides: expected a list of sides, got int"),
        ({"boxes": BOX, "sides": ["left"]}, r"boxes: expected \(N, 4\) .*single box is"),
        ({"boxes": [[1, 2, 3]], "sides": ["left"]}, r"boxes: expected \(N, 4\) numbers.*got shape \(1, 3\)"),
        ({"boxes": [["a", 2, 3, 4]], "sides": ["left"]}, r"boxes: expected \(N, 4\) numbers"),
        ({"boxes": [[1, 2, 0, 4]], "sides": ["left"]}, "w and h above 0, got 1,2,0,4"),
        ({"boxes": [[1, 2, 3, -4]], "sides": ["left"]}, "w and h above 0, got 1,2,3,-4"),
        ({"boxes": [[1, NAN, 3, 4]], "sides": ["left"]}, "expected finite x,y,w,h"),
        ({"boxes": [[1, 2, 3, float("inf")]], "sides": ["left"]}, "expected finite x,y,w,h"),
        (
            {"boxes": [[140, 2, 30, 40]], "sides": ["left"]},
            "meets the picture of 140x100 px, got 140,2,30,40",
        ),
        ({"boxes": [[-50, 2, 30, 40]], "sides": ["left"]}, "meets the picture of 140x100 px"),
        ({"boxes": [[0, 0, 1e6, 1e6]], "sides": ["left"]}, "about a hand's size"),
        ({"camera": (100, 100, 50)}, "camera: expected fx, fy, cx, cy"),
        ({"camera": 5}, "camera: expected fx, fy, cx, cy"),
        ({"camera": "1,2,3,4"}, "camera: expected fx, fy, cx, cy"),
        ({"camera": (-100, 100, 50, 50)}, "camera: expected finite fx, fy, cx, cy with fx, fy > 0"),
        ({"camera": (100, NAN, 50, 50)}, "camera: expected finite fx, fy, cx, cy"),
        (
            {"camera": Camera(9, 9, 9, 9, 10, 10)},
            "camera: expected one of the picture's 140x100 px, got one of 10x10",
        ),
    ],
)
def test_bad_requests_are_one_sentence(image, fake_model, options, message):
    with pytest.raises(KnuckleError, match=message) as caught:
        knuckle.estimate(image, model=fake_model, detector=lambda _: [], **options)
    assert "\n" not in str(caught.value)


def test_box_partly_outside_is_fine(image, fake_model):
    hands = knuckle.estimate(image, boxes=[[-20, -10, 60, 60]], sides=["right"], model=fake_model)
    assert np.isfinite(hands.joints_m).all()


def test_unknown_model_lists_the_known_ones(image):
    with pytest.raises(KnuckleError, match=r"model: expected one of .* got 'mano'"):
        knuckle.estimate(image, boxes=[BOX], sides=["right"], model="mano")


def test_public_names_are_few_and_all_there():
    assert len(knuckle.__all__) <= 20
    for name in knuckle.__all__:
        assert getattr(knuckle, name) is not None
    assert set(knuckle.__all__) <= set(dir(knuckle))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = knuckle.nothing  # type: ignore[attr-defined]


def test_types_of_the_public_names_modules_are_checked_strictly():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    homes = {getattr(knuckle, name).__module__ for name in set(knuckle.__all__) - {"__version__"}}
    source = Path(knuckle.__file__).parents[1]
    files = {Path(sys.modules[home].__file__).relative_to(source) for home in {"knuckle", *homes}}
    assert sorted(project["tool"]["pyright"]["strict"]) == sorted(f"src/{file.as_posix()}" for file in files)


def test_importing_knuckle_imports_nothing_heavy():
    code = "import knuckle, sys; print(sorted({'numpy', 'cv2', 'onnxruntime', 'torch'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
