"""Hands drawn over their photo: shaded mesh, skeleton, label."""

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.hands import Hand, Hands
from knuckle.view.marks import draw_label, draw_skeleton, find_drawable
from knuckle.view.palette import hand_colour
from knuckle.view.shading import Mesh, Window, draw_layer, find_window


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
    finger; lines are wider for larger hands. Parts outside the photo or behind the camera are left out. Raises
    KnuckleError if the image is not RGB uint8 or its size is not that of the hands' camera.

    Args:
        image_rgb: the photo.
        hands: of that photo.
        mesh: draw the meshes.
        skeleton: draw the skeletons.
        labels: write side and confidence.
    """
    image = np.asarray(image_rgb)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise KnuckleError(f"image: expected (H, W, 3) RGB uint8, got {image.shape} {image.dtype}")
    if image.shape[:2] != (hands.camera.height, hands.camera.width):
        expected = f"{hands.camera.width}x{hands.camera.height}"
        raise KnuckleError(
            f"image: expected the camera's {expected} px, got {image.shape[1]}x{image.shape[0]}"
        )
    picture = np.array(image, order="C")
    if mesh:
        _draw_meshes(picture, hands)
    taken: list[tuple[int, int, int, int]] = []
    far_to_near = sorted(range(len(hands)), key=lambda i: -hands.joints_m[i, :, 2].mean())
    for hand in (hands[i] for i in far_to_near) if skeleton else ():
        draw_skeleton(picture, hand.joints_px, find_drawable(hand.joints_px, hand.joints_m))
    for i in far_to_near if labels else ():
        if window := _joints_window(hands[i], picture):
            text = f"{hands.sides[i]} {hands.confidence[i]:.2f}"
            draw_label(picture, text, window, hand_colour(i), taken)
    return picture


def _draw_meshes(picture: np.ndarray, hands: Hands) -> None:
    """Blend the meshes in. Hands whose windows overlap are drawn together, so that they hide each other."""
    groups: list[tuple[Window, list[Mesh]]] = []
    for i, hand in enumerate(hands):
        faces = hands.faces_of(hand.side)
        if not len(faces) or not len(hand.vertices_m):
            continue
        mesh = Mesh(hand.vertices_m, faces, hand_colour(i))
        window = find_window(mesh, hands.camera)
        if window is None:
            continue
        members = [mesh]
        while neighbour := next((g for g in groups if g[0].overlaps(window)), None):
            groups.remove(neighbour)
            window, members = window.union(neighbour[0]), members + neighbour[1]
        groups.append((window, members))
    for window, members in groups:
        layer = draw_layer(members, hands.camera, window)
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
