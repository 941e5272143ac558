from __future__ import annotations

import pytest

from producers.pacing import Schedule
from schemas.errors import UsageError

START_MS = 1_781_715_600_000


@pytest.mark.parametrize(("speed", "seconds"), [(1, 90.0), (60, 1.5), (0.5, 180.0)])
def test_a_record_is_sent_when_its_event_time_has_passed_at_that_speed(
    speed: float, seconds: float
) -> None:
    assert Schedule(speed=speed).send_at_s(START_MS + 90_000, 7, START_MS) == seconds


@pytest.mark.parametrize("speed", [None, 0])
def test_without_speed_everything_is_sent_at_once(speed: float | None) -> None:
    schedule = Schedule(speed=speed)
    assert not schedule.is_paced
    assert schedule.send_at_s(START_MS + 10**9, 10**6, START_MS) == 0
    assert schedule.behind_ms(START_MS, 0, START_MS, 1e6) == 0


def test_a_rate_sends_evenly_and_overrides_the_speed() -> None:
    schedule = Schedule(speed=60, rate=500)
    assert schedule.send_at_s(START_MS + 10**9, 1000, START_MS) == 2.0
    assert schedule.most_records(3) == 1500
    assert schedule.until_ms(3, START_MS, 60) is None


def test_lateness_is_measured_against_a_schedule_that_does_not_move() -> None:
    schedule = Schedule(speed=10)
    assert schedule.behind_ms(START_MS + 10_000, 0, START_MS, 1.25) == 250
    assert schedule.behind_ms(START_MS + 10_000, 0, START_MS, 0.9) == 0


def test_wall_seconds_become_event_time_at_the_speed_or_at_the_source_s_own() -> None:
    assert Schedule(speed=6).until_ms(10, START_MS, 60) == START_MS + 60_000
    assert Schedule().until_ms(10, START_MS, 60) == START_MS + 600_000
    assert Schedule().until_ms(None, START_MS, 60) is None
    assert Schedule(speed=6).most_records(10) is None


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["speed", "rate"])
def test_a_number_that_cannot_be_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(UsageError, match=name):
        Schedule(**{name: wrong})
