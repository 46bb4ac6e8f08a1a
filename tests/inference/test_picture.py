"""Pictures whose pixels are not square (F7), mirror images, and photos that were reduced: the same hands."""

import json

import cv2
import numpy as np
import pytest

import knuckle
from knuckle import Camera, Detection, KnuckleError
from knuckle.inference.picture import Picture
from knuckle.photos import reading
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels
from knuckle.view.overlay import draw_hands

BOX = np.array([30.0, 20.0, 60.0, 64.0])


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A bright disc, which the fake networks take for a wrist, on a dark slope."""
    picture = np.repeat(np.linspace(20, 90, 160, dtype=np.uint8)[None, :, None], 120, 0).repeat(3, 2)
    return cv2.circle(np.ascontiguousarray(picture), (66, 50), 18, (230, 180, 150), -1, cv2.LINE_AA)


@pytest.mark.parametrize("aspect", [0.4, 0.995, 1.005, 2.5])
@pytest.mark.parametrize("mirrored", [False, True])
def test_what_is_shown_is_square_and_unmirrored_and_leads_back(image, aspect, mirrored):
    given = Camera(200, 200 * aspect, 70, 65, 160, 120, picture_mirrored=mirrored)
    picture = Picture.of(image, given)
    assert picture.camera.fy / picture.camera.fx == pytest.approx(1, abs=0.01)
    assert not picture.camera.picture_mirrored
    assert picture.pixels.shape[:2] == (picture.camera.height, picture.camera.width)
    assert picture.pixels.size >= image.size
    box = picture.shown_boxes(BOX[None])[0]
    back = Picture(picture.pixels, given, picture.camera).shown_boxes(box[None])[0]
    np.testing.assert_allclose(back, BOX, atol=1e-9)
    # The disc is where its place in the picture given says.
    points = np.array([[0.03, 0.02, 0.4], [-0.05, 0.01, 0.7]])
    sight = picture.camera.backproject(picture.camera.project(points), points[:, 2])
    np.testing.assert_allclose(given.backproject(given.project(sight), points[:, 2]), points)
    disc = given.backproject(np.array([[66.0, 50.0]]), np.array([0.5]))
    u, v = np.round(picture.camera.project(disc)[0]).astype(int)
    np.testing.assert_allclose(picture.pixels[v, u], (230, 180, 150), atol=2)


def test_almost_square_pictures_are_shown_as_they_are(image):
    picture = Picture.of(image, Camera(200, 201, 70, 65, 160, 120))
    assert picture.pixels is image and picture.camera is picture.given


def test_too_large_a_picture_is_made_square_by_reducing_it(image, monkeypatch):
    monkeypatch.setattr("knuckle.inference.picture.MAX_PIXELS", image.size // 3)
    assert Picture.of(image, Camera(200, 100, 70, 65, 160, 120)).pixels.shape == (120, 80, 3)


def test_a_camera_that_no_picture_has_is_one_sentence(image, fake_model):
    with pytest.raises(KnuckleError, match=r"fx and fy within a factor of 10 of each other, got 900 and 9$"):
        knuckle.estimate(image, camera=(900, 9, 80, 60), model=fake_model, detector=lambda _: [])


@pytest.mark.parametrize("boxed", [True, False])
@pytest.mark.parametrize("model", ["dahyf", "auto"])
def test_rows_squeezed_with_fy_leave_every_hand_where_it_is(model, boxed):
    """The networks that ship, with the landmark network's evidence: one hand and two, found and given."""
    known = read_sample_labels()
    whole = reading.read_image(SAMPLE_PHOTO)
    fx, fy, cx, cy = known["camera"]
    answers = []
    for share in (1, 0.6):
        rows = round(whole.shape[0] * share)
        exact = rows / whole.shape[0]
        squeezed = cv2.resize(whole, (whole.shape[1], rows), interpolation=cv2.INTER_AREA)
        camera = (fx, fy * exact, cx, (cy + 0.5) * exact - 0.5)
        boxes = np.array(known["boxes"], dtype=float) * [1, exact, 1, exact]
        given = {"boxes": boxes, "sides": known["sides"]} if boxed else {}
        answers.append(knuckle.estimate(squeezed, camera=camera, model=model, **given))
    square, squeezed = answers
    assert len(squeezed) == len(square) >= 1 and squeezed.sides == square.sides
    np.testing.assert_allclose(squeezed.joints_m[:, 0, 2], square.joints_m[:, 0, 2], rtol=0.03)
    sizes = [np.linalg.norm(hands.joints_m[:, 9] - hands.joints_m[:, 0], axis=-1) for hands in answers]
    # Where the hands are found, their boxes differ a little too.
    np.testing.assert_allclose(sizes[1], sizes[0], rtol=0.03 if boxed else 0.05)
    # Resampling changes what is seen of single fingers that others hide; the hand is 450 px wide.
    assert np.median(np.abs(squeezed.joints_px - square.joints_px * [1, exact])) < 10
    np.testing.assert_allclose(squeezed.camera.project(squeezed.joints_m), squeezed.joints_px, atol=1)


