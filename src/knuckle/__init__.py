"""3D hands from one RGB camera: joints in metres, mesh, rotations, side and confidence.

>>> import knuckle
>>> hands = knuckle.estimate("photo.jpg")
>>> hands.joints_m.shape
(2, 21, 3)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knuckle.errors import KnuckleError
    from knuckle.geometry.camera import Camera
    from knuckle.geometry.crop import Crop
    from knuckle.hands import Hand, Hands
    from knuckle.inference.detection.detection import Detection, Detector
    from knuckle.inference.estimate import estimate
    from knuckle.inference.one_hand import Predictor
    from knuckle.inference.two_hands import PairPredictor
    from knuckle.live.tracker import Tracker
    from knuckle.models import create_model
    from knuckle.photos.reading import read_image
    from knuckle.rig.hand_rig import HandRig
    from knuckle.rig.load import load_rig
    from knuckle.rig.mano import load_mano
    from knuckle.view.overlay import draw_hands

    __version__: str

_HOMES = {
    "Camera": "knuckle.geometry.camera",
    "Crop": "knuckle.geometry.crop",
    "Detection": "knuckle.inference.detection.detection",
    "Detector": "knuckle.inference.detection.detection",
    "Hand": "knuckle.hands",
    "HandRig": "knuckle.rig.hand_rig",
    "Hands": "knuckle.hands",
    "KnuckleError": "knuckle.errors",
    "PairPredictor": "knuckle.inference.two_hands",
    "Predictor": "knuckle.inference.one_hand",
    "Tracker": "knuckle.live.tracker",
    "create_model": "knuckle.models",
    "draw_hands": "knuckle.view.overlay",
    "estimate": "knuckle.inference.estimate",
    "load_mano": "knuckle.rig.mano",
    "load_rig": "knuckle.rig.load",
    "read_image": "knuckle.photos.reading",
}

__all__ = [
    "Camera",
    "Crop",
    "Detection",
    "Detector",
    "Hand",
    "HandRig",
    "Hands",
    "KnuckleError",
    "PairPredictor",
    "Predictor",
    "Tracker",
    "__version__",
    "create_model",
    "draw_hands",
    "estimate",
    "load_mano",
    "load_rig",
    "read_image",
]


def __getattr__(name: str) -> Any:
    # Public names are imported when first used: `import knuckle` costs nothing.
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value: Any = version("knuckle")
        except PackageNotFoundError:
            # Run from a source tree that is not installed.
            value = "0+unknown"
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'knuckle' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
