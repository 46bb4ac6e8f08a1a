"""What Chromium's fake camera shows in tests: the sample photo of two hands, as from a camera that is held by hand.

    python -m tools.web_golden.camera [--out web/golden/camera.mjpeg]

A file of JPEGs one after another, 640x480, which Chromium plays at 30 frames/s in a loop.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from knuckle.files import atomic_path
from knuckle.photos.sample import SAMPLE_PHOTO

WIDTH, HEIGHT, FRAMES = 640, 480, 30
_SWAY_PX = 6.0
"""How far the picture moves to each side, so that no two frames are alike."""


def clip() -> bytes:
    """All frames: the photo fits into each, its edge repeated around."""
    photo = cv2.imread(str(SAMPLE_PHOTO))
    assert photo is not None, f"{SAMPLE_PHOTO}: expected the sample photo"
    height, width = photo.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    parts = []
    for number in range(FRAMES):
        angle = 2 * np.pi * number / FRAMES
        place = np.array([WIDTH - scale * width, HEIGHT - scale * height]) / 2
        place += _SWAY_PX * np.array([np.sin(angle), np.sin(2 * angle) / 2])
        matrix = np.array([[scale, 0, place[0]], [0, scale, place[1]]])
        frame = cv2.warpAffine(
            photo, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert done
        parts.append(data.tobytes())
    return b"".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("web/golden/camera.mjpeg"))
    out: Path = parser.parse_args().out
    data = clip()
    with atomic_path(out) as path:
        path.write_bytes(data)
    print(f"{out}: {FRAMES} frames, {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
