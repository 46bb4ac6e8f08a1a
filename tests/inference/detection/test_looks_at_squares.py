"""When the landmark network looks again, and what several looks at once answer."""

import numpy as np
import pytest

from knuckle.inference.detection.landmarks import Landmarks, TurnedSquare
from knuckle.inference.detection.looks import needs_second_look


def answer(presence: float = 0.95, right: float = 0.98) -> Landmarks:
    return Landmarks(np.zeros((21, 3)), np.zeros((21, 3)), presence, right)


SQUARE = TurnedSquare((100.0, 80.0), 60.0, 3.1)


@pytest.mark.parametrize(
    ("suggested", "said", "again"),
    [
        (SQUARE, answer(), False),
        # Angles 3.1 and -3.1 are a small turn apart.
        (TurnedSquare((100.0, 80.0), 60.0, -3.1), answer(), False),
        (TurnedSquare((100.0, 80.0), 60.0, 2.8), answer(), True),
        (TurnedSquare((108.0, 80.0), 60.0, 3.1), answer(), False),
        (TurnedSquare((106.0, 88.0), 60.0, 3.1), answer(), True),
        (TurnedSquare((100.0, 80.0), 70.0, 3.1), answer(), False),
        (TurnedSquare((100.0, 80.0), 74.0, 3.1), answer(), True),
        (TurnedSquare((100.0, 80.0), 49.0, 3.1), answer(), True),
        (SQUARE, answer(presence=0.7), True),
        (SQUARE, answer(right=0.02), False),
        (SQUARE, answer(right=0.3), True),
        (SQUARE, answer(right=0.7), True),
    ],
)
def test_a_second_look_only_where_the_first_was_wrong_or_unsure(suggested, said, again):
    assert needs_second_look(SQUARE, suggested, said) is again
