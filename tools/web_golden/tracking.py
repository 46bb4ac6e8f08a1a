"""Golden data of the page's tracker: what the networks were asked of each frame, what they answered, and the hands that
Python's tracker made of that.

python -m tools.web_golden.tracking writes tracking.json with two kinds of clips. In "photo" the package's networks see
its sample photo, moved, hidden and back again. In the others the answers are made up from hands that move by a script
(`scripted`). The page's tracker must ask the same of the same frames, and make the same of the same answers.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.hands import Hand
from knuckle.inference.detection.detection import Detection
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import TurnedSquare
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.sides import Sides
from knuckle.inference.tracked import Predicted, TrackedHands
from knuckle.inference.trust import logit
from knuckle.live.tracker import Tracker
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO
from tools.web_golden.hands import GOLDEN, MODEL, plain, write_golden
from tools.web_golden.scripted import Frame, World, meeting, script

PHOTO_PX = 320


def main(folder: Path = GOLDEN) -> Path:
    """Writes tracking.json."""
    clips = [recorded("photo", list(photo_frames()), {})]
    for name, world, frames, options in (
        ("script", World(script()), slice(None), {}),
        ("script, as seen", World(script()), slice(25, 60), {"gate": False, "smooth": False}),
        (
            "script, of known length",
            World(script()),
            slice(70, 100),
            {"smooth": False, "hand_length_m": 0.17},
        ),
        ("meeting", World(meeting(), gaps=((0.45, 0.54),)), slice(0, 55), {}),
    ):
        clips.append(recorded(name, world.frames()[frames], options, world))
    for clip in clips:
        told = [len(frame["hands"]) for frame in clip["frames"]]
        print(f"{clip['name']}: {len(told)} frames, {sum(told)} hands")
    return write_golden("tracking.json", {"clips": clips}, folder)


def photo_frames() -> Sequence[Frame]:
    """The sample photo going to the side, hidden, back, and gone for longer than a hand is remembered."""
    photo = cv2.resize(read_image(SAMPLE_PHOTO), (PHOTO_PX, PHOTO_PX), interpolation=cv2.INTER_AREA)
    grey = np.full_like(photo, 128)
    frames = []
    for n in range(30):
        move = np.array([[1, 0, 4.0 * min(n, 10)], [0, 1, 2.0 * (n % 5)]])
        shown = cv2.warpAffine(photo, move, (PHOTO_PX, PHOTO_PX), borderMode=cv2.BORDER_REPLICATE)
        late_s = 0.0 if n < 24 else 3.2
        frames.append((grey if 12 <= n < 15 or n in (22, 23) else shown, n / 30 + late_s))
    return frames


class Recorder:
    """Notes what is asked and answered during a frame."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def estimate(self, tracked: Callable[..., TrackedHands]) -> Callable[..., TrackedHands]:
        def call(
            predictor: Any, image: Any, camera: Camera, predicted: Predicted, **options: Any
        ) -> TrackedHands:
            told = tracked(predictor, image, camera, predicted, **options)
            start = predicted.start
            self.calls.append(
                {
                    "kind": "estimate",
                    "boxes_px": plain(predicted.boxes_px, 6),
                    "sides": list(predicted.sides),
                    "side_confidence": plain(options["side_confidence"]),
                    "starts": [_start(start.pose[n], start.shape[n]) for n in range(len(predicted))],
                    "answer": [_tracked(told, n) for n in range(len(predicted))],
                }
            )
            return told

        return call

    def look(self, look_at_squares: Callable[..., Any]) -> Callable[..., Any]:
        def call(network: Any, image: Any, squares: Sequence[TurnedSquare]) -> Any:
            looks = look_at_squares(network, image, squares)
            if not squares:
                return looks
            answer = [
                {
                    "joints_px": plain(look.joints_px.ravel(), 6),
                    "presence": float(look.landmarks.presence),
                    "right": float(look.landmarks.right),
                }
                for look in looks
            ]
            turns = [square.rotation_rad for square in squares]
            self.calls.append({"kind": "look", "rotations_rad": plain(np.array(turns)), "answer": answer})
            return looks

        return call

    def detector(self, default_detector: Callable[..., Any]) -> Callable[..., Any]:
        def opened(*, effort: str, network: str) -> Callable[..., list[Detection]]:
            detect = default_detector(effort=effort, network=network)

            def call(image: Any, *, known: Proposals) -> list[Detection]:
                hands = detect(image, known=known)
                boxes = plain(known.boxes_px, 6)
                answer = [_detected(hand) for hand in hands]
                self.calls.append({"kind": "detect", "effort": effort, "known_px": boxes, "answer": answer})
                return hands

            return call

        return opened

    def sides(self, decide_sides: Callable[..., Sides]) -> Callable[..., Sides]:
        def call(image: Any, boxes_px: np.ndarray, evidence: Evidence, **options: Any) -> Sides:
            told = decide_sides(image, boxes_px, evidence, **options)
            signs = np.array([1 if side == "right" else -1 for side in told.sides])
            answer = plain(signs * logit(told.confidence), 10)
            self.calls.append({"kind": "sides", "boxes_px": plain(boxes_px, 6), "answer": answer})
            return told

        return call


