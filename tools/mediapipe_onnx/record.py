"""Record what the original networks answer, for tests/inference/detection/test_mediapipe_networks.py:
`python tools/mediapipe_onnx/record.py WHEEL`, see README.md. The networks are run as they are, by LiteRT."""

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from source import WHEEL, read_members

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_OUT = ROOT / "tests" / "inference" / "detection" / "mediapipe_outputs.npz"
SAMPLE = ROOT / "src" / "knuckle" / "assets" / "two_hands.jpg"
HANDS = (((480.0, 360.0), 800.0, -45.0), ((660.0, 440.0), 820.0, -10.0))
"""Of the sample photo's hands: centre and side of a square, px, and how far the picture is turned, degrees
counter-clockwise, for the fingers to point up."""
PALM_PX, LANDMARK_PX = 192, 224
ANCHOR_STEP = 8
"""Of the palm network's boxes, every eighth is kept: the file stays small, and none is computed apart from the rest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help=WHEEL)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    members = read_members(options.wheel)
    photo = np.asarray(cv2.imread(str(SAMPLE)))[..., ::-1].copy()
    whole = cv2.resize(photo, (PALM_PX, PALM_PX), interpolation=cv2.INTER_AREA)
    pictures = np.stack([whole, blocks(PALM_PX, 8, seed=1), blocks(PALM_PX, 32, seed=2)])
    patches = np.stack(
        [*(upright(photo, *hand) for hand in HANDS), *(blocks(LANDMARK_PX, k, seed=k) for k in (7, 28))]
    )
    regression, logits = run(members["palm_detection_full"], pictures)
    joints, presence, right, world = run(members["hand_landmark_full"], patches)
    np.savez_compressed(
        options.out,
        pictures=pictures,
        regression=regression[:, ::ANCHOR_STEP],
        logits=logits[..., 0],
        patches=patches,
        joints_patch=joints.reshape(-1, 21, 3),
        presence=presence[:, 0],
        right=right[:, 0],
        world_m=world.reshape(-1, 21, 3),
    )
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB, presence {presence[:, 0].round(3)}")


def blocks(size: int, block: int, *, seed: int) -> np.ndarray:
    """A picture of random colours in squares of `block` px."""
    count = size // block
    colours = np.random.default_rng(seed).integers(0, 256, (count, count, 3), dtype=np.uint8)
    return colours.repeat(block, axis=0).repeat(block, axis=1)


def upright(photo: np.ndarray, centre: tuple[float, float], side: float, degrees: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D(centre, -degrees, LANDMARK_PX / side)
    matrix[:, 2] += LANDMARK_PX / 2 - np.array(centre)
    return cv2.warpAffine(photo, matrix, (LANDMARK_PX, LANDMARK_PX), borderMode=cv2.BORDER_REPLICATE)


def run(network: bytes, pictures: np.ndarray) -> list[np.ndarray]:
    """Outputs in the file's order, one picture after the other."""
    interpreter: Any = Interpreter(model_content=network, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    results = []
    for picture in pictures:
        interpreter.set_tensor(source, picture[None] / np.float32(255))
        interpreter.invoke()
        results.append(
            [interpreter.get_tensor(detail["index"])[0] for detail in interpreter.get_output_details()]
        )
    return [np.stack(values) for values in zip(*results, strict=True)]


if __name__ == "__main__":
    main()
