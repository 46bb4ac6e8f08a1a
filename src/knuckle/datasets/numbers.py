"""Label values as arrays of the shape that is expected, with errors that name the place."""

from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError


def checked_numbers(value: Any, shape: tuple[int, ...], where: str) -> Float[np.ndarray, "..."]:
    """Finite numbers of that many values, reshaped (label files wrap rows in one more list now and then).

    Raises KnuckleError naming `where`, what is expected and what came.
    """
    wanted = " x ".join(map(str, shape))
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise KnuckleError(f"{where}: expected {wanted} numbers, got {str(value)[:60]}") from None
    if array.size != int(np.prod(shape)):
        raise KnuckleError(f"{where}: expected {wanted} numbers, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise KnuckleError(f"{where}: expected finite numbers, got NaN or infinity")
    return array.reshape(shape)
