"""What photos' EXIF says of the lens, and what it means for the camera."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.inference.estimate import Request
from knuckle.photos.camera_file import read_camera, write_camera
from knuckle.photos.reading import Photo, read_photo

_EXIF, _ORIENTATION = 0x8769, 0x0112
FOCAL, FILM, WIDTH, HEIGHT, RES_X, RES_Y, UNIT = 0x920A, 0xA405, 0xA002, 0xA003, 0xA20E, 0xA20F, 0xA210
DIAGONAL_MM = np.hypot(36, 24)


def photo(
    tags: dict[int, Any], size: tuple[int, int] = (400, 300), *, turn: int = 1, kind: str = "JPEG"
) -> bytes:
    picture = PIL.Image.new("RGB", size, (90, 120, 60))
    exif = PIL.Image.Exif()
    exif[_ORIENTATION] = turn
    exif.get_ifd(_EXIF).update(tags)
    exif[_EXIF] = 0  # where it lies, which Pillow fills in
    out = io.BytesIO()
    picture.save(out, kind, exif=exif)
    return out.getvalue()


def camera_of(folder: Path, data: bytes) -> Camera | None:
    path = folder / "photo"
    path.write_bytes(data)
    return read_photo(path).camera


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF"])
def test_the_focal_length_in_film_counts_along_the_diagonal(tmp_path, kind):
    camera = camera_of(tmp_path, photo({FILM: 26, WIDTH: 400, HEIGHT: 300}, kind=kind))
    assert camera is not None and camera.source == "exif" and not camera.assumed
    assert camera.fx == camera.fy == pytest.approx(26 / DIAGONAL_MM * 500)
    assert (camera.cx, camera.cy) == (199.5, 149.5)


@pytest.mark.parametrize(("unit", "per_mm"), [(2, 1 / 25.4), (3, 0.1), (4, 1.0)])
def test_focal_length_and_the_sensors_pixels(tmp_path, unit, per_mm):
    tags = {FOCAL: 5.0, RES_X: 60 / per_mm, RES_Y: 60 / per_mm, UNIT: unit}
    camera = camera_of(tmp_path, photo(tags))
    assert camera is not None and camera.fx == pytest.approx(300, rel=1e-3)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_photo_has_the_turned_camera(tmp_path, turn):
    camera = camera_of(tmp_path, photo({FILM: 26}, turn=turn))
    assert camera is not None
    size = (300, 400) if turn >= 5 else (400, 300)
    assert (camera.width, camera.height) == size
    assert (camera.cx, camera.cy) == ((size[0] - 1) / 2, (size[1] - 1) / 2)
    assert camera.fx == pytest.approx(26 / DIAGONAL_MM * 500)


def test_a_photo_made_smaller_has_a_smaller_focal_length(tmp_path):
    camera = camera_of(tmp_path, photo({FILM: 26, WIDTH: 4000, HEIGHT: 3000}))
    assert camera is not None and camera.fx == pytest.approx(26 / DIAGONAL_MM * 500)


def test_a_part_of_a_photo_keeps_the_focal_length(tmp_path):
    camera = camera_of(tmp_path, photo({FILM: 26, WIDTH: 400, HEIGHT: 400}))
    assert camera is not None and camera.fx == pytest.approx(26 / DIAGONAL_MM * np.hypot(400, 400))
    # Sensor's pixels are those of the whole picture, whatever was cut away.
    tags = {FOCAL: 5.0, RES_X: 60, RES_Y: 60, UNIT: 4, WIDTH: 400, HEIGHT: 400}
    camera = camera_of(tmp_path, photo(tags))
    assert camera is not None and camera.fx == pytest.approx(300)
    assert camera_of(tmp_path, photo({FILM: 26, WIDTH: 300, HEIGHT: 300})) is None


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {FILM: 0},
        {FILM: 65535},
        {FILM: 1},
        {FOCAL: 1e9, RES_X: 60, RES_Y: 60, UNIT: 4},
        {FOCAL: 5.0},
        {FOCAL: 5.0, RES_X: 0, RES_Y: 0, UNIT: 4},
        {FOCAL: 5.0, RES_X: 60, RES_Y: 120, UNIT: 4},
        {FOCAL: 5.0, RES_X: 60, RES_Y: 60, UNIT: 77},
    ],
)
def test_nothing_and_nonsense_say_nothing(tmp_path, tags):
    assert camera_of(tmp_path, photo(tags)) is None


def test_nonsense_in_one_way_leaves_the_other(tmp_path):
    tags = {FILM: 0, FOCAL: 5.0, RES_X: 60, RES_Y: 60, UNIT: 4}
    camera = camera_of(tmp_path, photo(tags))
    assert camera is not None and camera.fx == pytest.approx(300, rel=1e-3)


def shown_camera(photo: Photo, **options: Any) -> Camera:
    return Request.checked(**options).shown(photo)[0].given


def test_what_is_given_counts_before_exif_and_that_before_a_guess(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo({FILM: 26}))
    read = read_photo(path)
    assert shown_camera(read) == read.camera
    assert shown_camera(read, exif=False) == Camera.from_size(400, 300)
    given = shown_camera(read, camera=(700, 700, 200, 150))
    assert (given.source, given.fx) == ("given", 700)
    mirrored = shown_camera(read, mirrored=True)
    assert mirrored.picture_mirrored and mirrored.source == "exif"


def test_a_camera_file_serves_pictures_of_its_shape(tmp_path):
    path, pixels = tmp_path / "camera.json", np.zeros((300, 400, 3), np.uint8)
    write_camera(path, Camera(1600, 1600, 799.5, 599.5, 1600, 1200), focal_sd_px=8.0)
    assert read_camera(path).source == "calibrated"
    smaller = shown_camera(Photo(pixels, 400, 300), camera=path)
    assert (smaller.fx, smaller.cx, smaller.source) == (400, 199.5, "calibrated")
    turned = shown_camera(Photo(pixels.swapaxes(0, 1), 300, 400), camera=str(path))
    assert (turned.fx, turned.cx, turned.cy) == (400, 149.5, 199.5)
    with pytest.raises(KnuckleError, match="300x300 px or of the same shape, got one of 1600x1200"):
        shown_camera(Photo(pixels[:, :300], 300, 300), camera=path)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (None, "but there is no such file"),
        ("{", "got another kind of file"),
        ("[]", "got another kind of file"),
        ('{"fx": 1}', "got no '"),
        ('{"fx": -1, "fy": 1, "cx": 1, "cy": 1, "width": 4, "height": 4}', "expected finite fx, fy, cx, cy"),
    ],
)
def test_what_is_no_camera_file_is_refused_by_name(tmp_path, text, got):
    path = tmp_path / "camera.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(KnuckleError, match=got) as caught:
        read_camera(path)
    assert str(caught.value).startswith(f"{path}: ")
