"""Store the weights of shipped networks that few ask for in 8 bits: `python tools/int8/store.py NAME... --set SET`, see
README.md."""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.export.small_storage import store_weights_as_int8
from knuckle.geometry.crop import Crop
from knuckle.inference.window import normalise
from knuckle.sets.reader import SynthSet
from knuckle.weights import WEIGHTS_FOLDER, read_record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="one-hand weights, such as handar-lite")
    parser.add_argument(
        "--set", type=Path, required=True, help="rendered crops (`knuckle synth`) to compare on"
    )
    options = parser.parse_args()
    for name in options.names:
        path = WEIGHTS_FOLDER / f"{name}.onnx"
        record = read_record(path.with_suffix(".json"))
        before = path.read_bytes()
        after = store_weights_as_int8(onnx.load_from_string(before))
        onnx.checker.check_model(after)
        small = after.SerializeToString(deterministic=True)
        compare(name, before, small, SynthSet(options.set), record.size)
        path.write_bytes(small)
        replace(record, sha256=hashlib.sha256(small).hexdigest()).write(path.with_suffix(".json"))


def compare(name: str, before: bytes, after: bytes, crops: SynthSet, size: int) -> None:
    """Print how far joints move, and the error of both on rendered hands."""
    hands = np.flatnonzero(crops.labels["is_hand"])
    truth_mm = 1000 * crops.labels["joints_m"][hands].astype(float)
    was_mm, now_mm = (joints_mm(network, crops, hands, size) for network in (before, after))
    moved = np.linalg.norm((was_mm - was_mm[:, :1]) - (now_mm - now_mm[:, :1]), axis=-1).mean()
    was, now = (
        np.linalg.norm(align_similarity(truth_mm, joints) - truth_mm, axis=-1).mean()
        for joints in (was_mm, now_mm)
    )
    print(
        f"{name}: {len(before) / 1e6:.1f} to {len(after) / 1e6:.1f} MB; {len(hands)} rendered hands: PA-MPJPE"
        f" {was:.2f} to {now:.2f} mm, joints from the wrist moved by {moved:.2f} mm"
    )


def joints_mm(network: bytes, crops: SynthSet, hands: np.ndarray, size: int) -> np.ndarray:
    """(N, 21, 3) joints in the camera frame that a network sees in crops of a set."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    answers = []
    for number in hands:
        crop = Crop.from_affine(crops.labels["patch_from_frame"][number], size)
        feed = {
            "patch": normalise(np.asarray(crops.images[number])[None]),
            "crop": np.array([[*crop.centre_px, crop.side_px]], np.float32),
            "camera": np.asarray(crops.labels["camera"][number], np.float32)[None],
        }
        answers.append(1000 * np.asarray(session.run(["joints_m"], feed)[0])[0].astype(float))
    return np.stack(answers)


if __name__ == "__main__":
    main()
