"""Write int8 files of DaHyF-photo and the landmark network: `python tools/int8/quantise.py SET`, see README.md."""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from knuckle.export.onnx import store_exact_tensors_as_fp16
from knuckle.geometry.crop import Crop
from knuckle.inference.detection.evidence import look_at
from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork, TurnedSquare
from knuckle.inference.window import normalise
from knuckle.sets.reader import SynthSet
from knuckle.weights import read_record

ASSETS = Path(__file__).resolve().parents[2] / "src" / "knuckle" / "assets"
CALIBRATION, HELD_OUT = 60, 100
"""Crops that set the ranges, and crops that show what changed."""
JITTER = 0.08
"""By how much boxes are moved and resized, as tracked ones are off."""
OPERATIONS = ["Conv", "Add", "Clip", "Relu"]
FIRST_KEPT = 9
"""Convolutions at the start that stay float: of few channels, where int8 is slower, and most harmful."""


@dataclass(frozen=True)
class Task:
    """A network to be quantised."""

    source: Path
    target: Path
    last_kept: int
    """Convolutions at the end that stay float: the regressed numbers hang on them."""
    feed: Callable[[np.ndarray], dict[str, np.ndarray]]
    """The network's inputs for one patch."""


def dahyf_feed(patch: np.ndarray) -> dict[str, np.ndarray]:
    """The camera does not matter to convolutions."""
    crop, camera = ([[320, 240, 200]], [[800, 800, 320, 240]])
    numbers = {"crop": crop, "camera": camera, "roll": [0]}
    return {name: np.array(value, np.float32) for name, value in numbers.items()} | {
        "patch": normalise(patch[None])
    }


