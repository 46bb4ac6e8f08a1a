"""MediaPipe's own hand pipeline as a process that answers when asked, for photo_speed.py and tracked_speed.py.

Runs in an environment of its own, without knuckle: python mediapipe_pipeline.py PICTURES.npy [HANDS].
One picture (H, W, 3) is a photo; several (N, H, W, 3) are the frames of a video, round and round, in which hands are
tracked. HANDS: how many are asked for. Each line on its input is one run, answered by a line of JSON: milliseconds,
those that all threads worked, and how many hands were found.
"""

import itertools
import json
import sys
import time

import mediapipe
import numpy as np


def main() -> None:
    pictures = np.load(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    photo = pictures.ndim == 3
    hands = mediapipe.solutions.hands.Hands(static_image_mode=photo, max_num_hands=count, model_complexity=1)
    frames = itertools.cycle([pictures] if photo else list(pictures))
    for _, picture in zip(sys.stdin, frames):  # noqa: B905
        start, busy = time.perf_counter(), time.process_time()
        result = hands.process(picture)
        wall, processor = time.perf_counter() - start, time.process_time() - busy
        found = len(result.multi_hand_landmarks or ())
        print(json.dumps({"all": 1000 * wall, "processor": 1000 * processor, "hands": found}), flush=True)


if __name__ == "__main__":
    main()
