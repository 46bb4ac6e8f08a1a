"""MediaPipe's own hand pipeline as a process that answers when asked, for photo_speed.py.

Runs in an environment of its own, which has mediapipe and not knuckle: python mediapipe_pipeline.py PICTURE.npy. Each
line on its input is one run, answered by a line of JSON: milliseconds, those that all threads worked, and how many
hands were found.
"""

import json
import sys
import time

import mediapipe
import numpy as np


def main() -> None:
    picture = np.load(sys.argv[1])
    hands = mediapipe.solutions.hands.Hands(static_image_mode=True, max_num_hands=1, model_complexity=1)
    for _ in sys.stdin:
        start, busy = time.perf_counter(), time.process_time()
        result = hands.process(picture)
        wall, processor = time.perf_counter() - start, time.process_time() - busy
        found = len(result.multi_hand_landmarks or ())
        print(json.dumps({"all": 1000 * wall, "processor": 1000 * processor, "hands": found}), flush=True)


if __name__ == "__main__":
    main()
