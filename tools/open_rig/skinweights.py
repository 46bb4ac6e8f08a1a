"""Move the skin weights along with the joints."""

import numpy as np
from hand import FINGERS, Hand
from mesh import smooth, vertex_normals

_NEIGHBOURS = 6
_PALM_FADE_M = 0.03
"""The move fades out this far behind the first joint of a finger."""


def moved_weights(before: Hand, after: Hand) -> np.ndarray:
    """Weights (V, 16) for the joints of `after`, whose skin is that of `before` up to a shift.

    A vertex takes the weights found in `before` at the place that lay to the old joints as it lies to the
    new ones: it slides along its finger. They are read off the nearest skin that faces the same way on the
    same finger.
    """
    origin = after.vertices[0] - before.vertices[0]
    finger, along = _finger_coordinates(after)
    query = after.vertices.copy()
    for number, name in enumerate(FINGERS):
        new = after.chain(name)
        old = before.chain(name) + origin
        own = finger == number
        stations = _stations(new)
        knots = np.concatenate([[-_PALM_FADE_M], stations])
        old_on_new = [_project(new, point) for point in old[:3]]
        values = np.concatenate([[-_PALM_FADE_M], old_on_new, stations[3:]])
        slide = np.interp(along[own], knots, values) - along[own]
        slide[(along[own] < knots[0]) | (along[own] > knots[-1])] = 0
        query[own] += slide[:, None] * _direction_at(new, along[own])
    weights = _read(after, query, finger, before.weights)
    weights = smooth(weights, after.faces, rounds=1, amount=0.3)
    weights = np.where(weights < 0.004, 0, weights)
    return weights / weights.sum(1, keepdims=True)


def _read(hand: Hand, query: np.ndarray, finger: np.ndarray, weights: np.ndarray) -> np.ndarray:
    normals = vertex_normals(hand.vertices, hand.faces)
    palm = weights[:, 0] > 0.9
    result = np.empty_like(weights)
    for vertex, point in enumerate(query):
        squared = ((hand.vertices - point) ** 2).sum(1) + (0.012 * (1 - normals @ normals[vertex])) ** 2
        squared[(finger != finger[vertex]) & ~palm] = np.inf
        if np.array_equal(point, hand.vertices[vertex]):
            result[vertex] = weights[vertex]
            continue
        near = np.argpartition(squared, _NEIGHBOURS)[:_NEIGHBOURS]
        share = 1 / (squared[near] + 1e-7)
        result[vertex] = share @ weights[near] / share.sum()
    return result


def _finger_coordinates(hand: Hand) -> tuple[np.ndarray, np.ndarray]:
    """For every vertex the finger whose (backwards extended) chain is nearest, and its place along that."""
    distances, places = [], []
    for name in FINGERS:
        chain = hand.chain(name)
        best = np.full(len(hand.vertices), np.inf)
        place = np.zeros(len(hand.vertices))
        stations = _stations(chain)
        for part in range(3):
            step = chain[part + 1] - chain[part]
            length = np.linalg.norm(step)
            low, high = (-0.2 if part == 0 else 0.0), (length if part < 2 else length + 0.02)
            along = np.clip((hand.vertices - chain[part]) @ step / length, low, high)
            away = np.linalg.norm(hand.vertices - chain[part] - along[:, None] * step / length, axis=1)
            closer = away < best
            best[closer], place[closer] = away[closer], stations[part] + along[closer]
        distances.append(best)
        places.append(place)
    finger = np.argmin(distances, axis=0)
    return finger, np.array(places)[finger, np.arange(len(finger))]


def _stations(chain: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(chain, axis=0), axis=1))])


def _project(chain: np.ndarray, point: np.ndarray) -> float:
    """Distance along the chain (extended backwards) of the place nearest to a point."""
    stations, best, place = _stations(chain), np.inf, 0.0
    for part in range(3):
        step = chain[part + 1] - chain[part]
        length = np.linalg.norm(step)
        along = np.clip((point - chain[part]) @ step / length, -0.2 if part == 0 else 0, length)
        away = np.linalg.norm(point - chain[part] - along * step / length)
        if away < best:
            best, place = away, stations[part] + along
    return float(place)


def _direction_at(chain: np.ndarray, along: np.ndarray) -> np.ndarray:
    steps = np.diff(chain, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    return steps[np.clip(np.searchsorted(_stations(chain), along, side="right") - 1, 0, 2)]
