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
from jaxtyping import Bool

from knuckle.files import atomic_path
from knuckle.hands import Hands
from knuckle.raster.numpy_raster import rasterise
from tools.web_golden.recorded import CAMERA, RATE, TRACKS, hands_of

FRAMES = {"turn": (10, 30, 75), "grab": (60, 100), "press": (54,), "cross": (30, 66)}


def silhouette(hands: Hands) -> Bool[np.ndarray, "H W"]:
    """Pixels whose centres a hand covers."""
    covered = np.zeros((CAMERA.height, CAMERA.width), bool)
    for hand in hands:
        points = np.concatenate([CAMERA.project(hand.vertices_m), hand.vertices_m[:, 2:]], -1)
        face_id, _, _ = rasterise(points, hands.faces_of(hand.side), CAMERA.height, CAMERA.width)
        covered |= face_id >= 0
    return covered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("web/golden/silhouettes.json"), help="file")
    args = parser.parse_args()
    tracks: dict[str, dict[str, dict]] = {}
    for name, chosen in FRAMES.items():
        postures = list(TRACKS[name]())
        for index in chosen:
            mask = silhouette(hands_of(postures[index], index / RATE))
            bits = base64.b64encode(np.packbits(mask).tobytes()).decode()
            tracks.setdefault(name, {})[str(index)] = {
                "width": CAMERA.width,
                "height": CAMERA.height,
                "bits": bits,
            }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.out) as temporary:
        temporary.write_text(json.dumps({"tracks": tracks}))
    print(f"{args.out}: {sum(map(len, FRAMES.values()))} frames")


if __name__ == "__main__":
    main()
