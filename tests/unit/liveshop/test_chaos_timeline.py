from __future__ import annotations

from liveshop.chaos.plan import Kind
from liveshop.chaos.timeline import Timeline, seconds_of

A, B = "live.purchases/0", "live.purchases/1"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def begun() -> tuple[Clock, Timeline]:
    clock = Clock()
    timeline = Timeline(clock)
    timeline.begin()
    return clock, timeline


def kill(timeline: Timeline, done: dict[str, int], others: int = 1) -> None:
    timeline.note("killed", "worker-1", Kind.KILL_WORKER)
    timeline.killed(timeline.now_s(), "worker-1", others, done)


def test_a_kill_is_recovered_from_once_every_partition_has_a_newer_checkpoint() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10, B: 10})
    clock.now_s += 3
    timeline.advanced({A: 20, B: 10}, {A: 50, B: 50})
    clock.now_s += 4
    timeline.advanced({A: 30, B: 11}, {A: 50, B: 50})
    (recovery,) = timeline.recoveries()
    assert recovery.seconds == 7.0
    assert recovery.alone


def test_a_partition_without_records_waiting_has_nothing_to_recover() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10, B: 10})
    clock.now_s += 2
    timeline.advanced({A: 11, B: 10}, {A: 50, B: 10})
    assert [one.seconds for one in timeline.recoveries()] == [2.0]


def test_a_partition_that_never_had_a_checkpoint_has_to_get_one() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10})
    timeline.advanced({A: 11}, {A: 50, B: 5})
    assert [one.seconds for one in timeline.recoveries()] == [None]
    clock.now_s += 1
    timeline.advanced({A: 11, B: 5}, {A: 50, B: 5})
    assert [one.seconds for one in timeline.recoveries()] == [1.0]


def test_a_recovery_that_another_fault_disturbed_is_not_alone() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10})
    clock.now_s += 2
    timeline.note("killed", "store", Kind.KILL_STORE)
    clock.now_s += 6
    timeline.advanced({A: 11}, {A: 50})
    assert not timeline.recoveries()[0].alone
    assert seconds_of(timeline.recoveries(), alone=False) == [8.0]
    assert seconds_of(timeline.recoveries(), alone=True) == []


def test_nobody_was_left_to_take_over_from_the_last_worker() -> None:
    _, timeline = begun()
    kill(timeline, {A: 10}, others=0)
    timeline.advanced({A: 11}, {A: 50})
    assert not timeline.recoveries()[0].alone


def test_a_kill_that_the_run_did_not_outlive_is_listed_without_a_time() -> None:
    _, timeline = begun()
    kill(timeline, {A: 10})
    assert [(one.who, one.seconds) for one in timeline.recoveries()] == [("worker-1", None)]


def test_what_happens_is_told_with_its_moment() -> None:
    clock = Clock()
    told: list[tuple[float, str]] = []
    timeline = Timeline(clock, lambda one: told.append((one.at_s, one.who)))
    timeline.begin()
    clock.now_s += 1.5
    timeline.note("killed", "broker", Kind.KILL_BROKER)
    assert told == [(1.5, "broker")]
    assert [one.fault for one in timeline.faults()] == [Kind.KILL_BROKER]
