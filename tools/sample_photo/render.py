"""Render the sample photo that ships with the package: two hands before a blurred room.

Run: KNUCKLE_DATA=... python tools/sample_photo/render.py

The engine renders right hands only, so the left one is a right hand painted into the mirrored picture. Writes
src/knuckle/assets/two_hands.jpg and beside it the boxes, sides and camera the demo takes, and the true joints.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from knuckle.camera import Camera, Crop
from knuckle.rig.prior import angles_to_pose
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.synth.arm import grow_arm, sample_arm
from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions

ASSETS = Path(__file__).parents[2] / "src" / "knuckle" / "assets"
SIZE = 960
CAMERA = Camera(1250.0, 1250.0, (SIZE - 1) / 2, (SIZE - 1) / 2, SIZE, SIZE)
BACKGROUND_SEED = 11


def finger_angles(curls: dict[str, float], thumb: tuple[float, float, float]) -> np.ndarray:
    """Anatomical angles (16, 3) twist, splay, bend: each finger curled by a share, the thumb's bends in degrees."""
    angles = np.zeros((16, 3))
    first = {"index": 1, "middle": 4, "pinky": 7, "ring": 10}
    for name, curl in curls.items():
        angles[first[name] : first[name] + 3, 2] = np.deg2rad([8 + 70 * curl, 8 + 92 * curl, 4 + 55 * curl])
    angles[13:16, 2] = np.deg2rad(thumb)
    return angles


def about(axis: str, degrees: float) -> np.ndarray:
    vector = np.zeros(3)
    vector["xyz".index(axis)] = np.deg2rad(degrees)
    return rodrigues(vector)


HANDS = (
    # side, angles, camera_from_hand (of a right hand), place of the middle knuckle (m, for a right hand), skin seed
    (
        "left",
        finger_angles({"index": 0.02, "middle": 0.05, "ring": 0.1, "pinky": 0.08}, (5.0, 5.0, 8.0)),
        about("z", 14) @ about("y", -22) @ about("x", 6),
        (0.115, -0.005, 0.56),
        4,
    ),
    (
        "right",
        finger_angles({"index": 0.05, "middle": 0.85, "ring": 0.95, "pinky": 0.9}, (20.0, 25.0, 35.0)),
        about("z", -6) @ about("y", 150) @ about("x", -5),
        (0.105, 0.03, 0.50),
        4,
    ),
)


def main() -> None:
    engine = SynthEngine(1, SynthOptions(size=SIZE))
    frame = Crop(((SIZE - 1) / 2, (SIZE - 1) / 2), float(SIZE), SIZE)
    image, name = engine.backgrounds.draw(np.random.default_rng(BACKGROUND_SEED), SIZE)
    preferred = engine.environment_names.index(name) if name in engine.environment_names else None
    image = cv2.GaussianBlur(image, (0, 0), 4)
    boxes, sides, joints = [], [], []
    for side, angles, rotation, place, seed in HANDS:
        if side == "left":
            image = np.ascontiguousarray(image[:, ::-1])
        rng = np.random.default_rng(seed)
        pose = angles_to_pose(engine.rig, angles[None])[0]
        pose[0] = matrix_to_axis_angle(rotation)
        posed = engine.rig.posed(pose)
        translation = np.asarray(place) - posed.joints[9]
        vertices = engine.renderer.vertices
        vertices[: len(posed.vertices)] = posed.vertices + translation
        arm = sample_arm(rng, rotation)
        grow_arm(vertices, engine.mesh, rotation, arm)
        engine.renderer.project(CAMERA.vector, frame.patch_from_frame)
        engine.paint(image, engine.renderer.rasterise(sleeve=arm.sleeve), rng, preferred)
        joints_px = CAMERA.project(posed.joints + translation)
        low, high = joints_px.min(0), joints_px.max(0)
        box = [*low, *(high - low)]
        if side == "left":
            image = np.ascontiguousarray(image[:, ::-1])
            box[0] = SIZE - 1 - box[0] - box[2]
            joints_px = joints_px * [-1, 1] + [SIZE - 1, 0]
        boxes.append([round(float(value), 1) for value in box])
        sides.append(side)
        joints.append(joints_px.round(2).tolist())
    cv2.imwrite(str(ASSETS / "two_hands.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    known = {"boxes": boxes, "sides": sides, "camera": CAMERA.vector.tolist(), "joints_px": joints}
    (ASSETS / "two_hands.json").write_text(json.dumps(known) + "\n")
    print(f"{ASSETS / 'two_hands.jpg'}: {', '.join(sides)}")


if __name__ == "__main__":
    main()
