"""Run by the environment of daft-physical-ai: CLIPS OUT. Its `track_hands` by MediaPipe over all frames of some clips.

MediaPipe's bundle of networks, which it would fetch from the web, is made of the two files that its wheel has.
"""

import json
import sys
import zipfile
from pathlib import Path

import daft
import mediapipe
from daft_physical_ai.hands import track_hands

SIZE = 1280, 720


def bundle(path: Path) -> Path:
    modules = Path(str(mediapipe.__file__)).parent / "modules"
    files = {
        "hand_detector.tflite": modules / "palm_detection" / "palm_detection_full.tflite",
        "hand_landmarks_detector.tflite": modules / "hand_landmark" / "hand_landmark_full.tflite",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            archive.write(file, name)
    return path


def main() -> None:
    clips, out = Path(sys.argv[1]), Path(sys.argv[2])
    model = bundle(out.with_suffix(".task"))
    frames = daft.read_video_frames(
        sorted(str(path) for path in clips.iterdir()), image_height=SIZE[1], image_width=SIZE[0]
    )
    hands = track_hands(frames["data"], method="mediapipe", model_path=str(model), num_hands=1)
    frames.select("path", "frame_index", hands.alias("hands")).write_parquet(str(out))
    told = daft.read_parquet(f"{out}/*.parquet").select("hands").to_pydict()["hands"]
    print(json.dumps({"frames": len(told), "hands": sum(map(len, told))}))


if __name__ == "__main__":
    main()
