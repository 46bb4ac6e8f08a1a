"""A picture as detector and networks are shown it: not mirrored and with square pixels, as those are that they have
learned from."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.projection import boxes_through, px_to_rays, rays_to_px
from knuckle.hands import Hands
from knuckle.photos.reading import MAX_PIXELS, MAX_SIDE

_ALMOST_SQUARE = 0.01
"""By how much fx and fy of a picture that is shown as it is may differ: calibrations differ by less, and depths change
by no more."""
_FURTHEST_FROM_SQUARE = 10


@dataclass(frozen=True, eq=False)
class Picture:
    """What is shown, and the way back to what was given."""

    pixels: UInt8[np.ndarray, "H W 3"]
    """RGB."""
    camera: Camera
    """Of these pixels."""
    given: Camera
    """Of the picture that the user gave."""

    @classmethod
    def of(cls, image: UInt8[np.ndarray, "h w 3"], camera: Camera) -> "Picture":
        """
        Args:
            image: RGB, in the pixels that were read; a very large photo was reduced by then.
            camera: of the picture given; its size may be larger than the image's.

        Raises KnuckleError for fx and fy that differ by more than a factor of ten.
        """
        height, width = image.shape[:2]
        shown = camera if (camera.width, camera.height) == (width, height) else camera.resized(width, height)
        if shown.picture_mirrored:
            image, shown = cv2.flip(image, 1), shown.unmirrored()
        aspect = shown.fy / shown.fx
        if not 1 / _FURTHEST_FROM_SQUARE <= aspect <= _FURTHEST_FROM_SQUARE:
            raise KnuckleError(
                f"camera: expected fx and fy within a factor of {_FURTHEST_FROM_SQUARE} of each other,"
                f" got {camera.fx:g} and {camera.fy:g}"
            )
        if abs(aspect - 1) > _ALMOST_SQUARE:
            size = _square_size(width, height, aspect)
            image, shown = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), shown.resized(*size)
        return cls(image, shown, camera)

    def shown_boxes(self, boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N 4"]:
        """Boxes (x, y, w, h) of the picture given, in px of what is shown."""
        if self.camera is self.given:
            return boxes_px
        return boxes_through(boxes_px, self.given.lens, self.camera.lens)

    def given_hands(self, hands: Hands) -> Hands:
        """Hands of what is shown, in px of the picture given."""
        return hands if self.camera is self.given else in_picture_of(hands, self.given)


def in_picture_of(hands: Hands, camera: Camera) -> Hands:
    """Hands with boxes and joints in px of another picture of the same sight: one of another size, with pixels of
    another shape, or the mirror image. Metres and radians stay, as the sight does."""
    old, new = hands.camera.lens, camera.lens
    # Of an error's radius, by the area that it encloses.
    larger = np.sqrt(np.abs(new[:2] / old[:2]).prod())
    return replace(
        hands,
        camera=camera,
        boxes_px=boxes_through(hands.boxes_px, old, new),
        joints_px=rays_to_px(px_to_rays(hands.joints_px, old), new),
        joint_error_px=hands.joint_error_px * larger,
    )


def _square_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size at which pixels are square: the coarser axis made finer, or where the picture would become too large,
    the finer one coarser. aspect: fy / fx."""
    size = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    if max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        size = (width, round(height / aspect)) if aspect > 1 else (round(width * aspect), height)
    return max(size[0], 1), max(size[1], 1)
