"""Render the sample photo that ships with the package: one hand's fingers laid over the other's, before a meadow.

Run: KNUCKLE_DATA=... python tools/sample_photo/render.py

Writes src/knuckle/assets/two_hands.jpg and beside it the boxes, sides and camera the demo takes, and the true joints.
"""

import json
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.synth.camera.placement import Placement
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs.engine import PairEngine
from knuckle.synth.pairs.placement import turn_pair
from knuckle.synth.pairs.pool import PosedPair

ASSETS = Path(__file__).parents[2] / "src" / "knuckle" / "assets"
SIZE = 960
FOCAL = 1.3
"""In sides of the photo."""
PAIR = Path(__file__).with_name("pair.json")
"""Pose, shape and translation of the right and the left hand, from `knuckle.poses.pairs.sample`."""
ARM_SEED, LIGHT_SEED, BACKGROUND_SEED = 18, 18, 15
SHARE = 0.7
"""How much of the photo's side the hands take."""


def main() -> None:
    engine = PairEngine(1, SynthOptions(size=SIZE, hands="two"))
    image, placement, joints = render(engine, ARM_SEED, LIGHT_SEED, BACKGROUND_SEED)
    # A lens is less sharp than a renderer, and a sensor has grain.
    noise = np.random.default_rng(0).normal(0, 1.2, (SIZE, SIZE, 1))
    image = np.clip(cv2.GaussianBlur(image, (0, 0), 0.7) + noise, 0, 255).astype(np.uint8)
    cv2.imwrite(str(ASSETS / "two_hands.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    joints_px = placement.camera.project(joints)
    low, high = joints_px.min(1), joints_px.max(1)
    known = {
        "boxes": np.concatenate([low, high - low], 1).round(1).tolist(),
        "sides": ["right", "left"],
        "camera": placement.camera.vector.tolist(),
        "joints_px": joints_px.round(2).tolist(),
    }
    (ASSETS / "two_hands.json").write_text(json.dumps(known) + "\n")
    print(f"{ASSETS / 'two_hands.jpg'}: {', '.join(known['sides'])}")


def render(
    engine: PairEngine, arm_seed: int, light_seed: int, background_seed: int
) -> tuple[UInt8[np.ndarray, "s s 3"], Placement, Float[np.ndarray, "2 21 3"]]:
    """The photo, its camera, and the joints of the right and the left hand (camera frame, m)."""
    size = engine.options.size
    pair = PosedPair(**{name: np.array(rows) for name, rows in json.loads(PAIR.read_text()).items()}, kind=0)
    turned = turn_pair(engine.rig, pair, np.eye(3))
    middle = (size - 1) / 2
    camera = Camera(FOCAL * size, FOCAL * size, middle, middle, size, size)
    low, high = turned.joints.min((0, 1)), turned.joints.max((0, 1))
    distance = FOCAL * float((high - low)[:2].max()) / SHARE
    placement = Placement(
        camera, np.array([0, 0, distance]) - (low + high) / 2, Crop((middle, middle), float(size), size)
    )
    faces = engine.stand(turned, pair.shape, placement, np.random.default_rng(arm_seed))
    image, name = engine.studio.backgrounds.draw(np.random.default_rng(background_seed), size)
    image = cv2.GaussianBlur(image, (0, 0), 0.007 * size)
    rng = np.random.default_rng(light_seed)
    engine.studio.paint(image, engine.renderer, faces, rng, engine.studio.environment_of(name))
    return image, placement, turned.joints + placement.translation


if __name__ == "__main__":
    main()
