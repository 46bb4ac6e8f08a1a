"""Contact sheets of clips: frames with the boxes and bones of their hands."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.files import write_image
from knuckle.skeleton import BONES
from knuckle.synth.clips.clip import Clip
from knuckle.synth.clips.labels import ClipFrame

TILE_PX = 160
TIMES_S = (1.4, 2.6, 4.0, 5.4, 7.0)
_COLOURS = {"right": (255, 70, 60), "left": (60, 160, 255)}
_HIDDEN = (160, 160, 160)
_HIDDEN_BELOW = 0.2


def draw_frame(frame: ClipFrame) -> UInt8[np.ndarray, "h w 3"]:
    """The frame with its hands' boxes, bones and identities: right ones red, left ones blue, hidden ones grey."""
    image = frame.image.copy()
    for hand in frame.truth.hands:
        colour = _HIDDEN if hand.shown < _HIDDEN_BELOW else _COLOURS[hand.side]
        x, y, w, h = np.rint(hand.box_px).astype(int).tolist()
        cv2.rectangle(image, (x, y), (x + w, y + h), colour, 2, cv2.LINE_AA)
        px = np.rint(np.clip(hand.joints_px, -4000, 4000) * 16).astype(int).tolist()
        for a, b in BONES:
            cv2.line(image, px[a], px[b], colour, 1, cv2.LINE_AA, 4)
        place = (max(x, 2), min(max(y - 5, 16), image.shape[0] - 4))
        cv2.putText(image, str(hand.identity), place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, 2, cv2.LINE_AA)
    return image


def write_clip_sheet(path: Path, clips: Sequence[Clip], *, labelled: bool = True) -> None:
    """Write a picture with a row for each clip: its frames at TIMES_S. labelled: with what is known of the hands."""
    rows = []
    for clip in clips:
        tiles = []
        for time in TIMES_S:
            frame = clip.frame(round(time * clip.rate))
            image = draw_frame(frame) if labelled else frame.image
            height = round(image.shape[0] * TILE_PX / image.shape[1])
            tiles.append(cv2.resize(image, (TILE_PX, height), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(tiles))
    write_image(path, np.vstack(rows))
