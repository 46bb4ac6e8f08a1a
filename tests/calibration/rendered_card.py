"""Pictures of a bank card, made by warping a drawn one onto a background."""

import cv2
import numpy as np

CARD_M = 0.0856, 0.05398
_PX_PER_M = 1400 / CARD_M[0]


def card_texture(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """RGB and mask of a card with round corners, a chip, a stripe and digits."""
    w, h = (round(n * _PX_PER_M) for n in CARD_M)
    base, other = rng.integers(30, 230, (2, 3))
    y, x = np.mgrid[0:h, 0:w]
    mix = ((x / w + y / h) / 2)[..., None]
    card = (base * (1 - mix) + other * mix).astype(np.uint8)
    colour = tuple(int(v) for v in rng.integers(0, 255, 3))
    cv2.rectangle(card, (120, 330), (310, 480), (212, 175, 90), -1)
    if rng.random() < 0.5:
        cv2.rectangle(card, (0, 90), (w, 230), (25, 25, 25), -1)
    for row in range(2):
        cv2.putText(card, "5413 3300 8909", (100, 640 + 120 * row), cv2.FONT_HERSHEY_SIMPLEX, 3, colour, 6)
    mask, r = np.zeros((h, w), np.uint8), round(0.00318 * _PX_PER_M)
    cv2.rectangle(mask, (r, 0), (w - r - 1, h - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (w - 1, h - r - 1), 255, -1)
    for corner in ((r, r), (w - r - 1, r), (r, h - r - 1), (w - r - 1, h - r - 1)):
        cv2.circle(mask, corner, r, 255, -1)
    return card, mask


def table(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A background with a gradient, grain and things of other shapes."""
    coarse = rng.integers(40, 220, (5, 6, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        middle = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(20, width // 8)), int(rng.integers(20, height // 8)))
        cv2.ellipse(picture, middle, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    return picture


def render(
    rng: np.random.Generator,
    tilt: tuple[float, float, float],
    focal_px: float,
    *,
    size: tuple[int, int] = (1280, 960),
    distance_m: float = 0.25,
    noise: float = 4.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a card tilted by degrees about x, y and the camera's axis, and its true corners (4, 2) px."""
    width, height = size
    x, y, z = (cv2.Rodrigues(np.eye(3)[axis] * np.deg2rad(angle))[0] for axis, angle in enumerate(tilt))
    turn = z @ x @ y
    lens = np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]])
    place = np.array([*rng.uniform(-0.02, 0.02, 2), distance_m])
    card, mask = card_texture(rng)
    # Px of the texture to metres on the card's plane, edges on edges.
    to_m = np.array([[1, 0, -(card.shape[1] - 1) / 2], [0, 1, -(card.shape[0] - 1) / 2], [0, 0, _PX_PER_M]])
    homography = lens @ np.column_stack([turn[:, :2], place]) @ to_m
    finer = 2
    grow = np.array([[finer, 0, (finer - 1) / 2], [0, finer, (finer - 1) / 2], [0, 0, 1]])
    large = width * finer, height * finer
    drawn = cv2.warpPerspective(card, grow @ homography, large, flags=cv2.INTER_AREA)
    share = cv2.warpPerspective(mask, grow @ homography, large, flags=cv2.INTER_LINEAR)[..., None] / 255.0
    picture = cv2.resize(table(rng, width, height), large, interpolation=cv2.INTER_LINEAR)
    picture = cv2.resize(picture * (1 - share) + drawn * share, size, interpolation=cv2.INTER_AREA)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8) + rng.normal(0, noise, picture.shape)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * CARD_M / 2
    points = corners @ turn[:, :2].T + place
    return picture, points[:, :2] / points[:, 2:] * focal_px + [(width - 1) / 2, (height - 1) / 2]
