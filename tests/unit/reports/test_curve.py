from __future__ import annotations

from typing import Any

from reports.curve import ACTIVITY, MAX_MINUTES, minutes, online_seconds, online_steps, show_span

NOON = 1_794_657_600


def window(at: int, mode: str = "live", **counts: int) -> dict[str, Any]:
    return {"at": at, "source": "", "mode": mode, **dict.fromkeys(ACTIVITY, 0), **counts}


def test_the_span_is_that_of_the_show_and_not_of_what_came_after() -> None:
    span = show_span(NOON * 1000 + 5_000, (NOON + 600) * 1000, [NOON, NOON + 86_400])
    assert span is not None
    assert (span.first, span.last) == (NOON, NOON + 540)
    assert (span.on_air, span.off_air) == (NOON + 5, NOON + 600)


def test_a_show_on_air_reaches_as_far_as_its_windows() -> None:
    span = show_span(NOON * 1000, None, [NOON + 130])
    assert span is not None
    assert span.off_air == NOON + 190
    assert span.last == NOON + 180


def test_a_show_that_never_started_begins_with_its_first_window() -> None:
    span = show_span(None, None, [NOON + 70, NOON + 10])
    assert span is not None
    assert (span.first, span.on_air) == (NOON, NOON + 10)


def test_a_room_without_start_and_windows_has_no_span() -> None:
    assert show_span(None, None, []) is None


def test_one_stray_event_cannot_make_the_curve_years_long() -> None:
    span = show_span(NOON * 1000, None, [NOON, NOON + 400 * 86_400])
    assert span is not None
    assert len(span.minutes()) == MAX_MINUTES


def test_viewers_online_are_the_running_sum_of_live_enters_and_leaves() -> None:
    activity = [
        window(NOON, views=5, leaves=1),
        window(NOON + 20, leaves=2),
        window(NOON + 20, "replay", views=100),
        window(NOON + 130, views=3),
    ]
    assert online_steps(activity) == [(NOON, 4), (NOON + 20, 2), (NOON + 130, 5)]


def test_a_minute_shows_the_most_viewers_it_saw() -> None:
    span = show_span(NOON * 1000, (NOON + 240) * 1000, [])
    assert span is not None
    steps = [(NOON, 4), (NOON + 70, 1), (NOON + 80, 6), (NOON + 110, 2), (NOON + 180, 0)]
    # Minute 0: 4. Minute 1: 4 until second 70, then 1, 6, 2. Minute 2: 2. Minute 3: 0 from the start.
    assert [minute.online for minute in minutes(span, [], steps)] == [4, 6, 2, 0]


def test_the_average_weighs_each_level_by_how_long_it_lasted() -> None:
    span = show_span(NOON * 1000, (NOON + 100) * 1000, [])
    assert span is not None
    steps = [(NOON - 10, 1), (NOON + 20, 3), (NOON + 90, 10), (NOON + 100, 99)]
    # 1 x 20 s + 3 x 70 s + 10 x 10 s
    assert online_seconds(steps, span) == 330


def test_minutes_in_which_nothing_happened_are_there_with_zeros() -> None:
    span = show_span(NOON * 1000, (NOON + 180) * 1000, [])
    assert span is not None
    found = minutes(span, [window(NOON + 130, clicks=2), window(NOON + 140, likes=9)], [])
    assert [minute.clicks for minute in found] == [0, 0, 2]
    assert [minute.likes for minute in found] == [0, 0, 9]
    assert [minute.minute_ms for minute in found] == [(NOON + 60 * n) * 1000 for n in range(3)]
