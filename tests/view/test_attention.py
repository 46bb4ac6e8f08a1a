"""Pictures of attention: what lies where, and that heat is where the map is."""

import numpy as np

from knuckle.skeleton import JOINT_NAMES
from knuckle.view.attention import draw_attention

SIZE, CELL = 64, 80
WRIST = 0


def made(iterations: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grey crop, joints in its lower right, and attention that is even but for the right wrist's last one by
    position, which looks at the upper left quarter alone."""
    patch = np.full((SIZE, SIZE, 3), 120, np.uint8)
    joints = np.full((2, 21, 2), 48.0)
    attention = np.full((iterations, 2, 2, 21, 8, 8), 1 / 64)
    attention[-1, 1, 0, WRIST] = 0
    attention[-1, 1, 0, WRIST, :4, :4] = 1 / 16
    return patch, joints, attention


def warm(picture: np.ndarray) -> np.ndarray:
    """Where the picture is of the heat's colours: more red than blue."""
    return picture[..., 0].astype(int) - picture[..., 2] > 60


def test_heat_is_where_the_map_is_and_even_maps_stay_dark():
    picture = draw_attention(*made(), joints=[WRIST], sides=["right"], cell_px=CELL)
    hot = np.argwhere(warm(picture))
    low, high = hot.min(0), hot.max(0)
    # The last cell of the block: second row, second column; above the foot's two lines.
    assert (high - low < CELL * 0.62).all() and len(hot) > 0.8 * (CELL / 2) ** 2
    assert low[0] > picture.shape[0] / 2 - CELL / 2 and low[1] > picture.shape[1] - CELL - 4
    even = draw_attention(*made()[:2], np.full((2, 2, 2, 21, 8, 8), 1 / 64), joints=[WRIST], cell_px=CELL)
    assert not warm(even).any()


def test_a_row_an_iteration_two_columns_a_joint_a_block_a_hand():
    def shape(**options):
        return np.array(
            draw_attention(*made(options.pop("iterations", 2)), cell_px=CELL, **options).shape[:2]
        )

    one = shape(joints=[0], sides=["right"])
    more_joints, more_rows = (
        shape(joints=[0, 4, 8], sides=["right"]),
        shape(joints=[0], sides=["right"], iterations=4),
    )
    assert more_joints[0] == one[0] and 4 * CELL <= more_joints[1] - one[1] <= 4 * (CELL + 5)
    assert more_rows[1] == one[1] and 2 * CELL <= more_rows[0] - one[0] <= 2 * (CELL + 5)
    both = shape(joints=[0])
    assert both[1] == one[1] and 2 * CELL <= both[0] - one[0] < one[0]


def test_the_ring_marks_the_joint_and_may_lie_outside():
    patch, joints, attention = made()
    even = np.full_like(attention, 1 / 64)
    tip = JOINT_NAMES.index("thumb_tip")
    plain = draw_attention(patch, joints + 1e6, even, joints=[tip], sides=["left"], cell_px=CELL)
    marked = draw_attention(patch, joints, even, joints=[tip], sides=["left"], cell_px=CELL)
    assert (
        draw_attention(patch, joints * np.nan, even, joints=[tip], sides=["left"], cell_px=CELL).shape
        == plain.shape
    )
    rows, columns = np.nonzero((plain != marked).any(-1))
    # Two rows of two cells, each with a ring at three quarters of its width and height.
    assert len(np.unique(rows // (CELL // 2))) >= 2
    first = columns[columns < columns.min() + CELL // 2]
    left = plain.shape[1] - 2 * (CELL + 4)
    assert abs(first.mean() - (left + 4 + 48.5 / SIZE * CELL - 0.5)) < 1


def test_a_perfectly_flat_or_empty_map_is_drawn():
    patch, joints, _ = made()
    assert draw_attention(patch, joints, np.zeros((1, 2, 2, 21, 4, 4)), cell_px=CELL).dtype == np.uint8
