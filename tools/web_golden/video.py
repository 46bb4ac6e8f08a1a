"""Golden data of the page's whole path: frames of a video in, hands out, by the networks that the page has.

python -m tools.web_golden.video writes video.json, as `tracking` writes its clips, and the frames' pixels: in video.bin
(RGB, one after the other) and as video/NN.png. The frames are those of `tracking.photo_frames`: the sample photo moved,
hidden, back again. The networks are Python's in full precision, the detector has the palm network alone, and sides are
told without the two-hand system, as on the page; the photo's two hands touch, and go through it together.

What is seen says where to look in the next frame, and so the last digits grow: Python's own tracker ends millimetres
from itself where the hands that it finds first are moved by a few hundredths of a pixel. How far is written and printed
too: no other program can be asked to come nearer.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.files import atomic_path
from knuckle.inference import sides
from knuckle.inference.auto import open_predictor
from knuckle.inference.detection.finder import HandFinder
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.detection.palm import PalmNetwork
from knuckle.inference.detection.search import Effort
from knuckle.live import search, tracker
from knuckle.live.search import Found
from knuckle.weights import AUTO
from tools.web_golden.hands import GOLDEN, write_golden
from tools.web_golden.tracking import photo_frames, recorded

FRAMES = 20
SHAKEN_PX = 0.04
"""As far as our joints lie from Python's where a hand is found."""


def main(folder: Path = GOLDEN) -> Path:
    """Writes video.json and video.bin."""
    frames = photo_frames()[:FRAMES]
    with networks_of_page():
        clip = recorded("video", frames, {}, model=AUTO)
        with patch.object(tracker, "search", shaken_search):
            shaken = recorded("shaken", frames, {}, model=AUTO)
    apart_mm = [
        1000
        * np.linalg.norm(
            np.reshape(one["joints_m"], (21, 3)) - np.reshape(other["joints_m"], (21, 3)), axis=1
        ).max()
        for frame, again in zip(clip["frames"], shaken["frames"], strict=True)
        for one, other in zip(frame["hands"], again["hands"], strict=False)
        if one["identity"] == other["identity"]
    ]
    clip["shaken_mm"] = {"mean": float(np.mean(apart_mm)), "largest": float(np.max(apart_mm))}
    print(
        f"Python from itself, its first hands moved by {SHAKEN_PX} px: {np.mean(apart_mm):.2f} mm, largest"
        f" {np.max(apart_mm):.2f}"
    )
    with atomic_path(folder / "video.bin") as path:
        path.write_bytes(np.stack([pixels for pixels, _ in frames]).tobytes())
    for n, (pixels, _) in enumerate(frames):
        write_png(folder / "video" / f"{n:02}.png", pixels)
    return write_golden("video.json", clip, folder)


@contextmanager
def networks_of_page() -> Iterator[None]:
    """Python's tracker runs the networks that the page has, in the precision that the page has."""
    palms, landmarks = PalmNetwork(), landmark_network()

    def palm_detector(*, effort: Effort, **_: object) -> HandFinder:
        # Whichever network is asked for: the page has this one.
        return HandFinder(effort=effort, network=palms, landmarks=landmarks)

    with ExitStack() as stack:
        for module, name, instead in (
            (tracker, "open_predictor", lambda model, **_: open_predictor(model, mesh="rig")),
            (tracker, "landmark_network", lambda **_: landmarks),
            (search, "default_detector", palm_detector),
            (sides, "_pair_reader", lambda: None),
        ):
            stack.enter_context(patch.object(module, name, instead))
        yield


def write_png(place: Path, pixels: UInt8[np.ndarray, "H W 3"]) -> None:
    """An RGB picture, without loss."""
    done, data = cv2.imencode(".png", pixels[..., ::-1])
    assert done
    with atomic_path(place) as path:
        path.write_bytes(data.tobytes())


def shaken_search(image: Any, known_px: Any, **options: Any) -> list[Found]:
    """The hands found, their joints moved a little; the same every time."""
    rng = np.random.default_rng(0)
    found = search.search(image, known_px, **options)
    return [
        hand._replace(joints_px=hand.joints_px + SHAKEN_PX * rng.standard_normal((21, 2))) for hand in found
    ]


if __name__ == "__main__":
    print(main())
