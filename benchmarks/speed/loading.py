"""Samples a second that one core loads for training: a stored crop, rolled, moved, scaled and spoilt, with all labels
of a converted set (joints, pose, shape, what is valid, own mesh and own mask), as ratio to decoding a JPEG file
of the same picture. Both in turns, by processor time, so that other work on the machine counts little; the fastest of
the rounds counts. Beside them the parts of a sample.
Run: python -m benchmarks.speed.loading [--size 224] [--count 256] [--rounds 7] [--set FOLDER] [--hands 2]
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import knuckle
from benchmarks.shared.arguments import make_parser, one_line_errors
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.photos.reading import read_photo
from knuckle.poses.prior import sample_poses, sample_shapes
from knuckle.rig.load import load_rig
from knuckle.sets.storage import FORMAT, array_specs
from knuckle.training.augment import change_appearance, change_view
from knuckle.training.batches import HandSource, collate, view_to_item
from knuckle.truth import validity_table

BATCH = 64
JPEG_QUALITY = 95
CAMERA = np.array([480.0, 500, 112, 112])


def write_set(folder: Path, *, size: int, count: int, hands: int) -> None:
    """A set with every label that conversions write, its crops windows of the package's sample photo."""
    rng, rig = np.random.default_rng(0), load_rig("open")
    lead = (count,) if hands == 1 else (count, 2)
    pose = sample_poses(rig, count * hands, rng).reshape(*lead, 16, 3)
    shape = sample_shapes(count * hands, rng).reshape(*lead, 10)
    translation = rng.uniform(-0.03, 0.03, (*lead, 3)) + np.array([0, 0, 0.6])
    flat = [
        values.reshape(count * hands, *values.shape[len(lead) :]) for values in (pose, shape, translation)
    ]
    posed = rig.posed(*flat)
    joints_m = posed.joints.reshape(*lead, 21, 3)
    crop = Crop((112.0, 112.0), 200.0, size)
    in_frame = joints_m[..., :2] / joints_m[..., 2:] * CAMERA[:2] + CAMERA[2:]
    mask = np.zeros((size // 2, size // 2), np.uint8)
    mask[size // 8 : size // 3, size // 8 : size // 3] = 1
    arrays = {
        "images": np.stack(_windows(count, size, rng)),
        "is_hand": np.ones(lead, bool),
        "joints_px": apply_affine(crop.patch_from_frame, in_frame),
        "joints_m": joints_m,
        "pose": pose,
        "shape": shape,
        "translation": translation,
        "camera": np.tile(CAMERA, (count, 1)),
        "frame_size": np.full((count, 2), 224, np.int32),
        "patch_from_frame": np.tile(crop.patch_from_frame, (count, 1, 1)),
        "visible": np.ones((*lead, 21), bool),
        **{name: np.ones((count, *of_row), bool) for name, (of_row, _) in validity_table(hands).items()},
    }
    if hands == 1:
        # As many vertices as MANO has.
        arrays |= {"own_mask": np.tile(mask, (count, 1, 1)), "own_mesh_m": posed.vertices[:, :778]}
    else:
        arrays["part_mask"] = np.tile(mask, (count, 1, 1))
        arrays["kind"] = np.zeros(count, np.uint8)
    folder.mkdir()
    for name, values in arrays.items():
        arrays[name] = values.astype(np.float32) if values.dtype == float else values
        np.save(folder / f"{name}.npy", arrays[name])
    specs = array_specs(count, {name: (a.shape[1:], str(a.dtype)) for name, a in arrays.items()})
    index = {"format": FORMAT, "count": count, "rig": rig.fingerprint, "arrays": specs, "complete": True}
    (folder / "index.json").write_text(json.dumps(index))


def _windows(count: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    photo = read_photo(Path(knuckle.__file__).parent / "assets" / "two_hands.jpg").pixels
    height, width = photo.shape[:2]
    found = []
    for _ in range(count):
        side = float(rng.uniform(0.4, 0.9) * min(height, width))
        centre = (
            float(rng.uniform(side / 2, width - side / 2)),
            float(rng.uniform(side / 2, height - side / 2)),
        )
        found.append(Crop(centre, side, size).warp(photo))
    return found


def measure(source: HandSource, rounds: int) -> dict[str, float]:
    """Processor seconds a sample of loading, of its parts and of decoding a JPEG file, the fastest round of each."""
    rows = source.train
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    files = [cv2.imencode(".jpg", np.asarray(source.set.images[row])[..., ::-1], flags)[1] for row in rows]
    views = [source.view(int(row)) for row in rows]
    changed = [
        change_view(view, np.random.default_rng(n), by=source.augmentation) for n, view in enumerate(views)
    ]

    def load() -> None:
        for first in range(0, len(rows), BATCH):
            numbered = enumerate(rows[first : first + BATCH], first)
            collate([source.item(int(row), rng=np.random.default_rng([0, n])) for n, row in numbered])

    calls: dict[str, Callable[[], object]] = {
        "loading": load,
        "decoding a JPEG file": lambda: [_decoded(file) for file in files],
        "of it: reading a row": lambda: [source.view(int(row)) for row in rows],
        "of it: roll, shift, scale": lambda: [
            change_view(view, np.random.default_rng(n), by=source.augmentation)
            for n, view in enumerate(views)
        ],
        "of it: light and lens": lambda: [
            change_appearance(view.image, np.random.default_rng(n), by=source.augmentation)
            for n, view in enumerate(changed)
        ],
        "of it: targets": lambda: [view_to_item(view) for view in changed],
    }
    fastest = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            fastest[name] = min(fastest[name], (time.process_time() - start) / len(rows))
    return fastest


def _decoded(file: np.ndarray) -> np.ndarray:
    picture = cv2.imdecode(file, cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=224, help="side of the crops, px")
    parser.add_argument("--count", type=int, default=256, help="crops")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hands", type=int, choices=(1, 2), default=1)
    parser.add_argument("--set", type=Path, help="a set of your own instead of one that is made here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with one_line_errors(), tempfile.TemporaryDirectory() as made:
        folder = options.set or Path(made) / "set"
        if options.set is None:
            write_set(folder, size=options.size, count=options.count, hands=options.hands)
        source = HandSource(folder, validation=0)
        source.train = source.train[: options.count]
        seconds = measure(source, options.rounds)
    loading, decoding = seconds["loading"], seconds["decoding a JPEG file"]
    size = source.set.images.shape[1]
    print(f"{len(source.train)} crops of {size} px, {source.set.hands} hand(s), one core, processor time")
    for name, value in seconds.items():
        print(f"  {1 / value:7.0f}/s  {1e3 * value:6.3f} ms  {name}")
    print(f"loading takes {loading / decoding:.2f} times as long as decoding a JPEG file of {size} px")


if __name__ == "__main__":
    main()
