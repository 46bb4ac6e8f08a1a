"""What hands cover in some frames of the recorded tracks, by Python's rasteriser: the page's occluder is held to it.

    python -m tools.web_golden.silhouettes [--out web/golden/silhouettes.json]

{"tracks": {NAME: {"FRAME": {"width", "height", "bits"}}}}; bits: a bit a pixel, row by row from the top, the most
significant bit first, in base 64.
"""

import argparse
import base64
import json
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.files import atomic_path
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.raster.numpy_raster import rasterise
from tools.web_assets.recorded import CAMERA, RATE, TRACKS, hands_of

FRAMES = {"turn": (10, 30, 75), "grab": (60, 100), "press": (54,), "cross": (30, 66)}


def silhouette(hands: Hands, camera: Camera = CAMERA) -> Bool[np.ndarray, "H W"]:
    """Pixels whose centres a hand covers."""
    covered = np.zeros((camera.height, camera.width), bool)
    for hand in hands:
        covered |= covers(hand.vertices_m, hands.faces_of(hand.side), camera)
    return covered


def covers(
    vertices_m: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], camera: Camera
) -> Bool[np.ndarray, "H W"]:
    """Pixels whose centres a surface before the camera covers."""
    points = np.concatenate([camera.project(vertices_m), vertices_m[:, 2:]], -1)
    return rasterise(points, faces, camera.height, camera.width)[0] >= 0


def packed(mask: Bool[np.ndarray, "H W"]) -> str:
    """A mask's bits in base 64."""
    return base64.b64encode(np.packbits(mask).tobytes()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("web/golden/silhouettes.json"), help="file")
    args = parser.parse_args()
    tracks: dict[str, dict[str, dict]] = {}
    for name, chosen in FRAMES.items():
        postures = list(TRACKS[name]())
        for index in chosen:
            mask = silhouette(hands_of(postures[index], index / RATE))
            tracks.setdefault(name, {})[str(index)] = {
                "width": CAMERA.width,
                "height": CAMERA.height,
                "bits": packed(mask),
            }
    with atomic_path(args.out) as temporary:
        temporary.write_text(json.dumps({"tracks": tracks}))
    print(f"{args.out}: {sum(map(len, FRAMES.values()))} frames")


if __name__ == "__main__":
    main()
