"""Hands over the photo they were found in: shaded mesh, skeleton, label; skeletons and labels also by themselves."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hand, Hands
from knuckle.skeleton import BONES
from knuckle.view.palette import FINGER_COLOURS, HAND_COLOURS, STATE_COLOURS
from knuckle.view.shading import Mesh, Window, draw_layer, find_window

_SHIFT = 4  # cv2 draws at 1/16 px
_FAR_PX = 1e6  # beyond this cv2's integers could overflow
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SMALLEST_LABELLED_PX = 160
_FINE_BELOW_PX = 200  # smaller skeletons are drawn larger and averaged: cv2's small discs are diamonds
_FINE = 4
DOUBTFUL_SHARE = 0.1
"""A joint whose error may be more than this share of the hand's longer side is drawn as a doubtful one."""
_LARGEST_RING = 0.3
"""Of the hand's longer side: larger rings would hide the rest."""
SURE_SIDE = 0.9
"""Labels give the probability of a side below this."""


def draw_hands(
    image_rgb: UInt8[np.ndarray, "H W 3"],
    hands: Hands,
    *,
    mesh: bool = True,
    skeleton: bool = True,
    labels: bool = True,
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw every hand over a copy of the photo.

    Meshes are see-through and hide each other by depth. Each hand has its own colour, and in the skeleton each
    finger; lines are wider for larger hands. Doubtful joints (`DOUBTFUL_SHARE`), and all of a doubtful hand, are
    hollow, their bones dashed; in a hand that is there a ring shows how far off they may be. Of a video, colours follow
    identities, and bones of held and bridged hands have one colour (`STATE_COLOURS`). Parts outside the photo or
    behind the camera are left out. Raises KnuckleError if the image is not RGB uint8 or its size is not that of the
    hands' camera.

    Args:
        image_rgb: the photo.
        hands: of that photo.
        mesh: draw the meshes.
        skeleton: draw the skeletons.
        labels: write side and confidence: "left 0.98"; of a side that is not sure its probability too, "left 62% 0.98";
            after a doubtful hand a question mark; of a video the identity before, and after held and bridged hands
            what they are: "3 left 0.98 held".
    """
    image = np.asarray(image_rgb)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise KnuckleError(f"image: expected (H, W, 3) RGB uint8, got {image.shape} {image.dtype}")
    if image.shape[:2] != (hands.camera.height, hands.camera.width):
        expected = f"{hands.camera.width}x{hands.camera.height}"
        raise KnuckleError(
            f"image: expected the camera's {expected} px, got {image.shape[1]}x{image.shape[0]}"
        )
    mirrored = hands.camera.picture_mirrored
    # Meshes are drawn where they were seen, and turned over with the picture: their light and winding stay right.
    picture = np.array(image[:, ::-1] if mesh and mirrored else image, order="C")
    if mesh:
        _draw_meshes(picture, hands, hands.camera.unmirrored())
        picture = np.array(picture[:, ::-1] if mirrored else picture, order="C", copy=None)
    taken: list[tuple[int, int, int, int]] = []
    far_to_near = sorted(range(len(hands)), key=lambda i: -hands.joints_m[i, :, 2].mean())
    for hand in (hands[i] for i in far_to_near) if skeleton else ():
        drawn = find_drawable(hand.joints_px, hand.joints_m)
        draw_skeleton(
            picture, hand.joints_px, drawn, radius_px=_rings(hand), colour=STATE_COLOURS.get(hand.state)
        )
    for i in far_to_near if labels else ():
        if window := _joints_window(hands[i], picture):
            draw_label(picture, label_of(hands[i]), window, colour_of(hands, i), taken)
    return picture


def hand_colour(index: int) -> np.ndarray:
    """Colour of the index-th hand of a photo."""
    return HAND_COLOURS[index % len(HAND_COLOURS)]


def colour_of(hands: Hands, index: int) -> np.ndarray:
    """Colour of one of a frame's hands: of a video its identity's."""
    return hand_colour(hands.identities[index] if hands.identities else index)


def side_of(hand: Hand) -> str:
    """A hand's side as people read it, with its probability where that is low."""
    sure = hand.side_confidence >= SURE_SIDE
    return hand.side if sure else f"{hand.side} {100 * hand.side_confidence:.0f}%"


def label_of(hand: Hand) -> str:
    """What is written at a hand."""
    who = "" if hand.identity is None else f"{hand.identity} "
    after = {"observed": "", "doubtful": " ?"}.get(hand.state, f" {hand.state}")
    return f"{who}{side_of(hand)} {hand.confidence:.2f}{after}"


def doubtful_joints(hand: Hand) -> Bool[np.ndarray, "21"]:
    """Which joints are drawn as doubtful ones."""
    size = float(np.ptp(hand.joints_px, axis=0).max())
    with np.errstate(invalid="ignore"):
        return (hand.joint_error_px > DOUBTFUL_SHARE * size) | (hand.state == "doubtful")


def _rings(hand: Hand) -> Float[np.ndarray, "21"]:
    """The radius of each doubtful joint's ring, px; 0 for other joints, NaN where there is none to draw."""
    largest = _LARGEST_RING * float(np.ptp(hand.joints_px, axis=0).max())
    radius = np.minimum(hand.joint_error_px, largest) if hand.state != "doubtful" else np.full(21, np.nan)
    return np.where(doubtful_joints(hand), radius, 0.0)


def hand_extent(joints_px: Float[np.ndarray, "21 2"], drawn: Bool[np.ndarray, "21"]) -> float:
    """Length of the diagonal around the joints, px."""
    return float(np.linalg.norm(np.ptp(joints_px[drawn], axis=0))) if drawn.any() else 0.0


def find_drawable(
    joints_px: Float[np.ndarray, "21 2"], joints_m: Float[np.ndarray, "21 3"]
) -> Bool[np.ndarray, "21"]:
    """Joints in front of the camera and not absurdly far from the picture."""
    near = np.isfinite(joints_px).all(1) & (np.abs(joints_px) < _FAR_PX).all(1)
    return near & (joints_m[:, 2] > 0)


def draw_skeleton(
    picture: UInt8[np.ndarray, "H W 3"],
    joints_px: Float[np.ndarray, "21 2"],
    drawn: Bool[np.ndarray, "21"],
    *,
    radius_px: Float[np.ndarray, "21"] | None = None,
    colour: Int[np.ndarray, "3"] | None = None,
) -> None:
    """Bones in the colours of their fingers, white-rimmed joints; widths follow the size of the hand.

    radius_px: how far off doubtful joints may be; 0 for the others, NaN where it is not known. colour: of all bones.
    """
    colours = FINGER_COLOURS if colour is None else np.tile(colour, (len(FINGER_COLOURS), 1))
    radius = np.zeros(len(joints_px)) if radius_px is None else radius_px
    extent = min(hand_extent(joints_px, drawn), float(np.hypot(*picture.shape[:2])))
    width = max(extent * 0.011, 1.0)
    if extent >= _FINE_BELOW_PX:
        _draw_bones(picture, joints_px, drawn, width, radius, colours)
        return
    margin = np.ceil(3 * width + min(np.nan_to_num(radius[drawn]).max(initial=0.0), extent))
    inside = (
        drawn & (joints_px > -margin).all(1) & (joints_px < np.array(picture.shape[1::-1]) + margin).all(1)
    )
    if not inside.any():
        return
    low = np.maximum(joints_px[drawn].min(0) - margin, 0).astype(int)
    part = picture[low[1] :, low[0] :][: int(extent + 2 * margin) + 2, : int(extent + 2 * margin) + 2]
    height, wide = part.shape[:2]
    # Drawn twice on a finer grid, over black and over white: the difference is what still shows through.
    fine = (joints_px - low + 0.5) * _FINE - 0.5
    over: list[np.ndarray] = []
    for paper in (0, 255):
        canvas = np.full((height * _FINE, wide * _FINE, 3), paper, dtype=np.uint8)
        _draw_bones(canvas, fine, drawn, width * _FINE, radius * _FINE, colours)
        over.append(cv2.resize(canvas, (wide, height), interpolation=cv2.INTER_AREA).astype(np.float32))
    part[:] = np.clip(over[0] + part * (over[1] - over[0]) / 255 + 0.5, 0, 255).astype(np.uint8)


def draw_label(
    picture: UInt8[np.ndarray, "H W 3"],
    text: str,
    window: tuple[float, float, float, float],
    colour: Int[np.ndarray, "3"],
    taken: list[tuple[int, int, int, int]],
) -> None:
    """A small tag above a window (left, top, width, height px), or where there is room.

    `taken` keeps the places of those drawn. Nothing is drawn in pictures too small to read it in.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _SMALLEST_LABELLED_PX:
        return
    left, top, wide, tall = window
    size = max(0.4, min(height, width) / 1500)
    stroke = max(1, round(size * 1.7))
    (text_wide, text_tall), below = cv2.getTextSize(text, _FONT, size, stroke)
    pad = round(text_tall * 0.55)
    w, h = text_wide + 2 * pad, text_tall + below + pad
    if w > width or h > height:
        return
    places = [(left, top - h - pad), (left, top + tall + pad), (left + wide - w, top - h - pad), (left, top)]
    boxes = [(int(np.clip(x, 0, width - w)), int(np.clip(y, 0, height - h)), w, h) for x, y in places]
    box = next((b for b in boxes if not any(_meet(b, t) for t in taken)), boxes[0])
    taken.append(box)
    x, y = box[:2]
    part = picture[y : y + h, x : x + w]
    tag = _rounded(w, h, radius=h * 0.3)[..., None] * 0.86
    part[:] = (part * (1 - tag) + colour * 0.62 * tag).round().astype(np.uint8)
    cv2.putText(
        picture, text, (x + pad, y + pad // 2 + text_tall), _FONT, size, (255, 255, 255), stroke, cv2.LINE_AA
    )


def _draw_meshes(picture: np.ndarray, hands: Hands, camera: Camera) -> None:
    """Blend the meshes in. Hands whose windows overlap are drawn together, so that they hide each other."""
    groups: list[tuple[Window, list[Mesh]]] = []
    for i, hand in enumerate(hands):
        faces = hands.faces_of(hand.side)
        if not len(faces) or not len(hand.vertices_m):
            continue
        mesh = Mesh(hand.vertices_m, faces, colour_of(hands, i))
        window = find_window(mesh, camera)
        if window is None:
            continue
        members = [mesh]
        while neighbour := next((g for g in groups if g[0].overlaps(window)), None):
            groups.remove(neighbour)
            window, members = window.union(neighbour[0]), members + neighbour[1]
        groups.append((window, members))
    for window, members in groups:
        layer = draw_layer(members, camera, window)
        part = picture[window.top : window.top + window.height, window.left : window.left + window.width]
        # A few rows at a time fit in the processor's cache, and huge photos need no float copy.
        for top in range(0, window.height, 64):
            rows, over = part[top : top + 64], layer[top : top + 64].astype(np.float32)
            blended = rows * (1 - over[..., 3:] / 255) + over[..., :3]
            rows[:] = np.minimum(blended + 0.5, 255).astype(np.uint8)


def _joints_window(hand: Hand, picture: np.ndarray) -> tuple[float, float, float, float] | None:
    """Left, top, width, height around the joints in the picture, or None if there are none."""
    height, width = picture.shape[:2]
    drawn = find_drawable(hand.joints_px, hand.joints_m)
    low, high = (
        f(hand.joints_px[drawn], axis=0, initial=v) for f, v in ((np.min, np.inf), (np.max, -np.inf))
    )
    low, high = np.maximum(low, 0), np.minimum(high, [width - 1, height - 1])
    if (low > high).any():
        return None
    # Meshes reach a little further than joints.
    margin = 0.06 * float(np.linalg.norm(high - low))
    return (*(low - margin), *(high - low + 2 * margin))  # pyright: ignore[reportReturnType]


def _draw_bones(
    picture: np.ndarray,
    joints_px: np.ndarray,
    drawn: np.ndarray,
    width: float,
    radius_px: np.ndarray,
    colours: np.ndarray,
) -> None:
    edge = max(1, round(width * 0.3))
    doubtful = radius_px != 0
    points = np.round(np.where(drawn[:, None], joints_px, 0) * 2**_SHIFT).astype(int)
    bones = [(a, b) for a, b in BONES if drawn[a] and drawn[b]]
    for ring, shade in ((edge, 0.25), (0, 1.0)):
        for a, b in bones:
            colour = _tone(colours[(b - 1) // 4], shade)
            for start, end in _dashes(points[a], points[b], width, dashed=doubtful[a] or doubtful[b]):
                cv2.line(picture, start, end, colour, round(width) + 2 * ring, cv2.LINE_AA, _SHIFT)
    for joint in np.flatnonzero(drawn & doubtful):
        colour = _tone(colours[(joint - 1) // 4] if joint else np.array([235, 235, 235]), 1)
        _ring(picture, points[joint], radius_px[joint], max(1, round(width * 0.35)), colour)
        # Where the radius is not known the joint is hollow all the same.
        _ring(picture, points[joint], width * 1.2, max(1, round(width * 0.6)), colour)
    for joint in np.flatnonzero(drawn & ~doubtful):
        colour = colours[(joint - 1) // 4] if joint else np.array([235, 235, 235])
        radius = width * (1.5 if not joint else 1.0 if joint % 4 == 0 else 1.15)
        _disc(picture, points[joint], radius + edge, _tone(colour, 0.25))
        _disc(picture, points[joint], radius, (255, 255, 255))
        _disc(picture, points[joint], radius * 0.68, _tone(colour, 1))


def _rounded(width: int, height: int, *, radius: float) -> Float[np.ndarray, "h w"]:
    """Coverage 0..1 of a rectangle with round corners."""
    y, x = np.mgrid[:height, :width] + 0.5
    dx = np.abs(x - width / 2) - (width / 2 - radius)
    dy = np.abs(y - height / 2) - (height / 2 - radius)
    return np.clip(radius - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + 0.5, 0, 1)


def _dashes(
    start: np.ndarray, end: np.ndarray, width: float, *, dashed: bool
) -> list[tuple[list[int], list[int]]]:
    """The pieces of a bone between two points of cv2's finer grid: the whole of it, or dashes as long as their gaps."""
    if not dashed:
        return [(start.tolist(), end.tolist())]
    length = float(np.linalg.norm(end - start)) / 2**_SHIFT
    count = int(np.clip(length / (5 * width), 1, 40))
    cuts = start + (end - start) * (np.arange(2 * count + 1) / (2 * count + 1))[:, None]
    step = (end - start) / (2 * count + 1)
    pieces = np.round(np.stack([cuts[1::2], cuts[1::2] + step], axis=1)).astype(int)
    return [(start.tolist(), end.tolist()) for start, end in pieces]


def _ring(
    picture: np.ndarray, centre: np.ndarray, radius: float, thickness: int, colour: tuple[int, int, int]
) -> None:
    if 0 < radius < _FAR_PX:
        cv2.circle(
            picture, centre.tolist(), round(radius * 2**_SHIFT), colour, thickness, cv2.LINE_AA, _SHIFT
        )


def _disc(picture: np.ndarray, centre: np.ndarray, radius: float, colour: tuple[int, int, int]) -> None:
    cv2.circle(picture, centre.tolist(), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)


def _tone(colour: np.ndarray, shade: float) -> tuple[int, int, int]:
    r, g, b = (int(c * shade) for c in colour)
    return r, g, b


def _meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