@pytest.mark.parametrize("boxed", [True, False])
def test_a_mirror_image_gives_the_true_hands_in_its_own_pixels(image, fake_model, boxed):
    camera = Camera(200, 200, 70, 65, 160, 120)
    selfie = np.ascontiguousarray(image[:, ::-1])
    box = np.array([159 - BOX[0] - BOX[2], *BOX[1:]])
    shown = []

    def detector(picture):
        shown.append(picture)
        return [Detection(BOX, "left", 0.9)]

    given = [{"boxes": [each], "sides": ["left"]} if boxed else {"detector": detector} for each in (BOX, box)]
    true = knuckle.estimate(image, camera=camera, model=fake_model, **given[0])
    hands = knuckle.estimate(selfie, camera=(200, 200, 89, 65), model=fake_model, mirrored=True, **given[1])
    for picture in shown:
        np.testing.assert_array_equal(picture, image)
    assert hands.sides == ("left",)
    for name in ("joints_m", "vertices_m", "pose_rad", "shape"):
        np.testing.assert_allclose(getattr(hands, name), getattr(true, name), atol=1e-6)
    np.testing.assert_allclose(hands.joints_px, [159, 0] + true.joints_px * [-1, 1], atol=1e-4)
    np.testing.assert_allclose(hands.boxes_px, [box], atol=1e-9)
    assert hands.camera.picture_mirrored
    np.testing.assert_allclose(hands.camera.project(hands.joints_m), hands.joints_px, atol=1e-3)
    drawn = draw_hands(selfie, hands, skeleton=False, labels=False)
    np.testing.assert_array_equal(drawn, draw_hands(image, true, skeleton=False, labels=False)[:, ::-1])
    assert (drawn != selfie).any()
    other = knuckle.estimate(selfie, camera=(200, 200, 89, 65), model=fake_model, **given[1])
    assert not np.allclose(other.joints_m, true.joints_m, atol=1e-3)


def test_a_reduced_photo_is_estimated_in_its_own_pixels(image, fake_model, tmp_path, monkeypatch):
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    path = tmp_path / "large.jpg"
    cv2.imwrite(str(path), large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    given = {"boxes": [BOX * 4], "sides": ["left"], "camera": (800, 800, 280, 260), "model": fake_model}
    whole = knuckle.estimate(path, **given)
    monkeypatch.setattr(reading, "MAX_PIXELS", 160 * 120)
    with pytest.warns(UserWarning, match="read at 160x120 px, a quarter of its 640x480"):
        reduced = knuckle.estimate(path, **given)
    assert reduced.camera == whole.camera
    np.testing.assert_allclose(reduced.boxes_px, whole.boxes_px, atol=1e-6)
    np.testing.assert_allclose(reduced.joints_px, whole.joints_px, atol=2)
    np.testing.assert_allclose(reduced.joints_m, whole.joints_m, atol=2e-3)


def test_mirror_and_reduction_on_the_command_line(image, fake_model, tmp_path, monkeypatch, run, capfd):
    large = cv2.resize(image[:, ::-1], None, fx=2, fy=2)
    cv2.imwrite(str(tmp_path / "large.jpg"), large[..., ::-1])
    monkeypatch.setattr(reading, "MAX_PIXELS", 160 * 120)
    box = ",".join(str(value * 2) for value in (159 - BOX[0] - BOX[2], *BOX[1:]))
    command = ["--model", fake_model, "--box", box, "--side", "left", "--mirror"]
    assert run("estimate", str(tmp_path / "large.jpg"), *command) == 0
    assert "warning: " in capfd.readouterr().err
    data = json.loads((tmp_path / "large.json").read_text())
    assert (data["width"], data["height"]) == (320, 240)
    assert data["camera"]["picture_mirrored"] is True
    numbers = [float(value) for value in box.split(",")]
    with pytest.warns(UserWarning, match="half of its 320x240"):
        same = knuckle.estimate(
            tmp_path / "large.jpg", boxes=[numbers], sides=["left"], model=fake_model, mirrored=True
        )
    np.testing.assert_allclose(data["hands"][0]["joints_px"], same.joints_px[0], atol=0.001)
    drawn = reading.read_image(tmp_path / "large.overlay.png")
    assert drawn.shape == (120, 160, 3)
