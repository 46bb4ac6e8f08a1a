"""Shape space: beta 0 is pure size, beta 1-9 are principal components of hands brought to one size."""

from dataclasses import dataclass

import numpy as np
from hand import FINGERS, Hand
from refit import stretch

BETAS = 10
SIZE_STEP = 0.10
"""One unit of beta 0 scales the hand by this much (linearly: -2 is a child's hand, +2 a giant's)."""

# Standard deviations of the random hands, as parts of one. Common to all fingers, per finger, per bone.
_LENGTH_SD = (0.045, 0.028, 0.022)
_GIRTH_SD = (0.065, 0.025, 0.012)
_THUMB_LENGTH_SD = 0.03
_PALM_SD = np.array([0.05, 0.04, 0.06])
_PALM_GIRTH_CORRELATION = 0.6
"""Thick fingers go with broad, thick palms."""


@dataclass(frozen=True)
class ShapeSpace:
    """Bases of unit betas, distributed as independent standard normals over the random hands."""

    vertices: np.ndarray  # (V, 3, 10)
    joints: np.ndarray  # (16, 3, 10)
    explained: float  # part of the variance of size-normalised hands
    error_mean_m: float  # of 10 betas against the random hands


def shape_space(hand: Hand, *, count: int, seed: int) -> ShapeSpace:
    """Principal components of `count` random hands, all brought to the size of the mean one."""
    rng = np.random.default_rng(seed)
    samples = [_random_hand(hand, rng) for _ in range(count)]
    points = np.array([np.vstack(sample).ravel() for sample in samples])
    mean = np.vstack([hand.vertices, hand.joints]).ravel()
    skin = slice(0, hand.vertices.size)
    size = points[:, skin] @ mean[skin] / (mean[skin] @ mean[skin])
    centred = points / size[:, None] - mean
    centred -= centred.mean(0)
    _, values, right = np.linalg.svd(centred[:, skin], full_matrices=False)
    kept = BETAS - 1
    spread = values[:kept] / np.sqrt(count)
    directions = right[:kept] * np.sign(right[:kept, np.abs(right[:kept]).argmax(1)].diagonal())[:, None]
    betas = centred[:, skin] @ directions.T / spread
    basis = np.empty((mean.size, BETAS))
    basis[:, 0] = SIZE_STEP * mean
    basis[skin, 1:] = directions.T * spread
    basis[skin.stop :, 1:] = np.linalg.lstsq(betas, centred[:, skin.stop :], rcond=None)[0].T
    rest = (centred[:, skin] - betas * spread @ directions).reshape(count, -1, 3)
    split = len(hand.vertices)
    whole = basis.reshape(-1, 3, BETAS)
    return ShapeSpace(
        vertices=whole[:split],
        joints=whole[split:],
        explained=float((values[:kept] ** 2).sum() / (values**2).sum()),
        error_mean_m=float(np.linalg.norm(rest, axis=-1).mean()),
    )


def _random_hand(hand: Hand, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    along, girth = np.ones(16), np.ones(16)
    common_length, common_girth = rng.normal(0, _LENGTH_SD[0]), rng.normal(0, _GIRTH_SD[0])
    for finger, first in FINGERS.items():
        own_length = common_length + rng.normal(0, _LENGTH_SD[1])
        if finger == "thumb":
            own_length += rng.normal(0, _THUMB_LENGTH_SD)
        bones = slice(first, first + 3)
        along[bones] += own_length + rng.normal(0, _LENGTH_SD[2], 3)
        girth[bones] += common_girth + rng.normal(0, _GIRTH_SD[1]) + rng.normal(0, _GIRTH_SD[2], 3)
    tied = np.array([1.0, 0.0, 1.0]) * _PALM_GIRTH_CORRELATION
    palm = rng.normal(0, 1, 3) * np.sqrt(1 - tied**2) + tied * common_girth / _GIRTH_SD[0]
    return stretch(hand, np.maximum(along, 0.7), np.maximum(girth, 0.7), 1 + _PALM_SD * palm)
