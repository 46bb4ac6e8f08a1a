"""What a camera does to a whole picture: focus, motion, exposure, colour, noise and JPEG, milder than to crops."""

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.synth.camera.photo import add_motion, add_noise, tone


def develop(image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Degrade a clean picture as a photograph would be: small hands must stay hands."""
    height, width = image.shape[:2]
    draw = rng.random()
    if draw < 0.45:
        image = cv2.GaussianBlur(image, (0, 0), float(np.exp(rng.uniform(np.log(0.35), np.log(2.2)))))
    elif draw < 0.55:
        shorter = cv2.resize(
            image, None, fx=(k := rng.uniform(0.35, 0.8)), fy=k, interpolation=cv2.INTER_AREA
        )
        image = cv2.resize(shorter, (width, height), interpolation=cv2.INTER_LINEAR)
    elif draw < 0.62:
        image = _square(image, lambda square: add_motion(square, rng))
    image = cv2.LUT(image, tone(rng)[None])
    if rng.random() < 0.5:
        image = _square(image, lambda square: add_noise(square, rng))
    if rng.random() < 0.5:
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 92))])[1]
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(image)


def _square(image: np.ndarray, change) -> np.ndarray:
    """Apply what takes square pictures to one that need not be."""
    height, width = image.shape[:2]
    size = max(height, width)
    square = cv2.copyMakeBorder(image, 0, size - height, 0, size - width, cv2.BORDER_REFLECT_101)
    return change(square)[:height, :width]