LANDMARK = Task(
    ASSETS / "detector" / "hand_landmark_full.onnx",
    ASSETS / "int8" / "hand_landmark_full.onnx",
    last_kept=4,
    feed=lambda patch: {"picture": patch[None]},
)
DAHYF = Task(
    ASSETS / "weights" / "dahyf-photo.onnx",
    ASSETS / "int8" / "dahyf-photo.onnx",
    last_kept=14,
    feed=dahyf_feed,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", type=Path, help="rendered crops (`knuckle synth`), see README.md")
    options = parser.parse_args()
    landmark, dahyf = patches(SynthSet(options.set), CALIBRATION + HELD_OUT)
    for task, shown in ((LANDMARK, landmark), (DAHYF, dahyf)):
        quantise(task, shown[:CALIBRATION])
        write_record(task, options.set)
        compare(task, shown[CALIBRATION:])


def patches(crops: SynthSet, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What both networks are shown of rendered hands: the landmark network's last look, half of them mirrored, and
    DaHyF's crop."""
    rng, spy, size = np.random.default_rng(5), _Spy(), read_record(DAHYF.source.with_suffix(".json")).size
    landmark, dahyf = [], []
    for number in np.flatnonzero(crops.labels["is_hand"])[:count]:
        image, joints = np.asarray(crops.images[number]), crops.labels["joints_px"][number].astype(float)
        extent = np.ptp(joints, axis=0)
        corner = joints.min(0) + rng.uniform(-JITTER, JITTER, 2) * extent
        box = np.concatenate([corner, extent * rng.uniform(1 - JITTER, 1 + 2 * JITTER, 2)])
        roll = float(look_at(spy, image, box[None], ["right"]).rotation_rad[0])
        landmark.append(spy.shown[:, ::-1] if rng.random() < 0.5 else spy.shown)
        dahyf.append(Crop.from_box(box, size, expand=1.5, roll_rad=roll).warp(image))
    return np.stack(landmark), np.stack(dahyf)


class _Spy:
    """The landmark network, which keeps what it was shown last."""

    def __init__(self) -> None:
        self._network = LandmarkNetwork(threads=1)
        self.shown = np.zeros((LANDMARK_PX, LANDMARK_PX, 3), np.uint8)

    def look(self, image: np.ndarray, square: TurnedSquare) -> Any:
        size = (LANDMARK_PX, LANDMARK_PX)
        matrix = square.patch_from_frame(LANDMARK_PX)
        self.shown = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        return self._network.look(image, square)


class _Reader(CalibrationDataReader):
    def __init__(self, feeds: Iterator[dict[str, np.ndarray]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
        return next(self._feeds, None)


def quantise(task: Task, shown: np.ndarray) -> None:
    """Static, per channel; weights of 7 bits: processors without VNNI add their products in 16 bits."""
    with tempfile.TemporaryDirectory() as folder:
        folded, raw = Path(folder) / "folded.onnx", Path(folder) / "raw.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(task.source, options, providers=["CPUExecutionProvider"])
        quantize_static(
            folded,
            raw,
            _Reader(task.feed(patch) for patch in shown),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATIONS,
            nodes_to_exclude=kept_nodes(onnx.load(folded), task.last_kept),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        model = store_exact_tensors_as_fp16(onnx.load(raw))
        model.producer_name, model.producer_version = "knuckle", ""
        onnx.checker.check_model(model)
        task.target.write_bytes(model.SerializeToString(deterministic=True))


def kept_nodes(model: onnx.ModelProto, last_kept: int) -> list[str]:
    """Names of what stays float: the first and last convolutions, and all that is no map (the geometry)."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    dimensions = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.value_info}
    convolutions = [node.name for node in graph.node if node.op_type == "Conv"]
    others = [
        node.name
        for node in graph.node
        if node.op_type in OPERATIONS and node.op_type != "Conv" and dimensions.get(node.output[0]) != 4
    ]
    return [*convolutions[:FIRST_KEPT], *convolutions[len(convolutions) - last_kept :], *others]


def write_record(task: Task, calibration: Path) -> None:
    digest = hashlib.sha256(task.target.read_bytes()).hexdigest()
    note = (
        f"int8 by tools/int8/quantise.py: ranges from {CALIBRATION} crops of {SynthSet(calibration).origin}"
    )
    if task is DAHYF:
        record = read_record(task.source.with_suffix(".json"))
        changed = replace(
            record, file=task.target.name, sha256=digest, scores={}, started_from=f"{record.name}, {note}"
        )
        changed.write(task.target.with_suffix(".json"))
        return
    record = json.loads(task.source.with_suffix(".json").read_text())
    record |= {
        "sha256": digest,
        "changes": f"{record['changes']}; then {note}",
        "made_by": "tools/int8/quantise.py",
    }
    task.target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


def compare(task: Task, shown: np.ndarray) -> None:
    """Prints how far the int8 network's joints lie from the float one's on crops of hands that both see."""
    before, after = (answers(path, task, shown) for path in (task.source, task.target))
    seen = before["presence" if "presence" in before else "confidence"] > 0.8
    apart_px = np.linalg.norm((after["joints_patch"] - before["joints_patch"])[seen][..., :2], axis=-1)
    name = "world_m" if "world_m" in before else "joints_m"
    own, other = (values[name] - values[name][:, :1] for values in (before, after))
    apart_mm = 1000 * np.linalg.norm(other - own, axis=-1)[seen]
    megabytes = [path.stat().st_size / 1e6 for path in (task.source, task.target)]
    print(
        f"{task.target.name}: {megabytes[1]:.1f} MB (float {megabytes[0]:.1f}); {seen.sum()} held-out hands:"
        f" joints apart {apart_px.mean():.2f} px of the patch (95 %: {np.percentile(apart_px.mean(1), 95):.2f}),"
        f" {apart_mm.mean():.2f} mm from the wrist"
    )


def answers(path: Path, task: Task, shown: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = [session.run(names, task.feed(patch)) for patch in shown]
    return {name: np.concatenate([np.asarray(row[i]) for row in rows]) for i, name in enumerate(names)}


if __name__ == "__main__":
    main()
