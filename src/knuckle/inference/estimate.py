"""`estimate`: one photo in, its hands out."""

from collections.abc import Sequence
from functools import lru_cache
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.auto import AUTO, AutoPredictor, open_predictor
from knuckle.inference.detection.detection import Detection, Detector
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.one_hand import Predictor
from knuckle.inference.requests import check_boxes, check_camera, check_looks, check_pairing, check_sides
from knuckle.inference.two_hands import PairPredictor
from knuckle.photos.reading import check_image, read_image
from knuckle.skeleton import Side


def estimate(
    image: str | PathLike[str] | UInt8[np.ndarray, "H W 3"],
    *,
    boxes: Float[np.ndarray, "N 4"] | Sequence[Sequence[float]] | None = None,
    sides: Sequence[Side] | None = None,
    camera: Camera | Sequence[float] | None = None,
    model: str = AUTO,
    detector: Detector | None = None,
    looks: int = 2,
    evidence: bool = True,
) -> Hands:
    """Estimate the hands in a photo.

    image: a path, or an RGB array of uint8, shape (H, W, 3), not mirrored. boxes: x, y, w, h px round each
    hand's joints, and sides: "left" or "right" for each. Both or neither: without them the hands are found
    first, by `detector` or the default one. camera: fx, fy, cx, cy
    px or a Camera; without it a focal length of sqrt(W^2 + H^2) px is assumed, so distances are only as good
    as that guess. model: a name (`knuckle info` lists them) or the path of an .onnx file. "auto": every hand
    is seen by DaHyF, and a left and a right one near each other together by a two-hand system too, where one is
    installed; what both see is merged (`knuckle.inference.pairing` and `merge` have the rules, `Hands.models` who
    answered). looks: 2 shows the two-hand system every pair as it is and mirrored, which is more exact; 1 asks it once,
    in half its time. evidence: the joints that the hand detector's landmark network sees have a share in every hand
    (`knuckle.inference.detection.evidence`); False leaves all to the model.

    Returns `Hands`, in the order of the boxes, or best first when found; empty when there is no hand.
    Raises KnuckleError for a photo, box, side, camera or model that cannot be used.
    """
    pixels = read_image(Path(image)) if isinstance(image, str | PathLike) else check_image(image)
    height, width = pixels.shape[:2]
    checked_sides = None if sides is None else check_sides(sides)
    checked_boxes = None if boxes is None else check_boxes(boxes, width, height)
    check_pairing(checked_boxes, checked_sides)
    checked_camera = check_camera(camera, width, height)
    predictor = _predictor(model, check_looks(looks), evidence)
    if checked_boxes is not None and checked_sides is not None:
        return predictor(pixels, checked_boxes, checked_sides, checked_camera)
    from knuckle.inference.detection.mediapipe import default_detector

    found = (detector or default_detector())(pixels)
    found_boxes = np.array([hand.box_px for hand in found], dtype=float).reshape(-1, 4)
    found_sides: tuple[Side, ...] = tuple(hand.side for hand in found)
    return predictor(pixels, found_boxes, found_sides, checked_camera, evidence=_seen(found))


def _seen(found: Sequence[Detection]) -> Evidence | None:
    """What detection itself saw of the hands; None, which is to look, where it does not tell."""
    seen = [hand.evidence for hand in found if hand.evidence is not None]
    return Evidence.joined(seen) if len(seen) == len(found) else None


@lru_cache(maxsize=8)
def _predictor(model: str, looks: int, evidence: bool) -> Predictor | PairPredictor | AutoPredictor:
    return open_predictor(model, looks=looks, evidence=evidence)
