"""Intrinsics from EXIF, what cameras write of their lens: the focal length in that of 35 mm film, or in mm together
with how many pixels a mm of the sensor has."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import middle_px

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_EXIF = 0x8769
_FOCAL_MM, _FOCAL_35MM = 0x920A, 0xA405
_WIDTH, _HEIGHT = 0xA002, 0xA003
_RESOLUTION_X, _RESOLUTION_Y, _RESOLUTION_UNIT = 0xA20E, 0xA20F, 0xA210
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""Inch (what counts where no unit is written), centimetre, millimetre, micrometre."""
_FILM_DIAGONAL_MM = math.hypot(36, 24)
_WIDEST, _LONGEST = 0.15, 40.0
"""Focal lengths in diagonals of the picture, from a fisheye lens to a telescope: others are nonsense."""
_SAME_SHAPE = 0.01
_SQUARE = 0.05


@dataclass(frozen=True)
class Lens:
    """What EXIF says; None where it does not, or says what is no positive number."""

    focal_35mm: float | None = None
    """Focal length with which 36 x 24 mm of film would show as much along the diagonal, mm."""
    focal_mm: float | None = None
    px_per_mm: tuple[float, float] | None = None
    """Of the sensor, across and down, in pixels of the picture that the camera wrote."""
    size: tuple[float, float] | None = None
    """Width and height of the picture that the camera wrote, px as stored."""


def lens_of(picture: "ImageFile") -> Lens:
    """What a picture's EXIF says of the lens. Like the orientation, to be asked once it is decoded."""
    try:
        tags: dict[int, Any] = dict(picture.getexif().get_ifd(_EXIF))
    except Exception:
        # Damaged EXIF is no reason to refuse the photo.
        return Lens()
    unit = _UNIT_MM.get(tags.get(_RESOLUTION_UNIT, 2))
    resolution = _pair(tags, _RESOLUTION_X, _RESOLUTION_Y)
    per_mm = None if resolution is None or unit is None else (resolution[0] / unit, resolution[1] / unit)
    return Lens(
        _positive(tags.get(_FOCAL_35MM)),
        _positive(tags.get(_FOCAL_MM)),
        per_mm,
        _pair(tags, _WIDTH, _HEIGHT),
    )


def exif_camera(lens: Lens, width: int, height: int) -> Camera | None:
    """The camera of a stored picture of width x height px, its principal point in the middle; None where the lens is
    not known, or nonsense.

    A picture of the same shape as the one that the camera wrote is that one resampled. One of another shape is taken
    for a part of it in its own pixels; then the middle is a guess. One that is larger in a direction tells nothing.
    """
    written = lens.size or (width, height)
    across, down = width / written[0], height / written[1]
    if abs(across / down - 1) > _SAME_SHAPE:
        if max(across, down) > 1 + _SAME_SHAPE:
            return None
        across = 1.0
    diagonal = math.hypot(*written)
    for focal in (_by_film(lens, diagonal), _by_sensor(lens)):
        if focal is not None and _WIDEST <= focal / diagonal <= _LONGEST:
            scaled = focal * across
            return Camera(scaled, scaled, middle_px(width), middle_px(height), width, height, source="exif")
    return None


def _by_film(lens: Lens, diagonal: float) -> float | None:
    """Focal length in px of the picture that the camera wrote."""
    return None if lens.focal_35mm is None else lens.focal_35mm / _FILM_DIAGONAL_MM * diagonal


def _by_sensor(lens: Lens) -> float | None:
    if lens.focal_mm is None or lens.px_per_mm is None:
        return None
    x, y = lens.px_per_mm
    return lens.focal_mm * (x + y) / 2 if abs(x / y - 1) < _SQUARE else None


def _pair(tags: dict[int, Any], first: int, second: int) -> tuple[float, float] | None:
    one, two = _positive(tags.get(first)), _positive(tags.get(second))
    return None if one is None or two is None else (one, two)


def _positive(value: Any) -> float | None:
    """The number that a tag holds; None for none, or one that is not above 0."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if 0 < number < math.inf else None