def recorded(
    name: str,
    frames: Sequence[Frame],
    options: dict[str, Any],
    world: World | None = None,
    *,
    model: str = MODEL,
) -> dict[str, Any]:
    """A clip: what was asked of each frame and answered, by the networks of a model or by a world, and the tracker's
    hands."""
    from knuckle.live import search, tracker

    height, width = frames[0][0].shape[:2]
    recorder = Recorder()
    told: list[dict[str, Any]] = []
    with ExitStack() as stack:
        if world is not None:
            for module, attribute, answer in world.answers():
                stack.enter_context(patch.object(module, attribute, answer))
        for module, attribute, noted in (
            (tracker, "estimate_tracked", recorder.estimate),
            (search, "look_at_squares", recorder.look),
            (search, "default_detector", recorder.detector),
            (search, "decide_sides", recorder.sides),
        ):
            stack.enter_context(patch.object(module, attribute, noted(getattr(module, attribute))))
        lens = None if world is None else world.camera
        following = Tracker(model=model, camera=lens, **options)
        for pixels, time_s in frames:
            recorder.calls = []
            if world is not None:
                world.time_s = time_s
            hands = following(pixels, time_s)
            told.append({"time_s": time_s, "calls": recorder.calls, "hands": [*map(_reported, hands)]})
    return {
        "name": name,
        "width": width,
        "height": height,
        "camera": None if lens is None else lens.vector.tolist(),
        "options": options,
        "frames": told,
    }


def _reported(hand: Hand) -> dict[str, Any]:
    """What a tracker tells of a hand."""
    return {
        "identity": hand.identity,
        "side": hand.side,
        "state": hand.state,
        "confidence": float(hand.confidence),
        "joints_m": plain(hand.joints_m.ravel()),
        "pose_rad": plain(hand.pose_rad.ravel()),
        "shape": plain(hand.shape),
        "joint_error_m": _or_none(hand.joint_error_m),
        "wrist_vertex_m": plain(hand.vertices_m[0]),
    }


def _tracked(told: TrackedHands, n: int) -> dict[str, Any]:
    hand = told.hands[n]
    return {
        "side": hand.side,
        "confidence": float(hand.confidence),
        "state": hand.state,
        "box_px": plain(hand.box_px, 10),
        "joints_px": plain(hand.joints_px.ravel(), 10),
        "joints_m": plain(hand.joints_m.ravel(), 10),
        "pose_rad": plain(hand.pose_rad.ravel(), 10),
        "shape": plain(hand.shape, 10),
        "joint_error_px": _or_none(hand.joint_error_px),
        "joint_error_m": _or_none(hand.joint_error_m),
        "presence": float(told.evidence.presence[n]),
        "right": float(told.evidence.right[n]),
        "looked": bool(told.looked[n]),
        "asked": bool(told.asked[n]),
    }


def _detected(hand: Detection) -> dict[str, Any]:
    assert hand.evidence is not None
    return {
        "joints_px": plain(hand.evidence.joints_px[0].ravel(), 10),
        "box_px": plain(hand.box_px, 10),
        "score": float(hand.score),
        "presence": float(hand.evidence.presence[0]),
        "right": float(hand.evidence.right[0]),
        "place_right": float(hand.right),
    }


def _start(pose: np.ndarray, shape: np.ndarray) -> dict[str, Any] | None:
    known = np.isfinite(pose).all() and np.isfinite(shape).all()
    return {"pose_rad": plain(pose.ravel(), 10), "shape": plain(shape, 10)} if known else None


def _or_none(values: Float[np.ndarray, "n"]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


if __name__ == "__main__":
    print(main())
