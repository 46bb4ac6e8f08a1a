"""Random light of a hand: an environment in spherical harmonics and up to two directional lights."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import OPENGL_FROM_CAMERA

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, eq=False)
class Light:
    """Environment `sh` (9, 3) of unit mean luminance, and directional lights (2, 3), unit, towards the light,
    in the camera frame with linear RGB `colours` (2, 3); the first one is the key light, which casts the
    shadow."""

    sh: Float[np.ndarray, "9 3"]
    env_from_camera: Float[np.ndarray, "3 3"]
    directions: Float[np.ndarray, "2 3"]
    colours: Float[np.ndarray, "2 3"]
    wrap: Float[np.ndarray, "3"]
    roughness: float
    shadow_softness: float
    shadow_strength: float


@lru_cache(maxsize=4)
def load_environments(folder: Path | None) -> tuple[tuple[str, ...], Float[np.ndarray, "n 9 3"]]:
    """Names and coefficients, scaled to unit mean luminance, of a `sh.json`; empty without a folder."""
    if folder is None or not (folder / "sh.json").is_file():
        return (), np.zeros((0, 9, 3))
    entries = json.loads((folder / "sh.json").read_text())["hdris"]
    coefficients = np.array([np.array(e["sh"]) / e["mean_luminance"] for e in entries])
    return tuple(e["name"] for e in entries), coefficients


def sample_light(
    rng: np.random.Generator, environments: Float[np.ndarray, "n 9 3"], *, preferred: int | None = None
) -> Light:
    """Draw a light. `preferred`: the environment of the background; it is taken in 60 % of the draws.

    Without environments the coefficients are made up: a sky above a ground and one to three broad lobes.
    """
    if len(environments):
        chosen = (
            preferred
            if preferred is not None and rng.random() < 0.6
            else int(rng.integers(len(environments)))
        )
        sh = environments[chosen] * np.array([1.0, 0.85, 0.85, 0.85, *[0.7] * 5])[:, None]
    else:
        sh = _made_up(rng)
    # A camera balances its white: most of the light's colour is gone from the photo.
    balance = rng.uniform(0.35, 0.9)
    sh = sh * (1 - balance) + (sh @ LUMINANCE)[:, None] * balance
    tint = 1 + rng.uniform(-0.08, 0.08) * np.array([1.0, 0.0, -1.2])
    # The camera looks along -z of the environment, which has y up; then any heading and a little tilt.
    yaw, tilt, roll = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.3), rng.normal(0, 0.2)
    env_from_camera = _turn_y(yaw) @ _turn_x(tilt) @ _turn_z(roll) @ np.diag(OPENGL_FROM_CAMERA)
    directions, colours = np.zeros((2, 3)), np.zeros((2, 3))
    draw = rng.random()
    count = 0 if draw < 0.22 else 1 if draw < 0.7 else 2
    for m in range(2):
        direction = rng.normal(size=3) * [1.0, 0.8, 0.8] + [0, -0.75, -0.45]
        directions[m] = direction / np.linalg.norm(direction)
        if m < count:
            strength = rng.lognormal(-0.1, 0.55) * (1.0 if m == 0 else 0.5)
            warmth = rng.normal(0, 0.12)
            colours[m] = strength * np.array([1 + warmth, 1.0, 1 - 1.3 * warmth])
    return Light(
        sh=np.ascontiguousarray(sh * tint),
        env_from_camera=env_from_camera,
        directions=directions,
        colours=np.maximum(colours, 0),
        wrap=np.array([0.34, 0.16, 0.1]) * rng.uniform(0.5, 1.4),
        roughness=float(np.exp(rng.uniform(np.log(8), np.log(45)))),
        shadow_softness=float(rng.uniform(0.003, 0.014)),
        shadow_strength=float(rng.uniform(0.6, 1.0)),
    )


def _made_up(rng: np.random.Generator) -> np.ndarray:
    sh = np.zeros((9, 3))
    sh[0] = 1 / 0.282095
    sh[1] = rng.uniform(-0.1, 0.9)
    for _ in range(int(rng.integers(1, 4))):
        x, y, z = rng.normal(size=3) * [1, 0.7, 1] + [0, 0.3, 0]
        length = np.sqrt(x * x + y * y + z * z) + 1e-9
        x, y, z = x / length, y / length, z / length
        colour = 1 + rng.normal(0, 0.12) * np.array([1, 0.1, -1.2])
        lobe = np.array([1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
        scale = np.array([0.4, 0.7, 0.7, 0.7, 0.8, 0.8, 0.23, 0.8, 0.4])
        sh += rng.uniform(0.2, 1.4) * np.outer(lobe * scale, colour)
    return sh / (sh[0] @ LUMINANCE * 0.282095)


def _turn_x(a: float) -> np.ndarray:
    return np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])


def _turn_y(a: float) -> np.ndarray:
    return np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])


def _turn_z(a: float) -> np.ndarray:
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])


@lru_cache(maxsize=1)
def srgb_curve() -> Float[np.ndarray, "16385"]:
    """sRGB value 0..255 of linear 0..4, with a shoulder so that highlights roll off instead of clipping."""
    linear = np.linspace(0, 4, 16385)
    soft = np.where(linear < 0.6, linear, 0.6 + 0.4 * (1 - np.exp(-(linear - 0.6) / 0.4)))
    return (255 * np.where(soft < 0.0031308, 12.92 * soft, 1.055 * soft ** (1 / 2.4) - 0.055)).astype(
        np.float32
    )


def srgb_to_linear(value: np.ndarray) -> np.ndarray:
    """sRGB 0..255 to linear 0..1."""
    v = np.asarray(value) / 255.0
    return np.where(v < 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
