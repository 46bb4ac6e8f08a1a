"""Golden data of the page's estimation: crops, networks' answers, hands found and hands followed, as Python has them.

python -m tools.web_golden.estimation lays the package's sample photo beside its own mirror image, right hands and left
ones, moves that by some px and turns it by a quarter: three frames. For each it finds the hands (fast, by the palm
network), decides their sides without a two-hand system, as the page does, and estimates them where they were found; the
second one again with what the first one left, asking both networks, or one a hand. Writes estimation.json, and pictures
and patches as bytes in estimation.bin. It prints how long a frame takes in Python.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from knuckle.files import atomic_path
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.pyramid import Pyramid
from knuckle.inference import sides
from knuckle.inference.detection.detection import Detection
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.finder import HandFinder
from knuckle.inference.detection.landmarks import LandmarkNetwork, TurnedSquare
from knuckle.inference.detection.palm import PalmNetwork
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.detection.windows import show_window, whole
from knuckle.inference.one_hand import Predictor
from knuckle.inference.onnx_model import open_session
from knuckle.inference.tracked import Predicted, TrackedHands, estimate_tracked
from knuckle.inference.trust import logit
from knuckle.inference.window import normalise
from knuckle.photos.reading import read_photo
from knuckle.photos.sample import SAMPLE_PHOTO
from knuckle.weights import resolve
from tools.web_golden.hands import GOLDEN, MODEL, plain, write_golden

SIDE_PX = 400
CROP_PX = 64
"""Of the crops that are compared px by px."""
MOVED_PX = (9, -5)


class Bytes:
    """Pictures, one after the other in one file; JSON names where each lies."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, picture: np.ndarray) -> dict[str, Any]:
        """A picture (h, w, 3) of bytes, and where it lies in the file."""
        data = np.ascontiguousarray(picture, dtype=np.uint8).tobytes()
        place = {"offset": self._length, "width": picture.shape[1], "height": picture.shape[0]}
        self._parts.append(data)
        self._length += len(data)
        return place

    def write(self, place: Path) -> None:
        """All of them."""
        with atomic_path(place) as path:
            path.write_bytes(b"".join(self._parts))


class Networks(NamedTuple):
    """What the page has too."""

    finder: HandFinder
    landmarks: LandmarkNetwork
    predictor: Predictor


