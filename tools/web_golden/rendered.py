"""Rendered hands whose surface is known: what they cover, and what Python's tracker says that they cover.

python -m tools.web_golden.rendered writes rendered.json and the pictures, rendered/N.png:
{"pictures": [{"width", "height", "times_s", "side", "truth", "python"}]}. truth and python: masks, written as
`silhouettes` writes them. Each picture is shown at all of its times, so that its hand is followed; what Python says is
of the last one.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.live.tracker import Tracker
from knuckle.skeleton import Side
from knuckle.synth.camera.placement import Placement
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions
from tools.web_golden.hands import GOLDEN, MODEL, write_golden
from tools.web_golden.silhouettes import covers, packed, silhouette
from tools.web_golden.video import networks_of_page, write_png

SEED = 7
HANDS = (0, 5, 8, 11, 12, 14, 16, 18)
"""Of the engine's: those that Python finds at once."""
SIZE_PX = 320
SHARE = 0.55
"""How much of the picture's side the hand's joints take."""
TIMES_S = (0.0, 1 / 30, 2 / 30)


def place(_rng: np.random.Generator, joints: Float[np.ndarray, "n 3"], size: int) -> Placement:
    """In the middle of a picture that is the whole of what the camera sees."""
    camera = Camera.from_size(size, size)
    low, high = joints.min(0), joints.max(0)
    distance_m = camera.fx * float((high - low)[:2].max()) / (SHARE * size)
    translation = np.array([0.0, 0.0, distance_m]) - (low + high) / 2
    return Placement(camera, translation, Crop(((size - 1) / 2, (size - 1) / 2), size, size))


def main(folder: Path = GOLDEN) -> Path:
    """Writes rendered.json and the pictures."""
    engine = SynthEngine(SEED, SynthOptions(size=SIZE_PX, backgrounds="procedural"), folder=folder / "poses")
    pictures = []
    for n, index in enumerate(HANDS):
        sample, scene = engine.hand(engine.draw(index), place=place)
        surface_m = scene.renderer.vertices[: len(engine.rig.vertices)]
        truth = covers(surface_m, engine.rig.faces, scene.placement.camera)
        python, side = estimated(sample.image)
        overlap = (truth & python).sum() / (truth | python).sum()
        print(f"picture {n}: a {side} hand, IoU {overlap:.3f} with the truth")
        write_png(folder / "rendered" / f"{n}.png", sample.image)
        pictures.append(
            {
                "width": SIZE_PX,
                "height": SIZE_PX,
                "times_s": TIMES_S,
                "side": side,
                "truth": packed(truth),
                "python": packed(python),
            }
        )
    return write_golden("rendered.json", {"pictures": pictures}, folder)


def estimated(pixels: UInt8[np.ndarray, "H W 3"]) -> tuple[Bool[np.ndarray, "H W"], Side]:
    """What the one hand covers by Python's tracker with the page's networks, and its side."""
    with networks_of_page():
        following = Tracker(model=MODEL)
        hands = [following(pixels, time_s) for time_s in TIMES_S][-1]
    assert len(hands) == 1, f"expected one hand, got {len(hands)}"
    return silhouette(hands, hands.camera), hands.sides[0]


if __name__ == "__main__":
    print(main())
