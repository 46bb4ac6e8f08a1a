"""How boxes (x, y, w, h) lie to each other."""

import numpy as np
from jaxtyping import Float


def overlaps(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """Intersection over union of a box (x, y, w, h) with others; 0 where both are empty."""
    inner = _shared(box, others)
    return inner / np.maximum(box[2:].prod() + others[:, 2:].prod(1) - inner, 1e-12)


def shares_inside(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """Share of a box (x, y, w, h) that lies in each of the others."""
    return _shared(box, others) / max(float(box[2:].prod()), 1e-12)


def _shared(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    return np.clip(high - low, 0, None).prod(1)
