from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from producers.pacing import Schedule
from producers.record import OutRecord
from producers.replay import Progress, replay
from tests.unit.producers.shows import cut_ms, flattened, recounted, small_show


class Clock:
    """Time that passes only in ``sleep``, and in a slow sink."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_000.0
        really_sleep = asyncio.sleep

        async def sleep(seconds: float) -> None:
            self.now_s += seconds
            await really_sleep(0)

        monkeypatch.setattr("asyncio.sleep", sleep)

    def __call__(self) -> float:
        return self.now_s


class Topics:
    """A sink that keeps what it gets, and when."""

    def __init__(self, clock: Clock | None = None, seconds_per_send: float = 0.0) -> None:
        self.records: list[OutRecord] = []
        self.at_s: list[float] = []
        self.flushed = 0
        self.began = asyncio.Event()
        self._clock = clock
        self._seconds_per_send = seconds_per_send

    async def send(self, records: Sequence[OutRecord]) -> None:
        if self._clock is not None:
            self.at_s += [self._clock() - 1_000.0] * len(records)
            self._clock.now_s += self._seconds_per_send
        self.records += records
        self.began.set()

    async def flush(self) -> None:
        self.flushed = len(self.records)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_as_fast_as_possible_sends_what_the_default_speed_would_reach() -> None:
    show, topics = small_show("boutique"), Topics()
    result = await replay(show, topics, Schedule(), duration_s=10)
    assert topics.records == list(show.records(show.start_ms + 600_000))
    assert topics.flushed == len(topics.records)
    assert flattened(result.truth) == recounted(topics.records)
    assert result.sent == Counter(record.topic for record in topics.records)
    assert (result.truth.source, result.truth.seed, result.truth.scale) == ("boutique", 1, 0.05)
    assert (result.truth.start_ms, result.truth.end_ms) == (show.start_ms, show.start_ms + 600_000)
    assert result.behind_ms == 0


async def test_the_speed_changes_when_records_are_sent_and_not_what(clock: Clock) -> None:
    show, topics = small_show("boutique", scale=0.01), Topics(clock)
    result = await replay(show, topics, Schedule(speed=30), duration_s=20, clock=clock)
    assert topics.records == list(show.records(show.start_ms + 600_000))
    for record, at_s in zip(topics.records, topics.at_s, strict=True):
        due_s = (record.due_ms - show.start_ms) / 30_000
        assert due_s <= at_s <= due_s + 0.011
    assert 20 <= result.seconds < 20.1
    assert result.behind_ms < 11


async def test_a_slow_system_makes_the_replay_late_and_does_not_move_the_schedule(
    clock: Clock,
) -> None:
    show, slow = small_show("boutique", scale=0.01), Topics(clock, seconds_per_send=1.0)
    result = await replay(show, slow, Schedule(speed=60), duration_s=10, clock=clock)
    # What queued up behind a slow send goes out at once, instead of every record a second later.
    assert slow.records == list(show.records(show.start_ms + 600_000))
    assert 10 <= result.seconds < 13
    assert clock() - 1_000 == pytest.approx(result.seconds)
    assert 900 < result.behind_ms < 3_000


async def test_a_rate_sends_so_many_records_and_the_truth_is_theirs(clock: Clock) -> None:
    topics = Topics(clock)
    result = await replay(
        small_show("xinba-12h"), topics, Schedule(rate=200), duration_s=5, clock=clock
    )
    assert len(topics.records) == result.truth.sent.records == 1_000
    assert flattened(result.truth) == recounted(topics.records)
    assert 4.9 < result.seconds < 5.1
    assert topics.at_s[500] == pytest.approx(2.5, abs=0.02)


async def test_asked_to_stop_it_ends_with_the_truth_of_what_was_sent(clock: Clock) -> None:
    stop, topics = asyncio.Event(), Topics(clock)

    def after_two_seconds(progress: Progress) -> None:
        if progress.elapsed_s > 2:
            stop.set()

    show = small_show("flash-drop")
    result = await replay(
        show, topics, Schedule(speed=6), on_progress=after_two_seconds, stop=stop, clock=clock
    )
    assert 2 <= result.seconds < 3
    assert topics.flushed == len(topics.records) > 0
    assert flattened(result.truth) == recounted(topics.records)
    assert result.truth.end_ms < show.start_ms + 20_000


async def test_progress_is_reported_about_four_times_a_second(clock: Clock) -> None:
    seen: list[Progress] = []
    show = small_show("boutique", scale=0.01)
    await replay(
        show, Topics(clock), Schedule(speed=60), duration_s=5, on_progress=seen.append, clock=clock
    )
    assert 15 <= len(seen) <= 20
    assert [p.records for p in seen] == sorted(p.records for p in seen)
    assert all(p.rate == pytest.approx(p.records / p.elapsed_s) for p in seen)
    assert show.start_ms < seen[-1].event_ms <= show.start_ms + 300_000


async def test_cancelled_it_flushes_what_was_handed_over_and_stays_cancelled() -> None:
    topics = Topics()
    task = asyncio.create_task(replay(small_show("xinba-12h"), topics, Schedule(speed=60)))
    await topics.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert topics.flushed == len(topics.records) > 0


async def test_a_sink_that_fails_ends_the_replay() -> None:
    class Broken(Topics):
        async def send(self, records: Sequence[OutRecord]) -> None:
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await replay(small_show("boutique"), Broken(), Schedule(), duration_s=5)


async def test_nothing_is_sent_in_no_time() -> None:
    topics = Topics()
    result = await replay(small_show("boutique"), topics, Schedule(), duration_s=0)
    assert topics.records == []
    assert result.truth.sent.records == 0
    assert cut_ms(small_show("boutique")) > result.truth.end_ms
