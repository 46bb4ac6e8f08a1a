"""The truth of a clip's frames, and how it is written down."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.skeleton import Side

ClipKind = Literal["enter", "cross", "clap", "hide", "shake", "camera", "depth", "people"]


@dataclass(frozen=True, eq=False)
class ClipHand:
    """One hand of one frame."""

    identity: int
    """The same for the same person's same hand throughout the clip."""
    side: Side
    joints_m: Float[np.ndarray, "21 3"]
    """Camera frame, at the middle of the exposure."""
    joints_px: Float[np.ndarray, "21 2"]
    """Their projection, also where something hides them or they lie outside the picture."""
    shown: float
    """Share of the hand's pixels that is visible and inside the picture, 0..1, at the middle of the exposure."""
    blur_px: float
    """How far the hand moves in the picture during the exposure, the camera's own movement included: mean over the
    joints."""

    @property
    def box_px(self) -> Float[np.ndarray, "4"]:
        """x, y, w, h of the joints' extent."""
        low = self.joints_px.min(0)
        return np.concatenate([low, self.joints_px.max(0) - low])


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is known of a frame."""

    time_s: float
    """Of the middle of the exposure."""
    hands: list[ClipHand]
    """Those of which something lies within the picture, hidden or not."""
    camera_from_world: Float[np.ndarray, "4 4"] | None
    """Where the camera moves."""


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """A rendered frame."""

    image: UInt8[np.ndarray, "h w 3"]
    truth: FrameTruth


def frame_line(truth: FrameTruth) -> dict[str, Any]:
    """A frame's truth as one line of `truth.jsonl`."""
    pose = (
        {}
        if truth.camera_from_world is None
        else {"camera_from_world": truth.camera_from_world.round(8).tolist()}
    )
    return {
        "time_s": round(truth.time_s, 6),
        **pose,
        "hands": [
            {
                "identity": hand.identity,
                "side": hand.side,
                "joints_m": hand.joints_m.round(6).tolist(),
                "joints_px": hand.joints_px.round(3).tolist(),
                "box_px": hand.box_px.round(3).tolist(),
                "shown": round(hand.shown, 4),
                "width_px": round(float(hand.box_px[2]), 3),
                "blur_px": round(hand.blur_px, 3),
            }
            for hand in truth.hands
        ],
    }


def camera_entry(camera: Camera) -> dict[str, float]:
    """The camera's entry of `clip.json`."""
    return {
        "fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy,
        "width": camera.width, "height": camera.height,
    }  # fmt: skip
