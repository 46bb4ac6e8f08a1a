"""`estimate`: one photo in, its hands out; and its parts, for callers with several photos or models.

`Request.checked` checks what is asked, `Request.shown` makes the picture that networks are shown, `detect` says where
the hands are and of which side, and `predict` estimates them and says how sure they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera, check_intrinsics
from knuckle.hands import Hands, Mesh, check_mesh
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.certainty import annotate
from knuckle.inference.detection.detection import Detector
from knuckle.inference.detection.evidence import Evidence, gather_evidence
from knuckle.inference.detection.search import DEFAULT_NETWORK, DetectorName, Effort, check_search
from knuckle.inference.picture import Picture
from knuckle.inference.rectified import RECTIFY, RectifiedPredictor, rectified
from knuckle.inference.sides import decide_sides
from knuckle.inference.two_hands import check_looks
from knuckle.photos.camera_file import names_camera_file, read_camera
from knuckle.photos.reading import Photo, check_image, read_photo, warn_of
from knuckle.skeleton import SIDES, Side
from knuckle.weights import AUTO


def estimate(
    image: str | PathLike[str] | UInt8[np.ndarray, "H W 3"],
    *,
    boxes: Float[np.ndarray, "N 4"] | Sequence[Sequence[float]] | None = None,
    sides: Sequence[Side] | None = None,
    camera: Camera | Sequence[float] | str | PathLike[str] | None = None,
    exif: bool = True,
    model: str = AUTO,
    detector: Detector | DetectorName = DEFAULT_NETWORK,
    effort: Effort = "normal",
    looks: int = 2,
    evidence: bool = True,
    mirrored: bool = False,
    rectify: bool = RECTIFY,
    mesh: Mesh | None = None,
) -> Hands:
    """Estimate the hands in a photo.

    Args:
        image: a path, or an RGB array of uint8, shape (H, W, 3).
        boxes: x, y, w, h px round each hand's joints; with sides. Without them the hands are found first.
        sides: "left" or "right" for each box.
        camera: fx, fy, cx, cy px, a Camera, or the path of the camera.json that `knuckle calibrate` writes. Without it
            the focal length is what the photo's EXIF says, or where that says nothing sqrt(W^2 + H^2) px are assumed,
            and distances are only as good as that guess (`Camera.source` tells which; docs/metric.md).
        exif: whether EXIF counts.
        model: a name (`knuckle info` lists them) or the path of an .onnx file. "auto": every hand is seen by DaHyF, and
            a left and a right one near each other together by a two-hand system too, where one is installed; what both
            see is merged (`knuckle.inference.pairing` and `merge` have the rules, `Hands.models` who answered).
        detector: what finds the hands: "palm" (MediaPipe's palm network), "hand_boxes" (ours, which sees whole hands),
            "both" (ours wherever a closer look pays), all with MediaPipe's landmark network; or one of your own.
        effort: how long to search for hands: "fast" shows the network the whole picture once, "normal" looks closer
            where there may be more or smaller hands, "thorough" looks everywhere at every size.
        looks: 2 shows the two-hand system every pair as it is and mirrored, which is more exact; 1 asks it once, in
            half its time.
        evidence: the joints that the hand detector's landmark network sees count in every hand
            (`knuckle.inference.detection.evidence`); False leaves all to the model.
        mirrored: the picture is a mirror image, as many selfies are. Boxes and camera are given in px of the picture as
            it is; sides are the person's true ones. px of the result are of that picture too; metres and rotations
            are of the true hands, as the camera saw them (`Camera.picture_mirrored`).
        rectify: hands more than 25 degrees off the axis are shown to the model as a camera turned to them would see
            them (`knuckle.inference.rectified`); wide cameras alone see any there.
        mesh: "rig": the mesh of the rig that is fitted to all that is known of the hand; "network": the network's own,
            with that mesh's joints (`knuckle.inference.own_mesh`), of one-hand models; None: the model's better one.
            `Hands.mesh` says which it was.

    A photo that could be read only in part or in another size is warned of (`knuckle.read_image`); px stay those of
    the file. Returns `Hands`, in the order of the boxes, or best first when found; empty when there is no hand.
    Raises KnuckleError for a photo, box, side, camera or model that cannot be used.
    """
    if isinstance(image, str | PathLike):
        photo = read_photo(Path(image))
        warn_of(photo)
    else:
        pixels = check_image(image)
        photo = Photo(pixels, *pixels.shape[1::-1])
    named = isinstance(detector, str)
    request = Request.checked(
        boxes=boxes,
        sides=sides,
        camera=camera,
        exif=exif,
        looks=looks,
        evidence=evidence,
        mirrored=mirrored,
        effort=effort,
        network=detector if named else DEFAULT_NETWORK,
        mesh=mesh,
    )
    picture, shown = request.shown(photo)
    opened = _predictor(model, request.looks, request.evidence, request.mesh)
    predictor = rectified(opened, wanted=rectify)
    found = detect(picture.pixels, shown, detector=None if named else detector)
    return picture.given_hands(predict(predictor, picture.pixels, found, picture.camera))


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked of any number of pictures; `checked` makes it."""

    boxes_px: Float[np.ndarray, "N 4"] | None = None
    """x, y, w, h of each hand; None where the hands are to be found."""
    sides: tuple[Side, ...] | None = None
    """One for each box, or None with them."""
    camera: Camera | tuple[float, float, float, float] | None = None
    """A camera, or fx, fy, cx, cy px of every picture; None takes them from EXIF or assumes them."""
    looks: int = 2
    """How often a two-hand system is asked about a pair."""
    evidence: bool = True
    """Whether the landmark network's joints count."""
    mirrored: bool = False
    """Whether the pictures are mirror images."""
    effort: Effort = "normal"
    """How long to search for hands."""
    network: DetectorName = DEFAULT_NETWORK
    """What says where they may be."""
    exif: bool = True
    """Whether a photo's EXIF counts where no camera is given."""
    mesh: Mesh | None = None
    """Whose mesh the hands have; None: the model's better one."""

    @classmethod
    def checked(
        cls,
        *,
        boxes: Any = None,
        sides: Any = None,
        camera: Any = None,
        exif: bool = True,
        looks: Any = 2,
        evidence: bool = True,
        mirrored: bool = False,
        effort: Any = "normal",
        network: Any = DEFAULT_NETWORK,
        mesh: Any = None,
    ) -> "Request":
        """A request of what a user gives, as `estimate` takes it. Raises KnuckleError for what no picture can be
        estimated with."""
        checked_sides = None if sides is None else _checked_sides(sides)
        checked_boxes = None if boxes is None else _checked_boxes(boxes)
        _check_one_side_a_box(checked_boxes, checked_sides)
        check_search(effort, network)
        return cls(
            checked_boxes,
            checked_sides,
            _checked_camera(camera),
            check_looks(looks),
            evidence,
            bool(mirrored),
            effort,
            network,
            exif,
            None if mesh is None else check_mesh(mesh),
        )

    def shown(self, photo: Photo) -> tuple[Picture, "Request"]:
        """A photo as networks are shown it, and this request in px of that.

        Raises KnuckleError for a `Camera` of another size (of another shape, where it comes from `knuckle calibrate`),
        or a box that does not fit the photo.
        """
        if self.boxes_px is not None:
            _check_boxes_meet(self.boxes_px, photo.width, photo.height)
        picture = Picture.of(photo.pixels, self._camera_of(photo))
        boxes = None if self.boxes_px is None else picture.shown_boxes(self.boxes_px)
        return picture, replace(self, boxes_px=boxes, camera=picture.camera, mirrored=False)

    def _camera_of(self, photo: Photo) -> Camera:
        width, height = photo.width, photo.height
        if self.camera is None:
            written = photo.camera if self.exif else None
            camera = Camera.from_size(width, height) if written is None else written
        elif not isinstance(self.camera, Camera):
            camera = Camera(*self.camera, width=width, height=height)
        elif self.camera.source == "calibrated":
            camera = self.camera.fitted(width, height)
        elif (self.camera.width, self.camera.height) != (width, height):
            raise KnuckleError(
                f"camera: expected one of the picture's {width}x{height} px,"
                f" got one of {self.camera.width}x{self.camera.height}"
            )
        else:
            camera = self.camera
        return replace(camera, picture_mirrored=True) if self.mirrored else camera


@dataclass(frozen=True, eq=False)
class BoxedHands:
    """Where the hands of a picture are."""

    boxes_px: Float[np.ndarray, "N 4"]
    """x, y, w, h."""
    sides: tuple[Side, ...]
    evidence: Evidence | None
    """What the landmark network saw of them while they were found; None where it was not asked."""
    side_confidence: Float[np.ndarray, "N"] | None = None
    """That the sides are right; None where they were given, with boxes or by a detector without evidence."""


def detect(
    image: UInt8[np.ndarray, "H W 3"], request: Request, *, detector: Detector | None = None
) -> BoxedHands:
    """The boxes of the request, or without them the hands that the detector finds, best first, and their sides
    (`knuckle.inference.sides`; a detector that gives no evidence is believed, as a user is). Picture and request are
    those of `Request.shown`.

    Raises KnuckleError for a box that does not fit the picture.
    """
    if request.boxes_px is not None and request.sides is not None:
        _check_boxes_meet(request.boxes_px, *image.shape[1::-1])
        return BoxedHands(request.boxes_px, request.sides, None)
    if detector is None:
        detector = open_detector(request)
    found = detector(image)
    seen = [hand.evidence for hand in found if hand.evidence is not None]
    boxes = np.array([hand.box_px for hand in found], dtype=float).reshape(-1, 4)
    # A detector of the user's own may have none.
    if len(seen) < len(found):
        return BoxedHands(boxes, tuple(hand.side for hand in found), None)
    evidence = Evidence.joined(seen)
    right = np.array([hand.right for hand in found], dtype=float)
    decided = decide_sides(image, boxes, evidence, detector_right=right)
    return BoxedHands(boxes, decided.sides, evidence, decided.confidence)


def open_detector(request: Request) -> Detector:
    """What finds the hands that a request asks for, opened once for all requests alike. Raises KnuckleError when a
    network's files are missing or damaged."""
    from knuckle.inference.detection.finder import default_detector

    return default_detector(effort=request.effort, network=request.network)


def predict(
    predictor: AnyPredictor | RectifiedPredictor,
    image: UInt8[np.ndarray, "H W 3"],
    hands: BoxedHands,
    camera: Camera,
) -> Hands:
    """The hands in their boxes, as one model sees them, with calibrated confidence, errors of the joints and state."""
    boxes, sides = hands.boxes_px, hands.sides
    known = gather_evidence(image, boxes, sides, known=hands.evidence, wanted=predictor.wants_evidence)
    estimated = predictor.estimate(image, boxes, sides, camera, evidence=known)
    return annotate(estimated, known if predictor.uses_evidence else None, hands.side_confidence)


@lru_cache(maxsize=8)
def _predictor(model: str, looks: int, evidence: bool, mesh: Mesh | None) -> AnyPredictor:
    return open_predictor(model, looks=looks, evidence=evidence, mesh=mesh)


def _checked_sides(sides: Any) -> tuple[Side, ...]:
    """Raises KnuckleError for anything but a sequence of "left" and "right"."""
    if isinstance(sides, str):
        raise KnuckleError(f'sides: expected a list with one side for each box, got the text "{sides}"')
    try:
        given = tuple(sides)
    except TypeError:
        raise KnuckleError(f"sides: expected a list of sides, got {type(sides).__name__}") from None
    for side in given:
        if side not in SIDES:
            raise KnuckleError(f"side: expected one of {', '.join(SIDES)}, got {side!r}")
    return given


def _checked_boxes(boxes: Any) -> Float[np.ndarray, "N 4"]:
    """Raises KnuckleError for another shape, numbers that are not finite, a width or height that is not positive."""
    expected = "boxes: expected (N, 4) numbers, x, y, w, h in px"
    try:
        array = np.asarray(boxes, dtype=float)
    except (TypeError, ValueError):
        raise KnuckleError(f"{expected}, got {boxes!r}") from None
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        hint = "; a single box is [[x, y, w, h]]" if array.shape == (4,) else ""
        raise KnuckleError(f"{expected}, got shape {array.shape}{hint}")
    for box in array:
        if not np.isfinite(box).all() or (box[2:] <= 0).any():
            raise KnuckleError(f"box: expected finite x,y,w,h in px with w and h above 0, got {_text(box)}")
    return array


def _check_boxes_meet(boxes_px: Float[np.ndarray, "N 4"], width: int, height: int) -> None:
    """Raise KnuckleError for a box that lies wholly outside the picture, or is far too large for it."""
    for box in boxes_px:
        x, y, w, h = box.tolist()
        # Pixel (0, 0) spans -0.5..0.5.
        if x + w <= -0.5 or y + h <= -0.5 or x >= width - 0.5 or y >= height - 0.5:
            raise KnuckleError(
                f"box: expected one that meets the picture of {width}x{height} px, got {_text(box)}"
            )
        if max(w, h) > 100 * max(width, height):
            raise KnuckleError(
                f"box: expected one of about a hand's size in {width}x{height} px, got {_text(box)}"
            )


def _check_one_side_a_box(boxes: Float[np.ndarray, "N 4"] | None, sides: tuple[Side, ...] | None) -> None:
    if boxes is None and sides is None:
        return
    if sides is None:
        raise KnuckleError(
            "sides: expected one for each box (a network for one hand has to know which), got none"
        )
    if boxes is None:
        raise KnuckleError(
            "boxes: expected one for each side given, got none (give both, or neither to find the hands)"
        )
    if len(boxes) != len(sides):
        raise KnuckleError(f"sides: expected one for each box, got {len(sides)} for {len(boxes)}")


def _checked_camera(camera: Any) -> Camera | tuple[float, float, float, float] | None:
    """Raises KnuckleError for intrinsics that are not four finite numbers with fx, fy > 0, and a file that is no
    camera."""
    if camera is None or isinstance(camera, Camera):
        return camera
    expected = "camera: expected fx, fy, cx, cy in px, a Camera or a camera.json"
    if isinstance(camera, str | PathLike):
        path = Path(cast("str | PathLike[str]", camera))
        if not names_camera_file(path):
            raise KnuckleError(f"{expected}, got {str(path)!r}")
        return read_camera(path)
    try:
        fx, fy, cx, cy = (float(value) for value in camera)
    except (TypeError, ValueError):
        raise KnuckleError(f"{expected}, got {camera!r}") from None
    check_intrinsics(fx, fy, cx, cy)
    return fx, fy, cx, cy


def _text(box: Float[np.ndarray, "4"]) -> str:
    return ",".join(f"{value:g}" for value in box.tolist())