def main(folder: Path = GOLDEN) -> Path:
    """Writes estimation.json and estimation.bin."""
    sides._pair_reader = lambda: None  # the page has no two-hand system
    landmarks = LandmarkNetwork(threads=1)
    networks = Networks(
        HandFinder(effort="fast", network=PalmNetwork(threads=1), landmarks=landmarks, threads=1),
        landmarks,
        Predictor(MODEL, threads=1, mesh="rig"),
    )
    photo = cv2.resize(read_photo(SAMPLE_PHOTO).pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    both = np.hstack([photo, photo[:, ::-1]])
    # Of odd sides.
    frames = [both[:-37, 11:], np.roll(both, MOVED_PX, (1, 0))[:-37, 11:]]
    frames = [np.ascontiguousarray(frame) for frame in (*frames, np.rot90(frames[0]))]
    store = Bytes()
    data = {
        "photo": store.add(photo),
        "crops": crops(store, photo),
        "windows": windows(store, frames),
        "networks": raw_answers(store, photo),
        "frames": tracked(store, networks, frames),
    }
    store.write(folder / "estimation.bin")
    return write_golden("estimation.json", data, folder)


def crops(store: Bytes, photo: np.ndarray) -> list[dict[str, Any]]:
    """Windows of all sizes and turns, some beyond the picture's edge."""
    pyramid = Pyramid(photo)
    cases = []
    for number, side in enumerate((20.0, 64.0, 100.0, 140.0, 230.0, 350.0, 480.0, 620.0)):
        for turn in (0.0, 0.6 - 0.4 * number):
            aspect = 1.0 if number % 3 else 1.07
            crop = Crop((50.3 + 40 * number, 330.7 - 33 * number), side, CROP_PX, turn, aspect)
            place = {
                "u": crop.centre_px[0],
                "v": crop.centre_px[1],
                "side_px": side,
                "turn_rad": turn,
                "aspect": aspect,
            }
            quick = pyramid.warp(crop.patch_from_frame, CROP_PX)
            cases.append(place | {"quick": store.add(quick), "exact": store.add(crop.warp(photo))})
    return cases


def windows(store: Bytes, frames: list[np.ndarray]) -> list[dict[str, Any]]:
    """Whole frames, and small pictures, as proposal networks are shown them."""
    small = cv2.resize(frames[0], (101, 77), interpolation=cv2.INTER_AREA)
    cases = []
    for frame in (frames[0], frames[2], frames[0][:300], small):
        for input_px in (192, 128):
            shown = show_window(frame, whole(frame), input_px)
            cases.append(
                {
                    "frame": store.add(frame),
                    "input_px": input_px,
                    "picture": store.add(shown.picture),
                    "scale": plain(shown.scale),
                    "corner": plain(shown.corner),
                }
            )
    return cases


def raw_answers(store: Bytes, photo: np.ndarray) -> dict[str, Any]:
    """The three networks' outputs for given bytes."""
    hand = TurnedSquare((190.0, 150.0), 250.0, 0.2)
    patches = {size: cv2.warpAffine(photo, hand.patch_from_frame(size), (size, size)) for size in (224, 160)}
    shown = cv2.resize(photo, (192, 192), interpolation=cv2.INTER_AREA)
    answers: dict[str, Any] = {}
    folder = SAMPLE_PHOTO.parent / "detector"
    for name, picture in (("hand_landmark_full", patches[224]), ("palm_detection_full", shown)):
        session = open_session(folder / f"{name}.onnx", threads=1)
        names = [output.name for output in session.get_outputs()]
        values = session.run(names, {"picture": picture[None]})
        outputs = {key: plain(value.ravel(), 7) for key, value in zip(names, values, strict=True)}
        answers[name] = {"picture": store.add(picture), "outputs": outputs}
    crop, camera, roll = (190.0, 150.0, 250.0), (565.7, 565.7, 199.5, 199.5), 0.2
    session = open_session(resolve(MODEL).path, threads=1)
    names = ["joints_px", "joints_m", "joints_patch", "confidence", "rotations", "shape"]
    feed = {"patch": normalise(patches[160][None]), "crop": [crop], "camera": [camera], "roll": [roll]}
    values = session.run(names, {name: np.asarray(value, np.float32) for name, value in feed.items()})
    answers[MODEL] = {
        "picture": store.add(patches[160]),
        "crop": crop,
        "camera": camera,
        "roll": roll,
        "outputs": {key: plain(value.ravel(), 7) for key, value in zip(names, values, strict=True)},
    }
    return answers


def tracked(store: Bytes, networks: Networks, frames: list[np.ndarray]) -> list[dict[str, Any]]:
    """Frames, the hands found in each, and what is told of them; of the second also by what was before."""
    told, cases, taken_ms = None, [], []
    for number, frame in enumerate(frames):
        camera = Camera.from_size(frame.shape[1], frame.shape[0])
        found = networks.finder(frame)
        joined = Evidence.joined([each.evidence for each in found if each.evidence is not None])
        boxes = np.array([each.box_px for each in found]).reshape(-1, 4)
        decided = sides.decide_sides(frame, boxes, joined)
        places = Predicted.of_joints(joined.joints_px, decided.sides)
        known = Proposals(places.boxes_px, places.squares, np.ones(len(found)), np.full(len(found), 0.5))
        signs = [1 if side == "right" else -1 for side in decided.sides]
        odds = np.array(signs) * logit(decided.confidence)
        asked: list[dict[str, Any]] = []
        if told is not None and number == 1:
            before = Predicted.of_joints(
                told.hands.joints_px, told.hands.sides, start=told.start, memory=told.memory
            )
            every, even = [True] * len(before), [n % 2 == 0 for n in range(len(before))]
            for look, ask in ((every, every), ([not each for each in even], even)):
                began = time.perf_counter()
                after = estimate_tracked(
                    networks.predictor,
                    frame,
                    camera,
                    before,
                    look=np.array(look),
                    ask=np.array(ask),
                    landmarks=networks.landmarks,
                )
                taken_ms.append(1000 * (time.perf_counter() - began))
                asked.append({"look": look, "ask": ask, "hands": plain_hands(after)})
        # The sides are told, so that a wrong guess does not leave one of them out.
        predicted = Predicted.of_joints(joined.joints_px, decided.sides)
        told = estimate_tracked(
            networks.predictor,
            frame,
            camera,
            predicted,
            look=np.ones(len(found), bool),
            landmarks=networks.landmarks,
        )
        cases.append(
            {
                "picture": store.add(frame),
                "camera": dict(zip(("fx", "fy", "cx", "cy"), camera.vector.tolist(), strict=True)),
                "found": [plain_found(each, value) for each, value in zip(found, odds, strict=True)],
                "besides": [plain(each.box_px) for each in networks.finder(frame, known=known)],
                "alone": plain_hands(told),
                "after": asked,
            }
        )
    counts = [len(case["found"]) for case in cases]
    assert min(counts) >= 2, f"expected a right and a left hand in every frame, got {counts}"
    print(f"Python, a frame of {counts[0]} followed hands: {min(taken_ms):.1f} ms at best, one thread")
    return cases


def plain_found(hand: Detection, odds: float) -> dict[str, Any]:
    """A hand found; odds: its logit of a right hand."""
    assert hand.evidence is not None
    return {
        "joints_px": plain(hand.evidence.joints_px.ravel()),
        "score": hand.score,
        "presence": float(hand.evidence.presence[0]),
        "right": float(hand.evidence.right[0]),
        "odds": float(odds),
    }


def plain_hands(told: TrackedHands) -> list[dict[str, Any]]:
    """Hands as they are told of, and what the next frame needs."""
    hands = told.hands
    return [
        {
            "side": hands.sides[n],
            "confidence": float(hands.confidence[n]),
            "box_px": plain(hands.boxes_px[n]),
            "joints_px": plain(hands.joints_px[n].ravel()),
            "joints_m": plain(hands.joints_m[n].ravel()),
            "pose_rad": plain(hands.pose_rad[n].ravel()),
            "shape": plain(hands.shape[n]),
            "joint_error_px": plain(hands.joint_error_px[n]),
            "joint_error_m": plain(hands.joint_error_m[n]),
            "presence": float(told.evidence.presence[n]),
            "right": float(told.evidence.right[n]),
            "looked": bool(told.looked[n]),
            "asked": bool(told.asked[n]),
        }
        for n in range(len(hands))
    ]


if __name__ == "__main__":
    print(main())
