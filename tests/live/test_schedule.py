"""When a video is searched."""

from knuckle.live.schedule import Schedule


def searches(count: int, *, rate: float, missing: bool) -> list[int]:
    schedule = Schedule()
    return [n for n in range(count) if schedule.due(n / rate, missing=missing)]


def test_the_first_frame_is_searched_and_then_two_a_second():
    assert searches(61, rate=30, missing=False) == [0, 15, 30, 45, 60]


def test_more_often_while_a_hand_is_missing_but_never_in_every_frame():
    assert searches(13, rate=30, missing=True) == [0, 3, 6, 9, 12]
    assert searches(9, rate=5, missing=True) == [0, 3, 6]


def test_every_second_small_hands_are_looked_for_and_more_often_where_one_is_missing():
    schedule = Schedule()
    times = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
    assert [time_s for time_s in times if schedule.closely(time_s, missing=False)] == [0.0, 1.0, 2.0]
    assert not schedule.closely(2.1, missing=True) and schedule.closely(2.2, missing=True)
    # Where no hand is followed such a search takes longest.
    assert not schedule.closely(2.6, missing=True, none=True) and schedule.closely(
        2.7, missing=True, none=True
    )
