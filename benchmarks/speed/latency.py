"""How long one crop takes through the shipped onnx model on one CPU thread, and what goes with it.

python -m benchmarks.speed.latency [--weights dahyf] [--runs 200]. Shown is the package's sample photo, its right hand
or both. The rig layer is part of one-hand networks; two-hand ones (dfl) answer for both hands of a crop, whose meshes
are the fit's. MediaPipe's landmark network (224 px, one hand, no mesh) is timed in the same run, all taking turns.
Medians; the ratio is what travels from machine to machine.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.timing import medians
from knuckle import weights as store
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.pairing import PairEstimate
from knuckle.inference.refine import fit_pairs, fuse
from knuckle.inference.window import normalise
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels
from knuckle.rig.load import load_rig

OURS, ATTENTION, FUSION, CUT, PEER = (
    "network",
    "network, attention maps too",
    "fitting the rig to its joints",
    "cutting the crop out of the photo",
    "MediaPipe's landmark network",
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", default="dahyf", help="a model's name or an .onnx file")
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    path, record = store.resolve(options.weights)
    tasks = our_tasks(OnnxModel(path, threads=1), record)
    picture = np.random.default_rng(1).integers(0, 256, (LANDMARK_PX, LANDMARK_PX, 3), dtype=np.uint8)
    tasks[PEER] = partial(LandmarkNetwork(threads=1), picture)
    found = medians(list(tasks.values()), runs=options.runs, warm_up=3)
    times = {name: 1000 * seconds for name, seconds in zip(tasks, found, strict=True)}
    shown = "one hand" if record.hands == 1 else "two hands"
    print(f"{record.name}, {record.size} px, one crop of {shown}, one thread, median of {options.runs}:")
    for name, value in times.items():
        print(f"  {name:<45} {value:7.2f} ms")
    print(f"  {'ratio to ' + PEER:<45} {times[OURS] / times[PEER]:7.2f}")


def our_tasks(network: OnnxModel, record: store.WeightsRecord) -> dict[str, Callable[[], object]]:
    """The network on one crop, what follows it, and cutting the crop."""
    size, rig = record.size, load_rig(record.rig)
    photo, about = read_image(SAMPLE_PHOTO), read_sample_labels()
    fx, fy, cx, cy = about["camera"]
    camera = Camera(fx, fy, cx, cy, photo.shape[1], photo.shape[0])
    boxes = np.array(about["boxes"])[[side == "right" or record.hands == 2 for side in about["sides"]]]
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    crop = Crop.from_box(np.concatenate([low, high - low]), size, expand=record.expand)
    patch = normalise(crop.warp(photo)[None])
    window, lens = crop.vector[None], camera.vector[None]
    outputs = network(patch, window, lens)
    if record.hands == 1:
        others = {FUSION: lambda: fuse(outputs, window, lens, rig=rig, size=size)}
    else:
        others = {
            ATTENTION: lambda: network(patch, window, lens, attention=True),
            FUSION: lambda: fit_pairs(PairEstimate.of_outputs(outputs), lens, rig=rig),
        }
    cut = {CUT: lambda: normalise(crop.warp(photo)[None])}
    return {OURS: lambda: network(patch, window, lens), **others, **cut}


if __name__ == "__main__":
    main()
