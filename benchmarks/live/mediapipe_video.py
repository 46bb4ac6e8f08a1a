"""MediaPipe Hands on the frames of a video, as a process of its own: python mediapipe_video.py FRAMES HANDS OUT.npz.

Runs in an environment that has mediapipe and not knuckle. FRAMES is a folder of JPEGs; HANDS how many hands are asked
for at most. OUT.npz: for each hand found frame, right (1: a right hand; MediaPipe supposes a mirrored picture, so its
labels are exchanged), score, joints_px, world_m; and for each frame milliseconds of processor time, without reading
the file.
"""

import sys
import time
from pathlib import Path
from typing import Any

import cv2
import mediapipe
import numpy as np


def main() -> None:
    frames, most, out = sorted(Path(sys.argv[1]).glob("*.jpg")), int(sys.argv[2]), sys.argv[3]
    cv2.setNumThreads(1)
    hands = mediapipe.solutions.hands.Hands(static_image_mode=False, max_num_hands=most, model_complexity=1)
    found: dict[str, list] = {name: [] for name in ("frame", "right", "score", "joints_px", "world_m")}
    milliseconds = []
    for number, path in enumerate(frames):
        read = cv2.imread(str(path))
        if read is None:
            raise SystemExit(f"error: {path}: expected a picture")
        picture = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
        height, width = picture.shape[:2]
        start = time.process_time()
        result = hands.process(picture)
        milliseconds.append(1000 * (time.process_time() - start))
        if result.multi_hand_landmarks is None:
            continue
        for landmarks, world, sides in zip(
            result.multi_hand_landmarks,
            result.multi_hand_world_landmarks,
            result.multi_handedness,
            strict=True,
        ):
            found["frame"].append(number)
            found["right"].append(int(sides.classification[0].label == "Left"))
            found["score"].append(sides.classification[0].score)
            found["joints_px"].append([[p.x * width - 0.5, p.y * height - 0.5] for p in landmarks.landmark])
            found["world_m"].append([[p.x, p.y, p.z] for p in world.landmark])
    shapes = {"joints_px": (-1, 21, 2), "world_m": (-1, 21, 3)}
    columns: dict[str, Any] = {
        name: np.array(values, dtype=float).reshape(shapes.get(name, (-1,))) for name, values in found.items()
    }
    np.savez(out, milliseconds=np.array(milliseconds), **columns)


if __name__ == "__main__":
    main()
