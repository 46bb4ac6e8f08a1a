"""Labels of hands of which some are the data set's own and some are fitted."""

import numpy as np

from knuckle.datasets.rig_labels import RigLabels, joined_labels


def numbered(rows: np.ndarray, sign: float) -> RigLabels:
    """Labels that say of which row they are."""
    own = sign * rows.astype(float)
    return RigLabels(
        np.tile(own[:, None, None], (1, 16, 3)),
        np.tile(own[:, None], (1, 10)),
        np.tile(own[:, None], (1, 3)),
        own,
    )


def test_rows_keep_their_places_and_parts_without_rows_are_not_asked():
    asked = []

    def first(rows):
        asked.append(rows.tolist())
        return numbered(rows, 1.0)

    mask = np.array([False, True, True, False, True])
    found = joined_labels(5, [(mask, first), (~mask, lambda rows: numbered(rows, -1.0))])
    expected = [0.0, 1.0, 2.0, -3.0, 4.0]
    for array in found:
        np.testing.assert_array_equal(array.reshape(5, -1)[:, 0], expected)
    assert found.pose.shape == (5, 16, 3) and found.residual_m.shape == (5,)
    whole = np.ones(3, bool)
    joined_labels(3, [(whole, first), (~whole, lambda rows: 1 / 0)])
    assert asked == [[1, 2, 4], [0, 1, 2]]
