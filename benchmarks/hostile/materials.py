"""What hostile inputs are made of: small files of every kind that are right, written by knuckle itself.

python -m benchmarks.hostile.materials FOLDER
"""

import json
import pickle
import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.hostile.attempt import BOX, command
from knuckle.files import write_image
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO

TESTS = Path(__file__).parents[2] / "tests"
SIDE = 160
"""Of the picture, px."""


def make(folder: Path) -> None:
    """Write all materials into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    small = cv2.resize(read_image(SAMPLE_PHOTO), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    write_image(folder / "photo.jpg", small)
    _write_network(folder)
    arguments = ("estimate", folder / "photo.jpg", "--model", folder / "fake.onnx", *BOX)
    if command(*arguments)():
        raise RuntimeError("the sample photo could not be estimated")
    _write_track(folder)
    _write_videos(folder, small)
    _write_weights(folder)
    (folder / "mano.pkl").write_bytes(pickle.dumps(mano_like(), protocol=2))


def _write_network(folder: Path) -> None:
    """The tests' network that answers at once."""
    sys.path.insert(0, str(TESTS))
    from fake_networks import one_hand_network, write_network  # pyright: ignore[reportMissingImports]

    write_network(folder / "fake.onnx", one_hand_network(), hands=1)


def _write_track(folder: Path) -> None:
    """The photo's hand as a video of three frames."""
    from knuckle.export.json import read_json
    from knuckle.tracks.lines import Header, LinesWriter

    hands = read_json(folder / "photo.json")
    header = Header("video.webm", "video.webm", None, 10.0, hands.camera, "open", {}, {}, "0")
    with LinesWriter(folder / "video.hands.jsonl") as writer:
        writer.write_header(header)
        for frame in range(3):
            seen = hands.changed(time_s=frame / 10, identities=tuple(range(len(hands))))
            writer.write(frame, seen, hands.camera, mesh=False)


def _write_videos(folder: Path, picture: np.ndarray) -> None:
    """The picture for six frames, as several formats have it; one of sound alone."""
    import av

    for name, codec in (("video.webm", "libvpx-vp9"), ("video.mp4", "mpeg4"), ("video.avi", "mjpeg")):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=10)
            assert isinstance(stream, av.VideoStream)
            stream.width = stream.height = 96
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(6):
                shown = np.asarray(cv2.resize(np.roll(picture, 3 * number, axis=1), (96, 96)), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
            container.mux(stream.encode(None))
    with av.open(str(folder / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))


def _write_weights(folder: Path) -> None:
    """Two files as a run writes them: a system's record with a few tensors, which suffice for averaging."""
    from safetensors.numpy import save_file

    record = {"system": "dahyf", "preset": "lite", "switches": "{}", "rig": "open", "samples_seen": "1"}
    rng = np.random.default_rng(3)
    for name in ("first.safetensors", "second.safetensors"):
        tensors = {f"layer{i}.weight": rng.normal(size=(4, 3)).astype(np.float16) for i in range(3)}
        save_file(tensors, str(folder / name), metadata=record)


def mano_like() -> dict[str, object]:
    """Arrays of the names and shapes that a MANO file has, with the open rig's joints."""
    from scipy.sparse import csc_matrix

    from knuckle.skeleton import MANO16_PARENTS

    rng = np.random.default_rng(4)
    count = 778
    parents = np.array([4294967295, *MANO16_PARENTS[1:]], np.uint32)
    regressor = rng.random((16, count))
    return {
        "v_template": rng.normal(0, 0.05, (count, 3)),
        "shapedirs": rng.normal(0, 0.01, (count, 3, 10)),
        "posedirs": rng.normal(0, 0.01, (count, 3, 135)),
        "f": rng.integers(0, count, (1538, 3)).astype(np.uint32),
        "kintree_table": np.stack([parents, np.arange(16, dtype=np.uint32)]),
        "weights": rng.random((count, 16)),
        "hands_mean": rng.normal(0, 0.1, 45),
        "J_regressor": csc_matrix(regressor / regressor.sum(1, keepdims=True)),
    }


def hands_json(materials: Path) -> dict[str, object]:
    """PHOTO.json's contents, its mesh cut to ten vertices so that changes of other parts are as likely."""
    data = json.loads((materials / "photo.json").read_text())
    for hand in data["hands"]:
        hand["vertices_m"] = hand["vertices_m"][:10]
    return data


if __name__ == "__main__":
    make(Path(sys.argv[1]))
