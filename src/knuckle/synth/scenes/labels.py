"""What is known of the hands of a scene, and how it is written down."""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import Side

SceneKind = Literal[
    "people", "portrait", "arms", "wearer", "pair", "crowd", "mixed", "empty", "faces and feet"
]
LEAST_VISIBLE = 0.2
"""Hands that show less are marked `ignore`."""
LEAST_PX = 12
"""So are those whose box is smaller, px of its longer side."""
_QUALITY = 92


@dataclass(frozen=True, eq=False)
class SceneHand:
    """One hand of a scene."""

    side: Side
    joints_px: Float[np.ndarray, "21 2"]
    """Of the picture; also where something hides them or they lie outside."""
    visible: float
    """Share of the hand's surface towards the camera that shows; what the picture's edge cuts off does not."""
    inside: float
    """Share that lies within the picture."""

    @property
    def box_px(self) -> Float[np.ndarray, "4"]:
        """x, y, w, h of the joints' extent."""
        low = self.joints_px.min(0)
        return np.concatenate([low, self.joints_px.max(0) - low])

    @property
    def ignore(self) -> bool:
        """Whether too little of it shows to be asked for."""
        return self.visible < LEAST_VISIBLE or float(self.box_px[2:].max()) < LEAST_PX


@dataclass(frozen=True, eq=False)
class ScenePicture:
    """A rendered scene."""

    image: UInt8[np.ndarray, "h w 3"]
    kind: SceneKind
    hands: list[SceneHand]
    camera: Camera


def scene_line(picture: ScenePicture, file: str) -> dict[str, Any]:
    """A picture's labels as one line of `boxes.jsonl`."""
    height, width = picture.image.shape[:2]
    return {
        "file": file,
        "width": width,
        "height": height,
        "boxes": [
            {
                "xywh": np.round(hand.box_px, 1).tolist(),
                "hand": hand.side,
                "joints_px": np.round(hand.joints_px, 1).tolist(),
                "visible": round(hand.visible, 3),
                "inside": round(hand.inside, 3),
                "ignore": hand.ignore,
            }
            for hand in picture.hands
        ],
        "kind": picture.kind,
        "boxes_complete": True,
        "source": "knuckle scenes",
    }


def encode(picture: ScenePicture) -> bytes:
    """The picture as a JPEG file."""
    bgr = cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise KnuckleError("scene: the picture cannot be encoded as JPEG")
    return data.tobytes()
